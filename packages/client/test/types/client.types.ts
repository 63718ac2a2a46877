// What TypeScript infers from event maps, on the client. "socket.io-client" is the published package or this one: declarations.test.ts
// compiles the file against both, so a line that holds for one holds for the other.
import defaultIo, { Fetch, Manager, NodeWebSocket, NodeXHR, Socket, WebSocket, XHR, connect, io, protocol } from 'socket.io-client'
import type {
  DisconnectDescription,
  ExtendedError,
  ManagerOptions,
  ManagerReservedEvents,
  SocketOptions,
  SocketReservedEvents,
} from 'socket.io-client'
import { expectTypeOf } from 'vitest'

interface ServerToClient {
  noArg: () => void
  basic: (a: number, b: string) => void
  withAck: (a: number, callback: (answer: string) => void) => void
}
interface ClientToServer {
  noArg: () => void
  basic: (a: number, b: string) => void
  withAck: (a: string, callback: (answer: number) => void) => void
  ackOfTwo: (callback: (answer: number, extra: string) => void) => void
  emptyAck: (callback: () => void) => void
  withErrorAck: (callback: (error: Error, answer: number) => void) => void
}
type TypedSocket = Socket<ServerToClient, ClientToServer>
type Reason = 'io server disconnect' | 'io client disconnect' | 'ping timeout' | 'transport close' | 'transport error' | 'parse error'

export function untyped(): void {
  const socket = io('http://localhost', { path: '/x', transports: ['websocket'] })
  expectTypeOf(socket).toEqualTypeOf<Socket>()
  expectTypeOf(io()).toEqualTypeOf<Socket>()
  expectTypeOf(io({ forceNew: true })).toEqualTypeOf<Socket>()
  expectTypeOf(connect).toEqualTypeOf(io)
  expectTypeOf(defaultIo).toEqualTypeOf(io)
  expectTypeOf(protocol).toExtend<number>()
  expectTypeOf([Fetch, NodeXHR, XHR, NodeWebSocket, WebSocket]).toExtend<readonly Function[]>()
  socket.on('anything', (a, b) => {
    expectTypeOf(a).toBeAny()
    expectTypeOf(b).toBeAny()
  })
  expectTypeOf(socket.emit('anything', 1, () => {})).toEqualTypeOf<Socket>()
  expectTypeOf(socket.emitWithAck('anything', 1)).toEqualTypeOf<Promise<any>>()
  expectTypeOf(socket.timeout(1).emitWithAck('anything', 1)).toEqualTypeOf<Promise<any>>()
  socket.timeout(1).emit('anything', 1, (error: Error, answer: string) => [error, answer])
  socket.send(1, 'a')
  // @ts-expect-error -- a declared type for a socket without one
  const typed: Socket<ServerToClient, ClientToServer> = io('http://localhost').on('connect', (wrong: number) => wrong)
  const assigned: TypedSocket = io('http://localhost')
  assigned.connect()
  typed.connect()
}

export function listening(socket: TypedSocket): void {
  socket.on('noArg', (...args) => expectTypeOf(args).toEqualTypeOf<[]>())
  socket.on('basic', (a, b) => {
    expectTypeOf(a).toEqualTypeOf<number>()
    expectTypeOf(b).toEqualTypeOf<string>()
  })
  socket.once('withAck', (a, callback) => {
    expectTypeOf(a).toEqualTypeOf<number>()
    expectTypeOf(callback).toEqualTypeOf<(answer: string) => void>()
  })
  socket.on('connect', (...args) => expectTypeOf(args).toEqualTypeOf<[]>())
  socket.on('connect_error', (error) => {
    expectTypeOf(error).toEqualTypeOf<ExtendedError>()
    expectTypeOf(error.message).toEqualTypeOf<string>()
    expectTypeOf(error.data).toBeAny()
  })
  socket.on('disconnect', (reason, description) => {
    expectTypeOf(reason).toEqualTypeOf<Socket.DisconnectReason>()
    expectTypeOf(reason).toEqualTypeOf<Reason>()
    expectTypeOf(description).toEqualTypeOf<DisconnectDescription | undefined>()
  })
  // @ts-expect-error -- not an event of the server
  socket.on('unknown', () => {})
  // @ts-expect-error -- an argument of another type
  socket.on('basic', (a: string) => a)
  // @ts-expect-error -- an event that goes the other way
  socket.on('emptyAck', () => {})
  expectTypeOf(socket.listeners('basic')).toEqualTypeOf<((a: number, b: string) => void)[]>()
  expectTypeOf(socket.hasListeners('basic')).toEqualTypeOf<boolean>()
  socket.off('basic').off('connect', () => {}).off().removeListener('basic').removeAllListeners('basic').removeAllListeners()
  // @ts-expect-error -- not an event of the server
  socket.off('unknown')
  socket.onAny((event, ...args) => [event, ...args]).prependAny(() => {}).offAny().onAnyOutgoing(() => {}).prependAnyOutgoing(() => {}).offAnyOutgoing()
  expectTypeOf(socket.listenersAny()).toEqualTypeOf<((...args: any[]) => void)[]>()
}

export function emitting(socket: TypedSocket): void {
  expectTypeOf(socket.emit('noArg')).toEqualTypeOf<TypedSocket>()
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

  expectTypeOf(socket.emitWithAck('withAck', 'a')).toEqualTypeOf<Promise<number>>()
  expectTypeOf(socket.emitWithAck('ackOfTwo')).toEqualTypeOf<Promise<any>>()
  expectTypeOf(socket.emitWithAck('emptyAck')).toEqualTypeOf<Promise<unknown>>()
  // @ts-expect-error -- an argument of another type
  void socket.emitWithAck('withAck', 1)

  const hurried = socket.timeout(1000)
  expectTypeOf(hurried).not.toEqualTypeOf<TypedSocket>()
  hurried.emit('withAck', 'a', (error, answer) => {
    expectTypeOf(error).toEqualTypeOf<Error>()
    expectTypeOf(answer).toEqualTypeOf<number>()
  })
  hurried.emit('emptyAck', (error) => expectTypeOf(error).toEqualTypeOf<Error>())
  hurried.emit('withErrorAck', (first, second, third) => {
    expectTypeOf(first).toEqualTypeOf<Error>()
    expectTypeOf(second).toEqualTypeOf<Error>()
    expectTypeOf(third).toEqualTypeOf<number>()
  })
  expectTypeOf(hurried.emitWithAck('withAck', 'a')).toEqualTypeOf<Promise<any>>()
  // @ts-expect-error -- the error comes first
  hurried.emit('withAck', 'a', (answer: number) => answer)
  expectTypeOf(socket.volatile).toEqualTypeOf<TypedSocket>()
  expectTypeOf(socket.compress(true)).toEqualTypeOf<TypedSocket>()
}

export function members(socket: TypedSocket): void {
  expectTypeOf(socket.id).toEqualTypeOf<string | undefined>()
  expectTypeOf(socket.connected).toEqualTypeOf<boolean>()
  expectTypeOf(socket.disconnected).toEqualTypeOf<boolean>()
  expectTypeOf(socket.active).toEqualTypeOf<boolean>()
  expectTypeOf(socket.recovered).toEqualTypeOf<boolean>()
  expectTypeOf(socket.auth).toEqualTypeOf<{ [key: string]: any } | ((cb: (data: object) => void) => void)>()
  expectTypeOf(socket.receiveBuffer).toEqualTypeOf<Array<ReadonlyArray<any>>>()
  expectTypeOf(socket.sendBuffer.length).toEqualTypeOf<number>()
  expectTypeOf(socket.io).toEqualTypeOf<Manager<ServerToClient, ClientToServer>>()
  expectTypeOf(socket.connect()).toEqualTypeOf<TypedSocket>()
  expectTypeOf(socket.open()).toEqualTypeOf<TypedSocket>()
  expectTypeOf(socket.disconnect()).toEqualTypeOf<TypedSocket>()
  expectTypeOf(socket.close()).toEqualTypeOf<TypedSocket>()
  expectTypeOf<SocketReservedEvents['connect']>().toEqualTypeOf<() => void>()
  expectTypeOf<SocketReservedEvents['disconnect']>().toEqualTypeOf<(reason: Reason, description?: DisconnectDescription) => void>()
  expectTypeOf<DisconnectDescription>().toEqualTypeOf<Error | { description: string; context?: unknown }>()
}

export function managers(): Manager[] {
  const manager = new Manager('http://localhost', { reconnectionDelay: 1, autoConnect: false })
  expectTypeOf(manager.socket('/x', { auth: { token: 'a' } })).toEqualTypeOf<Socket>()
  manager.on('reconnect_attempt', (attempt) => expectTypeOf(attempt).toEqualTypeOf<number>())
  manager.on('reconnect', (attempt) => expectTypeOf(attempt).toEqualTypeOf<number>())
  manager.on('reconnect_error', (error) => expectTypeOf(error).toEqualTypeOf<Error>())
  manager.on('error', (error) => expectTypeOf(error).toEqualTypeOf<Error>())
  manager.on('close', (reason, description) => {
    expectTypeOf(reason).toEqualTypeOf<string>()
    expectTypeOf(description).toEqualTypeOf<DisconnectDescription | undefined>()
  })
  manager.on('ping', () => {}).on('open', () => {}).on('reconnect_failed', () => {})
  // @ts-expect-error -- a manager has its own events only
  manager.on('anything', () => {})
  expectTypeOf<keyof ManagerReservedEvents>().toEqualTypeOf<
    'open' | 'error' | 'ping' | 'packet' | 'close' | 'reconnect_failed' | 'reconnect_attempt' | 'reconnect_error' | 'reconnect'
  >()
  expectTypeOf(manager.reconnection()).toEqualTypeOf<boolean>()
  expectTypeOf(manager.reconnection(false)).toEqualTypeOf<Manager>()
  expectTypeOf(manager.reconnectionAttempts()).toEqualTypeOf<number>()
  expectTypeOf(manager.reconnectionDelay(1)).toEqualTypeOf<Manager>()
  expectTypeOf(manager.reconnectionDelayMax()).toEqualTypeOf<number>()
  expectTypeOf(manager.randomizationFactor()).toEqualTypeOf<number>()
  expectTypeOf(manager.timeout()).toEqualTypeOf<number | boolean>()
  expectTypeOf(manager.open((error) => expectTypeOf(error).toEqualTypeOf<Error | undefined>())).toEqualTypeOf<Manager>()
  expectTypeOf(manager.connect()).toEqualTypeOf<Manager>()
  expectTypeOf(manager.opts.path).toEqualTypeOf<string | undefined>()
  expectTypeOf(manager._readyState).toEqualTypeOf<'opening' | 'open' | 'closed'>()
  expectTypeOf(manager.engine.transport.name).toEqualTypeOf<string>()
  expectTypeOf(manager.engine.readyState).toEqualTypeOf<'opening' | 'open' | 'closing' | 'closed'>()
  manager.engine.on('upgrade', () => {}).on('packet', () => {}).on('drain', () => {})
  return [manager, new Manager(), new Manager({ autoConnect: false })]
}

export function options(): (Partial<ManagerOptions> | SocketOptions)[] {
  expectTypeOf<ManagerOptions['path']>().toEqualTypeOf<string>()
  expectTypeOf<ManagerOptions['reconnectionAttempts']>().toEqualTypeOf<number>()
  expectTypeOf<ManagerOptions['forceBase64']>().toEqualTypeOf<boolean | undefined>()
  expectTypeOf<SocketOptions['retries']>().toEqualTypeOf<number | undefined>()
  // @ts-expect-error -- of another type
  io('http://localhost', { reconnectionDelay: 'long' })
  // @ts-expect-error -- not an option
  io('http://localhost', { reconnectDelay: 1 })
  return [
    { host: 'a', hostname: 'a', secure: true, port: 1, query: { a: 1 }, agent: false, upgrade: true, forceBase64: false },
    { timestampParam: 't', timestampRequests: true, transports: ['polling', 'websocket', 'webtransport'], tryAllTransports: true },
    { transports: [WebSocket], rememberUpgrade: true, requestTimeout: 1, transportOptions: { polling: { extraHeaders: { a: 'b' } } } },
    { pfx: 'a', key: 'a', passphrase: 'a', cert: 'a', ca: ['a'], ciphers: 'a', rejectUnauthorized: false, extraHeaders: { a: 'b' } },
    { withCredentials: true, closeOnBeforeunload: true, useNativeTimers: true, autoUnref: true, perMessageDeflate: { threshold: 1 } },
    { path: '/x', addTrailingSlash: false, protocols: ['a'], forceNew: true, multiplex: false, timeout: 1, autoConnect: false, parser: {} },
    { auth: { a: 1 }, retries: 1, ackTimeout: 1 },
    { auth: (callback) => callback({ a: 1 }) },
  ]
}
