// The receiving half of a link: frames in any order, twice or not at all; out come messages in order, once each. A frame that comes
// early waits, within bounds, for the one before it. It says which acknowledgement is due; the link sends it.
import { clusterCodec } from '@tidewire/protocol'
import type { ClusterLimits } from './limits.ts'

const { readMessages } = clusterCodec

export interface InboxHost {
  readonly limits: ClusterLimits
  /** One message, valid during the call. May end the link. */
  deliver(service: number, bytes: Uint8Array): void
  /** Ended while a message was handled: what follows is not handled. */
  hasEnded(): boolean
}

/** `soon`: with the next frame that goes the other way, or after a few milliseconds. `now`: at the end of this turn. */
export type AckDue = 'none' | 'soon' | 'now'

interface HeldFrame {
  readonly bytes: Uint8Array
  readonly hasMac: boolean
}

export class LinkInbox {
  readonly #host: InboxHost
  readonly #held = new Map<number, HeldFrame>()
  #heldBytes = 0
  /** Everything up to here has been handled. */
  #handled = 0
  #bytesSinceAck = 0
  /** Pieces of the message that is not whole yet. */
  #pieces: Uint8Array[] = []
  #piecesBytes = 0
  #ackDue: AckDue = 'none'
  #hasMissed = false

  constructor(host: InboxHost) {
    this.#host = host
  }

  get handled(): number {
    return this.#handled
  }

  get ackDue(): AckDue {
    return this.#ackDue
  }

  /** A frame after `handled` is missing: later ones are there, or what was on its way is known to be lost. */
  get isGap(): boolean {
    return this.#held.size > 0 || this.#hasMissed
  }

  get credit(): number {
    return Math.max(0, this.#host.limits.creditBytes - this.#heldBytes)
  }

  /** An acknowledgement has been written. */
  acknowledged(): void {
    this.#ackDue = 'none'
    this.#bytesSinceAck = 0
    this.#hasMissed = false
  }

  /** Nothing came in for a while, whatever was sent: what is not acknowledged is to be sent again without waiting. */
  requestResend(): void {
    this.#hasMissed = true
    this.#ackDue = 'now'
  }

  /** The sender asks, or sends what is known: it has missed an acknowledgement. */
  requestAck(): void {
    this.#ackDue = 'now'
  }

  /** Takes a data frame with messages. Returns false when a message grows above its bound: the link cannot go on. */
  receive(sequence: number, bytes: Uint8Array, hasMac: boolean): boolean {
    if (sequence <= this.#handled) {
      this.#ackDue = 'now'
      return true
    }
    if (sequence > this.#handled + 1) {
      this.#hold(sequence, { bytes, hasMac })
      return true
    }
    if (!this.#handle(bytes, hasMac)) return false
    for (
      let next = this.#held.get(this.#handled + 1);
      next !== undefined && !this.#host.hasEnded();
      next = this.#held.get(this.#handled + 1)
    ) {
      this.#held.delete(this.#handled + 1)
      this.#heldBytes -= next.bytes.length
      this.#ackDue = 'now'
      if (!this.#handle(next.bytes, next.hasMac)) return false
    }
    return true
  }

  #hold(sequence: number, frame: HeldFrame): void {
    const { maxHeldFrames, creditBytes } = this.#host.limits
    // The first early frame reports the gap at once; on an ordered bus what is missing is lost, on another one it is sent twice at worst.
    if (this.#held.size === 0) this.#ackDue = 'now'
    if (
      this.#held.has(sequence) ||
      this.#held.size >= maxHeldFrames ||
      this.#heldBytes + frame.bytes.length > creditBytes
    )
      return
    this.#held.set(sequence, frame)
    this.#heldBytes += frame.bytes.length
  }

  #handle(bytes: Uint8Array, hasMac: boolean): boolean {
    this.#bytesSinceAck += bytes.length
    if (this.#ackDue === 'none') this.#ackDue = 'soon'
    if (this.#bytesSinceAck * 4 > this.#host.limits.creditBytes) this.#ackDue = 'now'
    let isWithinBounds = true
    readMessages(bytes, hasMac, (service, hasMore, message) => {
      if (this.#host.hasEnded() || !isWithinBounds) return
      if (!hasMore && this.#pieces.length === 0) this.#host.deliver(service, message)
      else isWithinBounds = this.#addPiece(service, hasMore, message)
    })
    this.#handled++
    return isWithinBounds
  }

  #addPiece(service: number, hasMore: boolean, piece: Uint8Array): boolean {
    this.#piecesBytes += piece.length
    if (this.#piecesBytes > this.#host.limits.maxMessageBytes) return false
    // A view on a frame that nobody else holds.
    this.#pieces.push(piece)
    if (hasMore) return true
    const whole = Buffer.concat(this.#pieces, this.#piecesBytes)
    this.#pieces = []
    this.#piecesBytes = 0
    this.#host.deliver(service, whole)
    return true
  }
}
