// The application that is attacked, the same on both servers: an ordinary one that trusts its library, and checks only whether an
// acknowledgement was asked for. In: a server that is not yet listening. Out: its port, and on request its memory and counts.
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import type { Preset } from '../case.ts'

interface VictimSocket {
  id: string
  join(room: string): unknown
  emit(event: string, ...args: unknown[]): unknown
  on(event: string, listener: (...args: any[]) => void): unknown
}

interface VictimServer {
  engine: { clientsCount: number }
  _nsps: Map<string, unknown>
  on(event: 'connection', listener: (socket: any) => void): unknown
  of(name: RegExp): { on(event: 'connection', listener: (socket: any) => void): unknown }
  to(room: string): { emit(event: string, ...args: unknown[]): unknown }
}

export interface Usage {
  rssBytes: number
  heapBytes: number
  /** Since the last question. */
  peakRssBytes: number
  peakHeapBytes: number
  sessions: number
  namespaces: number
}

export interface Question {
  /** Collect garbage first. */
  gc: boolean
}

export const presets: Readonly<Record<Preset, object>> = {
  default: {},
  'short timeouts': { pingInterval: 1_500, pingTimeout: 1_500, connectTimeout: 2_000, upgradeTimeout: 1_500 },
  compression: { perMessageDeflate: true },
  cors: { cors: { origin: 'http://good.example', credentials: true } },
}

/** As told on the command line. */
export const options: object = presets[(process.argv[2] ?? 'default') as Preset]

function serveSocket(io: VictimServer, socket: VictimSocket): void {
  socket.on('echo', (value: unknown, done: unknown) => {
    if (typeof done === 'function') done(value)
  })
  socket.on('bounce', (...args: unknown[]) =>
    socket.emit('bounce', ...args.filter((arg) => typeof arg !== 'function')),
  )
  socket.on('relay', (value: unknown) => io.to('relay').emit('relay', value))
  socket.on('join', (room: string) => void socket.join(room))
  socket.on('publish', (room: string, value: unknown) => io.to(room).emit('news', value))
  // Listeners under names that an attacker may hope for.
  for (const name of ['sink', 'hasOwnProperty', 'constructor', '__proto__', 'toString'])
    socket.on(name, () => {})
}

export function serve(http: HttpServer, io: VictimServer): void {
  io.on('connection', (socket: VictimSocket) => serveSocket(io, socket))
  io.of(/^\/dynamic-\d+$/).on('connection', (socket: VictimSocket) => serveSocket(io, socket))

  let peakRssBytes = 0
  let peakHeapBytes = 0
  const look = (): void => {
    const { rss, heapUsed, external } = process.memoryUsage()
    peakRssBytes = Math.max(peakRssBytes, rss)
    peakHeapBytes = Math.max(peakHeapBytes, heapUsed + external)
  }
  setInterval(look, 100).unref()
  process.on('message', ({ gc }: Question) => {
    look()
    // The last resort gives back the pages that V8 would keep for later.
    if (gc) globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    const { rss, heapUsed, external } = process.memoryUsage()
    const usage: Usage = {
      rssBytes: rss,
      heapBytes: heapUsed + external,
      peakRssBytes,
      peakHeapBytes,
      sessions: io.engine.clientsCount,
      namespaces: io._nsps.size,
    }
    peakRssBytes = rss
    peakHeapBytes = heapUsed + external
    process.send!({ usage })
  })
  process.on('disconnect', () => process.exit(0))
  http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
    process.send!({ port: (http.address() as AddressInfo).port }),
  )
}
