// EDGE: a WebSocket of this node that serves a session of another one. In: packets from the client, frames from the owner. Out: packets to the
// owner, frames to the client as they came. It keeps the heartbeat of the session, so that a stall of the link does not count against the
// client, and stops reading the client while the link is full.
import { OPCODE, encodeFrame } from '@tidewire/protocol'
import type { EnginePacket, EngineRevision } from '@tidewire/protocol'
import type {
  Edge,
  EngineRejection,
  LimitName,
  LocalSessions,
  Owner,
  PendingUpgrade,
  PortTimer,
  WebSocketEdge,
} from 'tidewire'
import { CLOSE_REASONS, KIND, writeFacts } from './messages.ts'
import type { CloseFacts, EdgeCloseReason } from './messages.ts'
import type { PeerSessions } from './peer-sessions.ts'

/** How much the kernel has taken before the owner is told; a part of what it lets be under way (remote-websocket.ts). */
const REPORT_BYTES = 64 << 10
/** What a client may send before the owner has handled what came earlier: more would keep the clients waiting that share the link, and the owner's own. */
const BURST_BYTES = 32 << 10
/** Of a packet, besides its data. */
const PACKET_BYTES = 16
const PING = Buffer.from(encodeFrame(OPCODE.TEXT, '2'))
const PONG = Buffer.from(encodeFrame(OPCODE.TEXT, '3'))
/** RFC 6455: "going away". Clients of every age take it. */
const GOING_AWAY = 1001

/** What the owner goes by. */
export interface SessionTerms {
  readonly protocol: EngineRevision
  readonly pingInterval: number
  readonly pingTimeout: number
}

export class RelayedWebSocket implements Owner, PortTimer {
  dueTick = -1
  readonly #peer: PeerSessions
  readonly #number: number
  readonly #timers: LocalSessions
  #upgrade: PendingUpgrade | undefined
  #terms: SessionTerms = { protocol: 4, pingInterval: 0, pingTimeout: 0 }
  #socket: WebSocketEdge | undefined
  /** The client has sent its upgrade packet: the session has moved here. */
  #isUpgraded = false
  #isDismissed = false
  #isPongDue = false
  #lastPacketAt = 0
  #isEnded = false
  /** The link is full. */
  #isPaused = false
  /** The owner is to handle first what this client has sent. */
  #isPacing = false
  #burstBytes = 0
  /** Frames of ours, pings, are among those that the kernel takes. */
  #ownBytes = 0
  #takenBytes = 0

  constructor(peer: PeerSessions, number: number, upgrade: PendingUpgrade, timers: LocalSessions) {
    this.#peer = peer
    this.#number = number
    this.#upgrade = upgrade
    this.#timers = timers
  }

  get protocol(): EngineRevision {
    return this.#terms.protocol
  }

  get edge(): Edge | undefined {
    return this.#isUpgraded ? this.#socket : undefined
  }

  // ---- from the owner

  refuse(reason: EngineRejection): void {
    const upgrade = this.#upgrade
    this.#end()
    upgrade?.refuse(reason)
  }

  accept(terms: SessionTerms): void {
    const upgrade = this.#upgrade
    if (upgrade === undefined) return
    this.#upgrade = undefined
    this.#terms = terms
    upgrade.accept(
      this,
      (socket) => {
        if (this.#isEnded) socket.close({ discard: true })
        else this.#socket = socket
      },
      () => this.#report('transport close', undefined),
    )
  }

  deliver(frames: Buffer): void {
    this.#socket?.deliverFrames(frames)
  }

  close({ discard, isShutdown, code, reason }: CloseFacts): void {
    const upgrade = this.#upgrade
    this.#end()
    if (upgrade !== undefined)
      return upgrade.refuse({ code: 3, message: 'Bad request', status: 400, hint: 'the session has ended' })
    this.#socket?.close({
      ...(discard === undefined ? {} : { discard }),
      // The owner, which goes on, does not say so.
      ...(isShutdown === undefined && !this.#isDismissed ? {} : { isShutdown: true }),
      ...(code === undefined ? {} : { code }),
      ...(reason === undefined ? {} : { reason }),
    })
  }

  /** The owner is gone, or the link to it. */
  end(refusal: EngineRejection, reason: string): void {
    const upgrade = this.#upgrade
    this.#end()
    if (upgrade !== undefined) upgrade.refuse(refusal)
    else this.#socket?.close({ isShutdown: true, code: GOING_AWAY, reason })
  }

  /** This node is to go: the owner ends the session in an orderly way. */
  dismiss(): void {
    this.#isDismissed = true
    if (!this.#isEnded) this.#peer.tell(KIND.dismiss, this.#number)
  }

  /** This node goes. */
  leave(): void {
    const upgrade = this.#upgrade
    this.#report('transport close', { reason: 'the node of the WebSocket is shutting down' })
    if (upgrade !== undefined)
      upgrade.refuse({ code: 3, message: 'Bad request', status: 400, hint: 'the server is shutting down' })
    else this.#socket?.close({ isShutdown: true })
  }

  /** The link has room again. */
  handleDrain(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    if (!this.#isPacing) this.#socket?.resume()
  }

  #pace(size: number): void {
    this.#burstBytes += size + PACKET_BYTES
    if (this.#burstBytes <= BURST_BYTES || this.#isPacing) return
    this.#burstBytes = 0
    this.#isPacing = true
    this.#socket?.pause()
    this.#peer.whenHandled(() => {
      this.#isPacing = false
      if (!this.#isPaused && !this.#isEnded) this.#socket?.resume()
    })
  }

  // ---- from the client

  handlePacket(_edge: Edge, packet: EnginePacket): void {
    if (this.#isEnded) return
    if (this.#isUpgraded) {
      this.#lastPacketAt = this.#timers.now()
      if (packet.type === 'pong' && this.protocol === 4) return this.#handlePong()
      if (packet.type === 'ping' && this.protocol === 3) return this.#write(PONG)
      // Over WebSocket the close frame says it (spec: EIO-74).
      if (packet.type === 'close') return
    } else if (packet.type === 'upgrade') this.#beginHeartbeat()
    const result = this.#peer.sendPacket(this.#number, packet)
    if (result === 'failed') return this.#fail()
    this.#pace(packet.data?.length ?? 0)
    if (result === 'sent' || this.#isPaused) return
    this.#isPaused = true
    this.#socket?.pause()
  }

  /** RFC 6455: "message too big". */
  #fail(): void {
    const socket = this.#socket
    this.#report('transport error', { message: 'a message is larger than one node may send another' })
    socket?.close({ code: 1009 })
  }

  handleMalformed(_edge: Edge, error: unknown): void {
    if (this.#isEnded) return
    this.#peer.send(KIND.malformed, this.#number, (writer) => writer.text(messageOf(error)))
  }

  /** Here a count of bytes: frames are written as they come. */
  handleFlushed(_edge: Edge, bytes: number): void {
    if (this.#isEnded) return
    const own = Math.min(bytes, this.#ownBytes)
    this.#ownBytes -= own
    this.#takenBytes += bytes - own
    if (this.#takenBytes < REPORT_BYTES) return
    const taken = this.#takenBytes
    this.#takenBytes = 0
    this.#peer.send(KIND.taken, this.#number, (writer) => writer.number(taken))
  }

  handleWritable(): void {}

  handleLimit(limit: LimitName): void {
    this.#timers.countLimit?.(limit)
  }

  handleClosed(_edge: Edge, reason: string, description?: unknown): void {
    this.#timers.countLimit?.(undefined, description)
    this.#report(reason === 'transport error' ? reason : 'transport close', factsOf(description))
  }

  // ---- heartbeat

  #beginHeartbeat(): void {
    this.#isUpgraded = true
    this.#lastPacketAt = this.#timers.now()
    const { protocol, pingInterval, pingTimeout } = this.#terms
    this.#timers.schedule(this, protocol === 4 ? pingInterval : pingInterval + pingTimeout)
  }

  #handlePong(): void {
    if (!this.#isPongDue) return
    this.#isPongDue = false
    this.#timers.schedule(this, this.#terms.pingInterval)
  }

  handleTimer(): void {
    const { protocol, pingInterval, pingTimeout } = this.#terms
    // What it says is not read: the link holds it back, or ends.
    if (this.#isPaused || this.#isPacing) return this.#timers.schedule(this, pingTimeout)
    if (protocol === 4 && !this.#isPongDue) {
      this.#isPongDue = true
      this.#timers.schedule(this, pingTimeout)
      return this.#write(PING)
    }
    const silentMs = this.#timers.now() - this.#lastPacketAt
    const limitMs = pingInterval + pingTimeout
    if (protocol === 3 && silentMs < limitMs) return this.#timers.schedule(this, limitMs - silentMs)
    const socket = this.#socket
    this.#report('ping timeout', undefined)
    socket?.close({ discard: true })
  }

  #write(frame: Buffer): void {
    this.#ownBytes += frame.length
    this.#socket?.deliverFrames(frame)
  }

  // ---- end

  #report(reason: EdgeCloseReason, facts: CloseFacts | undefined): void {
    if (this.#isEnded) return
    this.#end()
    this.#peer.send(KIND.closed, this.#number, (writer) =>
      writeFacts(writer.byte(CLOSE_REASONS.indexOf(reason)), facts),
    )
  }

  #end(): void {
    this.#isEnded = true
    this.#upgrade = undefined
    this.#timers.cancel(this)
    this.#peer.forgetRelayed(this.#number)
  }
}

function factsOf(description: unknown): CloseFacts | undefined {
  if (description instanceof Error) return { message: description.message }
  const { code, reason } = (description ?? {}) as CloseFacts
  return { ...(code === undefined ? {} : { code }), ...(reason === undefined ? {} : { reason }) }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
