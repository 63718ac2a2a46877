// A Nest application with gateways: answers as acknowledgements, observables, a pipe, a guard's refusal, exception filters, rooms,
// a namespace, an adapter with own options, lifecycle hooks. Decorators are applied by hand, so that nothing has to be compiled.
import {
  Catch,
  ForbiddenException,
  Module,
  ParseIntPipe,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { IoAdapter } from '@nestjs/platform-socket.io'
import {
  BaseWsExceptionFilter,
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets'
import { from, map } from 'rxjs'
import { io } from 'socket.io-client'

const trace = []

/** @SubscribeMessage(event) with parameter and method decorators. */
function subscribe(type, method, event, { params = [MessageBody()], more = [] } = {}) {
  const descriptor = Object.getOwnPropertyDescriptor(type.prototype, method)
  Reflect.defineMetadata(
    'design:paramtypes',
    params.map(() => Object),
    type.prototype,
    method,
  )
  params.forEach((decorate, index) => decorate(type.prototype, method, index))
  for (const decorate of [SubscribeMessage(event), ...more]) decorate(type.prototype, method, descriptor)
  Object.defineProperty(type.prototype, method, descriptor)
}

class Teapot {
  catch(error, host) {
    const [client] = host.getArgs()
    client.emit('teapot', { was: error.message, pattern: host.switchToWs().getPattern() })
  }
}
Catch(Error)(Teapot)

const guard = { canActivate: (context) => context.switchToWs().getClient().handshake.auth.token === 'secret' }
const upperPipe = { transform: (value, { type }) => (type === 'body' ? String(value).toUpperCase() : value) }
const timing = { intercept: (_context, next) => next.handle().pipe(map((data) => ({ intercepted: data }))) }

class ChatGateway {
  server
  afterInit(server) {
    trace.push(['afterInit', server.path()])
    server.use((socket, next) =>
      socket.handshake.auth.token === undefined
        ? next(Object.assign(new Error('no token'), { data: { code: 7 } }))
        : next(),
    )
  }
  handleConnection(client, ...args) {
    trace.push(['connection', client.handshake.auth.token, args.length, client.nsp.name, client.rooms.size])
  }
  handleDisconnect(client) {
    trace.push(['disconnected', client.handshake.auth.token, client.rooms.size])
  }
  answer(body) {
    return { answered: body }
  }
  async later(body) {
    return body * 2
  }
  reply(body) {
    return { event: 'replied', data: body }
  }
  stream(count) {
    return from(Array.from({ length: count }, (_, index) => ({ event: 'streamed', data: index })))
  }
  binary(body) {
    return Buffer.concat([body, Buffer.from([0xff])])
  }
  join(client, room) {
    client.join(room)
    client.to(room).emit('joined', client.handshake.auth.token)
    this.server.in(room).emit('members', client.nsp.adapter.rooms.get(room).size)
    return [...client.rooms].length
  }
  fail() {
    throw new WsException({ status: 'error', message: 'on purpose' })
  }
  crash() {
    throw new Error('a bug')
  }
  http() {
    throw new ForbiddenException('not here')
  }
  filtered() {
    throw new Error('short and stout')
  }
  guarded() {
    return 'let in'
  }
  piped(body) {
    return body
  }
  number(id) {
    return { id, type: typeof id }
  }
  intercepted(body) {
    return body
  }
}
WebSocketGateway({ cors: { origin: 'https://page.example' } })(ChatGateway)
WebSocketServer()(ChatGateway.prototype, 'server')
subscribe(ChatGateway, 'answer', 'answer')
subscribe(ChatGateway, 'later', 'later')
subscribe(ChatGateway, 'reply', 'reply')
subscribe(ChatGateway, 'stream', 'stream')
subscribe(ChatGateway, 'binary', 'binary')
subscribe(ChatGateway, 'join', 'join', { params: [ConnectedSocket(), MessageBody('room')] })
subscribe(ChatGateway, 'fail', 'fail')
subscribe(ChatGateway, 'crash', 'crash')
subscribe(ChatGateway, 'http', 'http')
subscribe(ChatGateway, 'filtered', 'filtered', { more: [UseFilters(new Teapot())] })
subscribe(ChatGateway, 'guarded', 'guarded', {
  more: [UseFilters(new BaseWsExceptionFilter()), UseGuards(guard)],
})
subscribe(ChatGateway, 'piped', 'piped', { more: [UsePipes(upperPipe)] })
subscribe(ChatGateway, 'number', 'number', { params: [MessageBody('id', new ParseIntPipe())] })
subscribe(ChatGateway, 'intercepted', 'intercepted', { more: [UseInterceptors(timing)] })

class AdminGateway {
  namespace
  handleConnection(client) {
    trace.push(['admin', client.nsp.name, this.namespace.name])
  }
  kick(_client, user) {
    this.namespace.server.of('/').in(user).disconnectSockets()
    return this.namespace.sockets.size
  }
}
WebSocketGateway({ namespace: 'admin' })(AdminGateway)
WebSocketServer()(AdminGateway.prototype, 'namespace')
subscribe(AdminGateway, 'kick', 'kick', { params: [ConnectedSocket(), MessageBody()] })

class AppModule {
  name = 'app'
}
Module({ providers: [ChatGateway, AdminGateway] })(AppModule)

class OwnAdapter extends IoAdapter {
  createIOServer(port, options) {
    const server = super.createIOServer(port, { ...options, path: '/ws/', maxHttpBufferSize: 5000 })
    trace.push(['options', port, server.path(), options.cors?.origin])
    return server
  }
}

const app = await NestFactory.create(AppModule, { logger: false })
app.useWebSocketAdapter(new OwnAdapter(app))
await app.listen(0)
const url = await app.getUrl()
const address = `http://localhost:${new URL(url).port}`

const connect = (token, transports, namespace = '') =>
  io(address + namespace, {
    path: '/ws/',
    auth: token === undefined ? {} : { token },
    transports,
    forceNew: true,
    reconnection: false,
  })
const next = (socket, event) => new Promise((resolve) => socket.once(event, (...args) => resolve(args)))
const step = async (name, promise) => trace.push([name, await promise])

const refused = connect(undefined, ['websocket'])
const [error] = await next(refused, 'connect_error')
trace.push(['refused', error.message, error.data])
refused.close()
const alice = connect('secret', ['polling', 'websocket'])
await next(alice, 'connect')
const bob = connect('other', ['websocket'])
await next(bob, 'connect')

const response = await fetch(`${address}/ws/?EIO=4&transport=polling`, {
  headers: { origin: 'https://page.example' },
})
trace.push([
  'cors',
  response.status,
  response.headers.get('access-control-allow-origin'),
  JSON.parse((await response.text()).slice(1)).maxPayload,
])
await step('answer', alice.emitWithAck('answer', { text: 'hi', list: [1, null] }))
await step('later', bob.timeout(5000).emitWithAck('later', 21))
await step(
  'binary',
  alice.emitWithAck('binary', Buffer.from([1, 2])).then((data) => [...new Uint8Array(data)]),
)
const replied = next(alice, 'replied')
alice.emit('reply', { x: 1 })
await step('reply', replied)
const streamed = []
const all = new Promise((resolve) =>
  bob.on('streamed', (value) => streamed.push(value) === 3 && resolve(streamed)),
)
bob.emit('stream', 3)
await step('stream', all)
await step('join', alice.emitWithAck('join', { room: 'r' }))
const joined = next(alice, 'joined')
const members = next(alice, 'members')
await step('join again', bob.emitWithAck('join', { room: 'r' }))
await step('joined', joined)
await step('members', members)
for (const event of ['fail', 'crash', 'http']) {
  const exception = next(alice, 'exception')
  alice.emit(event, { of: event })
  await step(event, exception)
}
const teapot = next(bob, 'teapot')
bob.emit('filtered', 1)
await step('filtered', teapot)
await step('guarded', alice.emitWithAck('guarded', 1))
const forbidden = next(bob, 'exception')
bob.emit('guarded', 1)
await step('forbidden', forbidden)
await step('piped', bob.emitWithAck('piped', 'loud'))
await step('number', bob.emitWithAck('number', { id: '12' }))
const invalid = next(bob, 'exception')
bob.emit('number', { id: 'twelve' })
await step('invalid number', invalid)
await step('intercepted', bob.emitWithAck('intercepted', 'x'))

const admin = connect('root', ['websocket'], '/admin')
await next(admin, 'connect')
const kicked = next(bob, 'disconnect')
await step('kick', admin.emitWithAck('kick', bob.id))
await step(
  'kicked',
  kicked.then(([reason]) => reason),
)
const closed = next(alice, 'disconnect')
await app.close()
await step(
  'closed',
  closed.then(([reason]) => reason),
)
console.log(JSON.stringify(trace))
process.exit(0)
