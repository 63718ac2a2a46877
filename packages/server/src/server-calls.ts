// What a server has of its main namespace: `io.to(room).emit(…)` means `io.of('/').to(room).emit(…)`, listeners included. In: calls on the server.
// Out: the same on the namespace.
import type { SocketId, Room } from './adapter/adapter.ts'
import type { BroadcastOperator, RemoteSocket } from './broadcast/operator.ts'
import type { ServerViews } from './compat.ts'
import { LazyEmitter } from './events/lazy-emitter.ts'
import type {
  AllButLast,
  DecorateAcknowledgements,
  DecorateAcknowledgementsWithMultipleResponses,
  DecorateAcknowledgementsWithTimeoutAndMultipleResponses,
  EventNames,
  EventNamesWithAck,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
  RemoveAcknowledgements,
  TypedEmitter,
} from './events/types.ts'
import type { Namespace, NamespaceMiddleware, ServerReservedEvents } from './namespace/namespace.ts'

/** An emitter for `instanceof` and its types; its methods are forwarded to the main namespace below, all at once. */
const ServerBase = LazyEmitter as unknown as {
  new <ListenEvents extends EventsMap, EmitEvents extends EventsMap, ReservedEvents extends EventsMap>(): TypedEmitter<
    ListenEvents,
    EmitEvents,
    ReservedEvents
  > &
    ServerViews
}

/** The calls of a server that mean its main namespace. */
export abstract class MainNamespaceCalls<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ServerSideEvents extends EventsMap,
  SocketData,
> extends ServerBase<
  ServerSideEvents,
  RemoveAcknowledgements<EmitEvents>,
  ServerReservedEvents<ListenEvents, EmitEvents, ServerSideEvents, SocketData>
> {
  /** The main namespace, "/". */
  abstract readonly sockets: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>

  /** Adds a middleware to the main namespace: an error given to `next` refuses the client with its message; one that is thrown is reported too, and not shown. */
  use(middleware: NamespaceMiddleware<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): this {
    this.sockets.use(middleware)
    return this
  }
  /** Selects the sockets in a room, or in any of several; each is reached once. */
  to(room: Room | readonly Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.to(room)
  }
  /** The same as `to`. */
  in(room: Room | readonly Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.in(room)
  }
  /** Leaves out the sockets in a room, or in any of several. */
  except(room: Room | readonly Room[]): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.except(room)
  }
  /** False: not compressed, whatever `perMessageDeflate` and `httpCompression` say. Default true. */
  compress(compress: boolean): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.compress(compress)
  }
  /** The next event is not sent to those who could not get it at once. */
  get volatile(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.volatile
  }
  /** The next event goes to sockets of this node only. */
  get local(): BroadcastOperator<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>, SocketData> {
    return this.sockets.local
  }
  /** Milliseconds to wait for acknowledgements; their callback then gets an error first. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<DecorateAcknowledgementsWithMultipleResponses<EmitEvents>>, SocketData> {
    return this.sockets.timeout(timeout)
  }
  /**
   * Sends an event to all sockets of the main namespace.
   * @throws Error for a reserved name
   */
  override emit<Event extends EventNames<RemoveAcknowledgements<EmitEvents>>>(
    event: Event,
    ...args: EventParams<RemoveAcknowledgements<EmitEvents>, Event>
  ): boolean {
    return this.sockets.emit(event as any, ...(args as any))
  }
  /** Sends the event "message". */
  send(...args: EventParams<EmitEvents, 'message'>): this {
    this.sockets.send(...args)
    return this
  }
  /** The same as `send`. */
  write(...args: EventParams<EmitEvents, 'message'>): this {
    return this.send(...args)
  }
  /**
   * Sends an event to the other nodes; a function as last argument gets `(error, answers)`.
   * @throws Error for "connect", "connection" and "new_namespace"
   */
  serverSideEmit<Event extends EventNames<ServerSideEvents>>(
    event: Event,
    ...args: EventParams<DecorateAcknowledgementsWithTimeoutAndMultipleResponses<ServerSideEvents>, Event>
  ): boolean {
    return this.sockets.serverSideEmit(event, ...args)
  }
  /** Sends an event to the other nodes and resolves with their answers; rejects on time-out, the partial answers in `responses`. */
  serverSideEmitWithAck<Event extends EventNamesWithAck<ServerSideEvents>>(
    event: Event,
    ...args: AllButLast<EventParams<ServerSideEvents, Event>>
  ): Promise<FirstNonErrorArg<Last<EventParams<ServerSideEvents, Event>>>[]> {
    return this.sockets.serverSideEmitWithAck(event, ...args)
  }
  /** The ids of the sockets, those of other nodes included. @deprecated Use `fetchSockets`. */
  allSockets(): Promise<Set<SocketId>> {
    return this.sockets.allSockets()
  }
  /** The sockets, those of other nodes as remote ones. */
  fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    return this.sockets.fetchSockets()
  }
  /** Makes the sockets join one room or several. */
  socketsJoin(room: Room | readonly Room[]): void {
    this.sockets.socketsJoin(room)
  }
  /** Makes the sockets leave one room or several. */
  socketsLeave(room: Room | readonly Room[]): void {
    this.sockets.socketsLeave(room)
  }
  /** Disconnects the sockets from the namespace; with `close` their connections end, other namespaces included. */
  disconnectSockets(close: boolean = false): void {
    this.sockets.disconnectSockets(close)
  }
}

const EMITTER_METHODS = [
  'on', 'once', 'off', 'addListener', 'prependListener', 'prependOnceListener', 'removeListener', 'removeAllListeners',
  'listeners', 'rawListeners', 'listenerCount', 'eventNames', 'setMaxListeners', 'getMaxListeners',
] as const
for (const method of EMITTER_METHODS) {
  Object.defineProperty(MainNamespaceCalls.prototype, method, {
    configurable: true,
    writable: true,
    value(this: MainNamespaceCalls<any, any, any, any>, ...args: unknown[]) {
      const result: unknown = Reflect.apply(this.sockets[method] as Function, this.sockets, args)
      return result === this.sockets ? this : result
    },
  })
}
