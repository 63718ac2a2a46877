// The smallest client. It also talks to socket.io servers 1.x to 4.x, and socket.io-client 1.x to 4.x to the server.
import { io } from '@tidewire/client'

const socket = io('http://localhost:3000')
socket.on('connect', async () => {
  socket.emit('join', 'lobby')
  console.log(await socket.emitWithAck('say', 'lobby', 'hello'))
  socket.disconnect()
})
socket.on('said', (who, text) => {
  console.log(text)
})
