// socket.io of any version, or tidewire, with the behaviour of ../README.md. Usage: node server.mjs <port> <version> [variant].
import { createServer } from 'node:http'
import { createRequire } from 'node:module'

const [port, version, variant] = process.argv.slice(2)
const http = createServer()
const options = variant === 'websocket-only' ? { transports: ['websocket'] } : {}
const module =
  version === 'tidewire' ? await import('tidewire') : createRequire(import.meta.url)(`socket.io-${version}`)
const io = module.Server ? new module.Server(http, options) : module(http, options)
if (variant === 'slow-middleware') io.use((_socket, next) => setTimeout(() => next(), 300))

for (const nsp of ['/', '/custom']) {
  io.of(nsp).on('connection', (socket) => {
    for (const suffix of ['', '-binary']) {
      socket.on(`echo${suffix}`, (value, done) => done(value))
      socket.on(`event${suffix}`, (value) => socket.emit('event', value))
      socket.on(`ask-me${suffix}`, (value) =>
        socket.emit('question', value, (answer) => socket.emit('answered', answer)),
      )
    }
    socket.on('join', (room, done) => {
      socket.join(room)
      done(room)
    })
    socket.on('publish', (room, value) => io.of(nsp).to(room).emit('news', value))
    socket.on('kick', () => socket.disconnect())
  })
}
http.listen(Number(port), '127.0.0.1', () => console.log(JSON.stringify({ port: http.address().port })))
