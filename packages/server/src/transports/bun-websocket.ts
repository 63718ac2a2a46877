// The EDGE of a session on a WebSocket of Bun.serve, which frames, answers pings and buffers by itself. In: messages. Out: packets to the owner,
// batches of messages in one write. Closes the WebSocket, once.
import { engineV3, engineV4, fitCloseReason } from '@tidewire/protocol'
import type { EnginePacket } from '@tidewire/protocol'
import type { BunSocket, BunWebSocketHandlers } from '../bun/bun-types.ts'
import type { WebSocketEdge } from '../engine/cluster-port.ts'
import type { Owner } from '../engine/door.ts'
import { PONG_PROBE } from '../engine/outgoing-message.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'
import { debugScope } from '../debug.ts'
import { RelayedFrames } from './relayed-frames.ts'

const debug = debugScope('engine:ws')

/** Bytes that may wait in Bun before packets wait in the owner's outbox, which is bounded. */
const HIGH_WATER_BYTES = 65_536
/** WebSocket close code of Bun for a connection that has ended without a close frame. */
const ABNORMAL = 1006

interface BunWebSocketSettings {
  readonly supportsBinary: boolean
  /** Messages from here on are compressed, if the client takes that. */
  readonly compressionThreshold: number
  readonly userAgent: string | undefined
}

/** What was encoded last. Receivers of a broadcast get the same message in a turn. */
let lastMessage: OutgoingMessage | undefined
let lastText = ''

export class BunWebSocketTransport implements WebSocketEdge {
  readonly name = 'websocket'
  writable = false
  readonly supportsBinary: boolean
  whenGone: (() => void) | undefined
  readonly #owner: Owner
  readonly #settings: BunWebSocketSettings
  #ws!: BunSocket
  #hasReported = false
  #isClosed = false
  #flushing = 0
  #relayed: RelayedFrames | undefined

  /** Once, as it holds the request. */
  #whenOpen: ((edge: WebSocketEdge) => void) | undefined

  constructor(owner: Owner, settings: BunWebSocketSettings, whenOpen: (edge: WebSocketEdge) => void) {
    this.#owner = owner
    this.#whenOpen = whenOpen
    this.#settings = settings
    this.supportsBinary = settings.supportsBinary
  }

  opened(ws: BunSocket): void {
    this.#ws = ws
    this.writable = true
    const whenOpen = this.#whenOpen!
    this.#whenOpen = undefined
    whenOpen(this)
  }

  // ---- out

  deliver(batch: readonly OutgoingMessage[]): void {
    debug?.('%d packets out', batch.length)
    const count = batch.length
    // perf: what has left at once needs no question of how much waits.
    if (count === 1 && this.#send(batch[0]!) > 0) return this.#owner.handleFlushed(this, 1)
    if (count > 1) {
      this.#ws.cork(() => {
        for (let i = 0; i < count; i++) this.#send(batch[i]!)
      })
    }
    this.#sent(count)
  }

  /** `amount` of packets, or bytes of relayed frames, have been given to Bun. */
  #sent(amount: number): void {
    if (this.#ws.getBufferedAmount() < HIGH_WATER_BYTES) this.#owner.handleFlushed(this, amount)
    else {
      this.writable = false
      this.#flushing += amount
    }
  }

  /** More than 0: it has left. */
  #send(message: OutgoingMessage): number {
    const { data } = message
    if (typeof data === 'string') {
      if (message !== lastMessage) {
        if (lastMessage === undefined) queueMicrotask(forgetLastMessage)
        lastMessage = message
        lastText = engineV4.encodePacket(message, true) as string
      }
      return this.#sendText(lastText, message.compress)
    }
    const codec = this.#owner.protocol === 4 ? engineV4 : engineV3
    const encoded = codec.encodePacket(message, this.supportsBinary)
    if (typeof encoded === 'string') return this.#sendText(encoded, message.compress)
    return this.#ws.sendBinary(encoded, message.compress && encoded.length >= this.#settings.compressionThreshold)
  }

  #sendText(text: string, mayCompress = true): number {
    return this.#ws.sendText(text, mayCompress && text.length >= this.#settings.compressionThreshold)
  }

  deliverFrames(frames: Buffer): void {
    if (this.#isClosed) return
    this.#relayed ??= new RelayedFrames((data) => (typeof data === 'string' ? this.#sendText(data) : this.#ws.sendBinary(data)))
    this.#ws.cork(() => this.#relayed!.push(frames))
    this.#sent(frames.length)
  }

  drained(): void {
    if (this.writable || this.#isClosed || this.#ws.getBufferedAmount() >= HIGH_WATER_BYTES) return
    this.writable = true
    const flushed = this.#flushing
    this.#flushing = 0
    this.#owner.handleFlushed(this, flushed)
    this.#owner.handleWritable(this)
  }

  // ---- in

  /** Bun cannot stop reading from one client. */
  pause(): void {}
  resume(): void {}

  receive(message: string | Uint8Array): void {
    if (this.#isClosed) return
    let packet: EnginePacket
    try {
      packet = this.#owner.protocol === 4 ? engineV4.decodePacket(message) : engineV3.decodePacket(message)
    } catch (error) {
      this.#owner.handleMalformed(this, error)
      return
    }
    if (packet.type === 'ping' && packet.data === 'probe' && this.#owner.edge !== this) this.#send(PONG_PROBE)
    this.#owner.handlePacket(this, packet)
  }

  // ---- close

  close(options?: { discard?: boolean; code?: number; reason?: string; isShutdown?: boolean }): void {
    this.#hasReported = true
    if (this.#isClosed) return
    this.#isClosed = true
    // compat: OkHttp, under the Java clients, takes no notice of a close frame (see transports/websocket.ts).
    const ignoresCloseFrames = options?.isShutdown === true && this.#settings.userAgent?.startsWith('okhttp/') === true
    if ((options?.discard === true && !this.writable) || (ignoresCloseFrames && this.#ws.getBufferedAmount() === 0)) this.#ws.terminate()
    else this.#ws.close(options?.code, options?.reason === undefined ? undefined : fitCloseReason(options.reason))
  }

  detach(): void {}

  closed(code: number, reason: string): void {
    this.#isClosed = true
    this.writable = false
    this.whenGone?.()
    if (this.#hasReported) return
    this.#hasReported = true
    // Bun says what was wrong with a frame; a connection that is merely gone has no reason.
    if (code === ABNORMAL && reason !== '') this.#owner.handleClosed(this, 'transport error', new Error(reason))
    else this.#owner.handleClosed(this, 'transport close', { code, reason })
  }
}

function forgetLastMessage(): void {
  lastMessage = undefined
  lastText = ''
}

/** For `Bun.serve`. */
export function webSocketHandlers(maxPayloadLength: number, perMessageDeflate: unknown): BunWebSocketHandlers {
  return {
    open: (ws) => (ws.data as BunWebSocketTransport).opened(ws),
    message: (ws, message) => (ws.data as BunWebSocketTransport).receive(message),
    drain: (ws) => (ws.data as BunWebSocketTransport).drained(),
    close: (ws, code, reason) => (ws.data as BunWebSocketTransport).closed(code, reason),
    maxPayloadLength,
    // Bun drops what is above it; the session's own outbox is bounded, and closes.
    backpressureLimit: 0xff_ff_ff_ff,
    // Silence is the session's business.
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate,
  }
}
