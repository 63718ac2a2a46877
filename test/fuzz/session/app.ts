// The server process that sessions are played to: `app.ts ours` or `app.ts official`. The application on both is the same: it writes down what
// it hears, by the run that the handshake names, and answers acknowledgements. In: sessions; GET /settle, answered when what was received has
// been worked off; GET /log?run=N, answered when the sockets of that run are gone. Says its port to its parent.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import process from 'node:process'

const interop = createRequire(new URL('../../../interop/package.json', import.meta.url))
const { Server } = (process.argv[2] === 'ours' ? await import('tidewire') : interop('socket.io-4.8.4')) as typeof import('tidewire')

/** What a run has heard, and how many sockets of it are open. */
interface RunLog {
  entries: unknown[]
  open: number
  wake: () => void
}
const runs = new Map<string, RunLog>()
let crashes: string[] = []

function logOf(run: string): RunLog {
  let log = runs.get(run)
  if (log === undefined) runs.set(run, (log = { entries: [], open: 0, wake: () => {} }))
  return log
}

/** As JSON that tells apart what JSON does not. */
function plain(value: unknown): unknown {
  if (typeof value === 'function') return '<ack>'
  if (value instanceof ArrayBuffer) return { bytes: Buffer.from(value).toString('hex') }
  if (ArrayBuffer.isView(value)) return { bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex') }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([key, item]) => [key, plain(item)])
  return value === undefined ? '<undefined>' : value
}

const settled = async (): Promise<void> => {
  for (let turn = 0; turn < 6; turn++) await new Promise(setImmediate)
}

const http = createServer((req, res) => {
  const url = new URL(req.url!, 'http://x')
  void (async () => {
    await settled()
    // `/settle?sid=…` also tells whether that session is open.
    if (url.pathname !== '/log') return res.end(io.engine.clients[url.searchParams.get('sid') ?? '']?.readyState)
    const run = url.searchParams.get('run')!
    const log = logOf(run)
    const until = performance.now() + 5_000
    while (log.open > 0 && performance.now() < until) {
      await new Promise<void>((resolve) => {
        log.wake = resolve
        setTimeout(resolve, 100).unref()
      })
    }
    runs.delete(run)
    const heard = { entries: log.entries, left: log.open, crashes }
    crashes = []
    res.end(JSON.stringify(heard))
  })()
})
// Whoever plays sessions keeps connections for longer than five seconds.
http.keepAliveTimeout = 120_000
const io = new Server(http, { allowEIO3: true, maxHttpBufferSize: 10_000, pingInterval: 120_000 })

for (const name of ['/', '/a', '/admin']) {
  io.of(name).on('connection', (socket: any) => {
    const log = logOf(String(socket.handshake.query.run))
    log.open++
    log.entries.push(['connection', name, plain(socket.handshake.auth)])
    socket.emit('hello', (...args: unknown[]) => log.entries.push(['answer', name, plain(args)]))
    socket.onAny((...args: unknown[]) => {
      log.entries.push(['event', name, plain(args)])
      const ack = args.at(-1)
      if (typeof ack === 'function') ack('got', ...args.slice(1, -1))
    })
    socket.on('disconnect', (reason: string) => {
      log.open--
      log.entries.push(['disconnect', name, reason])
      log.wake()
    })
  })
}

// What kills a process is written down instead: on the official server it happens, on ours it is a failure.
process.on('uncaughtException', (error) => crashes.push(String(error.stack ?? error).slice(0, 500)))
process.on('unhandledRejection', (error) => crashes.push(`rejection ${String((error as Error)?.stack ?? error).slice(0, 500)}`))
process.on('disconnect', () => process.exit(0))
http.listen({ port: 0, host: '127.0.0.1' }, () => process.send!({ port: (http.address() as AddressInfo).port }))
