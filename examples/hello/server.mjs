// The smallest server: rooms and acknowledgements. `node server.mjs`, then `node client.mjs` beside it.
import { createServer } from 'node:http'
import { Server } from 'tidewire'

const http = createServer().listen(3000)
const io = new Server(http)
io.on('connection', (socket) => {
  socket.on('join', (room) => socket.join(room))
  socket.on('say', (room, text, ack) => {
    io.to(room).emit('said', socket.id, text)
    ack('sent')
  })
})
