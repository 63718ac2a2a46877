// A program: one client that polls and upgrades, one on WebSocket alone, a namespace of a family, an event, a broadcast, the end; on the server
// that is named. What it writes to stderr is what DEBUG asks for. Run by test/debug-scopes.test.ts; ends by itself.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'

const require = createRequire(import.meta.url)
const { Server } = require(process.argv[2]!)
const { io: connect } = require('socket.io-client-4.8.4')

const http = createServer()
const io = new Server(http)
io.of(/^\/family-/).on('connection', () => {})
io.on('connection', (socket: any) =>
  socket.on('ask', (answer: () => void) => {
    io.emit('news')
    answer()
  }),
)
await once(http.listen(0, '127.0.0.1'), 'listening')
const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
const clients = [
  connect(url, { forceNew: true }),
  connect(`${url}/family-1`, { forceNew: true, transports: ['websocket'] }),
]
const upgraded = new Promise((resolve) =>
  clients[0].io.once('open', () => clients[0].io.engine.once('upgrade', resolve)),
)
await Promise.all([
  upgraded,
  ...clients.map((client) => new Promise((resolve) => client.once('connect', resolve))),
])
await clients[0].emitWithAck('ask')
for (const client of clients) client.disconnect()
await io.close()
