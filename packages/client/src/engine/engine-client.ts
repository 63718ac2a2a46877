// One Engine.IO session seen from the client: chooses and changes transports, finds out the server's revision, keeps the heartbeat, holds
// what cannot be written yet. In: packets of a transport. Out: messages to the Manager. Dead after `close`.
import type { EnginePacket } from '@tidewire/protocol'
import { scope } from '../debug.ts'
import { Emitter } from '../emitter.ts'
import { HAS_DEBUG, HAS_UNREF, HAS_WEBTRANSPORT } from '../features.ts'
import type { EngineClientOptions } from '../options.ts'
import { startTimer, stopTimer } from '../timers.ts'
import type { Timer } from '../timers.ts'
import { Polling } from '../transports/polling.ts'
import type { Transport, TransportClosed, TransportConstructor } from '../transports/transport.ts'
import { TransportError } from '../transports/transport-error.ts'
import { isTooLarge, messageSize } from '../transports/message-size.ts'
import { WebSocketTransport } from '../transports/websocket.ts'
import { WebTransportTransport } from '../transports/webtransport.ts'
import type { ServerUrl } from '../url.ts'
import { atEndOfTurn } from './end-of-turn.ts'
import { GRACE_MS, isRevisionRefused, isUnaskedConnect, verdicts } from './negotiation.ts'
import type { Revision } from './negotiation.ts'
import { WATCH_MS, listenToPage } from './page.ts'

const debug = HAS_DEBUG ? scope('engine.io-client:socket') : undefined

/** One try to open a session, and what came back. */
export interface Attempt {
  /** "polling", "websocket" or "webtransport". */
  transport: string
  /** The revision that was asked for. */
  revision: Revision
  /** What came back, in words. */
  error: string
  /** The HTTP status, where there was an answer. */
  status?: number
}

const BUILT_IN: { [name: string]: TransportConstructor } = { polling: Polling, websocket: WebSocketTransport, webtransport: WebTransportTransport }

/** What polling is left for, the best first, and how long that may take before the next is tried in its place. */
const UPGRADES = ['webtransport', 'websocket']
const PATIENCE_MS = 1000
/**
 * One Engine.IO session from the client's side, as `socket.io.engine`.
 *
 * Events, under the official names: "open", "handshake", "packet", "packetCreate", "data", "message", "ping", "pong", "heartbeat", "drain", "flush",
 * "upgrading", "upgrade", "upgradeError", "error", "close".
 */
export class EngineClient extends Emitter {
  /** compat: whether the last connection used WebSocket, for `rememberUpgrade`. */
  static priorWebsocketSuccess = false
  /** The session id; undefined before the handshake. */
  id: string | undefined
  /** "closing": what waits is still sent. */
  readyState: 'opening' | 'open' | 'closing' | 'closed' = 'opening'
  /** The transport in use; changes with "upgrade". */
  transport!: Transport
  /** The Engine.IO revision that the server speaks, once it has answered; before that, the one it is asked for. */
  revision: Revision
  /** Packets that are not written yet, or under way. */
  writeBuffer: EnginePacket[] = []
  /** compat: binary data comes as ArrayBuffer in browsers, as Buffer in Node. */
  binaryType = 'arraybuffer'
  /** What has been tried until it opened or failed. */
  readonly attempts: Attempt[] = []
  /** compat: what it was made with, and the defaults of most. */
  readonly opts: EngineClientOptions
  /** compat: the host it goes to. */
  readonly hostname: string
  /** compat: the port, as text. */
  readonly port: string
  /** compat: whether it goes there over TLS. */
  readonly secure: boolean
  /** Bytes of the largest message that the server takes, if it has said so. */
  _maxPayload: number | undefined
  readonly #url: ServerUrl
  readonly #transports: { name: string; create: TransportConstructor }[]
  readonly #memoryKey: string
  readonly #ignorePage: () => void
  #isRemembered = false
  #isCertain: boolean
  #isAnnounced = false
  #upgrades: string[] = []
  #pingInterval = 0
  #pingTimeout = 0
  #deadline = Infinity
  #watchTimer: Timer | undefined
  #pingTimer: Timer | undefined
  #grace: Timer | undefined
  #early: EnginePacket[] = []
  #probe: Transport | undefined
  #isUpgrading = false
  #isFlushScheduled = false
  #inFlight = 0

  constructor(url: ServerUrl, options: EngineClientOptions) {
    super()
    this.#url = url
    this.opts = {
      upgrade: true,
      withCredentials: false,
      timestampParam: 't',
      rememberUpgrade: false,
      addTrailingSlash: true,
      transportOptions: {},
      closeOnBeforeunload: false,
      ...options,
    }
    this.hostname = url.host
    this.port = url.port
    this.secure = url.secure
    this.#memoryKey = `tidewire:${url.id}`
    this.#transports = (options.transports ?? Object.keys(BUILT_IN))
      .map((one) => (typeof one === 'string' ? { name: one, create: BUILT_IN[one]! } : { name: one.prototype.name ?? one.name, create: one }))
      // Few runtimes have WebTransport.
      .filter(({ create }) => create && (!HAS_WEBTRANSPORT || create !== WebTransportTransport || (globalThis as any).WebTransport))
    const remembered = this.#memory('getItem')
    const first = this.#transports.findIndex(({ name }) => name === remembered)
    this.#isRemembered = first > 0
    if (first > 0) this.#transports.unshift(...this.#transports.splice(first, 1))
    const pinned = options.protocolVersion
    this.#isCertain = pinned === 3 || pinned === 4
    this.revision = this.#isCertain ? (pinned as Revision) : (verdicts.get(url.id) ?? 4)
    this.#ignorePage = listenToPage(options, this, (reason, description) => this.#end(reason, description))
    this.#openNext()
  }

  /** compat: names of the transports, in the order they are tried. */
  get transports(): string[] {
    return this.#transports.map(({ name }) => name)
  }

  /** The transport that the last connection to this origin ended up with, in the application's storage or for `rememberUpgrade`. */
  #memory(method: 'getItem' | 'setItem' | 'removeItem', value?: string): string | null | undefined {
    const { rememberUpgrade, transportStorage } = this.opts
    if (method !== 'getItem') EngineClient.priorWebsocketSuccess = value === 'websocket'
    try {
      // Storage may be full or forbidden.
      if (transportStorage) return transportStorage[method](this.#memoryKey, value!) as string | null
    } catch {}
    return rememberUpgrade && EngineClient.priorWebsocketSuccess ? 'websocket' : undefined
  }

  // ---- opening

  #openNext(): void {
    const [next] = this.#transports
    const transport = next && this.#create(next)
    if (transport) this.transport = transport
    // The Manager has not subscribed yet.
    queueMicrotask(() => {
      if (!transport) this.#end('transport error', new TransportError('No transports available'))
      else if (this.readyState === 'opening' && transport === this.transport) {
        if (HAS_DEBUG) debug!('opening transport %s for revision %s', transport.name, this.revision)
        transport.open()
      }
    })
  }

  #create({ name, create }: { name: string; create: TransportConstructor }): Transport {
    const transport: Transport = new create(
      {
        url: this.#url,
        options: { ...this.opts, ...this.opts.transportOptions?.[name] },
        revision: this.revision,
        sid: this.id,
        maxPayload: this._maxPayload,
      },
      {
        handlePacket: (packet) => this.#handlePacket(transport, packet),
        handleDrain: () => this.#handleDrain(transport),
        handleClose: (why) => this.#handleTransportClose(transport, why),
      },
    )
    return transport
  }

  #handleTransportClose(transport: Transport, why?: TransportError | TransportClosed): void {
    const error = why instanceof Error ? why : undefined
    if (transport === this.#probe) return this.#failProbe(error)
    if (transport !== this.transport || this.readyState === 'closed') return
    if (this.readyState === 'opening' && this.id === undefined) return this.#handleRefusal(error)
    this.#end(error ? 'transport error' : 'transport close', why)
  }

  /** The decision table of refusals: another revision, another transport, or the end. */
  #handleRefusal(error: TransportError | undefined): void {
    const { status: seen, responseText } = (error?.context ?? {}) as { status?: number; responseText?: string }
    const description = error?.description
    const status = seen ?? (typeof description === 'number' && description > 0 ? description : undefined)
    this.attempts.push({
      transport: this.transport.name,
      revision: this.revision,
      error: responseText || error?.message || 'closed',
      ...(status === undefined ? {} : { status }),
    })
    if (HAS_DEBUG) debug!('refused: %j', this.attempts.at(-1))
    if (!this.#isCertain) {
      if (this.revision === 4 && isRevisionRefused(status, responseText)) {
        this.revision = 3
        return this.#openNext()
      }
      // What was known of this URL may be out of date: the server was replaced.
      if (verdicts.delete(this.#url.id) && this.revision === 3 && status === 400) {
        this.revision = 4
        return this.#openNext()
      }
    }
    // What worked in another network need not work in this one.
    const isForgotten = this.#isRemembered
    this.#isRemembered = false
    if ((isForgotten || this.opts.tryAllTransports) && this.#transports.length > 1) {
      if (isForgotten) this.#memory('removeItem')
      this.#transports.shift()
      if (!this.#isCertain) this.revision = 4
      return this.#openNext()
    }
    this.#end('transport error', error)
  }

  #handleHandshake(packet: EnginePacket): void {
    const open = JSON.parse(packet.data as string) as {
      sid: string
      upgrades?: string[]
      pingInterval?: number
      pingTimeout?: number
      maxPayload?: number
    }
    const { transport } = this
    this.id = transport.sid = open.sid
    this.#upgrades = open.upgrades ?? []
    this.#pingInterval = open.pingInterval ?? 25_000
    this.#pingTimeout = open.pingTimeout ?? 20_000
    this._maxPayload = open.maxPayload
    this.revision = transport.revision
    this.emitReserved('packet', packet)
    this.emitReserved('handshake', open)
    // Polling bodies tell the revision by their form; so does the answer to a question for 3; and only revision 4 has maxPayload.
    if (
      !this.#isCertain &&
      transport.name !== 'polling' &&
      this.revision === 4 &&
      open.maxPayload === undefined &&
      verdicts.get(this.#url.id) !== 4
    ) {
      this.#grace = startTimer(this.opts, () => this.#announce(), GRACE_MS)
    } else this.#announce()
  }

  #announce(): void {
    stopTimer(this.opts, this.#grace)
    this.#grace = undefined
    if (this.readyState !== 'opening') return
    this.#isAnnounced = true
    this.readyState = 'open'
    if (HAS_DEBUG) debug!('session %s is open, revision %s', this.id, this.revision)
    verdicts.set(this.#url.id, this.revision)
    if (this.transport.name === 'websocket') this.#memory('setItem', 'websocket')
    else EngineClient.priorWebsocketSuccess = false
    this.#keepAlive()
    this._watch()
    this.emitReserved('open')
    for (const packet of this.#early.splice(0)) this.#handlePacket(this.transport, packet)
    this.#scheduleFlush()
    this.#startUpgrade()
  }

  // ---- in

  #handlePacket(transport: Transport, packet: EnginePacket): void {
    if (transport === this.#probe) return this.#handleProbeAnswer(packet)
    if (transport !== this.transport || this.readyState === 'closed') return
    const { type, data } = packet
    if (type === 'open') return this.#handleHandshake(packet)
    if (!this.#isAnnounced) {
      this.#early.push(packet)
      if (this.#grace !== undefined && type === 'message' && isUnaskedConnect(data)) {
        this.revision = transport.revision = 3
        this.#announce()
      }
      return
    }
    this.emitReserved('packet', packet)
    this.emitReserved('heartbeat')
    if (type === 'message') {
      // A server that took its time (a slow middleware) turns out to be one of revision 3 after all.
      if (this.revision === 4 && !this.#isCertain && data === '0' && transport.name === 'websocket') {
        this.revision = transport.revision = 3
        verdicts.set(this.#url.id, 3)
      }
      if (this.revision === 3) this.#keepAlive()
      this.emitReserved('data', data ?? '')
      this.emitReserved('message', data ?? '')
    } else if (type === 'ping') {
      this.#keepAlive()
      this.#push({ type: 'pong' })
      this.emitReserved('ping')
      this.emitReserved('pong')
    } else if (type === 'pong') {
      if (this.revision === 3) this.#keepAlive()
      this.emitReserved('pong')
    }
  }

  // ---- heartbeat: a deadline that each sign of life moves, and a timer that looks at it

  #keepAlive(): void {
    this.#deadline = Date.now() + this.#pingInterval + this.#pingTimeout
    if (this.revision === 4) return
    stopTimer(this.opts, this.#pingTimer)
    this.#pingTimer = startTimer(
      this.opts,
      () => {
        this.#push({ type: 'ping' })
        this.emitReserved('ping')
      },
      this.#pingInterval,
    )
  }

  /** Ends a dead session at once; a timer that slept with its computer or its page would come too late. */
  _watch(): void {
    stopTimer(this.opts, this.#watchTimer)
    const left = this.#deadline - Date.now()
    if (left <= 0) this.#end('ping timeout')
    else if (this.#isAnnounced) this.#watchTimer = startTimer(this.opts, () => this._watch(), Math.min(left, WATCH_MS))
  }

  /** compat: whether the server's heartbeat is overdue; if so the session is about to end. */
  _hasPingExpired(): boolean {
    const isExpired = this.#deadline < Date.now()
    if (isExpired) queueMicrotask(() => this._watch())
    return isExpired
  }

  // ---- out

  /** Sends one message: text or bytes. The callback is called when it has been handed to the transport. */
  send(data: string | Uint8Array, options?: { compress?: boolean }, callback?: () => void): this {
    if (this.readyState === 'open' || this.readyState === 'opening') {
      this.#push({ type: 'message', data, options: { compress: options?.compress !== false } } as EnginePacket)
      if (callback) this.once('flush', callback)
    }
    return this
  }

  /** The same as `send`. */
  write(data: string | Uint8Array, options?: { compress?: boolean }, callback?: () => void): this {
    return this.send(data, options, callback)
  }

  /** True when a message sent now would leave at once. */
  get writable(): boolean {
    return this.readyState === 'open' && this.transport.writable && this.writeBuffer.length === 0 && !this.#isUpgrading
  }

  #push(packet: EnginePacket): void {
    this.emitReserved('packetCreate', packet)
    this.writeBuffer.push(packet)
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    // A page that goes takes its microtasks along; a process that exits need not.
    const whenDone = HAS_UNREF ? atEndOfTurn : queueMicrotask
    whenDone(() => {
      this.#isFlushScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    const { transport, writeBuffer } = this
    if (this.readyState === 'closed' || !this.#isAnnounced || this.#isUpgrading || this.#inFlight > 0) return
    if (!transport.writable || writeBuffer.length === 0) return
    const unread: { data?: unknown } | undefined = writeBuffer.find(({ data }) => (data as unknown) instanceof Blob)
    if (unread) {
      // Transports take bytes; what was sent after it waits, so that the order stays.
      void (unread.data as Blob).arrayBuffer().then((buffer) => {
        unread.data = new Uint8Array(buffer)
        this.#flush()
      })
      return
    }
    const packets = writeBuffer.slice(0, this.#fitting())
    this.#inFlight = packets.length
    if (HAS_DEBUG) debug!('flushing %s packets', packets.length)
    transport.send(packets)
    this.emitReserved('flush')
  }

  /** How many packets fit into one POST of the server's limit: one at least. */
  #fitting(): number | undefined {
    const limit = this._maxPayload
    if (limit === undefined || this.transport.name !== 'polling') return undefined
    // Packets are joined by separators: one less than there are packets.
    let bytes = -1
    const count = this.writeBuffer.findIndex(({ data = '' }, index) => {
      bytes += messageSize(data, true) + 1
      return index > 0 && bytes > limit
    })
    return count < 0 ? undefined : count
  }

  /** Whether a message is above what the server takes in one. */
  _isTooLarge(data: string | Uint8Array): boolean {
    return isTooLarge(data, this.transport.name === 'polling', this._maxPayload)
  }

  #handleDrain(transport: Transport): void {
    if (transport === this.#probe) {
      if (!this.#isProbing) transport.send([{ type: 'ping', data: 'probe' }])
      this.#isProbing = true
    }
    if (transport !== this.transport || this.readyState === 'closed') return
    this.writeBuffer.splice(0, this.#inFlight)
    this.#inFlight = 0
    if (this.writeBuffer.length > 0) return this.#scheduleFlush()
    this.emitReserved('drain')
    this.#closeWhenDrained()
  }

  // ---- upgrade

  #isProbing = false
  #failedProbes = 0

  #startUpgrade(): void {
    if (this.readyState !== 'open' || this.opts.upgrade === false || this.transport.name !== 'polling') return
    const wanted = UPGRADES.filter((name) => this.#upgrades.includes(name)).flatMap((name) => this.#transports.filter((one) => one.name === name))
    const next = wanted[this.#failedProbes]
    if (!next) return
    const probe = this.#create(next)
    this.#probe = probe
    this.#isProbing = false
    probe.open()
    // A network that drops what it does not know says nothing of it.
    if (HAS_WEBTRANSPORT && wanted[this.#failedProbes + 1]) {
      startTimer(this.opts, () => probe === this.#probe && !this.#isUpgrading && this.#failProbe(new TransportError('timeout')), PATIENCE_MS)
    }
  }

  #handleProbeAnswer({ type, data }: EnginePacket): void {
    const probe = this.#probe!
    if (type !== 'pong' || data !== 'probe') return this.#failProbe(undefined)
    this.#isUpgrading = true
    this.emitReserved('upgrading', probe)
    this.transport.pause(() => {
      // The probe may have died meanwhile; then the paused transport is of no use either.
      if (this.readyState === 'closed') return
      this.#inFlight = 0
      this.#probe = undefined
      this.transport = probe
      probe.send([{ type: 'upgrade' }])
      this.#isUpgrading = false
      if (probe.name === 'websocket') this.#memory('setItem', 'websocket')
      if (HAS_DEBUG) debug!('upgraded to %s', probe.name)
      this.emitReserved('upgrade', probe)
      this.#closeWhenDrained()
    })
  }

  #failProbe(error: TransportError | undefined): void {
    const probe = this.#probe!
    this.#probe = undefined
    probe.close()
    const failure = new Error(error ? `probe error: Error: ${error.message}` : 'probe error', { cause: error })
    if (HAS_DEBUG) debug!('%s', failure.message)
    this.emitReserved('upgradeError', Object.assign(failure, { transport: probe.name }))
    this.#failedProbes++
    if (HAS_WEBTRANSPORT && !this.#isUpgrading) this.#startUpgrade()
  }

  // ---- close

  /** Closes the session once everything is written. */
  close(): this {
    if (this.readyState === 'opening') this.#end('forced close')
    else if (this.readyState === 'open') {
      this.readyState = 'closing'
      this.#closeWhenDrained()
    }
    return this
  }

  #closeWhenDrained(): void {
    if (this.readyState === 'closing' && this.writeBuffer.length === 0 && !this.#isUpgrading) this.#end('forced close')
  }

  #end(reason: string, description?: unknown): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.#deadline = Infinity
    if (HAS_DEBUG) debug!('closed: %s', reason)
    for (const timer of [this.#watchTimer, this.#pingTimer, this.#grace]) stopTimer(this.opts, timer)
    this.#ignorePage()
    this.#probe?.close()
    this.#probe = undefined
    this.transport?.close()
    if (!this.#isAnnounced && reason !== 'forced close') {
      EngineClient.priorWebsocketSuccess = false
      this.emitReserved('error', description ?? new Error(reason))
    }
    this.emitReserved('close', reason, description)
    this.writeBuffer = []
  }
}
