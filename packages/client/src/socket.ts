// What users hold: one namespace on a Manager's connection. In: packets, through catch-all listeners, to listeners and acks. Out: events,
// buffered while there is no connection, one at a time under `retries`.
import { PacketType, RESERVED_EVENTS } from '@tidewire/protocol'
import type { SocketPacket } from '@tidewire/protocol'
import { Emitter, without } from './emitter.ts'
import type { AllButLast, DecorateAcknowledgements, DefaultEventsMap, EventNames, EventParams, EventsMap, FirstArg, Last } from './event-types.ts'
import { scope } from './debug.ts'
import { HAS_COMPAT, HAS_DEBUG, HAS_REVISION_3 } from './features.ts'
import type { Manager, TooLargeError, OutgoingPacket } from './manager.ts'
import type { SocketOptions } from './options.ts'
import { startTimer, stopTimer } from './timers.ts'
import { encodeQuery } from './url.ts'

const debug = HAS_DEBUG ? scope('socket.io-client:socket') : undefined

/** What is known about a loss of the connection. */
export type DisconnectDescription = Error | { description: string; context?: unknown }

/** A refusal by the server: `data` is what its middleware put on the error. */
export interface ExtendedError extends Error {
  /** What the server's middleware set as `error.data`. */
  data?: any
}

/** Events that a socket tells by itself. */
export interface SocketReservedEvents {
  /** It has joined its namespace, after each connection; `recovered` says whether the session was kept. */
  connect: () => void
  /**
   * It could not connect, or the server refused. While `active` is true it tries again by itself; after a refusal by a middleware it does
   * not.
   */
  connect_error: (error: ExtendedError) => void
  /** Beyond the official events: an event or acknowledgement that was not sent, and that has no callback to tell. */
  emit_error: (error: TooLargeError, args: readonly any[]) => void
  /**
   * It has left its namespace. After "io server disconnect" and "io client disconnect" it does not come back by itself. Reasons:
   * docs/errors.md.
   */
  disconnect: (reason: Socket.DisconnectReason, description?: DisconnectDescription) => void
}

type CatchAll = (...args: any[]) => void
type Ack = ((...args: any[]) => void) & { withError?: boolean }

interface Flags {
  volatile?: boolean
  compress?: boolean
  timeout?: number
  fromQueue?: boolean
}

interface QueuedEvent {
  id: number
  args: any[]
  flags: Flags
  tryCount: number
  isPending: boolean
}

/**
 * One namespace on a connection: what `io(url)` gives. `emit` sends, `on` receives; while there is no connection events wait in
 * `sendBuffer`, unless they are volatile.
 */
export class Socket<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
> extends Emitter<ListenEvents, EmitEvents, SocketReservedEvents> {
  /** The Manager it belongs to. */
  declare readonly io: Manager<ListenEvents, EmitEvents>
  /** The namespace, with the slash. */
  declare readonly nsp: string
  /** The id it has on the server; undefined while not connected. */
  id: string | undefined
  /** True between "connect" and "disconnect". */
  connected = false
  /** True after a reconnection that gave the session back: nothing was missed. */
  recovered = false
  /** Why the server did not give it back (tidewire servers say so): "session unknown", "invalid offset" or "events lost". */
  recoveryFailure: string | undefined
  /** Sent with each CONNECT: an object, or a function that calls back with one. May be changed between attempts. */
  declare auth: { [key: string]: any } | ((callback: (data: object) => void) => void)
  /** Events that came before the CONNECT answer. */
  receiveBuffer: (readonly any[])[] = []
  /** Packets that wait for a connection. */
  sendBuffer: OutgoingPacket[] = []
  /** compat: flags for the next `emit`. */
  flags: Flags = {}
  /** compat: callbacks that wait for their acknowledgement, by its id. */
  acks: { [id: number]: Ack } = {}
  /** compat: the next acknowledgement id. */
  ids = 0
  /** compat: the secret id of the session, for recovery. */
  _pid: string | undefined
  /** compat: the latest event received, for recovery. */
  _lastOffset: string | undefined
  /** compat: events of a socket with `retries` that are not acknowledged. */
  readonly _queue: QueuedEvent[] = []
  /** compat: their numbers. */
  _queueSeq = 0
  readonly #options: Partial<SocketOptions>
  #unsubscribe: (() => void) | undefined
  #anyListeners: CatchAll[] = []
  #anyOutgoingListeners: CatchAll[] = []

  constructor(io: Manager, nsp: string, options: Partial<SocketOptions> = {}) {
    super()
    this.io = io as Manager<any, any>
    this.nsp = nsp
    this.#options = options
    this.auth = options.auth!
    if (io._autoConnect) this.connect()
  }

  /** The opposite of `connected`. */
  get disconnected(): boolean {
    return !this.connected
  }

  /** True while it is connected, connecting, or will reconnect. */
  get active(): boolean {
    return !!this.#unsubscribe
  }

  // ---- connecting

  /** Connects, the Manager too if it has to; does nothing while connected. */
  connect(): this {
    if (this.connected) return this
    this.#subscribe()
    if (!this.io._reconnecting) this.io.open()
    if (this.io._readyState === 'open') this.#handleOpen()
    return this
  }

  /** The same as `connect`. */
  open(): this {
    return this.connect()
  }

  #subscribe(): void {
    if (this.#unsubscribe) return
    const { io } = this
    const handleOpen = (): void => this.#handleOpen()
    const handleError = (error: Error): void => {
      if (!this.connected) this.emitReserved('connect_error', error)
    }
    const handleClose = (reason: string, description?: unknown): void => this.#handleClose(reason, description)
    io.on('open', handleOpen)
    io.on('error', handleError)
    io.on('close', handleClose)
    this.#unsubscribe = () => {
      io.off('open', handleOpen)
      io.off('error', handleError)
      io.off('close', handleClose)
    }
  }

  #isConnectSent = false

  #handleOpen(): void {
    if (this.#isConnectSent || this.connected) return
    if (typeof this.auth === 'function') this.auth((data) => this.#sendConnect(data))
    else this.#sendConnect(this.auth)
  }

  #sendConnect(auth: object | undefined): void {
    if (this.io._readyState !== 'open' || !this.active) return
    this.#isConnectSent = true
    if (!HAS_REVISION_3 || this.io.revision === 4) {
      const data = this._pid ? { pid: this._pid, offset: this._lastOffset, ...auth } : auth
      this.#send({ type: PacketType.CONNECT, nsp: this.nsp, data })
    } else if (this.nsp !== '/') {
      // Servers of revision 3 join "/" unasked, and take a query instead of auth.
      const query = encodeQuery(auth ?? {})
      this.#send({ type: PacketType.CONNECT, nsp: query === '' ? this.nsp : `${this.nsp}?${query}` })
    }
  }

  // ---- out

  /**
   * Sends an event; the last argument may be a function for the server's acknowledgement.
   * @throws Error for a reserved name
   */
  override emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): this
  override emit(event: string, ...rest: any[]): this {
    if (RESERVED_EVENTS.has(event)) throw new Error(`"${event}" is a reserved event name`)
    const args: any[] = [event, ...rest]
    const { flags } = this
    if (this.#options.retries && !flags.fromQueue && !flags.volatile) {
      this.#enqueue(args)
      return this
    }
    this.flags = {}
    const packet: OutgoingPacket = { type: PacketType.EVENT, nsp: this.nsp, data: args }
    if (HAS_COMPAT) packet.options = { compress: flags.compress !== false }
    if (typeof args.at(-1) === 'function') {
      packet.id = this.ids++
      this.#registerAck(packet.id, args.pop() as Ack, flags)
    }
    const { engine } = this.io
    // A connection that has died unnoticed takes nothing: the event waits for the next one.
    const isConnected = this.connected && !engine._hasPingExpired()
    if (flags.volatile && !(isConnected && engine.writable)) {
      if (HAS_DEBUG) debug!('volatile event dropped: %s', event)
      return this
    }
    if (isConnected) this.#sendEvent(packet)
    else this.sendBuffer.push(packet)
    return this
  }

  #registerAck(id: number, ack: Ack, flags: Flags): void {
    const timeoutMs = flags.timeout ?? this.#options.ackTimeout
    this.acks[id] = ack
    if (timeoutMs === undefined) return
    const { opts } = this.io
    const timer = startTimer(
      { ...opts, autoUnref: false },
      () => {
        delete this.acks[id]
        this.sendBuffer = this.sendBuffer.filter((packet) => packet.id !== id)
        ack.call(this, new Error('operation has timed out'))
      },
      timeoutMs,
    )
    this.acks[id] = (...args) => {
      stopTimer(opts, timer)
      ack.apply(this, args)
    }
    this.acks[id].withError = true
  }

  /** Sends an event and resolves with the acknowledgement; rejects on time-out or disconnection. */
  emitWithAck<Event extends EventNames<EmitEvents>>(
    event: Event,
    ...args: AllButLast<EventParams<EmitEvents, Event>>
  ): Promise<FirstArg<Last<EventParams<EmitEvents, Event>>>> {
    return new Promise((resolve, reject) => {
      const callback: Ack = (error: unknown, value: any) => (error ? reject(error) : resolve(value))
      callback.withError = true
      ;(this as Socket<any, any>).emit(event as string, ...args, callback)
    })
  }

  /** Sends the event "message". */
  send(...args: any[]): this {
    return (this as Socket<any, any>).emit('message', ...args) as this
  }

  /** Whether the next event may be compressed, where the runtime compresses. Default true. */
  compress(compress: boolean): this {
    this.flags = { ...this.flags, compress }
    return this
  }
  /** The next event is dropped when it cannot leave at once. */
  get volatile(): this {
    this.flags = { ...this.flags, volatile: true }
    return this
  }
  /** Milliseconds to wait for the acknowledgement of the next event. */
  timeout(timeout: number): Socket<ListenEvents, DecorateAcknowledgements<EmitEvents>> {
    this.flags = { ...this.flags, timeout }
    return this as Socket<any, any>
  }

  #send(packet: OutgoingPacket): void {
    const error = this.io._packet(packet)
    // Not within the call that sends: callbacks never are.
    if (error) queueMicrotask(() => this.#handleUnsent(packet, error))
  }

  #sendEvent(packet: OutgoingPacket): void {
    for (const listener of this.#anyOutgoingListeners.slice()) listener.apply(this, packet.data)
    this.#send(packet)
  }

  /** Who sent it hears of it: the callback if it takes errors, else the listeners of "emit_error", else the console. */
  #handleUnsent({ type, id, data }: SocketPacket, error: TooLargeError): void {
    const ack = type === PacketType.EVENT ? this.acks[id!] : undefined
    delete this.acks[id!]
    if (type === PacketType.CONNECT) this.emitReserved('connect_error', error)
    else if (ack?.withError) ack.call(this, error)
    else if (this.hasListeners('emit_error')) this.emitReserved('emit_error', error, data)
    else console.error(error, data[0])
  }

  // ---- retries: one event in flight until it is acknowledged

  #enqueue(args: any[]): void {
    const { flags } = this
    this.flags = {}
    const callback = typeof args.at(-1) === 'function' ? (args.pop() as Ack) : undefined
    const event: QueuedEvent = { id: this._queueSeq++, args, flags: { ...flags, fromQueue: true }, tryCount: 0, isPending: false }
    args.push((error: Error | null, ...answer: any[]) => {
      if (event !== this._queue[0]) return
      event.isPending = false
      // What is too large once is so always.
      if (!error || 'code' in error || event.tryCount > this.#options.retries!) {
        this._queue.shift()
        callback?.(error, ...answer)
      }
      this._drainQueue()
    })
    args.at(-1).withError = true
    this._queue.push(event)
    this._drainQueue()
  }

  /** compat: sends the first of `_queue`, again with `force`. */
  _drainQueue(force = false): void {
    const event = this._queue[0]
    if (!this.connected || !event || (event.isPending && !force)) return
    event.isPending = true
    event.tryCount++
    this.flags = event.flags
    ;(this as Socket<any, any>).emit(...(event.args as [string]))
  }

  // ---- in

  /** Takes a packet of its namespace. @internal */
  _route(packet: SocketPacket): void {
    // A 2.x server sends a refusal of "/" to all namespaces.
    const isForAll = HAS_REVISION_3 && this.io.revision === 3 && packet.type === PacketType.CONNECT_ERROR && packet.nsp === '/'
    if (packet.nsp !== this.nsp && !isForAll) return
    switch (packet.type) {
      case PacketType.CONNECT:
        return this.#handleConnect(packet)
      case PacketType.EVENT:
        return this.onevent(packet)
      case PacketType.ACK:
        return this.#handleAck(packet)
      case PacketType.DISCONNECT:
        this.#destroy()
        return this.#handleClose('io server disconnect')
      case PacketType.CONNECT_ERROR:
        return this.#handleRefusal(packet.data)
    }
  }

  #handleConnect({ data }: SocketPacket): void {
    // A 2.x server may confirm "/" twice; the second says nothing new.
    if (this.connected) return
    const { sid, pid, recoveryFailure } = (data ?? {}) as { sid?: string; pid?: string; recoveryFailure?: string }
    const engineId = this.io.engine.id!
    this.recoveryFailure = recoveryFailure
    this.id = sid ?? (this.nsp === '/' ? engineId : `${this.nsp}#${engineId}`)
    this.recovered = !!pid && this._pid === pid
    // An offset belongs to the session in which it was received.
    if (!this.recovered) this._lastOffset = undefined
    this._pid = pid
    this.connected = true
    if (HAS_DEBUG) debug!('connected to %s as %s', this.nsp, this.id)
    for (const args of this.receiveBuffer.splice(0)) this.#dispatch(args)
    for (const packet of this.sendBuffer.splice(0)) this.#sendEvent(packet)
    this._drainQueue(true)
    this.emitReserved('connect')
  }

  #handleRefusal(data: any): void {
    const isOld = HAS_REVISION_3 && this.io.revision === 3
    if (isOld && this.connected) {
      this.emitReserved('error', data)
      return
    }
    this.#destroy()
    const isObject = typeof data === 'object' && data !== null
    const error: Error & { data?: unknown } = new Error(isObject ? data.message : String(data))
    error.data = isObject ? (isOld && data.message === undefined ? data : data.data) : undefined
    this.emitReserved('connect_error', error)
  }

  /** compat: wildcard listeners of applications replace it. @internal */
  onevent({ data, id }: SocketPacket): void {
    const args: any[] = data ?? []
    if (HAS_DEBUG) debug!('got event %j', args)
    if (id !== undefined) args.push(this.ack(id))
    if (this.connected) this.#dispatch(args)
    else this.receiveBuffer.push(args)
  }

  #dispatch(args: readonly any[]): void {
    for (const listener of this.#anyListeners.slice()) listener.apply(this, args as any[])
    this.emitReserved(...(args as [string]))
    if (this._pid && typeof args.at(-1) === 'string') this._lastOffset = args.at(-1)
  }

  /** compat: makes the function that acknowledges the event of that id. @internal */
  ack(id: number): Ack {
    let isSent = false
    return (...args) => {
      if (isSent) return
      isSent = true
      this.#send({ type: PacketType.ACK, nsp: this.nsp, id, data: args })
    }
  }

  #handleAck({ id, data }: SocketPacket): void {
    const ack = this.acks[id!]
    delete this.acks[id!]
    ack?.apply(this, ack.withError ? [null, ...data] : data)
  }

  // ---- catch-all

  /** Calls the listener with every incoming event, name first, before its own listeners. */
  onAny(listener: CatchAll): this {
    this.#anyListeners.push(listener)
    return this
  }
  /** As `onAny`, before the other catch-all listeners. */
  prependAny(listener: CatchAll): this {
    this.#anyListeners.unshift(listener)
    return this
  }
  /** Removes a catch-all listener, or all. */
  offAny(listener?: CatchAll): this {
    this.#anyListeners = without(this.#anyListeners, listener)
    return this
  }
  /** The catch-all listeners for incoming events. */
  listenersAny(): CatchAll[] {
    return this.#anyListeners
  }
  /** Calls the listener with every event that is sent, name first. */
  onAnyOutgoing(listener: CatchAll): this {
    this.#anyOutgoingListeners.push(listener)
    return this
  }
  /** As `onAnyOutgoing`, before the others. */
  prependAnyOutgoing(listener: CatchAll): this {
    this.#anyOutgoingListeners.unshift(listener)
    return this
  }
  /** Removes a listener for outgoing events, or all. */
  offAnyOutgoing(listener?: CatchAll): this {
    this.#anyOutgoingListeners = without(this.#anyOutgoingListeners, listener)
    return this
  }
  /** The catch-all listeners for outgoing events. */
  listenersAnyOutgoing(): CatchAll[] {
    return this.#anyOutgoingListeners
  }

  // ---- disconnecting

  /** Leaves the namespace and does not reconnect; the connection ends when no other namespace uses it. */
  disconnect(): this {
    if (this.connected) this.#send({ type: PacketType.DISCONNECT, nsp: this.nsp })
    this.#destroy()
    if (this.connected) this.#handleClose('io client disconnect')
    return this
  }

  /** The same as `disconnect`. */
  close(): this {
    return this.disconnect()
  }

  #destroy(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
    this.#isConnectSent = false
    this.io._destroy(this)
  }

  #handleClose(reason: string, description?: unknown): void {
    const wasConnected = this.connected
    if (HAS_DEBUG) debug!('closed: %s', reason)
    this.connected = false
    this.#isConnectSent = false
    this.id = undefined
    if (wasConnected) this.emitReserved('disconnect', reason, description)
    // Acks that take an error get it; of the others nobody will ever hear. What was not sent yet keeps its ack.
    for (const [id, ack] of Object.entries(this.acks)) {
      if (this.sendBuffer.some((packet) => String(packet.id) === id)) continue
      delete this.acks[id as unknown as number]
      if (ack.withError) ack.call(this, new Error('socket has been disconnected'))
    }
  }
}

export declare namespace Socket {
  /** Why a socket was disconnected; after the first two it does not reconnect by itself. */
  type DisconnectReason =
    | 'io server disconnect'
    | 'io client disconnect'
    | 'ping timeout'
    | 'transport close'
    | 'transport error'
    | 'parse error'
}
