// What users hold: one client in one namespace. In: packets from its connection, through middleware, to listeners and acks. Out: events to
// the connection, joins and leaves to the adapter. Created by Namespace.admit; ends in #end, once, with a reason.
import { PacketType, RESERVED_EVENTS } from '@tidewire/protocol'
import type { SocketPacket } from '@tidewire/protocol'
import type { IncomingMessage } from 'node:http'
import type { Adapter, BroadcastFlags, Room, SocketId } from '../adapter/adapter.ts'
import { EncodedPacket } from '../broadcast/encoded.ts'
import { BroadcastOperator } from '../broadcast/operator.ts'
import type { Connection } from '../connection.ts'
import type { CloseReason, EngineSession } from '../engine/contract.ts'
import { callGuarded } from '../events/guarded.ts'
import { LazyEmitter } from '../events/lazy-emitter.ts'
import type {
  AllButLast,
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  TypedEmitter,
} from '../events/types.ts'
import { createSecret } from '../ids.ts'
import type { Namespace } from '../namespace/namespace.ts'
import { SessionAwareAdapter } from '../recovery/session-aware-adapter.ts'
import type { RecoveryFailure, RestoredSession } from '../recovery/session-aware-adapter.ts'
import type { Server } from '../server.ts'
import { ackErrorOf } from './handler-errors.ts'
import { createHandshake } from './handshake.ts'
import type { Handshake } from './handshake.ts'
import { debugScope } from '../debug.ts'
import { LIMITS } from '../limits.ts'
import { CHANNELS } from '../observe/channels.ts'

const debug = debugScope('socket.io:socket')

const STARTED_AT = Date.now()

/** Why a socket was disconnected, as "disconnecting" and "disconnect" say it; what each means: docs/errors.md. */
export type DisconnectReason = CloseReason | 'client namespace disconnect' | 'server namespace disconnect'

/** Events that a socket of the server tells by itself. */
export interface SocketReservedEvents {
  /** It has left its namespace and its rooms; `description` is what the transport knows of the end. Once. */
  disconnect: (reason: DisconnectReason, description?: any) => void
  /** The same, while `rooms` still has them. */
  disconnecting: (reason: DisconnectReason, description?: any) => void
  /** A middleware of `socket.use` refused an event. */
  error: (error: Error) => void
}

/** An incoming event as middlewares of `socket.use` get it: its name, then its arguments. */
export type Event = [name: string, ...args: any[]]
type PacketMiddleware = (event: Event, next: (error?: Error) => void) => void
type CatchAll = (...args: any[]) => void
type AckCallback = (...args: any[]) => void

/** An emitter with the types of the application's events. @internal */
const SocketBase = LazyEmitter as unknown as {
  new <ListenEvents extends EventsMap, EmitEvents extends EventsMap>(): TypedEmitter<ListenEvents, EmitEvents, SocketReservedEvents>
}

/** One client in one namespace: what "connection" hands over. Its events are the client's; `emit` goes to that client alone. */
export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends SocketBase<ListenEvents, EmitEvents> {
  /** The namespace it is in. */
  readonly nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  /** The connection under it, shared by the sockets of one client in several namespaces. */
  readonly client: Connection
  /** Its id; a room of this name holds the socket alone. */
  readonly id: SocketId
  /** True when the state of an earlier connection was restored. */
  readonly recovered: boolean = false
  /** Why it was not, for a client that asked for it. */
  readonly recoveryFailure: RecoveryFailure | undefined
  /** compat: the secret of its session; undefined without `connectionStateRecovery`. */
  pid: string | undefined
  /** True from the CONNECT answer until it leaves. */
  connected = false
  /** The adapter in which it is in its own room only, without entries. @internal */
  aloneIn: Adapter | undefined = undefined
  /** Undefined: the client has sent none. */
  readonly #auth: Record<string, unknown> | undefined
  /** perf: counted from the start of the process, so that it is a number that V8 keeps in place. */
  readonly #issued: number
  #handshake: Handshake | undefined
  #data: SocketData | undefined
  #acks: Map<number, AckCallback> | undefined
  #middlewares: PacketMiddleware[] | undefined
  #anyListeners: CatchAll[] | undefined
  #anyOutgoingListeners: CatchAll[] | undefined
  #flags: BroadcastFlags | undefined
  /** Before it is let in its rooms wait for it; after it has left it joins none. */
  #stage: 'asking' | 'in' | 'left' = 'asking'

  constructor(
    nsp: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    client: Connection,
    auth: Record<string, unknown> | undefined,
    session?: RestoredSession,
    failure?: RecoveryFailure,
  ) {
    super()
    this.nsp = nsp
    this.client = client
    this.#auth = auth
    this.#issued = Math.trunc(Date.now() - STARTED_AT)
    // Revision 4: the client computes its own id, which must be this one (spec: SIO-21).
    this.id = client.revision === 5 ? (session?.sid ?? (nsp.server as Server<any, any, any, any>).ids.create()) : nsp.name === '/' ? client.id : `${nsp.name}#${client.id}`
    this.recoveryFailure = failure
    if (session === undefined) return
    this.recovered = true
    this.pid = session.pid
    this.#data = session.data as SocketData
  }

  // ---- who

  /** compat: its server. */
  get server(): Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    return this.nsp.server as Server<any, any, any, any>
  }
  /** compat: the adapter of its namespace. */
  get adapter(): Adapter {
    return this.nsp.adapter
  }
  /** The opposite of `connected`. */
  get disconnected(): boolean {
    return !this.connected
  }
  /** The engine session under it: `transport.name`, `remoteAddress`, `protocol`. */
  get conn(): EngineSession {
    return this.client.conn
  }
  /** The HTTP request that opened the session. */
  get request(): IncomingMessage {
    return this.client.request
  }
  /** Rooms it is in; its own id is one of them. */
  get rooms(): Set<Room> {
    return this.adapter.socketRooms(this.id) ?? new Set()
  }
  /** What the client connected with: headers, query, auth, address. */
  get handshake(): Handshake {
    return (this.#handshake ??= createHandshake(this.conn, this.#auth ?? {}, STARTED_AT + this.#issued))
  }
  /** Anything the application wants to keep with the socket. */
  get data(): SocketData {
    return (this.#data ??= {} as SocketData)
  }
  set data(data: SocketData) {
    this.#data = data
  }
  /** What waits to be sent to its client, as a part of `maxOutboxBytes`: 0 is nothing; above 1 a client that does not read is disconnected. */
  get pressure(): number {
    return this.conn.pressure ?? 0
  }
  /**
   * Resolves when nothing waits to be sent to its client any more, or when the session has closed, whatever for: `connected` tells which. It
   * never rejects, and may be called as often as one likes.
   */
  drained(): Promise<void> {
    return whenDrained(this.conn)
  }
  /** compat: waiting acknowledgements by id. */
  get acks(): Map<number, AckCallback> {
    return (this.#acks ??= new Map())
  }

  // ---- out

  /**
   * Sends an event. A function as last argument is called with the client's acknowledgement (with an error first under `timeout()`).
   * @throws Error for a reserved name; ProtocolError for data that cannot be encoded
   */
  override emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): boolean {
    if (RESERVED_EVENTS.has(event as string)) throw new Error(`"${String(event)}" is a reserved event name`)
    const flags = this.#takeFlags()
    const data: unknown[] = [event, ...args]
    const packet: SocketPacket = { type: PacketType.EVENT, nsp: this.nsp.name, data }
    if (typeof data.at(-1) === 'function') {
      packet.id = this.nsp.nextAckId()
      this.#registerAck(packet.id, data.pop() as AckCallback, flags?.timeout)
    }
    if (this.pid !== undefined && packet.id === undefined) {
      this.#emitRecoverable(packet, flags)
      return true
    }
    this.notifyOutgoingListeners(packet)
    this.#write(packet, flags)
    return true
  }

  /** By way of the adapter, which keeps it until the client has it. What a middleware sends precedes the session. */
  #emitRecoverable(packet: SocketPacket, flags: BroadcastFlags | undefined): void {
    const options = { rooms: new Set([this.id]), except: new Set<Room>(), ...(flags === undefined ? {} : { flags }) }
    if (this.#stage !== 'asking') {
      this.server.watchAdapter(this.adapter.broadcast(packet, options))
      return
    }
    this.notifyOutgoingListeners(packet)
    this.client.write(this.#adapterOfSessions?.stamp(packet) ?? new EncodedPacket(packet, this.nsp.server.codec), flags)
  }

  #write(packet: SocketPacket, flags?: BroadcastFlags): void {
    this.client.write(new EncodedPacket(packet, this.nsp.server.codec), flags)
  }

  #registerAck(id: number, callback: AckCallback, timeoutMs: number | undefined): void {
    if (timeoutMs === undefined) {
      this.acks.set(id, callback)
      return
    }
    const timer = setTimeout(() => {
      this.#acks?.delete(id)
      callGuarded(callback, this, [new Error('operation has timed out')], (error) => this.#handleHandlerError(error, 'acknowledgement', undefined))
    }, timeoutMs)
    this.acks.set(id, (...args) => {
      clearTimeout(timer)
      // What it returns goes on to the caller, who guards it.
      return Reflect.apply(callback, this, [null, ...args])
    })
  }

  /** Sends an event and resolves with the acknowledgement; rejects on the time-out of `timeout()`. */
  emitWithAck<Event extends EventNamesWithAck<EmitEvents>>(
    event: Event,
    ...args: AllButLast<EventParams<EmitEvents, Event>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, Event>>>> {
    const hasTimeout = this.#flags?.timeout !== undefined
    return new Promise((resolve, reject) => {
      const callback = (...answer: any[]): void => {
        if (!hasTimeout) resolve(answer[0])
        else if (answer[0]) reject(answer[0])
        else resolve(answer[1])
      }
      this.emit(event, ...([...args, callback] as any))
    })
  }

  /** Sends the event "message". */
  send(...args: EventParams<EmitEvents, 'message'>): this {
    this.emit('message' as any, ...(args as any))
    return this
  }

  /** The same as `send`. */
  write(...args: EventParams<EmitEvents, 'message'>): this {
    return this.send(...args)
  }

  #operator(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return new BroadcastOperator(this.adapter, new Set(), new Set([this.id]), this.#takeFlags() ?? {})
  }

  /** To the others in a room. */
  to(room: Room | readonly Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator().to(room)
  }
  /** The same as `to`. */
  in(room: Room | readonly Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator().in(room)
  }
  /** Leaves out the sockets in a room, or in any of several. */
  except(room: Room | readonly Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator().except(room)
  }
  /** To all others. */
  get broadcast(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator()
  }
  /** The next event goes to sockets of this node only. */
  get local(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator().local
  }
  /** The next event is dropped unless it can leave at once. */
  get volatile(): this {
    return this.#flag({ volatile: true })
  }
  /** False: not compressed, whatever `perMessageDeflate` and `httpCompression` say. Default true. */
  compress(compress: boolean): this {
    return this.#flag({ compress })
  }
  /** Milliseconds to wait for the acknowledgement of the next event. */
  timeout(timeout: number): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>, ServerSideEvents, SocketData> {
    return this.#flag({ timeout }) as Socket<any, any, any, any>
  }

  /** compat: what `volatile`, `compress` and `timeout` have set for the next event. */
  get flags(): BroadcastFlags {
    return this.#flags ?? {}
  }

  #flag(flags: BroadcastFlags): this {
    this.#flags = { ...this.#flags, ...flags }
    return this
  }

  #takeFlags(): BroadcastFlags | undefined {
    const flags = this.#flags
    this.#flags = undefined
    return flags
  }

  // ---- rooms

  /** Joins one room or several; a promise with adapters that need one. A socket that has left joins none (spec: SIO-30). */
  join(rooms: Room | Room[]): Promise<void> | void {
    if (this.#stage === 'left') return
    const joined = this.adapter.addAll(this.id, new Set(Array.isArray(rooms) ? rooms : [rooms]))
    this.server.watchAdapter(joined)
    return joined
  }

  /** Leaves a room; a promise with adapters that need one. */
  leave(room: Room): Promise<void> | void {
    const left = this.adapter.del(this.id, room)
    this.server.watchAdapter(left)
    return left
  }

  // ---- in

  /** The namespace has let it in, with the session of an earlier connection if there is one. */
  open(session?: RestoredSession): void {
    const isRecoverable = Boolean(this.server.opts.connectionStateRecovery) && this.client.revision === 5
    if (isRecoverable) this.pid ??= this.#adapterOfSessions?.openSession(this as Socket<any, any, any, any>) ?? createSecret()
    this.#stage = 'in'
    this.connected = true
    this.server.watchAdapter(this.adapter.addAll(this.id, session === undefined ? new Set<Room>().add(this.id) : new Set([this.id, ...session.rooms])))
    this.client.add(this as Socket<any, any, any, any>)
    // Clients keep what comes before the CONNECT and hand it over with it (spec: SIO-60).
    if (session?.missed !== undefined) for (const messages of session.missed()) this.client.writeMessages(messages)
    else for (const data of session?.missedPackets ?? []) this.#write({ type: PacketType.EVENT, nsp: this.nsp.name, data })
    this.#write({ type: PacketType.CONNECT, nsp: this.nsp.name, ...(this.client.revision === 5 ? { data: this.#connectData() } : {}) })
  }

  /** The namespace has refused it, or its client has gone meanwhile: rooms that a middleware made it join are left. */
  turnAway(): void {
    this.#stage = 'left'
    callGuarded(() => this.adapter.delAll(this.id), this, [], (error) => this.#handleAdapterError(error))
  }

  /** Adapters of other makes have only persistSession and restoreSession. */
  get #adapterOfSessions(): SessionAwareAdapter | undefined {
    return this.adapter instanceof SessionAwareAdapter ? this.adapter : undefined
  }

  #connectData(): Record<string, unknown> {
    if (this.pid === undefined) return { sid: this.id }
    if (this.recoveryFailure === undefined) return { sid: this.id, pid: this.pid }
    return { sid: this.id, pid: this.pid, recoveryFailure: this.recoveryFailure }
  }

  /** Takes a packet of this client. @internal */
  handlePacket(packet: SocketPacket): void {
    debug?.('%s: packet of type %d', this.id, packet.type)
    switch (packet.type) {
      case PacketType.EVENT:
        return this.onevent(packet)
      case PacketType.ACK:
        return this.#handleAck(packet)
      case PacketType.DISCONNECT:
        return this.#end('client namespace disconnect')
    }
  }

  /** Takes an event of this client. compat: wildcard listeners of applications replace it. @internal */
  onevent({ data, id }: SocketPacket): void {
    const event = data as Event
    // Revision 4 has no rule against it; a client must not play the server's part all the same.
    if (this.client.revision === 4 && RESERVED_EVENTS.has(event[0])) return
    const ack = id === undefined ? undefined : this.ack(id)
    if (ack !== undefined) event.push(ack)
    const fail = (error: unknown): void => this.#handleHandlerError(error, event[0], ack)
    if (this.#anyListeners !== undefined) {
      for (const listener of this.#anyListeners.slice()) callGuarded(listener, this, event, fail)
    }
    if (this.#middlewares === undefined) return this.#dispatch(event, fail)
    this.#runMiddlewares(event, fail)
  }

  #dispatch(event: Event, fail: (error: unknown) => void): void {
    if (!this.connected) return
    const args = event.slice(1)
    for (const listener of this.rawListeners(event[0] as EventNames<ListenEvents & SocketReservedEvents>)) {
      callGuarded(listener, this, args, fail)
    }
  }

  #runMiddlewares(event: Event, fail: (error: unknown) => void): void {
    const middlewares = this.#middlewares!.slice()
    const run = (index: number): void => {
      if (index === middlewares.length) return this.#dispatch(event, fail)
      let isCalled = false
      const next = (error?: Error): void => {
        if (isCalled) return
        isCalled = true
        if (error) this.handleError(error)
        else run(index + 1)
      }
      callGuarded(middlewares[index]!, this, [event, next], fail)
    }
    run(0)
  }

  /** compat: makes the function that acknowledges the event of that id. @internal */
  ack(id: number): AckCallback {
    let isSent = id > LIMITS.maxAckId.default
    if (isSent) this.server.counters.hit('maxAckId', this.conn)
    return (...args: unknown[]): void => {
      if (isSent) return
      // Marked afterwards: an answer that cannot be encoded was not sent, and the error may take its place.
      this.#write({ type: PacketType.ACK, nsp: this.nsp.name, id, data: args })
      isSent = true
    }
  }

  #handleHandlerError(error: unknown, event: string, ack: AckCallback | undefined): void {
    this.server.handleHandlerError(error, { socket: this as Socket<any, any, any, any>, event })
    // With a parser of the application even this may fail to be encoded; the error has been reported.
    if (ack !== undefined) callGuarded(ack, this, [ackErrorOf(event)], () => {})
  }

  #handleAck({ id, data }: SocketPacket): void {
    const callback = id === undefined ? undefined : this.#acks?.get(id)
    if (callback === undefined) return
    this.#acks!.delete(id!)
    callGuarded(callback, this, data as unknown[], (error) => this.#handleHandlerError(error, 'acknowledgement', undefined))
  }

  /** An error of the connection or of a middleware: told to "error" listeners, if there are any. */
  handleError(error: Error): void {
    this.#emitReserved('error', error)
  }

  #emitReserved(event: keyof SocketReservedEvents, ...args: unknown[]): void {
    for (const listener of this.rawListeners(event)) {
      callGuarded(listener, this, args, (error) => this.server.handleHandlerError(error, { socket: this as Socket<any, any, any, any>, event }))
    }
  }

  // ---- middleware and catch-all

  /** Adds a middleware for each incoming event; an error given to `next` reaches the "error" listeners and drops the event. */
  use(middleware: PacketMiddleware): this {
    ;(this.#middlewares ??= []).push(middleware)
    return this
  }

  /** Calls the listener with every incoming event, name first, before its own listeners. */
  onAny(listener: CatchAll): this {
    ;(this.#anyListeners ??= []).push(listener)
    return this
  }
  /** As `onAny`, before the other catch-all listeners. */
  prependAny(listener: CatchAll): this {
    ;(this.#anyListeners ??= []).unshift(listener)
    return this
  }
  /** Removes a catch-all listener, or all. */
  offAny(listener?: CatchAll): this {
    this.#anyListeners = without(this.#anyListeners, listener)
    return this
  }
  /** The catch-all listeners for incoming events. */
  listenersAny(): CatchAll[] {
    return this.#anyListeners ?? []
  }
  /** Calls the listener with every event that is sent to this client, name first. */
  onAnyOutgoing(listener: CatchAll): this {
    ;(this.#anyOutgoingListeners ??= []).push(listener)
    return this
  }
  /** As `onAnyOutgoing`, before the others. */
  prependAnyOutgoing(listener: CatchAll): this {
    ;(this.#anyOutgoingListeners ??= []).unshift(listener)
    return this
  }
  /** Removes a listener for outgoing events, or all. */
  offAnyOutgoing(listener?: CatchAll): this {
    this.#anyOutgoingListeners = without(this.#anyOutgoingListeners, listener)
    return this
  }
  /** The catch-all listeners for outgoing events. */
  listenersAnyOutgoing(): CatchAll[] {
    return this.#anyOutgoingListeners ?? []
  }
  /** perf: an event from another node is decoded only for them. */
  get hasOutgoingListeners(): boolean {
    return this.#anyOutgoingListeners !== undefined
  }
  /** Called by adapters for every event they send to this socket. */
  notifyOutgoingListeners(packet: SocketPacket): void {
    if (this.#anyOutgoingListeners === undefined) return
    for (const listener of this.#anyOutgoingListeners.slice()) {
      callGuarded(listener, this, packet.data as unknown[], (error) => this.#handleHandlerError(error, 'catch-all', undefined))
    }
  }

  // ---- close

  /** Leaves the namespace, telling the client; with `close` the whole connection ends. */
  disconnect(close: boolean = false): this {
    if (!this.connected) return this
    if (close) this.client.disconnect()
    else {
      this.#write({ type: PacketType.DISCONNECT, nsp: this.nsp.name })
      this.#end('server namespace disconnect')
    }
    return this
  }

  /** The connection is gone. */
  handleClose(reason: CloseReason, description?: unknown): void {
    this.#end(reason, description)
  }

  #leaveSession(pid: string, reason: DisconnectReason): void {
    if (!RECOVERABLE.has(reason)) return this.#adapterOfSessions?.endSession(pid)
    this.server.watchAdapter(this.adapter.persistSession({ sid: this.id, pid, rooms: [...this.rooms], data: this.data }))
  }

  #end(reason: DisconnectReason, description?: unknown): void {
    if (!this.connected) return
    this.#emitReserved('disconnecting', reason, description)
    const failed = (error: unknown): void => this.#handleAdapterError(error)
    if (this.pid !== undefined) callGuarded(() => this.#leaveSession(this.pid!, reason), this, [], failed)
    callGuarded(() => this.adapter.delAll(this.id), this, [], failed)
    this.nsp.remove(this as Socket<any, any, any, any>)
    this.client.remove(this as Socket<any, any, any, any>)
    this.connected = false
    this.#stage = 'left'
    this.#emitReserved('disconnect', reason, description)
    if (CHANNELS.socketDisconnect.hasSubscribers) CHANNELS.socketDisconnect.publish({ socket: this, reason, description })
  }

  #handleAdapterError(error: unknown): void {
    this.server.handleHandlerError(error, { socket: this as Socket<any, any, any, any>, event: 'adapter' })
  }
}

/** All who wait for a session wait for the same. */
const drainings = new WeakMap<EngineSession, Promise<void>>()

function whenDrained(conn: EngineSession): Promise<void> {
  const isDrained = (): boolean => conn.readyState === 'closed' || (conn.pressure ?? 0) === 0
  if (isDrained()) return Promise.resolve()
  let draining = drainings.get(conn)
  if (draining !== undefined) return draining
  draining = new Promise<void>((resolve) => {
    const look = (): void => {
      if (!isDrained()) return
      drainings.delete(conn)
      conn.off('drain', look)
      conn.off('close', look)
      resolve()
    }
    conn.on('drain', look)
    conn.on('close', look)
  })
  drainings.set(conn, draining)
  return draining
}

/** Reasons after which the client comes back by itself (docs: connection state recovery). */
const RECOVERABLE: ReadonlySet<DisconnectReason> = new Set<DisconnectReason>([
  'transport error',
  'transport close',
  'forced close',
  'ping timeout',
  'server shutting down',
  'forced server close',
])

function without(listeners: CatchAll[] | undefined, listener: CatchAll | undefined): CatchAll[] | undefined {
  if (listeners === undefined || listener === undefined) return undefined
  const index = listeners.indexOf(listener)
  const rest = index < 0 ? listeners : listeners.toSpliced(index, 1)
  return rest.length === 0 ? undefined : rest
}
