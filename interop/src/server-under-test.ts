// The server that real clients meet: ours with no option set, or, with TIDEWIRE_INTEROP_SERVER=official, the published 4.8.4 with
// `allowEIO3`, which shows whether a red cell is ours. Its application answers what the rows of the matrix need.
import { createServer } from 'node:http'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { createRequire } from 'node:module'
import { Server } from 'tidewire'
import type { Socket } from 'tidewire'

export const isOfficial: boolean = process.env['TIDEWIRE_INTEROP_SERVER'] === 'official'

export interface ServerUnderTest {
  io: Server
  port: number
  url: string
  close(): Promise<void>
  /** Goes as a killed process goes: every connection is cut, nobody is told. */
  crash(): Promise<void>
}

export async function startServer(port: number = 0): Promise<ServerUnderTest> {
  const http = createServer()
  const sockets = new Set<NetSocket>()
  http.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const io = isOfficial ? officialServer(http) : new Server(http)
  const serve = (socket: Socket): void => {
    socket.on('echo', (...args: any[]) => (args.pop() as (...answer: unknown[]) => void)(...args))
    socket.on('join', (room: string, done: () => void) => {
      void socket.join(room)
      done()
    })
    socket.on('bye', () => socket.disconnect())
  }
  io.on('connection', serve)
  io.of('/custom').on('connection', serve)
  await new Promise<void>((resolve, reject) => http.once('error', reject).listen(port, '127.0.0.1', resolve))
  const { port: actual } = http.address() as AddressInfo
  return {
    io,
    port: actual,
    url: `http://127.0.0.1:${actual}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => void io.close(() => resolve()))
      // Kept-alive connections of old clients would hold the port.
      http.closeIdleConnections()
      const force = setTimeout(() => http.closeAllConnections(), 1_000)
      await closed
      clearTimeout(force)
    },
    crash: async () => {
      const closed = new Promise<void>((resolve) => http.close(() => resolve()))
      for (const socket of sockets) socket.resetAndDestroy()
      await closed
      // What is left is memory of this process: sessions and their timers.
      await new Promise<void>((resolve) => void io.close(() => resolve()))
    },
  }
}

function officialServer(http: ReturnType<typeof createServer>): Server {
  const official = createRequire(import.meta.url)('socket.io-4.8.4') as { Server: typeof Server }
  return new official.Server(http, { allowEIO3: true })
}
