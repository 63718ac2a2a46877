// A Moleculer node with moleculer-io as its gateway: actions called by clients, aliases, refusals, authorization, rooms by `$join`, broadcasts from
// an action, packet middlewares, and namespaces that are added and taken out of the server's table while it runs.
import moleculer from 'moleculer'
import SocketIOService from 'moleculer-io'
import { io } from 'socket.io-client'

const trace = []
const broker = new moleculer.ServiceBroker({ nodeID: 'node-1', logger: false, metrics: false })
broker.createService({
  name: 'math',
  actions: {
    add: { params: { a: 'number', b: 'number' }, handler: ({ params }) => params.a + params.b },
    secret: { visibility: 'private', handler: () => 'hidden' },
    fail: () => {
      throw new moleculer.Errors.MoleculerClientError('on purpose', 422, 'PURPOSE', { why: 'test' })
    },
    binary: ({ params }) => Buffer.concat([params, Buffer.from([9])]),
    enter: (context) => {
      context.meta.$join = context.params.room
      return context.meta.user ?? 'nobody'
    },
    rooms: ({ meta }) => meta.$rooms.length,
  },
})
const service = broker.createService({
  name: 'io',
  mixins: [SocketIOService],
  settings: {
    port: 0,
    cors: { origin: 'https://page.example', credentials: true },
    io: {
      options: { pingInterval: 10_000 },
      namespaces: {
        '/': {
          middlewares: [
            (socket, next) => (socket.handshake.auth.banned ? next(new Error('banned')) : next()),
          ],
          packetMiddlewares: [(packet, next) => (packet[0] === 'forbidden' ? next(new Error('no')) : next())],
          events: {
            call: {
              whitelist: ['math.*'],
              aliases: { plus: 'math.add' },
              onBeforeCall: async (_context, socket, action) => {
                trace.push(['before', action, typeof socket.id])
              },
              onAfterCall: async (_context, _socket, result) => {
                trace.push(['after', typeof result])
              },
            },
            plain: (text, answer) => answer(`${text}!`),
          },
        },
        '/members': { authorization: true, events: { call: {} } },
      },
    },
  },
  methods: {
    async socketAuthorize(socket) {
      const { token } = socket.handshake.auth
      if (token === 'right') return { name: 'alice' }
      throw new Error('unauthorized')
    },
  },
})
await broker.start()
const server = service.io
const address = `http://127.0.0.1:${server.httpServer.address().port}`
const connect = (namespace, options) =>
  io(address + namespace, { forceNew: true, reconnection: false, transports: ['websocket'], ...options })
const next = (socket, event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)))
const call = (socket, ...args) =>
  new Promise((resolve) =>
    socket.emit(...args, (error, data) =>
      resolve(error ? ['error', error.code, error.type, error.name, error.data] : ['ok', data]),
    ),
  )

trace.push(['namespaces', [...server._nsps.keys()]])
const page = await fetch(`${address}/socket.io/?EIO=4&transport=polling`, {
  headers: { origin: 'https://page.example' },
})
trace.push([
  'cors',
  page.status,
  page.headers.get('access-control-allow-origin'),
  page.headers.get('access-control-allow-credentials'),
])

const banned = connect('/', { auth: { banned: true } })
trace.push(['banned', (await next(banned, 'connect_error'))[0].message])
const polling = connect('/', { transports: ['polling'] })
await next(polling, 'connect')
const alice = connect('/', { transports: ['polling', 'websocket'] })
await next(alice, 'connect')
for (const args of [
  ['call', 'math.add', { a: 1, b: 2 }],
  ['call', 'plus', { a: 3, b: 4 }],
  ['call', 'math.add', { a: 'x', b: 2 }],
  ['call', 'math.secret', {}],
  ['call', 'math.fail', {}],
  ['call', 'other.action', {}],
  ['call', 7],
  ['call', 'math.rooms', {}],
  ['call', 'math.enter', { room: 'lobby' }],
  ['call', 'math.rooms', {}],
])
  trace.push([args.slice(0, 2), await call(alice, ...args)])
const [, bytes] = await call(polling, 'call', 'math.binary', Buffer.from([1, 2]))
trace.push(['binary', [...new Uint8Array(bytes)]])
trace.push(['plain', await new Promise((resolve) => polling.emit('plain', '汉字', resolve))])
trace.push(['clients', (await broker.call('io.getClients', { room: 'lobby' })).length])

const news = next(alice, 'news')
const others = []
polling.on('news', (...args) => others.push(args))
await broker.call('io.broadcast', { event: 'news', args: ['for the lobby', 1], rooms: ['lobby'] })
trace.push(['news', await news])
const all = [next(alice, 'all'), next(polling, 'all')]
await broker.call('io.broadcast', { event: 'all', args: [{ to: 'all' }] })
trace.push(['all', await Promise.all(all), others])

const refused = connect('/members', { auth: { token: 'wrong' } })
trace.push(['refused', (await next(refused, 'connect_error'))[0].message])
const member = connect('/members', { auth: { token: 'right' } })
await next(member, 'connect')
trace.push(['member', await call(member, 'call', 'math.enter', { room: 'members' })])

service.settings.io.handlers['/extra'] = { hello: (answer) => answer('of the extra namespace') }
service.registerNamespace('/extra', '/extra', {})
const extra = connect('/extra')
await next(extra, 'connect')
trace.push(['extra', await new Promise((resolve) => extra.emit('hello', resolve)), [...server._nsps.keys()]])
const removed = next(extra, 'disconnect')
service.removeNamespace('/extra')
trace.push(['removed', (await removed)[0], [...server._nsps.keys()]])
const gone = connect('/extra')
trace.push(['gone', (await next(gone, 'connect_error'))[0].message])

const closed = [next(alice, 'disconnect'), next(member, 'disconnect')]
await broker.stop()
trace.push(['stopped', (await Promise.all(closed)).map(([reason]) => reason)])
console.log(JSON.stringify(trace))
process.exit(0)
