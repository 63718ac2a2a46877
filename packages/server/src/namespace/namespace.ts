// A named endpoint with its own middlewares, sockets and rooms. In: CONNECT of a connection. Out: a socket that is told `connection`, or a
// refusal. Sockets enter through admit and leave through remove.
import type { Adapter, Room, SocketId } from '../adapter/adapter.ts'
import { BroadcastOperator } from '../broadcast/operator.ts'
import type { RemoteSocket } from '../broadcast/operator.ts'
import type { Connection } from '../connection.ts'
import { isTurnOver, takeTurn } from '../engine/fair-turns.ts'
import { callGuarded } from '../events/guarded.ts'
import { LazyEmitter } from '../events/lazy-emitter.ts'
import type {
  AllButLast,
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  DefaultEventsMap,
  EventNames,
  EventNamesWithAck,
  EventNamesWithoutAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  RemoveAcknowledgements,
  TypedEmitter,
} from '../events/types.ts'
import { SessionAwareAdapter } from '../recovery/session-aware-adapter.ts'
import type { RecoveryFailure, RestoredSession } from '../recovery/session-aware-adapter.ts'
import type { Server } from '../server.ts'
import { Socket } from '../socket/socket.ts'
import { debugScope } from '../debug.ts'
import { CHANNELS } from '../observe/channels.ts'

const debug = debugScope('socket.io:namespace')

/** An error for the client: `data` travels with the message. */
export interface ExtendedError extends Error {
  /** Anything that can be sent; clients find it as `error.data` in "connect_error". */
  data?: any
}

/** Events that a namespace tells by itself. */
export interface NamespaceReservedEvents<L extends EventsMap, E extends EventsMap, S extends EventsMap, D> {
  /** The same as "connection". */
  connect: (socket: Socket<L, E, S, D>) => void
  /** A client has passed the middlewares and joined, or its session was recovered. It may send and be sent to at once. */
  connection: (socket: Socket<L, E, S, D>) => void
}

/** Events that a server tells by itself: those of the main namespace, and one of its own. */
export interface ServerReservedEvents<L extends EventsMap, E extends EventsMap, S extends EventsMap, D>
  extends NamespaceReservedEvents<L, E, S, D> {
  /** A namespace was made, by `of()` or because a client asked for one of a family. */
  new_namespace: (namespace: Namespace<L, E, S, D>) => void
}

export type NamespaceMiddleware<L extends EventsMap, E extends EventsMap, S extends EventsMap, D> = (
  socket: Socket<L, E, S, D>,
  next: (error?: ExtendedError) => void,
) => void

/** An emitter with the types of the application's events. @internal */
const NamespaceBase = LazyEmitter as unknown as {
  new <ListenEvents extends EventsMap, EmitEvents extends EventsMap, ReservedEvents extends EventsMap>(): TypedEmitter<
    ListenEvents,
    EmitEvents,
    ReservedEvents
  >
}
const OWN_EVENTS = new Set(['connect', 'connection', 'new_namespace'])

/** A named endpoint on the connections of a server, with middlewares, sockets and rooms of its own: what `io.of("/name")` gives. */
export class Namespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends NamespaceBase<
  ServerSideEvents,
  RemoveAcknowledgements<EmitEvents>,
  NamespaceReservedEvents<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  /** Its name, with the slash: "/", "/chat". */
  readonly name: string
  /** Its sockets on this node, by id. */
  readonly sockets: Map<SocketId, Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> = new Map()
  /** The server that it belongs to. */
  readonly server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
  /** Rooms and delivery. */
  adapter: Adapter
  /** compat: the last acknowledgement id; adapters count it up. */
  _ids = 0
  protected middlewares: NamespaceMiddleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>[] = []
  /** Called when the last socket has left. */
  onEmpty: (() => void) | undefined
  /** Called then too, and when those who have left may come back. @internal */
  onDeserted: (() => void) | undefined
  /** Called when a socket has come in. @internal */
  onFilled: (() => void) | undefined
  /** Clients on their way in. */
  #joining: Set<Connection> | undefined

  constructor(server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, name: string) {
    super()
    this.server = server
    this.name = name
    this.adapter = this.createAdapter()
    server.watchAdapter(this.adapter.init(), 'adapter.init')
  }

  protected createAdapter(): Adapter {
    return this.server.createAdapter(this as Namespace<any, any, any, any>)
  }

  /** A new id for an acknowledgement. */
  nextAckId(): number {
    return this._ids++
  }

  /**
   * Adds a middleware for sockets that connect. An error given to `next` refuses them, and they get its message and `data`; one that is thrown
   * or rejected refuses them with "internal server error", and is reported.
   */
  use(middleware: NamespaceMiddleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): this {
    this.middlewares.push(middleware)
    return this
  }

  /** Takes over another namespace's middlewares and connection listeners. */
  inherit(parent: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    this.middlewares = parent.middlewares.slice()
    for (const event of ['connect', 'connection'] as const) {
      for (const listener of parent.listeners(event as any)) this.on(event as any, listener as any)
    }
  }

  // ---- sockets

  /** A connection asks for this namespace: runs the middlewares, then lets it in or refuses it. */
  admit(client: Connection, auth?: Record<string, unknown>): void {
    debug?.('%s: client %s asks to join', this.name, client.id)
    const { connectionStateRecovery } = this.server.opts
    if (!connectionStateRecovery || client.revision === 4 || typeof auth?.['pid'] !== 'string') return this.#admit(client, auth)
    const { pid, offset } = auth as { pid: string; offset?: unknown }
    const proceed = (session: unknown): void => {
      this.#joining?.delete(client)
      if (!client.isOpen) return this.checkEmpty()
      if (typeof session === 'string') this.#admit(client, auth, undefined, session as RecoveryFailure)
      else if (session) this.#admit(client, auth, session as RestoredSession)
      else this.#admit(client, auth, undefined, 'session unknown')
    }
    const resume = (): void => {
      const restored = this.#restore(pid, typeof offset === 'string' ? offset : undefined)
      if (!(restored instanceof Promise)) return proceed(restored)
      this.#beginJoin(client)
      // An adapter that fails knows no session.
      this.server.watchAdapter(restored.then(proceed, () => proceed(undefined)))
    }
    // What somebody has missed may be much: many who come back at once take turns.
    if (!isTurnOver()) return resume()
    this.#beginJoin(client)
    takeTurn({ continueTurn: () => (client.isOpen ? this.#guardAdapter(client, resume) : proceed(undefined)) })
  }

  /** What has nobody above it any more. */
  #guardAdapter(client: Connection, resume: () => void): void {
    callGuarded(resume, this, [], (error) => {
      this.#joining?.delete(client)
      this.server.handleHandlerError(error, { socket: undefined, event: 'adapter' })
      client.refuse(this, new Error('internal server error'))
      this.checkEmpty()
    })
  }

  /** Adapters of other makes find sessions by their offset alone. */
  #restore(pid: string, offset: string | undefined): ReturnType<Adapter['restoreSession']> {
    if (offset === undefined && !(this.adapter instanceof SessionAwareAdapter)) return null
    return this.adapter.restoreSession(pid, offset)
  }

  /** No middleware: who asks is let in, or not, before `admit` returns. */
  get admitsAtOnce(): boolean {
    return this.middlewares.length === 0 && !this.server.opts.connectionStateRecovery
  }

  #admit(client: Connection, auth: Record<string, unknown> | undefined, session?: RestoredSession, failure?: RecoveryFailure): void {
    const socket = new Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(this, client, auth, session, failure)
    const isSkipping = session !== undefined && this.server.opts.connectionStateRecovery?.skipMiddlewares !== false
    if (isSkipping || this.middlewares.length === 0) return this.#enter(socket, auth, session)
    this.#beginJoin(client)
    this.#run(socket, (error) => {
      this.#joining?.delete(client)
      // The client may have gone while a middleware was thinking.
      if (!client.isOpen) {
        socket.turnAway()
        return this.checkEmpty()
      }
      if (error === undefined) return this.#enter(socket, auth, session)
      socket.turnAway()
      client.refuse(this, error)
      this.checkEmpty()
    })
  }

  #beginJoin(client: Connection): void {
    ;(this.#joining ??= new Set()).add(client)
  }

  #enter(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, auth: Record<string, unknown> | undefined, session?: RestoredSession): void {
    const { client } = socket
    if (session !== undefined && this.adapter instanceof SessionAwareAdapter && !this.adapter.resumeSession(session.pid, socket as Socket<any, any, any, any>)) {
      return this.#admit(client, auth, undefined, 'session unknown')
    }
    this.sockets.set(socket.id, socket)
    this.onFilled?.()
    try {
      socket.open(session)
    } catch (cause) {
      // An adapter of another make: the client is told, and so is the operator.
      this.sockets.delete(socket.id)
      socket.connected = false
      client.remove(socket as Socket<any, any, any, any>)
      this.server.handleHandlerError(cause, { socket: socket as Socket<any, any, any, any>, event: 'adapter' })
      client.refuse(this, new Error('internal server error'))
      return this.checkEmpty()
    }
    this.#emitReserved('connect', socket)
    this.#emitReserved('connection', socket)
    if (CHANNELS.socketConnect.hasSubscribers) CHANNELS.socketConnect.publish({ socket })
  }

  #run(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>, done: (error?: ExtendedError) => void): void {
    const middlewares = this.middlewares.slice()
    const run = (index: number): void => {
      if (index === middlewares.length) return done()
      let isCalled = false
      const next = (error?: unknown): void => {
        if (isCalled) return
        isCalled = true
        if (error) done(error instanceof Error ? error : new Error(String(error)))
        else run(index + 1)
      }
      callGuarded(middlewares[index]!, this, [socket, next], (error) => {
        this.server.handleHandlerError(error, { socket: socket as Socket<any, any, any, any>, event: 'middleware' })
        // What it says is not for the client to read.
        next(new Error('internal server error'))
      })
    }
    run(0)
  }

  /** A socket has left. */
  remove(socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    // A recovered socket has taken the id over.
    if (this.sockets.get(socket.id) === socket) this.sockets.delete(socket.id)
    this.checkEmpty()
  }

  /** Nobody is in it, on the way in, or away and may come back. */
  get isEmpty(): boolean {
    return this.isDeserted && this.adapter.pendingSessions === 0
  }

  /** Nobody is in it, or on the way in. */
  get isDeserted(): boolean {
    if (this.sockets.size > 0) return false
    // A middleware may never say what it makes of a client that has gone.
    for (const client of this.#joining ?? []) if (client.isOpen) return false
    return true
  }

  /** Somebody has left, or has not come in. */
  checkEmpty(): void {
    if (!this.isDeserted) return
    this.onDeserted?.()
    if (this.adapter.pendingSessions === 0) this.onEmpty?.()
  }

  #emitReserved(event: 'connect' | 'connection', socket: Socket<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    for (const listener of this.rawListeners(event as any)) {
      callGuarded(listener, this, [socket], (error) =>
        this.server.handleHandlerError(error, { socket: socket as Socket<any, any, any, any>, event }),
      )
    }
  }

  // ---- broadcast

  #operator(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return new BroadcastOperator(this.adapter)
  }

  /** Selects the sockets in a room, or in any of several; each is reached once. */
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
  /** False: not compressed, whatever `perMessageDeflate` and `httpCompression` say. Default true. */
  compress(compress: boolean): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator().compress(compress)
  }
  /** The next event is not sent to those who could not get it at once. */
  get volatile(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator().volatile
  }
  /** The next event goes to sockets of this node only. */
  get local(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.#operator().local
  }
  /** Milliseconds to wait for acknowledgements; their callback then gets an error first. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>>, SocketData> {
    return this.#operator().timeout(timeout)
  }

  /** Sends an event to all sockets of the namespace. */
  override emit<Event extends EventNamesWithoutAck<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): boolean {
    return this.#operator().emit(event, ...(args as any))
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

  /** Sends an event to the other nodes. A function as last argument gets their answers. */
  serverSideEmit<Event extends EventNames<ServerSideEvents>>(
    event: Event,
    ...args: EventParams<DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>, Event>
  ): boolean {
    if (OWN_EVENTS.has(event as string)) throw new Error(`"${String(event)}" is a reserved event name`)
    this.server.watchAdapter(this.adapter.serverSideEmit([event, ...args]))
    return true
  }
  /** Sends an event to the other nodes and resolves with their answers; rejects on time-out, the partial answers in `responses`. */
  serverSideEmitWithAck<Event extends EventNamesWithAck<ServerSideEvents>>(
    event: Event,
    ...args: AllButLast<EventParams<ServerSideEvents, Event>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, Event>>>[]> {
    return new Promise((resolve, reject) => {
      const callback = (error: (Error & { responses?: unknown }) | null, responses: any[]): void => {
        if (error === null) return resolve(responses)
        error.responses = responses
        reject(error)
      }
      this.serverSideEmit(event, ...([...args, callback] as any))
    })
  }
  /** compat: adapters hand over what another node sent with serverSideEmit. */
  _onServerSideEmit(args: [string, ...any[]]): void {
    const [event, ...rest] = args
    for (const listener of this.rawListeners(event as any)) {
      callGuarded(listener, this, rest, (error) => this.server.handleHandlerError(error, { socket: undefined, event }))
    }
  }

  /** The ids of the sockets, those of other nodes included. @deprecated Use `fetchSockets`. */
  allSockets(): Promise<Set<SocketId>> {
    return this.#operator().allSockets()
  }
  /** The sockets, those of other nodes as remote ones. */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.#operator().fetchSockets()
  }
  /** Makes the sockets join one room or several. */
  socketsJoin(room: Room | readonly Room[]): void {
    this.#operator().socketsJoin(room)
  }
  /** Makes the sockets leave one room or several. */
  socketsLeave(room: Room | readonly Room[]): void {
    this.#operator().socketsLeave(room)
  }
  /** Disconnects the sockets from the namespace; with `close` their connections end, other namespaces included. */
  disconnectSockets(close: boolean = false): void {
    this.#operator().disconnectSockets(close)
  }
}
