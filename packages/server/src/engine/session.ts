// The OWNER half of one Engine.IO session: state, outbox, heartbeat and upgrade. In: packets from its edges. Out: messages to its handler,
// batches to its edge. Created by SessionTable alone; ends in #end(), once, with a reason.
import { ProtocolError } from '@tidewire/protocol'
import type { EnginePacket, EngineRevision } from '@tidewire/protocol'
import type { IncomingMessage } from 'node:http'
import { emitGuarded } from '../events/guarded.ts'
import { LazyEmitter, hasListeners } from '../events/lazy-emitter.ts'
import type { Counters } from '../observe/counters.ts'
import type { CloseFrame, CloseReason, EngineSession, SessionHandler } from './contract.ts'
import type { Edge, Owner } from './door.ts'
import { scheduleFlush } from './flush-scheduler.ts'
import type { Flushable } from './flush-scheduler.ts'
import { HeldUpgrade } from './held-upgrade.ts'
import { MESSAGE_COST, NOOP, OutgoingMessage, PING, PONG, UncompressedMessage } from './outgoing-message.ts'
import type { RequestFacts } from './request-facts.ts'
import type { TimerWheel, WheelEntry } from './timer-wheel.ts'
import { debugScope } from '../debug.ts'
import { LIMITS } from '../limits.ts'
import type { LimitName } from '../limits.ts'

const debug = debugScope('engine:socket')

/** perf: an idle session has no array of its own. */
const EMPTY: OutgoingMessage[] = []

const CLOSE_TIMEOUT_MS = LIMITS.closeTimeout.default

/** perf: what few sessions are closed with takes no field of all. */
const closeFrames = new WeakMap<Session, CloseFrame>()

export interface SessionContext {
  readonly wheel: TimerWheel
  readonly pingInterval: number
  readonly pingTimeout: number
  readonly upgradeTimeout: number
  readonly maxOutboxBytes: number
  readonly now: () => number
  /** compat: what applications find as `socket.conn.server`. */
  readonly engine: object
  counters: Counters
  /** A listener of the application has failed. */
  readonly reportUserError: (error: unknown, event: string) => void
  /** The server empties itself: whatever is closed, is closed for that. */
  isDraining: boolean
  /** The one place where the engine forgets a session. */
  removeSession(session: Session): void
}

type Timing = 'idle' | 'ping due' | 'pong due' | 'silence' | 'close'

export class Session extends LazyEmitter implements EngineSession, Owner, Flushable, WheelEntry {
  readonly id: string
  readonly protocol: EngineRevision
  handler: SessionHandler | undefined
  readyState: 'opening' | 'open' | 'closing' | 'closed' = 'opening'
  upgrading = false
  upgraded = false
  dueTick = -1
  previousEntry: WheelEntry | undefined = undefined
  nextEntry: WheelEntry | undefined = undefined
  readonly #context: SessionContext
  /** Of the handshake request. */
  readonly facts: RequestFacts
  #edge: Edge | undefined
  #probe: Edge | undefined
  #isProbeAnswered = false
  /** Since a probe has said `5` before the former edge's POST was handled. */
  #held: HeldUpgrade | undefined
  /** Never pushed to while it is the shared empty one. */
  #outbox: OutgoingMessage[] = EMPTY
  #outboxBytes = 0
  /** Packets of the outbox's head that an edge is writing. */
  #inFlight = 0
  #flush: 'none' | 'with those of many' | 'own' = 'none'
  #timing: Timing = 'idle'
  #lastPacketAt = 0

  constructor(id: string, protocol: EngineRevision, facts: RequestFacts, context: SessionContext) {
    super()
    this.id = id
    this.protocol = protocol
    this.facts = facts
    this.#context = context
  }

  get request(): IncomingMessage {
    return this.facts.request
  }

  get remoteAddress(): string {
    return this.facts.remoteAddress
  }

  /** compat: the engine it is one of. */
  get server(): object {
    return this.#context.engine
  }

  get transport(): Edge {
    return this.#edge ?? NO_EDGE
  }

  get writable(): boolean {
    return this.#outbox.length === 0 && this.readyState === 'open' && this.#edge !== undefined && this.#edge.writable
  }

  /** What waits, as it counts against `maxOutboxBytes`. */
  get outboxBytes(): number {
    return this.#outboxBytes
  }

  get hasUnsent(): boolean {
    return this.#outbox.length > this.#inFlight
  }

  get pressure(): number {
    return this.#outboxBytes / this.#context.maxOutboxBytes
  }

  /** The packets that wait, as users of the official engine read them. */
  get writeBuffer(): readonly OutgoingMessage[] {
    return this.#outbox
  }

  /** The edge a request of this session is for. */
  get edge(): Edge | undefined {
    return this.#edge
  }

  get isProbing(): boolean {
    return this.#probe !== undefined
  }

  /** The probe has said that it takes over; what was sent before that is being handled. */
  get isTakingOver(): boolean {
    return this.#held !== undefined
  }

  open(edge: Edge, openPacket: string, initialPacket: string | Uint8Array | undefined): void {
    this.#edge = edge
    this.readyState = 'open'
    this.#lastPacketAt = this.#context.now()
    this.#push(new OutgoingMessage(openPacket, 'open'))
    if (initialPacket !== undefined) this.#push(new OutgoingMessage(initialPacket))
    if (this.protocol === 4) this.#setTimer('ping due', this.#context.pingInterval)
    else this.#setTimer('silence', this.#context.pingInterval + this.#context.pingTimeout)
  }

  /** To the application's listeners, of which most sessions have none. */
  #tell(event: string, ...args: unknown[]): void {
    if (hasListeners(this)) emitGuarded(this, event, args, this.#context.reportUserError)
  }

  // ---- out

  sendMessage(message: OutgoingMessage): void {
    if (this.readyState !== 'open') return
    this.#push(message)
  }

  /** The official engine socket's name for it: queues text or bytes as one message. */
  send(data: string | Uint8Array, options?: { compress?: boolean }, callback?: () => void): this {
    this.sendMessage(options?.compress === false ? new UncompressedMessage(data) : new OutgoingMessage(data))
    if (callback !== undefined) this.once('drain', callback)
    return this
  }

  write(data: string | Uint8Array, options?: { compress?: boolean }, callback?: () => void): this {
    return this.send(data, options, callback)
  }

  #push(message: OutgoingMessage): void {
    this.#tell('packetCreate', message)
    if (this.#outbox === EMPTY) this.#outbox = [message]
    else this.#outbox.push(message)
    this.#outboxBytes += message.byteLength
    if (this.#outboxBytes > this.#context.maxOutboxBytes && this.#outbox.length > 1 && this.#isStuck()) {
      const slow = new Error(
        `slow consumer: ${this.#outboxBytes} bytes wait for a client that does not read, more than maxOutboxBytes (${this.#context.maxOutboxBytes})`,
      )
      this.#context.counters.hit('maxOutboxBytes', this, slow.message)
      this.#end('transport error', slow)
      return
    }
    this.#scheduleFlush(message.queue())
  }

  /**
   * A burst that the next flush can write is not a slow reader; one that no edge can take is. A burst within one turn has room for
   * the official maximum of any one message besides.
   */
  #isStuck(): boolean {
    return this.#edge === undefined || !this.#edge.writable || this.#outboxBytes > LIMITS.outboxBurst.default * this.#context.maxOutboxBytes
  }

  #scheduleFlush(isForMany = false): void {
    if (this.#flush === 'own' || (isForMany && this.#flush !== 'none')) return
    this.#flush = isForMany ? 'with those of many' : 'own'
    scheduleFlush(this, isForMany)
  }

  /** Called by the scheduler at the end of a turn. */
  flush(): void {
    this.#flush = 'none'
    const edge = this.#edge
    if (edge === undefined || this.readyState === 'closed' || this.#inFlight > 0 || !edge.writable) return
    if (this.#outbox.length > 0) {
      this.#tell('flush', this.#outbox)
      this.#inFlight = this.#outbox.length
      edge.deliver(this.#outbox)
    } else if (this.readyState === 'closing') this.#closeEdge()
  }

  handleFlushed(edge: Edge, count: number): void {
    if (edge !== this.#edge || this.readyState === 'closed') return
    this.#inFlight = 0
    const before = this.#outboxBytes
    if (count === this.#outbox.length) {
      this.#outbox = EMPTY
      this.#outboxBytes = 0
    } else {
      for (const message of this.#outbox.splice(0, count)) this.#outboxBytes -= message.byteLength
    }
    const { counters } = this.#context
    counters.packetsOut += count
    counters.bytesOut += before - this.#outboxBytes - count * MESSAGE_COST
    this.#tell('drain')
    if (this.#outbox.length > 0 || this.readyState === 'closing') this.#scheduleFlush()
  }

  handleWritable(edge: Edge): void {
    if (edge !== this.#edge) return
    if (this.#outbox.length > 0 || this.readyState === 'closing') this.#scheduleFlush()
    // A poll that was on its way when the probe was answered would wait for ever: the client pauses until it has its answer.
    else if (this.#isProbeAnswered) this.#push(NOOP)
  }

  // ---- in

  handlePacket(edge: Edge, packet: EnginePacket): void {
    debug?.('%s: packet %s', this.id, packet.type)
    if (this.#held !== undefined && this.#mustWait(edge, packet.data?.length ?? 0, () => this.handlePacket(edge, packet))) return
    if (edge === this.#probe) return this.#handleProbe(edge, packet)
    if (edge !== this.#edge || this.readyState !== 'open') return
    const { counters } = this.#context
    counters.packetsIn++
    if (packet.data !== undefined) counters.bytesIn += packet.data.length
    this.#lastPacketAt = this.#context.now()
    this.#tell('packet', packet)
    switch (packet.type) {
      case 'message': {
        const data = toMessageData(packet.data)
        this.#tell('data', data)
        this.#tell('message', data)
        this.handler?.handleMessage(data)
        return
      }
      case 'ping':
        if (this.protocol === 4) return this.#end('transport error', new ProtocolError('TW_ERR_ENGINE_PACKET', 'invalid heartbeat direction'))
        this.#push(PONG)
        this.#tell('heartbeat')
        return
      case 'pong':
        if (this.protocol === 3) return this.#end('transport error', new ProtocolError('TW_ERR_ENGINE_PACKET', 'invalid heartbeat direction'))
        // Only a pong that was asked for is a sign of life (spec: EIO-72).
        if (this.#timing === 'pong due') this.#setTimer('ping due', this.#context.pingInterval)
        this.#tell('heartbeat')
        return
      case 'close':
        // Over WebSocket the close frame says it; a packet means nothing there (spec: EIO-74).
        if (edge.name !== 'polling') return
        // A poll that is held is answered with a noop, as the official server does.
        edge.detach()
        this.#end('transport close')
    }
  }

  handleClosed(edge: Edge, reason: CloseReason, description?: unknown): void {
    if (this.#mustWait(edge, 0, () => this.handleClosed(edge, reason, description))) return
    if (edge === this.#probe) this.#forgetProbe()
    else if (edge === this.#edge) this.#end(this.readyState === 'closing' ? this.#closeReason : reason, description)
  }

  // ---- upgrade

  /** A second transport asks to take over. The caller has checked that none is probing. */
  probe(edge: Edge): void {
    this.#probe = edge
    this.upgrading = true
    this.#tell('upgrading', edge)
  }

  #forgetProbe(): void {
    this.#probe = undefined
    this.upgrading = false
    this.#isProbeAnswered = false
  }

  #handleProbe(probe: Edge, packet: EnginePacket): void {
    if (packet.type === 'ping' && packet.data === 'probe') {
      // The probe is answered by the edge; the parked poll is released at once so that the client can pause (spec: EIO-60).
      this.#isProbeAnswered = true
      if (this.#edge?.writable && this.#outbox.length === 0) this.#push(NOOP)
      return
    }
    if (packet.type !== 'upgrade') {
      this.#forgetProbe()
      probe.close()
      return
    }
    if (this.#edge?.isReading === true && this.#held === undefined) {
      this.#held = new HeldUpgrade(probe, () => (this.#held = undefined))
      this.#mustWait(probe, 0, () => this.handlePacket(probe, packet))
      return
    }
    const former = this.#edge
    this.#edge = probe
    this.#forgetProbe()
    this.upgraded = true
    // A batch that the former edge was still writing is written by it; what came after moves on (spec: EIO-61).
    if (this.#inFlight > 0) {
      this.#outbox.splice(0, this.#inFlight)
      this.#outboxBytes = this.#outbox.reduce((bytes, message) => bytes + message.byteLength, 0)
      this.#inFlight = 0
    }
    if (probe.keepsHeartbeat === true && this.readyState === 'open') this.#cancelTimer()
    former?.detach()
    this.#tell('upgrade', probe)
    if (this.#outbox.length > 0 || this.readyState === 'closing') this.#scheduleFlush()
  }

  /** True: what this edge tells comes after what the former one is reading (spec: EIO-66). */
  #mustWait(edge: Edge, size: number, handle: () => void): boolean {
    const held = this.#held
    if (held === undefined || !held.holds(edge)) return false
    if (!held.add(size, handle)) {
      const error = new Error(`more than ${LIMITS.heldUpgradeBytes.default} bytes have come over a transport that takes over while a POST was being handled`)
      this.#context.counters.hit('heldUpgradeBytes', this, error.message)
      this.#end('transport error', error)
    }
    return true
  }

  /** What the edge was reading has been handled. */
  handleRead(edge: Edge): void {
    if (edge === this.#edge) this.#held?.release()
  }

  // ---- heartbeat

  #setTimer(timing: Timing, delayMs: number): void {
    this.#timing = timing
    this.#context.wheel.schedule(this, delayMs)
  }

  /** A ping that was open is the other's now: `close()` must not count on its timer. */
  #cancelTimer(): void {
    this.#timing = 'idle'
    this.#context.wheel.cancel(this)
  }

  handleTimer(): void {
    switch (this.#timing) {
      case 'ping due':
        this.#push(PING)
        if (this.readyState === 'open') this.#setTimer('pong due', this.#context.pingTimeout)
        return
      case 'silence': {
        const limitMs = this.#context.pingInterval + this.#context.pingTimeout
        const silentMs = this.#context.now() - this.#lastPacketAt
        if (silentMs < limitMs) return this.#setTimer('silence', limitMs - silentMs)
        return this.#end('ping timeout')
      }
      case 'pong due':
        return this.#end('ping timeout')
      case 'close':
        return this.#end(this.#closeReason)
    }
  }

  // ---- close

  close(discard?: boolean, frame?: CloseFrame): void {
    if (this.readyState !== 'open' && this.readyState !== 'opening') return
    if (frame !== undefined) closeFrames.set(this, frame)
    this.readyState = 'closing'
    // A client that is gone must not be waited for longer than without the close.
    if (this.#timing === 'pong due') this.#timing = 'close'
    else this.#setTimer('close', Math.min(CLOSE_TIMEOUT_MS, this.#context.pingInterval + this.#context.pingTimeout))
    // A client that has its answer may have said `5` already, and asks by polling no more: then the new transport says that all is over (spec: EIO-68).
    if (discard === true || !this.#isProbeAnswered) this.#probe?.close({ discard: true })
    if (discard === true) {
      this.#outbox = EMPTY
      this.#outboxBytes = 0
      this.#closeEdge({ discard: true })
      return
    }
    // Nothing to wait for: what comes after, in the same read perhaps, is not heard any more. A poll is answered at the end of the turn, with
    // what else there is to say.
    if (this.#outbox.length === 0 && this.#edge?.writable === true && this.#edge.name !== 'polling') this.#closeEdge()
    else this.#scheduleFlush()
  }

  /** The server is shutting down: no waiting. What was sent before, in the same turn perhaps, leaves if it can. */
  shutDown(): void {
    if (this.hasUnsent) this.flush()
    this.#end('server shutting down')
  }

  #closeEdge(options?: { discard?: boolean }): void {
    const edge = this.#edge
    if (edge === undefined) return this.#end(this.#closeReason)
    const frame = closeFrames.get(this)
    edge.close(this.#context.isDraining ? { ...options, isShutdown: true } : frame === undefined ? options : { ...options, ...frame })
    // An edge that can be closed at once is; a poll that is not there will fetch the close packet later.
    if (edge.name !== 'polling' || options?.discard === true) this.#end(this.#closeReason)
  }

  get #closeReason(): CloseReason {
    return this.#context.isDraining ? 'server shutting down' : 'forced close'
  }

  /** Called by the edge when it has parsed what is no packet. */
  handleMalformed(edge: Edge, error: unknown): void {
    if (this.#mustWait(edge, 0, () => this.handleMalformed(edge, error))) return
    if (edge === this.#probe) {
      this.#forgetProbe()
      edge.close({ discard: true })
    } else if (edge === this.#edge && this.readyState === 'open') this.#end('parse error', error)
  }

  /** A limit that ends nothing was hit; those that do are counted when they do. */
  handleLimit(limit: LimitName): void {
    this.#context.counters.hit(limit, this)
  }

  /** Ends the session for a reason found above the engine. */
  abort(reason: CloseReason, description?: unknown): void {
    this.#end(reason, description)
  }

  #end(reason: CloseReason, description?: unknown): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.#held?.end()
    this.#held = undefined
    this.#context.wheel.cancel(this)
    this.#context.removeSession(this)
    this.#context.counters.closed(this, reason, description)
    const edge = this.#edge
    const probe = this.#probe
    this.#probe = undefined
    probe?.close({ discard: true })
    edge?.close(reason === 'server shutting down' ? { isShutdown: true } : { discard: reason === 'ping timeout' || isSlowConsumer(description), ...closeFrameOf(description) })
    this.#outbox = EMPTY
    this.#outboxBytes = 0
    const { handler } = this
    this.handler = undefined
    handler?.handleClose(reason, description)
    this.#tell('close', reason, description)
  }
}

function isSlowConsumer(description: unknown): boolean {
  return description instanceof Error && description.message.startsWith('slow consumer')
}

function closeFrameOf(description: unknown): Partial<CloseFrame> {
  return description instanceof ProtocolError ? { code: description.closeCode ?? 1008, reason: description.message } : {}
}

/** What handlers get: text, or bytes of their own as a Buffer. */
function toMessageData(data: string | Uint8Array | undefined): string | Buffer {
  if (data === undefined) return ''
  if (typeof data === 'string' || Buffer.isBuffer(data)) return data
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength)
}

const NO_EDGE: Edge = {
  name: 'polling',
  writable: false,
  deliver() {},
  close() {},
  detach() {},
}
