// A node of a cluster: node --conditions=tidewire-source cluster-node.ts <port> <bus as JSON> [options as JSON]. Says on stdout, in JSON lines,
// when it is ready, and what connects and disconnects.
import { createServer } from 'node:http'
import { Server } from 'tidewire'
import { serveMatrix } from './matrix-application.ts'

const [port, busText, options = '{}'] = process.argv.slice(2)
const bus = JSON.parse(busText!) as string | { bus: string; prefix?: string }
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

const http = createServer()
const io = new Server(http, {
  ...(JSON.parse(options) as object),
  cluster: { ...(typeof bus === 'string' ? { bus } : bus), name: `node ${port}` },
})
io.cluster!.on('leave', ({ info, end }: { info: { name: string }; end: string }) =>
  say({ event: 'leave', name: info.name, end }),
)
io.cluster!.on('join', ({ info }: { info: { name: string } }) => say({ event: 'join', name: info.name }))
io.cluster!.on('sessions-lost', (lost: object) => say({ event: 'sessions-lost', ...lost }))
io.cluster!.on('error', (error: Error) => say({ event: 'error', message: error.message }))
serveMatrix(io, say)
await new Promise<void>((resolve) => http.listen(Number(port), '127.0.0.1', resolve))
await io.cluster!.ready()
say({ event: 'ready', incarnation: io.cluster!.incarnation })
process.on('SIGTERM', () => void io.close().then(() => process.exit(0)))
