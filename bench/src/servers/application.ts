// The application both servers run: what the scenarios ask of it, and the control channel over which its costs are read. The two
// programs beside this file differ in the import only. In: an http server with Socket.IO on it. Out: usage, on request.
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'

/** What the application uses of either server. */
interface BenchSocket {
  handshake: { query: Record<string, unknown> }
  join(room: string | string[]): unknown
  on(event: string, listener: (...args: any[]) => void): unknown
}

interface BenchServer {
  on(event: 'connection', listener: (socket: any) => void): unknown
  readonly engine: { readonly clientsCount: number }
  to(room: string): { emit(event: string, ...args: unknown[]): unknown }
}

export interface ServerUsage {
  /** User and system time of all threads since the start, in microseconds. */
  cpuMicros: number
  rssBytes: number
}

export type ServerQuestion = 'usage' | 'memory'

/** The application on a server that is not yet listening. */
export function listen(io: BenchServer): void {
  const count = (done: (count: number) => void): void => done(io.engine.clientsCount)
  io.on('connection', (socket: BenchSocket) => {
    const { room, rooms } = socket.handshake.query
    if (typeof room === 'string') void socket.join(room)
    if (typeof rooms === 'string') void socket.join(Array.from({ length: Number(rooms) }, (_, index) => `x${index}`))
    socket.on('count', count)
    socket.on('echo', (value: unknown, done: (value: unknown) => void) => done(value))
    socket.on('publish', (target: string, text: string, count = 1) => {
      for (let n = 0; n < count; n++) io.to(target).emit('news', text)
    })
  })
}

/** Listens, says on which port, and answers questions about its costs. */
export function control(http: HttpServer): void {
  process.on('message', ({ ask }: { ask: ServerQuestion }) => {
    if (ask === 'memory') for (let pass = 0; pass < 4; pass++) globalThis.gc?.()
    const { user, system } = process.cpuUsage()
    const usage: ServerUsage = { cpuMicros: user + system, rssBytes: process.memoryUsage.rss() }
    process.send!({ usage })
  })
  process.on('disconnect', () => process.exit(0))
  http.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
    process.send!({ port: (http.address() as AddressInfo).port }),
  )
}

export function serve(http: HttpServer, io: BenchServer): void {
  listen(io)
  control(http)
}
