// Our server, on Bun.serve or on the runtime's node:http, alone in its process: bun --conditions=tidewire-source runtime-server.ts <bun or http> <port>. Its application answers what the rows
// of the client matrix need, tells what it sees and does what it is told, in JSON lines (src/remote-server.ts is the other side).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { Server } from 'tidewire'
import type { Socket } from 'tidewire'
import { serve } from 'tidewire/bun'
import { pack, toLine, unpack } from '../../src/client-process.ts'

interface Command {
  cmd: 'emit' | 'broadcast' | 'close'
  id?: string
  room?: string
  event: string
  args?: unknown
  ack?: number
}

const say = (line: object): void => void process.stdout.write(toLine(pack(line) as object))
const sockets = new Map<string, Socket>()

function welcome(socket: Socket): void {
  const { id, conn, nsp } = socket
  sockets.set(id, socket)
  say({ saw: 'connection', id, nsp: nsp.name, transport: conn.transport.name, protocol: conn.protocol })
  conn.on('upgrade', ({ name }: { name: string }) => say({ saw: 'upgrade', id, transport: name }))
  socket.onAny((event: string, ...args: unknown[]) =>
    say({ saw: 'event', id, event, args: args.filter((arg) => typeof arg !== 'function') }),
  )
  socket.on('disconnect', (reason: string) => {
    sockets.delete(id)
    say({ saw: 'event', id, event: 'disconnect', args: [reason] })
  })
  socket.on('echo', (...args: any[]) => (args.pop() as (...answer: unknown[]) => void)(...args))
  socket.on('join', (room: string, done: () => void) => {
    void socket.join(room)
    done()
  })
  socket.on('bye', () => socket.disconnect())
}

const io = new Server()
io.on('connection', welcome)
io.of('/custom').on('connection', welcome)
const [kind, wantedPort] = process.argv.slice(2)
if (kind === 'bun')
  say({ saw: 'ready', port: serve(io, { port: Number(wantedPort), hostname: '127.0.0.1' }).port })
else {
  const http = createServer()
  io.attach(http)
  http.listen(Number(wantedPort), '127.0.0.1', () =>
    say({ saw: 'ready', port: (http.address() as AddressInfo).port }),
  )
}

createInterface({ input: process.stdin }).on('line', (text) => {
  const { cmd, id, room, event, args = [], ack } = JSON.parse(text) as Command
  const values = unpack(args) as unknown[]
  if (cmd === 'close') void io.close().then(() => process.exit(0))
  else if (cmd === 'broadcast') (room === undefined ? io : io.to(room)).emit(event, ...values)
  else if (ack === undefined) sockets.get(id!)?.emit(event, ...values)
  else
    sockets.get(id!)?.emit(event, ...values, (...answer: unknown[]) => say({ saw: 'ack', ack, args: answer }))
})
