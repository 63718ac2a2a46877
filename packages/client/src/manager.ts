// One connection to a server and the sockets of its namespaces: opens the engine, reconnects with backoff, routes packets.

import type { SocketPacket } from '@tidewire/protocol'
import { Backoff } from './backoff.ts'
import { createCodec } from './codec.ts'
import type { ClientCodec } from './codec.ts'
import { Emitter } from './emitter.ts'
import type { DefaultEventsMap, EventsMap } from './event-types.ts'
import { EngineClient } from './engine/engine-client.ts'
import type { ManagerOptions, SocketOptions } from './options.ts'
import { Socket } from './socket.ts'
import type { DisconnectDescription } from './socket.ts'
import { parseUrl } from './url.ts'

export interface ManagerReservedEvents {
  open: () => void
  error: (error: Error) => void
  ping: () => void
  packet: (packet: SocketPacket) => void
  close: (reason: string, description?: DisconnectDescription) => void
  reconnect_failed: () => void
  reconnect_attempt: (attempt: number) => void
  reconnect_error: (error: Error) => void
  reconnect: (attempt: number) => void
}

/** Why connecting failed: what was tried, and what to do. */
export interface ConnectErrorDetails {
  code: 'TW_ERR_UNREACHABLE' | 'TW_ERR_REFUSED' | 'TW_ERR_INCOMPATIBLE' | 'TW_ERR_TIMEOUT'
  history: readonly { transport: string; revision: number; error: string; status?: number }[]
  hint: string
}

export class Manager<ListenEvents extends EventsMap = DefaultEventsMap, _EmitEvents extends EventsMap = ListenEvents> extends Emitter<
  {},
  {},
  ManagerReservedEvents
> {
  /** The URL of the server; undefined for the one the page came from. */
  readonly uri: string
  opts: Partial<ManagerOptions & SocketOptions>
  /** The engine session of the current connection. */
  engine!: EngineClient
  _autoConnect: boolean
  _readyState: 'opening' | 'open' | 'closed' = 'closed'
  _reconnecting = false
  readonly nsps: { [name: string]: Socket<any, any> } = {}
  readonly backoff: Backoff
  #settings: Required<
    Pick<ManagerOptions, 'reconnection' | 'reconnectionAttempts' | 'reconnectionDelay' | 'reconnectionDelayMax' | 'randomizationFactor'>
  > & { timeout: number | false }
  #codec: ClientCodec | undefined
  #skipReconnect = false
  #reconnectTimer: ReturnType<typeof setTimeout> | undefined
  #openTimer: ReturnType<typeof setTimeout> | undefined

  constructor(options?: Partial<ManagerOptions & SocketOptions>)
  constructor(uri?: string, options?: Partial<ManagerOptions & SocketOptions>)
  constructor(first?: string | Partial<ManagerOptions & SocketOptions>, second?: Partial<ManagerOptions & SocketOptions>) {
    super()
    this.uri = typeof first === 'string' ? first : (undefined as unknown as string)
    const options = (typeof first === 'string' ? second : first) ?? {}
    this.opts = { path: '/socket.io', ...options }
    this.#settings = {
      reconnection: options.reconnection !== false,
      reconnectionAttempts: options.reconnectionAttempts ?? Infinity,
      reconnectionDelay: options.reconnectionDelay ?? 1000,
      reconnectionDelayMax: options.reconnectionDelayMax ?? 5000,
      randomizationFactor: options.randomizationFactor ?? 0.5,
      timeout: options.timeout ?? 20_000,
    }
    const { reconnectionDelay: min, reconnectionDelayMax: max, randomizationFactor: jitter } = this.#settings
    this.backoff = new Backoff({ min, max, jitter })
    this._autoConnect = options.autoConnect !== false
    if (this._autoConnect) this.open()
  }

  // ---- settings

  /** Whether it reconnects by itself, read or set. Default true. */
  reconnection(): boolean
  reconnection(value: boolean): this
  reconnection(value?: boolean): this | boolean {
    if (value === undefined) return this.#settings.reconnection
    this.#settings.reconnection = value
    if (!value) this.#skipReconnect = true
    return this
  }
  /** How often it tries to reconnect, read or set. Default Infinity. */
  reconnectionAttempts(): number
  reconnectionAttempts(value: number): this
  reconnectionAttempts(value?: number): this | number {
    if (value === undefined) return this.#settings.reconnectionAttempts
    this.#settings.reconnectionAttempts = value
    return this
  }
  /** Milliseconds before the first attempt, read or set. Default 1000. */
  reconnectionDelay(): number
  reconnectionDelay(value: number): this
  reconnectionDelay(value?: number): this | number {
    if (value === undefined) return this.#settings.reconnectionDelay
    this.#settings.reconnectionDelay = this.backoff.min = value
    return this
  }
  /** Most milliseconds between two attempts, read or set. Default 5000. */
  reconnectionDelayMax(): number
  reconnectionDelayMax(value: number): this
  reconnectionDelayMax(value?: number): this | number {
    if (value === undefined) return this.#settings.reconnectionDelayMax
    this.#settings.reconnectionDelayMax = this.backoff.max = value
    return this
  }
  /** How far delays are spread, from 0 to 1, read or set. Default 0.5. */
  randomizationFactor(): number
  randomizationFactor(value: number): this
  randomizationFactor(value?: number): this | number {
    if (value === undefined) return this.#settings.randomizationFactor
    this.#settings.randomizationFactor = this.backoff.jitter = value
    return this
  }
  /** Milliseconds for one attempt to connect, or false; read or set. Default 20000. */
  timeout(): number | boolean
  timeout(value: number | boolean): this
  timeout(value?: number | boolean): this | number | boolean {
    if (value === undefined) return this.#settings.timeout
    this.#settings.timeout = value === true ? 20_000 : value
    return this
  }

  // ---- opening

  /** Opens the connection; the callback gets an error when this attempt fails. */
  open(callback?: (error?: Error) => void): this {
    if (this._readyState !== 'closed') return this
    this._readyState = 'opening'
    this.#skipReconnect = false
    const engine = new EngineClient(parseUrl(this.uri ?? uriOf(this.opts)), this.opts)
    this.engine = engine
    const fail = (error: Error, code?: ConnectErrorDetails['code']): void => {
      if (this.engine !== engine || this._readyState !== 'opening') return
      this.#clearOpenTimer()
      this._readyState = 'closed'
      explain(error, engine, code)
      this.emitReserved('error', error)
      if (callback !== undefined) callback(error)
      else if (!this._reconnecting && this.#settings.reconnection && this.backoff.attempts === 0) this.#reconnect()
    }
    engine.on('open', () => {
      this.#clearOpenTimer()
      this.#handleOpen(engine)
      callback?.()
    })
    engine.on('error', (error: Error) => fail(error))
    const { timeout } = this.#settings
    if (timeout !== false) {
      this.#openTimer = setTimeout(() => {
        fail(new Error('timeout'), 'TW_ERR_TIMEOUT')
        engine.off()
        engine.close()
      }, timeout)
      if (this.opts.autoUnref) (this.#openTimer as { unref?: () => void }).unref?.()
    }
    return this
  }

  /** The same as `open`. */
  connect(callback?: (error?: Error) => void): this {
    return this.open(callback)
  }

  #clearOpenTimer(): void {
    clearTimeout(this.#openTimer)
    this.#openTimer = undefined
  }

  #handleOpen(engine: EngineClient): void {
    this._readyState = 'open'
    // The revision may still change from 4 to 3 while the first packet is on its way; both codecs read a CONNECT.
    this.#codec = createCodec(this.opts.parser, engine.revision === 4 ? 5 : 4)
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
      return this.#handleParseError(error)
    }
    if (packet === undefined) return
    this.emitReserved('packet', packet)
    for (const socket of Object.values(this.nsps)) socket.handlePacket(packet)
  }

  #handleParseError(error: unknown): void {
    const { engine } = this
    engine.off()
    engine.close()
    this.#handleClose('parse error', error)
  }

  /** Writes a packet of one of the sockets. @throws ProtocolError when it cannot be encoded */
  _packet(packet: SocketPacket): void {
    for (const chunk of this.#codec!.encode(packet)) this.engine.send(chunk)
  }

  // ---- sockets

  /** The socket of a namespace, made if need be. */
  socket(namespace: string, options?: Partial<SocketOptions>): Socket {
    const known = this.nsps[namespace]
    if (known === undefined) return (this.nsps[namespace] = new Socket(this, namespace, options))
    if (this._autoConnect && !known.active) known.connect()
    return known
  }

  /** A socket has been disconnected: the connection goes when none is left. */
  _destroy(_socket: Socket<any, any>): void {
    if (Object.values(this.nsps).some((socket) => socket.active)) return
    this._close()
  }

  // ---- close

  /** compat: closes the connection and gives up reconnecting. */
  _close(): void {
    this.#skipReconnect = true
    this._reconnecting = false
    this.#clearOpenTimer()
    clearTimeout(this.#reconnectTimer)
    if (this.engine === undefined || this._readyState === 'closed') return
    if (this._readyState === 'opening') {
      this._readyState = 'closed'
      this.engine.off()
      this.engine.close()
      return
    }
    const { engine } = this
    // Closed at once, so that a connect() right after it opens anew; the old engine still sends what it holds.
    this.#handleClose('forced close')
    engine.close()
  }

  /** compat: the same as `_close`. */
  disconnect(): void {
    this._close()
  }

  #handleClose(reason: string, description?: unknown): void {
    if (this._readyState === 'closed') return
    this._readyState = 'closed'
    this.#codec?.destroy()
    this.backoff.reset()
    this.engine.off()
    this.emitReserved('close', reason, description)
    if (this.#settings.reconnection && !this.#skipReconnect) this.#reconnect()
  }

  // ---- reconnecting

  #reconnect(): void {
    if (this._reconnecting || this.#skipReconnect) return
    if (this.backoff.attempts >= this.#settings.reconnectionAttempts) {
      this.backoff.reset()
      this._reconnecting = false
      this.emitReserved('reconnect_failed')
      return
    }
    this._reconnecting = true
    this.#reconnectTimer = setTimeout(() => {
      if (this.#skipReconnect) return
      const attempt = this.backoff.attempts
      this.emitReserved('reconnect_attempt', attempt)
      // A listener may have given up.
      if (this.#skipReconnect) return
      this.open((error) => {
        this._reconnecting = false
        if (error !== undefined) {
          this.#reconnect()
          this.emitReserved('reconnect_error', error)
          return
        }
        this.backoff.reset()
        this.emitReserved('reconnect', attempt)
      })
    }, this.backoff.duration())
    if (this.opts.autoUnref) (this.#reconnectTimer as { unref?: () => void }).unref?.()
  }
}

function uriOf({ hostname, host = hostname, port, secure }: Partial<ManagerOptions>): string | undefined {
  return host === undefined ? undefined : `${secure ? 'https' : 'http'}://${host}${port === undefined ? '' : `:${port}`}`
}

/** Adds to the error what was tried and what to do about it. */
function explain(error: Error, { attempts }: EngineClient, given?: ConnectErrorDetails['code']): void {
  const last = attempts.at(-1)
  const hasAnswer = attempts.some(({ status }) => status !== undefined)
  const isVersion = attempts.some(({ error: text }) => /version|"code":\s*5/i.test(text)) || (error as { description?: unknown }).description === 'parser error'
  const code = given ?? (isVersion ? 'TW_ERR_INCOMPATIBLE' : hasAnswer ? 'TW_ERR_REFUSED' : 'TW_ERR_UNREACHABLE')
  const hints: Record<ConnectErrorDetails['code'], string> = {
    TW_ERR_UNREACHABLE: 'No answer: check the URL, that the server runs, and what stands between (proxy, firewall, CORS in a browser)',
    TW_ERR_REFUSED: `The server refused with status ${last?.status}: check the path option, the allowed origins and the server's allowRequest; the answer was ${last?.error.slice(0, 200)}`,
    TW_ERR_INCOMPATIBLE: 'The server answers, but in no version of the protocol that this client speaks (Engine.IO 3 and 4): check that it is a Socket.IO server and that allowEIO3 or protocolVersion is not what keeps them apart',
    TW_ERR_TIMEOUT: 'The server did not complete the handshake in time: raise the timeout option, or look for a proxy that holds answers or WebSocket upgrades back',
  }
  Object.assign(error, { code, history: attempts.slice(), hint: hints[code] })
}

