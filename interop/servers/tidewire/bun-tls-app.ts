// Our server on Bun over TLS, with compression of WebSocket messages: bun --conditions=tidewire-source bun-tls-app.ts <key> <certificate>. Prints its port.
import { readFileSync } from 'node:fs'
import { Server } from 'tidewire'
import { serve } from 'tidewire/bun'

const [key, cert] = process.argv.slice(2)
const io = new Server({ perMessageDeflate: true })
io.on('connection', (socket) => {
  socket.on('echo', (value: unknown, done: (...args: unknown[]) => void) => done(value, socket.handshake.secure, socket.handshake.address))
})
console.log(serve(io, { port: 0, hostname: '127.0.0.1', tls: { key: readFileSync(key!), cert: readFileSync(cert!) } }).port)
