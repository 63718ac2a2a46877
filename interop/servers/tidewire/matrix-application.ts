// What the clients of the cluster tests talk to, the same on nodes and on workers.
import type { Server, Socket } from 'tidewire'

export function serveMatrix(io: Server, say: (line: object) => void): void {
  io.on('connection', (socket: Socket) => {
    say({ event: 'connect', sid: socket.conn.id, id: socket.id })
    socket.on('disconnect', (reason: string, description: unknown) =>
      say({
        event: 'disconnect',
        sid: socket.conn.id,
        reason,
        description: String((description as Error | undefined)?.message ?? ''),
      }),
    )
    socket.on('echo', (...args: any[]) => (args.pop() as (...answer: unknown[]) => void)(...args))
    socket.on('say', (...args: any[]) => {
      const ack = args.pop() as () => void
      io.emit('news', ...args)
      ack()
    })
    let count = 0
    socket.on('count', (n: number, ack: (n: number, count: number) => void) => ack(n, count++))
    socket.on('tell me', (count: number) => {
      for (let i = 0; i < count; i++) socket.emit('event', i)
    })
  })
}
