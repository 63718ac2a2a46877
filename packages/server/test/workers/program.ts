// A server on several processes, for workers.test.ts. Prints JSON lines: its process ids when all serve, crashes, and answers to the lines "stats" and
// "reload" of its input.
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as pass } from 'node:timers/promises'
import { Server } from 'tidewire'
import { startWorkers } from 'tidewire/workers'

const { TEST_COUNT = '3', TEST_CERTIFICATE, TEST_FAILS, TEST_HANGS, TEST_LATE } = process.env
const say = (line: object): void => console.log(JSON.stringify(line))

const workers = await startWorkers(
  async (worker) => {
    // The start fails while this file is there.
    if (TEST_FAILS !== undefined && existsSync(TEST_FAILS)) process.exit(3)
    // The fourth worker does not begin while this file is there.
    if (TEST_LATE !== undefined && worker.number === 4) while (existsSync(TEST_LATE)) await pass(10)
    // This one never serves.
    if (TEST_HANGS === String(worker.number)) await new Promise((resolve) => setTimeout(resolve, 1_000_000_000))
    const answer = (_req: unknown, res: { end(text: string): void }): void => res.end(String(process.pid))
    const http =
      TEST_CERTIFICATE === undefined
        ? createServer(answer)
        : createTlsServer({ cert: readFileSync(`${TEST_CERTIFICATE}/cert.pem`), key: readFileSync(`${TEST_CERTIFICATE}/key.pem`) }, answer)
    const io = new Server(http, { cluster: worker.cluster })
    io.on('connection', (socket) => {
      socket.on('where', (answer: (pid: number, relayed: number) => void) => answer(process.pid, 0))
      // WebSockets on all processes that serve sessions of another one.
      socket.on('relayed', async (answer: (count: number) => void) => {
        const others = (await io.serverSideEmitWithAck('relayed')) as unknown as number[]
        answer(others.reduce((sum, count) => sum + count, io.engine.relayedWebSockets.length))
      })
    })
    io.on('relayed' as never, ((answer: (count: number) => void) => answer(io.engine.relayedWebSockets.length)) as never)
    await new Promise<void>((resolve) => http.listen(Number(process.env['TEST_PORT'] ?? 0), '127.0.0.1', resolve))
    process.env['TEST_PORT'] = String((http.address() as AddressInfo).port)
    return io
  },
  { count: Number(TEST_COUNT), drain: { spread: 0, timeout: 5_000 }, onCrash: (crash) => say({ crash }) },
)
if (workers !== undefined) {
  say({ pids: workers.pids })
  ;(process.stdin as Socket).unref()
  createInterface({ input: process.stdin }).on('line', (line) => {
    if (line === 'stats') void workers.stats().then((stats) => say({ stats, crashes: workers.crashes }))
    else {
      workers.reload().then(
        () => say({ reloaded: workers.pids }),
        (error: Error) => say({ notReloaded: error.message }),
      )
    }
  })
}
