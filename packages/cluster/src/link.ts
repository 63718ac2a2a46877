// One life of the link between this node and one member: opened by both sides with numbers of their own, then messages in order and once
// each, in both directions, until it ends. A link is never repaired: after a hole or a death the next life has higher numbers, and frames
// of an earlier one are refused. `links.ts` owns it; the halves are link-outbox.ts and link-inbox.ts.
//
//   opening ──(a frame that names our number)──▶ up ◀──▶ asking ──▶ ended
//   asking: this process stood still; nothing is handled before the other side has said that it still knows this link.
import { clusterCodec } from '@tidewire/protocol'
import type { Incarnation, LinkEnd, SendResult } from './cluster-node.ts'
import { LinkInbox } from './link-inbox.ts'
import { LinkOutbox } from './link-outbox.ts'
import type { OutboxHost } from './link-outbox.ts'

const { FRAME_HEADER_BYTES, MAC_BYTES } = clusterCodec

const OPEN_PAUSE_MS = 20

export interface LinkHost extends Omit<OutboxHost, 'publishData'> {
  readonly incarnation: Incarnation
  /** What one link may keep before `send` answers "full". */
  readonly shareBytes: number
  /** Writes header and MAC into `bytes` and publishes them for `frame.to`. */
  publish(frame: clusterCodec.Frame, bytes: Uint8Array): void
  deliver(from: Incarnation, service: number, bytes: Uint8Array): void
  handleUp(link: Link): void
  handleDrain(link: Link): void
  /** The link can go on no more: ends it, and begins the next one. */
  restart(link: Link, end: LinkEnd): void
  /** Asks for `flush` at the end of the turn. */
  scheduleFlush(link: Link): void
  /** Asks for `flush` within a few milliseconds. */
  scheduleAck(link: Link): void
}

export interface LinkStart {
  readonly peer: Incarnation
  /** Of frames: the highest version that both speak. */
  readonly format: number
  /** Our number; higher than that of any link before. */
  readonly number: number
  /** The lowest number of theirs that is not an earlier link's. */
  readonly minPeerNumber: number
  /** Why the link before this one ended. */
  readonly reason: clusterCodec.LinkReason
}

export class Link {
  readonly peer: Incarnation
  readonly number: number
  /** For links.ts: it is in the list of those to flush at the end of the turn, or soon. */
  isDirty = false
  isAckPlanned = false
  readonly #host: LinkHost
  readonly #start: LinkStart
  readonly #outbox: LinkOutbox
  readonly #inbox: LinkInbox
  #state: 'opening' | 'up' | 'asking' | 'ended' = 'opening'
  #peerNumber = 0
  #openedAt = -Infinity
  #isFull = false
  #probe = 0

  constructor(host: LinkHost, start: LinkStart) {
    this.#host = host
    this.#start = start
    this.peer = start.peer
    this.number = start.number
    this.#outbox = new LinkOutbox({
      limits: host.limits,
      queued: host.queued,
      hasMac: host.hasMac,
      get frameBytes() {
        return host.frameBytes
      },
      loopNow: () => host.loopNow(),
      busNow: () => host.busNow(),
      publishData: (bytes, sequence) => this.#publish('data', sequence, bytes),
    })
    this.#inbox = new LinkInbox({
      limits: host.limits,
      deliver: (service, bytes) => host.deliver(this.peer, service, bytes),
      hasEnded: () => this.#state === 'ended',
    })
  }

  get isUp(): boolean {
    return this.#state === 'up' || this.#state === 'asking'
  }

  /** Nothing queued or unacknowledged. */
  get isIdle(): boolean {
    return this.#outbox.isEmpty
  }

  get queuedBytes(): number {
    return this.#outbox.bytes
  }

  /** Why the link before this one ended. */
  get reason(): clusterCodec.LinkReason {
    return this.#start.reason
  }

  /** The lowest number of theirs that the next life may have. */
  get nextPeerNumber(): number {
    return this.#peerNumber === 0 ? this.#start.minPeerNumber : this.#peerNumber + 1
  }

  /** Says, and says again, that this side has a link with this number. */
  open(): void {
    this.#publish('open', this.#start.minPeerNumber)
  }

  send(service: number, bytes: Uint8Array): SendResult {
    if (!this.isUp) return 'down'
    this.#outbox.append(service, bytes)
    this.#host.scheduleFlush(this)
    if (this.#outbox.bytes < this.#host.shareBytes) return 'sent'
    this.#isFull = true
    return 'full'
  }

  whenHandled(action: () => void): void {
    if (this.isUp) this.#outbox.whenAcknowledged(action)
  }

  /** At the end of a turn: one frame (or as few as possible) with what was sent in it, or an acknowledgement if one is due. */
  flush(): void {
    if (
      this.isUp &&
      this.#host.queued.total > this.#host.limits.maxQueuedBytes &&
      this.#outbox.bytes > this.#host.shareBytes
    ) {
      this.#host.restart(this, 'hole')
    }
    if (this.#state !== 'up') return
    const hasPublished = this.#outbox.flush()
    if (!hasPublished && this.#inbox.ackDue !== 'none') this.#publish('data', 0)
  }

  /** This process stood still: the other side may have taken it for dead. */
  ask(probe: number): void {
    if (!this.isUp) return
    this.#state = 'asking'
    this.#probe = probe
    this.#publish('probe', probe)
  }

  /** The bus is back: what was published meanwhile is lost. */
  handleBusUp(): void {
    if (this.#state === 'opening') this.open()
    else if (this.#state === 'asking') this.#publish('probe', this.#probe)
    else {
      this.#outbox.rewind()
      this.#inbox.requestResend()
      this.flush()
    }
  }

  /** Resends what waits for an answer. */
  tick(): void {
    if (this.#state === 'opening') this.open()
    else if (this.#state === 'asking') this.#publish('probe', this.#probe)
    else if (this.#state === 'up') {
      if (this.#inbox.isGap) this.#inbox.requestAck()
      if (this.#outbox.rewindWhenDue() || this.#inbox.ackDue !== 'none') this.flush()
    }
  }

  get isExpired(): boolean {
    return this.isUp && this.#outbox.isExpired
  }

  /** Takes a frame of this peer that is meant for this node. */
  receive(frame: clusterCodec.Frame, bytes: Uint8Array): void {
    if (frame.fromLink < Math.max(this.#peerNumber, this.#start.minPeerNumber)) return
    if (frame.kind === 'open' && frame.sequence > this.number && !this.isUp) {
      // Over there this number is of an earlier life, though it never was up here.
      this.#host.restart(this, 'hole')
      return
    }
    const knowsUs = frame.toLink === this.number
    if (frame.fromLink > this.#peerNumber) {
      // The first frame of a life says why the one before it ended.
      if (frame.kind !== 'open' && !knowsUs) return
      if (this.isUp) {
        this.#host.restart(this, frame.reason === 'dead' ? 'fenced' : 'hole')
        return
      }
      // Nothing has been said on this side's link so far, so theirs may be any.
      this.#peerNumber = frame.fromLink
      this.#openedAt = -Infinity
    }
    if (!knowsUs) {
      this.#openAgain()
      return
    }
    if (this.#state === 'opening') {
      this.#state = 'up'
      this.#inbox.requestAck()
      this.#host.handleUp(this)
    }
    this.#receiveKnown(frame, bytes)
    if (this.#state === 'up') this.#planAck()
  }

  /** No frame of this life is handled or sent from now on. */
  end(): void {
    this.#state = 'ended'
    this.#outbox.clear()
  }

  /** Late frames of an earlier life may come in hundreds: not an answer to each. */
  #openAgain(): void {
    const now = this.#host.loopNow()
    if (now - this.#openedAt < OPEN_PAUSE_MS) return
    this.#openedAt = now
    this.open()
  }

  #receiveKnown(frame: clusterCodec.Frame, bytes: Uint8Array): void {
    if (frame.kind === 'probe') this.#publish('alive', frame.sequence)
    else if (frame.kind === 'alive') this.#handleAlive(frame.sequence)
    // What came before the answer may be from before this side was taken for dead. It was not acknowledged, so it comes again.
    if (this.#state !== 'up') return
    if (frame.kind === 'data') {
      this.#handleAcknowledgement(frame)
      if (frame.sequence > 0 && !this.#inbox.receive(frame.sequence, bytes, frame.hasMac))
        this.#host.restart(this, 'hole')
    } else if (frame.kind === 'open') this.#inbox.requestAck()
  }

  #handleAlive(probe: number): void {
    if (this.#state !== 'asking' || probe !== this.#probe) return
    this.#state = 'up'
    this.#outbox.rewind()
    this.#inbox.requestResend()
    this.#host.scheduleFlush(this)
  }

  #handleAcknowledgement(frame: clusterCodec.Frame): void {
    this.#outbox.acknowledge(frame.acknowledged, frame.credit)
    if (frame.isGap) this.#outbox.rewindAfterGap()
    if (this.#outbox.hasWaiting) this.#host.scheduleFlush(this)
    if (this.#isFull && this.#outbox.bytes * 2 <= this.#host.shareBytes) {
      this.#isFull = false
      this.#host.handleDrain(this)
    }
  }

  #planAck(): void {
    if (this.#inbox.ackDue === 'now') this.#host.scheduleFlush(this)
    else if (this.#inbox.ackDue === 'soon') this.#host.scheduleAck(this)
  }

  #publish(kind: clusterCodec.FrameKind, sequence: number, bytes?: Uint8Array): void {
    const frame: clusterCodec.Frame = {
      format: this.#start.format,
      kind,
      from: this.#host.incarnation,
      to: this.peer,
      fromLink: this.number,
      toLink: this.#peerNumber,
      credit: this.#inbox.credit,
      sequence,
      acknowledged: this.#inbox.handled,
      isGap: this.#inbox.isGap,
      reason: kind === 'open' ? this.#start.reason : 'none',
      hasMac: this.#host.hasMac,
    }
    if (kind === 'data') this.#inbox.acknowledged()
    this.#host.publish(frame, bytes ?? new Uint8Array(FRAME_HEADER_BYTES + (frame.hasMac ? MAC_BYTES : 0)))
  }
}
