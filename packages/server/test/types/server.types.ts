// What TypeScript infers from event maps, on the server. "socket.io" is the published package or this one: declarations.test.ts compiles the
// file against both, so a line that holds for one holds for the other.
import { createServer } from 'node:http'
import type { Http2SecureServer } from 'node:http2'
import type { Server as HttpsServer } from 'node:https'
import type { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { ParsedUrlQuery } from 'node:querystring'
import { Namespace, Server, Socket } from 'socket.io'
import type { BroadcastOperator, DefaultEventsMap, DisconnectReason, Event, ExtendedError, RemoteSocket, ServerOptions } from 'socket.io'
import { expectTypeOf } from 'vitest'

interface ClientToServer {
  noArg: () => void
  basic: (a: number, b: string) => void
  withAck: (a: number, callback: (answer: string) => void) => void
}
interface ServerToClient {
  noArg: () => void
  basic: (a: number, b: string) => void
  message: (text: string) => void
  withAck: (a: string, callback: (answer: number) => void) => void
  withErrorAck: (a: string, callback: (error: Error, answer: number) => void) => void
  ackOnly: (callback: (answer: boolean, extra: string) => void) => void
  emptyAck: (callback: () => void) => void
}
interface BetweenServers {
  ping: (from: string) => void
  ask: (question: string, callback: (answer: number) => void) => void
  askWithError: (question: string, callback: (error: Error, answer: boolean) => void) => void
}
interface Data {
  user: string
}
type TypedServer = Server<ClientToServer, ServerToClient, BetweenServers, Data>
type TypedSocket = Socket<ClientToServer, ServerToClient, BetweenServers, Data>

// ---- nothing declared: any event with any arguments

export function untyped(io: Server): void {
  io.on('connection', (socket) => {
    expectTypeOf(socket).toEqualTypeOf<Socket>()
    expectTypeOf<typeof socket>().toEqualTypeOf<Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, any>>()
    expectTypeOf(socket.data).toBeAny()
    socket.on('anything', (a, b) => {
      expectTypeOf(a).toBeAny()
      expectTypeOf(b).toBeAny()
    })
    socket.on('disconnect', (reason, description) => {
      expectTypeOf(reason).toEqualTypeOf<DisconnectReason>()
      expectTypeOf(description).toBeAny()
    })
    expectTypeOf(socket.emit('anything', 1, 'two', { three: 3 }, () => {})).toEqualTypeOf<boolean>()
    expectTypeOf(socket.emitWithAck('anything', 1)).toEqualTypeOf<Promise<any>>()
    expectTypeOf(socket.timeout(10).emitWithAck('anything', 1)).toEqualTypeOf<Promise<any>>()
    expectTypeOf(socket.broadcast.timeout(10).emitWithAck('anything')).toEqualTypeOf<Promise<any>>()
    socket.timeout(10).emit('anything', (error: Error, answer: string) => [error, answer])
    socket.send('a', 1)
    socket.write('a')
  })
  io.emit('anything', 1)
  io.to('room').emit('anything', 1)
  io.timeout(10).emit('anything', 1, (error: Error, answers: number[]) => [error, answers])
  expectTypeOf(io.serverSideEmit('anything', 1)).toEqualTypeOf<boolean>()
  expectTypeOf(io.serverSideEmitWithAck('anything', 1)).toEqualTypeOf<Promise<any[]>>()
  io.on('from another server', (...args) => expectTypeOf(args).toEqualTypeOf<any[]>())
}

// ---- listening

export function listening(io: TypedServer): void {
  io.on('connection', (socket) => {
    expectTypeOf(socket).toEqualTypeOf<TypedSocket>()
    expectTypeOf(socket.data).toEqualTypeOf<Data>()
    socket.on('noArg', (...args) => expectTypeOf(args).toEqualTypeOf<[]>())
    socket.on('basic', (a, b) => {
      expectTypeOf(a).toEqualTypeOf<number>()
      expectTypeOf(b).toEqualTypeOf<string>()
    })
    socket.once('withAck', (a, callback) => {
      expectTypeOf(a).toEqualTypeOf<number>()
      expectTypeOf(callback).toEqualTypeOf<(answer: string) => void>()
    })
    socket.on('disconnecting', (reason, description) => {
      expectTypeOf(reason).toEqualTypeOf<DisconnectReason>()
      expectTypeOf(description).toBeAny()
    })
    socket.on('error', (error) => expectTypeOf(error).toEqualTypeOf<Error>())
    // @ts-expect-error -- not an event of the client
    socket.on('unknown', () => {})
    // @ts-expect-error -- an argument of another type
    socket.on('basic', (a: string) => a)
    // @ts-expect-error -- an event that goes the other way
    socket.on('ackOnly', () => {})
    expectTypeOf(socket.listeners('basic')).toEqualTypeOf<((a: number, b: string) => void)[]>()
    expectTypeOf(socket.listeners('disconnect')).toEqualTypeOf<((reason: DisconnectReason, description?: any) => void)[]>()
    // Node's own methods take any name.
    socket.off('whatever', () => {}).removeAllListeners('whatever').removeListener('whatever', () => {}).addListener('whatever', () => {})
    socket.prependListener('whatever', () => {}).prependOnceListener('whatever', () => {})
    expectTypeOf(socket.listenerCount('whatever')).toEqualTypeOf<number>()
    expectTypeOf(socket).toExtend<EventEmitter>()
  })
  io.on('connect', (socket) => expectTypeOf(socket).toEqualTypeOf<TypedSocket>())
  io.on('new_namespace', (namespace) => {
    expectTypeOf(namespace).toEqualTypeOf<Namespace<ClientToServer, ServerToClient, BetweenServers, Data>>()
  })
  io.on('ping', (from) => expectTypeOf(from).toEqualTypeOf<string>())
  io.on('ask', (question, callback) => {
    expectTypeOf(question).toEqualTypeOf<string>()
    expectTypeOf(callback).toEqualTypeOf<(answer: number) => void>()
  })
  // @ts-expect-error -- an event of clients, not of servers
  io.on('basic', () => {})
  expectTypeOf(io).toExtend<EventEmitter>()
  io.of('/x').on('connection', (socket) => expectTypeOf(socket).toEqualTypeOf<TypedSocket>())
  io.of('/x').on('ping', (from) => expectTypeOf(from).toEqualTypeOf<string>())
  // @ts-expect-error -- only of the server
  io.of('/x').on('new_namespace', () => {})
}

// ---- emitting to one

export function emittingToOne(socket: TypedSocket): void {
  expectTypeOf(socket.emit('noArg')).toEqualTypeOf<boolean>()
  socket.emit('basic', 1, 'b')
  socket.emit('withAck', 'a', (answer) => expectTypeOf(answer).toEqualTypeOf<number>())
  // @ts-expect-error -- a missing argument
  socket.emit('basic', 1)
  // @ts-expect-error -- an argument of another type
  socket.emit('basic', '1', 'b')
  // @ts-expect-error -- an argument too many
  socket.emit('noArg', 1)
  // @ts-expect-error -- an unknown event
  socket.emit('unknown')
  socket.send('text')
  // @ts-expect-error -- "message" has a string
  socket.send(1)
  // @ts-expect-error -- "message" has a string
  socket.write(1)

  expectTypeOf(socket.emitWithAck('withAck', 'a')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(socket.emitWithAck('withErrorAck', 'a')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(socket.emitWithAck('ackOnly')).toEqualTypeOf<Promise<boolean>>()
  expectTypeOf(socket.emitWithAck('emptyAck')).toEqualTypeOf<Promise<undefined>>()
  // @ts-expect-error -- without an acknowledgement
  void socket.emitWithAck('basic', 1, 'b')
  // @ts-expect-error -- without an acknowledgement
  void socket.emitWithAck('noArg')
  // @ts-expect-error -- an argument of another type
  void socket.emitWithAck('withAck', 1)

  const hurried = socket.timeout(1000)
  hurried.emit('withAck', 'a', (error, answer) => {
    expectTypeOf(error).toEqualTypeOf<Error>()
    expectTypeOf(answer).toEqualTypeOf<number>()
  })
  hurried.emit('withErrorAck', 'a', (error, answer) => {
    expectTypeOf(error).toEqualTypeOf<Error>()
    expectTypeOf(answer).toEqualTypeOf<number>()
  })
  hurried.emit('emptyAck', (error) => expectTypeOf(error).toEqualTypeOf<Error>())
  hurried.emit('ackOnly', (error, answer, extra) => {
    expectTypeOf(error).toEqualTypeOf<Error>()
    expectTypeOf(answer).toEqualTypeOf<boolean>()
    expectTypeOf(extra).toEqualTypeOf<string>()
  })
  expectTypeOf(hurried.emitWithAck('withAck', 'a')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(hurried.emitWithAck('withErrorAck', 'a')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(hurried.emitWithAck('ackOnly')).toEqualTypeOf<Promise<boolean>>()
  // @ts-expect-error -- the error comes first
  hurried.emit('withAck', 'a', (answer: number) => answer)
  expectTypeOf(socket.volatile).toEqualTypeOf<TypedSocket>()
  expectTypeOf(socket.compress(true)).toEqualTypeOf<TypedSocket>()
}

// ---- emitting to many

export function emittingToMany(io: TypedServer, socket: TypedSocket): void {
  io.emit('basic', 1, 'b')
  io.emit('noArg')
  // @ts-expect-error -- answers of many need timeout(), or a selection
  io.emit('withAck', 'a', () => {})
  // @ts-expect-error -- an argument of another type
  io.emit('basic', '1', 'b')
  // @ts-expect-error -- an unknown event
  io.emit('unknown')
  io.of('/x').emit('basic', 1, 'b')
  // @ts-expect-error -- answers of many need timeout(), or a selection
  io.of('/x').emit('withAck', 'a', () => {})
  io.send('text')
  // @ts-expect-error -- "message" has a string
  io.send(1)

  for (const operator of [io.to('a'), io.in(['a', 'b']), io.except('a'), io.local, io.volatile, io.compress(false), io.of('/x').to('a'), socket.to('a'), socket.broadcast, socket.local]) {
    expectTypeOf(operator.emit('basic', 1, 'b')).toEqualTypeOf<boolean>()
    operator.emit('withAck', 'a', (answers) => expectTypeOf(answers).toEqualTypeOf<number[]>())
    // @ts-expect-error -- emitWithAck to many needs timeout()
    void operator.emitWithAck('withAck', 'a')
  }
  for (const operator of [io.timeout(10), io.to('a').timeout(10), io.of('/x').timeout(10), socket.broadcast.timeout(10), socket.to('a').timeout(10)]) {
    operator.emit('withAck', 'a', (error, answers) => {
      expectTypeOf(error).toEqualTypeOf<Error>()
      expectTypeOf(answers).toEqualTypeOf<number[]>()
    })
    operator.emit('withErrorAck', 'a', (error, answers) => {
      expectTypeOf(error).toEqualTypeOf<Error>()
      expectTypeOf(answers).toEqualTypeOf<number[]>()
    })
    operator.emit('ackOnly', (error, answers) => {
      expectTypeOf(error).toEqualTypeOf<Error>()
      expectTypeOf(answers).toEqualTypeOf<boolean[]>()
    })
    expectTypeOf(operator.emitWithAck('withAck', 'a')).toEqualTypeOf<Promise<number[]>>()
    expectTypeOf(operator.emitWithAck('withErrorAck', 'a')).toEqualTypeOf<Promise<number[]>>()
    expectTypeOf(operator.emitWithAck('ackOnly')).toEqualTypeOf<Promise<boolean[]>>()
    // @ts-expect-error -- without an acknowledgement
    void operator.emitWithAck('basic', 1, 'b')
  }
  expectTypeOf(io.to('a').to('b')).toEqualTypeOf(io.to('a'))
  expectTypeOf(io.to('a')).toExtend<BroadcastOperator<any, Data>>()
  expectTypeOf(io.socketsJoin('a')).toEqualTypeOf<void>()
  expectTypeOf(io.to('a').socketsLeave(['a', 'b'])).toEqualTypeOf<void>()
  expectTypeOf(io.disconnectSockets(true)).toEqualTypeOf<void>()
}

// ---- between servers

export function betweenServers(io: TypedServer): void {
  io.serverSideEmit('ping', 'me')
  // @ts-expect-error -- an event of clients
  io.serverSideEmit('basic', 1, 'b')
  // @ts-expect-error -- an argument of another type
  io.serverSideEmit('ping', 1)
  io.serverSideEmit('ask', 'why', (error, answers) => {
    expectTypeOf(error).toEqualTypeOf<Error>()
    expectTypeOf(answers).toEqualTypeOf<number[]>()
  })
  io.of('/x').serverSideEmit('askWithError', 'why', (error, answers) => {
    expectTypeOf(error).toEqualTypeOf<Error>()
    expectTypeOf(answers).toEqualTypeOf<boolean[]>()
  })
  expectTypeOf(io.serverSideEmitWithAck('ask', 'why')).toEqualTypeOf<Promise<number[]>>()
  expectTypeOf(io.of('/x').serverSideEmitWithAck('askWithError', 'why')).toEqualTypeOf<Promise<boolean[]>>()
  // @ts-expect-error -- without an acknowledgement
  void io.serverSideEmitWithAck('ping', 'me')
}

// ---- remote sockets

export async function remoteSockets(io: TypedServer): Promise<void> {
  const sockets = await io.fetchSockets()
  expectTypeOf(sockets).toEqualTypeOf<RemoteSocket<ServerToClient, Data>[]>()
  const socket = sockets[0]!
  expectTypeOf(socket.data).toEqualTypeOf<Data>()
  expectTypeOf(socket.rooms).toEqualTypeOf<Set<string>>()
  expectTypeOf(socket.id).toEqualTypeOf<string>()
  expectTypeOf(socket.emit('basic', 1, 'b')).toEqualTypeOf<boolean>()
  // @ts-expect-error -- an unknown event
  socket.emit('unknown')
  expectTypeOf(socket.timeout(10).emitWithAck('withAck', 'a')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(socket.disconnect()).toEqualTypeOf<RemoteSocket<ServerToClient, Data>>()
  expectTypeOf(await io.allSockets()).toEqualTypeOf<Set<string>>()
}

// ---- middlewares, namespaces, members

export function middlewares(io: TypedServer, socket: TypedSocket): void {
  io.use((one, next) => {
    expectTypeOf(one).toEqualTypeOf<TypedSocket>()
    expectTypeOf(next).toEqualTypeOf<(err?: ExtendedError) => void>()
    const error: ExtendedError = new Error('no')
    error.data = { why: 1 }
    next(error)
  })
  io.of('/x').use((_one, next) => next())
  socket.use((event, next) => {
    expectTypeOf(event).toEqualTypeOf<Event>()
    expectTypeOf(next).toEqualTypeOf<(err?: Error) => void>()
  })
  io.of(/^\/x-\d+$/).on('connection', () => {})
  io.of((name, auth, next) => {
    expectTypeOf(name).toEqualTypeOf<string>()
    expectTypeOf(auth).toEqualTypeOf<{ [key: string]: any }>()
    next(null, true)
  })
  io.of('/x', (one) => expectTypeOf(one).toEqualTypeOf<TypedSocket>())
  socket.onAny((event, ...args) => [event, ...args]).prependAny(() => {}).offAny()
  expectTypeOf(socket.listenersAnyOutgoing()).toEqualTypeOf<((...args: any[]) => void)[]>()
}

export function members(io: TypedServer, socket: TypedSocket): void {
  expectTypeOf(socket.id).toEqualTypeOf<string>()
  expectTypeOf(socket.rooms).toEqualTypeOf<Set<string>>()
  expectTypeOf(socket.recovered).toEqualTypeOf<boolean>()
  expectTypeOf(socket.connected).toEqualTypeOf<boolean>()
  expectTypeOf(socket.disconnected).toEqualTypeOf<boolean>()
  expectTypeOf(socket.request).toExtend<IncomingMessage>()
  expectTypeOf(socket.join(['a'])).toEqualTypeOf<Promise<void> | void>()
  expectTypeOf(socket.leave('a')).toEqualTypeOf<Promise<void> | void>()
  expectTypeOf(socket.disconnect(true)).toEqualTypeOf<TypedSocket>()
  expectTypeOf(socket.handshake).toEqualTypeOf<{
    headers: IncomingHttpHeaders
    time: string
    address: string
    xdomain: boolean
    secure: boolean
    issued: number
    url: string
    query: ParsedUrlQuery
    auth: { [key: string]: any }
  }>()
  expectTypeOf(socket.conn.transport.name).toEqualTypeOf<string>()
  expectTypeOf(socket.conn.remoteAddress).toEqualTypeOf<string>()
  expectTypeOf(socket.nsp.name).toEqualTypeOf<string>()
  expectTypeOf(socket.nsp.sockets.size).toEqualTypeOf<number>()
  expectTypeOf(io.sockets).toEqualTypeOf<Namespace<ClientToServer, ServerToClient, BetweenServers, Data>>()
  expectTypeOf(io.sockets.sockets).toEqualTypeOf<Map<string, TypedSocket>>()
  expectTypeOf(io.sockets.adapter.rooms).toEqualTypeOf<Map<string, Set<string>>>()
  expectTypeOf(io.sockets.adapter.sids).toEqualTypeOf<Map<string, Set<string>>>()
  expectTypeOf(io.engine.clientsCount).toEqualTypeOf<number>()
  expectTypeOf(io.path()).toEqualTypeOf<string>()
  expectTypeOf(io.path('/x')).toEqualTypeOf<TypedServer>()
  expectTypeOf(io.serveClient()).toEqualTypeOf<boolean>()
  expectTypeOf(io.connectTimeout()).toEqualTypeOf<number>()
  expectTypeOf(io.close()).toEqualTypeOf<Promise<void>>()
  io.engine.use((_req: unknown, _res: unknown, next: () => void) => next())
  io.engine.on('connection_error', (error: { code: number }) => error)
  expectTypeOf<DisconnectReason>().toEqualTypeOf<
    | 'transport error'
    | 'transport close'
    | 'forced close'
    | 'ping timeout'
    | 'parse error'
    | 'server shutting down'
    | 'forced server close'
    | 'client namespace disconnect'
    | 'server namespace disconnect'
  >()
}

// ---- construction

export function construction(https: HttpsServer, http2: Http2SecureServer, adapter: (namespace: Namespace) => any): Server[] {
  const options: Partial<ServerOptions> = { path: '/x', cors: { origin: ['http://localhost'], credentials: true }, transports: ['websocket'] }
  expectTypeOf<ServerOptions['path']>().toEqualTypeOf<string>()
  expectTypeOf<ServerOptions['pingTimeout']>().toEqualTypeOf<number | undefined>()
  expectTypeOf<ServerOptions['serveClient']>().toEqualTypeOf<boolean>()
  // @ts-expect-error -- of another type
  const wrong = new Server({ pingTimeout: 'long' })
  return [
    wrong,
    new Server(),
    new Server(options),
    new Server(3000),
    new Server(3000, { serveClient: false }),
    new Server(createServer(), options),
    new Server(https),
    new Server(http2),
    new Server(undefined, { adapter }),
    new Server({
      pingInterval: 1,
      pingTimeout: 2,
      upgradeTimeout: 3,
      maxHttpBufferSize: 4,
      allowEIO3: true,
      allowUpgrades: false,
      perMessageDeflate: false,
      httpCompression: { threshold: 1 },
      cookie: { name: 'io', path: '/', httpOnly: true, sameSite: 'lax' },
      cors: { origin: /x/, methods: ['GET'] },
      connectTimeout: 5,
      cleanupEmptyChildNamespaces: true,
      connectionStateRecovery: { maxDisconnectionDuration: 1, skipMiddlewares: true },
      allowRequest: (_req, callback) => callback(null, true),
      addTrailingSlash: false,
      destroyUpgrade: true,
      destroyUpgradeTimeout: 1,
      initialPacket: 'hi',
      wsEngine: class {},
    }),
    new Server().listen(3000).attach(createServer(), options).bind({ on() {} }),
  ]
}
