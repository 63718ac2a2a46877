// A node of the cluster bench: node node.ts <bus> [port]. Tells its port when it serves, and its CPU time when asked (a line of input each).
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { Server } from 'tidewire'

const [bus = '', port = '0'] = process.argv.slice(2)
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const http = createServer()
const io = new Server(http, { cluster: { bus, secret: 'bench' } })
io.on('connection', (socket) => {
  socket.on('echo', (text: string, ack: (text: string) => void) => ack(text))
})
await new Promise<void>((resolve) => http.listen(Number(port), '127.0.0.1', resolve))
await io.cluster!.ready()
say({ port: (http.address() as AddressInfo).port, incarnation: io.cluster!.incarnation })
createInterface({ input: process.stdin }).on('line', () => {
  const { user, system } = process.cpuUsage()
  say({ cpu: user + system, members: io.cluster!.members.size })
})
