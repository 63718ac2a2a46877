// A Feathers application with a service over sockets and its own client: methods, errors, real-time events, channels.
import { once } from 'node:events'
import { feathers } from '@feathersjs/feathers'
import { memory } from '@feathersjs/memory'
import socketio from '@feathersjs/socketio'
import socketioClient from '@feathersjs/socketio-client'
import { io } from 'socket.io-client'

const trace = []
const app = feathers()
app.configure(
  socketio((server) => {
    server.use((socket, next) => {
      socket.feathers.user = socket.handshake.query.user
      next()
    })
  }),
)
app.use('messages', memory({ multi: true, paginate: { default: 2, max: 5 } }))
app.service('messages').hooks({
  before: {
    create: [
      (context) => {
        context.data.by = context.params.user
        context.data.provider = context.params.provider
      },
    ],
  },
})
app.on('connection', (connection) => app.channel(`user/${connection.user}`, 'everyone').join(connection))
app.on('disconnect', (connection) => trace.push(['disconnect', connection.user]))
app.service('messages').publish('created', () => app.channel('everyone'))
app.service('messages').publish('patched', () => app.channel('user/bob'))
app
  .service('messages')
  .publish('removed', () => app.channel('everyone').filter((connection) => connection.user === 'alice'))
const server = await app.listen(0)
if (!server.listening) await once(server, 'listening')

const { port } = server.address()
function client(user, transports) {
  const socket = io(`http://localhost:${port}`, { query: { user }, transports, forceNew: true })
  const api = feathers()
  api.configure(socketioClient(socket, { timeout: 5000 }))
  for (const event of ['created', 'updated', 'patched', 'removed']) {
    api.service('messages').on(event, (data) => trace.push([user, event, data]))
  }
  return { socket, messages: api.service('messages') }
}
const alice = client('alice', ['websocket'])
const bob = client('bob', ['polling', 'websocket'])
await Promise.all([alice, bob].map(({ socket }) => new Promise((resolve) => socket.on('connect', resolve))))

const failing = (promise) =>
  promise.catch(({ name, code, className, message, data }) => ({ name, code, className, message, data }))
const step = async (name, promise) => trace.push([name, await promise])
await step('create', alice.messages.create({ text: 'first' }))
await step('create many', bob.messages.create([{ text: 'second' }, { text: 'third' }]))
await step('find', alice.messages.find({ query: { $sort: { text: -1 }, text: { $ne: 'first' } } }))
await step('get', bob.messages.get(0))
await step('patch', alice.messages.patch(0, { text: 'changed' }))
await step('update', alice.messages.update(1, { text: 'new' }))
await step('remove', bob.messages.remove(2))
await step('missing', failing(alice.messages.get(99)))
await step(
  'no service',
  failing(
    new Promise((resolve, reject) =>
      alice.socket.emit('find', 'nothing', {}, (error, data) => (error ? reject(error) : resolve(data))),
    ),
  ),
)
const left = new Promise((resolve) => app.on('disconnect', resolve))
bob.socket.disconnect()
await left
alice.socket.disconnect()
await app.teardown()
// Events and answers of two connections interleave as they like; each kind by itself has an order.
const sorted = trace.map((entry) => JSON.stringify(entry)).toSorted()
console.log(JSON.stringify(sorted))
process.exit(0)
