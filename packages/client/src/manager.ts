// One connection to a server and the sockets of its namespaces: opens the engine, reconnects with backoff or when the network is back,
// routes packets, refuses what the server would not take.

import type { SocketPacket } from '@tidewire/protocol'
import { Backoff } from './backoff.ts'
import { createCodec } from './codec.ts'
import type { ClientCodec } from './codec.ts'
import { scope } from './debug.ts'
import { Emitter } from './emitter.ts'
import type { DefaultEventsMap, EventsMap } from './event-types.ts'
import type { Attempt, EngineClient } from './engine/engine-client.ts'
import { HAS_COMPAT, HAS_DEBUG, HAS_NO_PAGE, HAS_REVISION_3 } from './features.ts'
import type { ManagerOptions, SocketOptions } from './options.ts'
import { platform } from './platform/platform.ts'
import type { ConnectErrorCode } from './platform/platform.ts'
import { Socket } from './socket.ts'
import type { DisconnectDescription } from './socket.ts'
import { startTimer, stopTimer } from './timers.ts'
import type { Timer } from './timers.ts'
import type { TransportError } from './transports/transport-error.ts'
import { decodeQuery, parseUrl, uriOf } from './url.ts'

/** Events of `socket.io`. */
export interface ManagerReservedEvents {
  /** The engine session is there; sockets join their namespaces next. */
  open: () => void
  /** An attempt to connect failed. Sockets tell it as "connect_error". */
  error: (error: Error) => void
  /** A heartbeat of the server came. */
  ping: () => void
  /** A packet of any namespace came. */
  packet: (packet: SocketPacket) => void
  /** The engine session ended, with the reason that sockets tell as "disconnect". */
  close: (reason: string, description?: DisconnectDescription) => void
  /** `reconnectionAttempts` are used up; it gives up. */
  reconnect_failed: () => void
  /** An attempt begins, counted from 1. */
  reconnect_attempt: (attempt: number) => void
  /** An attempt failed; the error is that of "connect_error". */
  reconnect_error: (error: Error) => void
  /** It is connected again, at this attempt. */
  reconnect: (attempt: number) => void
}

/** What `connect_error` carries when there is no connection: why in a word, what was tried, what to do. */
export interface ConnectErrorDetails {
  /** A code of docs/errors.md. */
  code: ConnectErrorCode
  /** Each try of this attempt: transport, revision, and what came back. */
  attempts: readonly Attempt[]
  /** What to check, in a sentence; short in builds for browsers. */
  help: string
}

/** An event or acknowledgement that was not sent, because the server would have closed the connection over it. */
export interface TooLargeError extends Error {
  /** Always this one. */
  code: 'TW_ERR_TOO_LARGE'
  /** Most bytes of one message that the server takes. */
  limit: number
}

const debug = HAS_DEBUG ? scope('socket.io-client:manager') : undefined

const SETTINGS = {
  reconnection: true,
  reconnectionAttempts: Infinity,
  reconnectionDelay: 1000,
  reconnectionDelayMax: 5000,
  randomizationFactor: 0.5,
  timeout: 20_000,
}

/** A packet as sockets hand it over and keep it in `sendBuffer`. */
export interface OutgoingPacket extends SocketPacket {
  options?: { compress: boolean }
}

/** One connection to a server, for the sockets of all namespaces: opens it, finds the server's revision, reconnects. */
export class Manager<ListenEvents extends EventsMap = DefaultEventsMap, _EmitEvents extends EventsMap = ListenEvents> extends Emitter<
  {},
  {},
  ManagerReservedEvents
> {
  /** The URL of the server; undefined for the one the page came from, or what the options name. */
  declare readonly uri: string
  /** The options as they were given; those for the engine may be changed between attempts. */
  declare opts: Partial<ManagerOptions & SocketOptions>
  /** The engine session of the current connection. */
  declare engine: EngineClient
  /** compat: the option `autoConnect`, off after `close()`. */
  declare _autoConnect: boolean
  /** compat: "opening" and "open" are about the current engine. */
  _readyState: 'opening' | 'open' | 'closed' = 'closed'
  /** compat: between the loss of a connection and the next one. */
  _reconnecting = false
  /** compat: its sockets by namespace. */
  readonly nsps: { [name: string]: Socket<any, any> } = {}
  /** compat: the delays of reconnection. */
  readonly backoff: Backoff = new Backoff()
  #codec: ClientCodec | undefined
  #skipReconnect = false
  #stopWaiting: (() => void) | undefined
  #openTimer: Timer | undefined

  constructor(options?: Partial<ManagerOptions & SocketOptions>)
  constructor(uri?: string, options?: Partial<ManagerOptions & SocketOptions>)
  constructor(first?: string | Partial<ManagerOptions & SocketOptions>, second?: Partial<ManagerOptions & SocketOptions>) {
    super()
    const isUri = !first || typeof first === 'string'
    this.uri = (isUri ? first : undefined)!
    const options = (isUri ? second : first) ?? {}
    this.opts = { path: '/socket.io', ...options }
    for (const name in SETTINGS) (this as any)['_' + name] = (options as any)[name] ?? (SETTINGS as any)[name]
    this.#applySettings()
    this._autoConnect = options.autoConnect !== false
    if (this._autoConnect) this.open()
  }

  // ---- settings: each a method (see the interface below) that reads without an argument and sets with one

  /** compat: behind the method of that name. */
  declare _reconnection: boolean
  /** compat: behind the method of that name. */
  declare _reconnectionAttempts: number
  /** compat: behind the method of that name. */
  declare _reconnectionDelay: number
  /** compat: behind the method of that name. */
  declare _reconnectionDelayMax: number
  /** compat: behind the method of that name. */
  declare _randomizationFactor: number
  /** compat: behind the method of that name. */
  declare _timeout: number | false

  static {
    for (const name in SETTINGS) {
      ;(this.prototype as any)[name] = function (this: Manager, value?: unknown): unknown {
        if (value === undefined) return (this as any)['_' + name]
        ;(this as any)['_' + name] = value
        this.#applySettings()
        return this
      }
    }
  }

  #applySettings(): void {
    Object.assign(this.backoff, { ms: this._reconnectionDelay, max: this._reconnectionDelayMax, jitter: this._randomizationFactor })
    if (!this._reconnection) this.#skipReconnect = true
  }

  // ---- opening

  /** Opens the connection; the callback gets an error when this attempt fails. */
  open(callback?: (error?: Error) => void): this {
    if (this._readyState !== 'closed') return this
    this._readyState = 'opening'
    this.#skipReconnect = false
    const url = parseUrl(this.uri ?? uriOf(this.opts), undefined, HAS_NO_PAGE ? 'http' : undefined)
    // As officially, `opts` tells where it goes, and a query in the URL goes before one in the options.
    if (HAS_COMPAT) Object.assign(this.opts, { hostname: url.host, port: url.port, secure: url.secure })
    if (url.query) this.opts.query = decodeQuery(url.query)
    const engine = new (platform().Engine)(url, this.opts)
    this.engine = engine
    const fail = (error: Error, code?: ConnectErrorCode): void => {
      if (this.engine !== engine || this._readyState !== 'opening') return
      this.#clearOpenTimer()
      this._readyState = 'closed'
      explain(error, engine, code)
      if (HAS_DEBUG) debug!('cannot connect: %s', error.message)
      this.emitReserved('error', error)
      if (callback) callback(error)
      else if (!this._reconnecting && this._reconnection && this.backoff.attempts === 0) this.#reconnect()
    }
    engine.on('open', () => {
      this.#clearOpenTimer()
      this.#handleOpen(engine)
      callback?.()
    })
    engine.on('error', fail)
    if (this._timeout !== false) {
      this.#openTimer = startTimer(
        this.opts,
        () => {
          fail(new Error('timeout'), 'TW_ERR_TIMEOUT')
          engine.off().close()
        },
        this._timeout,
      )
    }
    return this
  }

  /** The same as `open`. */
  connect(callback?: (error?: Error) => void): this {
    return this.open(callback)
  }

  #clearOpenTimer(): void {
    this.#openTimer = stopTimer(this.opts, this.#openTimer)
  }

  #handleOpen(engine: EngineClient): void {
    this._readyState = 'open'
    // The revision may still change from 4 to 3 while the first packet is on its way; both codecs read a CONNECT.
    this.#codec = createCodec(this.opts.parser, HAS_REVISION_3 && engine.revision === 3 ? 4 : 5)
    engine.on('data', (data: string | Uint8Array) => this.#handleData(data))
    engine.on('ping', () => this.emitReserved('ping'))
    engine.on('close', (reason: string, description: unknown) => this.#handleClose(reason, description))
    this.emitReserved('open')
  }

  /** The Engine.IO revision of the server. */
  get revision(): 3 | 4 {
    return this.engine.revision
  }

  // ---- packets

  #handleData(data: string | Uint8Array): void {
    let packet: SocketPacket | undefined
    try {
      packet = this.#codec!.add(data)
    } catch (error) {
      this.engine.off().close()
      return this.#handleClose('parse error', error)
    }
    if (!packet) return
    if (HAS_DEBUG) debug!('got packet %j', packet)
    this.emitReserved('packet', packet)
    // Some pages add to the prototype of all objects what is no socket.
    for (const name in this.nsps) this.nsps[name]!._route?.(packet)
  }

  /**
   * Writes a packet of one of the sockets, or gives the error that says why it is not sent.
   * @throws ProtocolError when it cannot be encoded
   */
  _packet(packet: OutgoingPacket): TooLargeError | undefined {
    const { engine } = this
    const chunks = this.#codec!.encode(packet)
    if (HAS_DEBUG) debug!('writing packet %j', packet)
    const limit = engine._maxPayload!
    if (chunks.some((chunk) => engine._isTooLarge(chunk))) {
      const error = new Error(`larger than the server's maxPayload of ${limit}`)
      return Object.assign(error, { code: 'TW_ERR_TOO_LARGE' as const, limit })
    }
    for (const chunk of chunks) engine.send(chunk, HAS_COMPAT ? packet.options : undefined)
    return undefined
  }

  // ---- sockets

  /** The socket of a namespace, made if need be. */
  socket(namespace: string, options?: Partial<SocketOptions>): Socket {
    const known = this.nsps[namespace]
    if (known && this._autoConnect && !known.active) known.connect()
    return known ?? (this.nsps[namespace] = new Socket(this, namespace, options))
  }

  /** A socket has been disconnected: the connection goes when none is left. */
  _destroy(_socket: Socket<any, any>): void {
    for (const name in this.nsps) if (this.nsps[name]!.active) return
    this._close()
  }

  // ---- close

  /** compat: closes the connection and gives up reconnecting. */
  _close(): void {
    this.#skipReconnect = true
    this._reconnecting = false
    this.#clearOpenTimer()
    this.#stopWaiting?.()
    const { engine } = this
    // Closed at once, so that a connect() right after it opens anew; the old engine still sends what it holds.
    if (this._readyState === 'open') this.#handleClose('forced close')
    else if (this._readyState === 'opening') {
      this._readyState = 'closed'
      engine.off()
    }
    engine?.close()
  }

  /** compat: the same as `_close`. */
  disconnect(): void {
    this._close()
  }

  #handleClose(reason: string, description?: unknown): void {
    if (this._readyState === 'closed') return
    if (HAS_DEBUG) debug!('closed: %s', reason)
    this._readyState = 'closed'
    this.#codec?.destroy()
    this.backoff.reset()
    this.engine.off()
    this.emitReserved('close', reason, description)
    if (this._reconnection && !this.#skipReconnect) this.#reconnect()
  }

  // ---- reconnecting

  #reconnect(): void {
    if (this._reconnecting || this.#skipReconnect) return
    if (this.backoff.attempts >= this._reconnectionAttempts) {
      this.backoff.reset()
      this._reconnecting = false
      this.emitReserved('reconnect_failed')
      return
    }
    this._reconnecting = true
    const delay = this.backoff.duration()
    if (HAS_DEBUG) debug!('will wait %d ms before the attempt to reconnect', delay)
    const tryNow = (): void => {
      this.#stopWaiting!()
      if (this.#skipReconnect) return
      const attempt = this.backoff.attempts
      this.emitReserved('reconnect_attempt', attempt)
      // A listener may have given up.
      if (this.#skipReconnect) return
      this.open((error) => {
        this._reconnecting = false
        if (error) {
          this.#reconnect()
          this.emitReserved('reconnect_error', error)
          return
        }
        this.backoff.reset()
        this.emitReserved('reconnect', attempt)
      })
    }
    const timer = startTimer(this.opts, tryNow, delay)
    // A page knows when its network is back.
    const page = globalThis as any
    page.addEventListener?.('online', tryNow)
    this.#stopWaiting = () => {
      stopTimer(this.opts, timer)
      page.removeEventListener?.('online', tryNow)
    }
  }
}

export interface Manager<ListenEvents extends EventsMap = DefaultEventsMap, _EmitEvents extends EventsMap = ListenEvents> {
  /** Whether it reconnects by itself, read or set. Default true. */
  reconnection(): boolean
  reconnection(value: boolean): this
  /** How often it tries to reconnect, read or set. Default Infinity. */
  reconnectionAttempts(): number
  reconnectionAttempts(value: number): this
  /** Milliseconds before the first attempt, read or set. Default 1000. */
  reconnectionDelay(): number
  reconnectionDelay(value: number): this
  /** Most milliseconds between two attempts, read or set. Default 5000. */
  reconnectionDelayMax(): number
  reconnectionDelayMax(value: number): this
  /** How far delays are spread, from 0 to 1, read or set. Default 0.5. */
  randomizationFactor(): number
  randomizationFactor(value: number): this
  /** Milliseconds for one attempt to connect, or false; read or set. Default 20000. */
  timeout(): number | boolean
  timeout(value: number | boolean): this
}

/** Adds to the error what was tried and what to do about it. */
function explain(error: Error, { attempts, transport, revision }: EngineClient, given?: ConnectErrorCode): void {
  if (given) attempts.push({ transport: transport.name, revision, error: error.message })
  const code = given ?? (HAS_REVISION_3 ? diagnose(error, attempts) : 'TW_ERR_UNREACHABLE')
  Object.assign(error, { code, attempts, help: platform().help[code] })
}

function diagnose({ description }: Partial<TransportError>, attempts: readonly Attempt[]): ConnectErrorCode {
  if (description === 'parser error' || attempts.some(({ error }) => /version|"code":\s*5/i.test(error))) return 'TW_ERR_INCOMPATIBLE'
  return attempts.some(({ status }) => status) ? 'TW_ERR_REFUSED' : 'TW_ERR_UNREACHABLE'
}
