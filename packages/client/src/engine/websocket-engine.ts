// The engine of the WebSocket-only entry: one Engine.IO 4 session on one WebSocket, with the members and events of EngineClient. No
// negotiation, no upgrade. In: messages of the global WebSocket. Out: messages to the Manager. Dead after `close`.
import { Emitter } from '../emitter.ts'
import type { EngineClientOptions } from '../options.ts'
import type { WebSocketLike } from '../platform/platform.ts'
import { startTimer, stopTimer } from '../timers.ts'
import type { Timer } from '../timers.ts'
import { isTooLarge } from '../transports/message-size.ts'
import { requestUrl } from '../transports/request-url.ts'
import { TransportError } from '../transports/transport-error.ts'
import type { ServerUrl } from '../url.ts'
import { WATCH_MS, listenToPage } from './page.ts'
import type { Attempt } from './engine-client.ts'

/** What a server sends on a WebSocket of this revision. */
const TYPES: { [digit: string]: string } = { 0: 'open', 2: 'ping', 4: 'message' }

export class WebSocketEngine extends Emitter {
  id: string | undefined
  readyState: 'opening' | 'open' | 'closed' = 'opening'
  readonly revision = 4
  readonly transport: { name: string } = { name: 'websocket' }
  readonly attempts: Attempt[] = []
  binaryType = 'arraybuffer'
  writeBuffer: unknown[] = []
  _maxPayload: number | undefined
  readonly #options: EngineClientOptions
  readonly #socket: WebSocketLike
  readonly #ignorePage: () => void
  #deadline = Infinity
  #patience = 0
  #timer: Timer | undefined

  constructor(url: ServerUrl, options: EngineClientOptions) {
    super()
    this.#options = options
    const { protocols = [], extraHeaders: headers } = options
    const socket = new (WebSocket as any)(requestUrl('ws', url, options, { EIO: 4, transport: 'websocket' }), protocols, { headers })
    this.#socket = socket
    socket.binaryType = this.binaryType
    socket.onmessage = ({ data }: MessageEvent) => this.readyState !== 'closed' && this.#handleMessage(data)
    socket.onclose = (context: unknown) => {
      if (this.id) this.#end('transport close', { description: 'websocket connection closed', context })
      else this.#fail(context)
    }
    socket.onerror = (event: unknown) => this.#fail(event)
    this.#ignorePage = listenToPage(options, this, (reason, description) => this.#end(reason, description))
  }

  #fail(event: unknown): void {
    const error = new TransportError('websocket error', event)
    if (this.readyState === 'opening') this.attempts.push({ transport: 'websocket', revision: 4, error: error.message })
    this.#end('transport error', error)
  }

  #handleMessage(data: any): void {
    const isText = typeof data === 'string'
    const type = isText ? TYPES[data[0] as string]! : 'message'
    const message = isText ? data.slice(1) : new Uint8Array(data)
    this.emitReserved('packet', { type, data: message })
    if (type === 'open') {
      const open = JSON.parse(message as string)
      this.id = open.sid
      this._maxPayload = open.maxPayload
      this.#patience = open.pingInterval + open.pingTimeout
      this.readyState = 'open'
      this.emitReserved('handshake', open)
      this.#keepAlive()
      this._watch()
      this.emitReserved('open')
    } else {
      this.emitReserved('heartbeat')
      if (type === 'ping') {
        this.#keepAlive()
        this.#socket.send('3')
        this.emitReserved('ping')
        this.emitReserved('pong')
      } else if (type === 'message') {
        this.emitReserved('data', message)
        this.emitReserved('message', message)
      }
    }
  }

  // ---- heartbeat: a deadline that each ping moves, and a timer that looks at it

  #keepAlive(): void {
    this.#deadline = Date.now() + this.#patience
  }

  /** Ends a dead session at once; a timer that slept with its computer or its page would come too late. */
  _watch(): void {
    stopTimer(this.#options, this.#timer)
    const left = this.#deadline - Date.now()
    if (left <= 0) this.#end('ping timeout')
    else if (this.id) this.#timer = startTimer(this.#options, () => this._watch(), Math.min(left, WATCH_MS))
  }

  _hasPingExpired(): boolean {
    const isExpired = this.#deadline < Date.now()
    if (isExpired) queueMicrotask(() => this._watch())
    return isExpired
  }

  // ---- out

  send(data: string | Uint8Array): this {
    this.emitReserved('packetCreate', { type: 'message', data })
    if (this.writable) this.#socket.send(typeof data === 'string' ? '4' + data : data)
    this.emitReserved('flush')
    this.emitReserved('drain')
    return this
  }

  get writable(): boolean {
    return this.readyState === 'open'
  }

  _isTooLarge(data: string | Uint8Array): boolean {
    return isTooLarge(data, false, this._maxPayload)
  }

  // ---- close

  close(): this {
    this.#end('forced close')
    return this
  }

  #end(reason: string, description?: unknown): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.#deadline = Infinity
    stopTimer(this.#options, this.#timer)
    this.#ignorePage()
    this.#socket.close()
    if (!this.id && reason !== 'forced close') this.emitReserved('error', description ?? new Error(reason))
    this.emitReserved('close', reason, description)
  }
}
