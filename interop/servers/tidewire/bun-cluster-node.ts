// A node of a cluster on Bun.serve: bun --conditions=tidewire-source bun-cluster-node.ts <bus>. Prints its port when it is part of the cluster.
import { Server } from 'tidewire'
import { serve } from 'tidewire/bun'

const io = new Server({ cluster: { bus: process.argv[2]!, secret: 'of this test' } })
io.on('connection', (socket) => {
  socket.on('echo', (...args: any[]) => (args.pop() as (...answer: unknown[]) => void)(...args))
  socket.on('all', (...args: unknown[]) => io.emit('news', ...args))
})
const { port } = serve(io, { port: 0, hostname: '127.0.0.1' })
await io.cluster!.ready()
console.log(port)
