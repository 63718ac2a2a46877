// The sending half of a link: messages of one turn become one frame (or as few as its size allows), frames are numbered, kept until they
// are acknowledged and sent again when they are not. It owns the frames' bytes; a frame that was published is never changed, a resend
// is a copy with a fresh header.
import { clusterCodec } from '@tidewire/protocol'
import type { ClusterLimits } from './limits.ts'

const { FRAME_HEADER_BYTES, MAC_BYTES, MESSAGE_OVERHEAD_BYTES, messageSize, writeMessage } = clusterCodec

interface KeptFrame {
  readonly sequence: number
  readonly bytes: Uint8Array
  /** On both clocks of the node: see node-time.ts. */
  readonly queuedAt: number
  readonly queuedAtBus: number
  isPublished: boolean
  wasPublished: boolean
}

/** Bytes that all links of a node keep together. */
export class QueuedBytes {
  total = 0
}

export interface OutboxHost {
  readonly limits: ClusterLimits
  readonly queued: QueuedBytes
  readonly hasMac: boolean
  /** The largest frame: of the limits and the bus the smaller. */
  readonly frameBytes: number
  loopNow(): number
  busNow(): number
  /** Writes header and MAC and publishes. */
  publishData(bytes: Uint8Array, sequence: number): void
}

const MIN_CAPACITY = 256
/** What is sent again at once after a silence; it doubles with every acknowledgement. */
const FIRST_BURST_BYTES = 64 << 10

export class LinkOutbox {
  readonly #host: OutboxHost
  readonly #frames: KeptFrame[] = []
  /** Frames before it in the array are acknowledged; the array is cut now and then. */
  #head = 0
  /** The first frame that is to be published. */
  #next = 0
  #nextSequence = 1
  #bytes = 0
  #inFlightBytes = 0
  #credit: number
  #burst: number
  #resendAt = Infinity
  #resendMs: number
  #lastGap = 0
  /** In order of the frames that they wait for. */
  readonly #waiting: { readonly sequence: number; readonly action: () => void }[] = []
  /** The frame that is being filled. */
  #open: Uint8Array | undefined
  #openEnd = 0
  #capacity = MIN_CAPACITY

  constructor(host: OutboxHost) {
    this.#host = host
    this.#credit = host.limits.creditBytes
    this.#burst = Infinity
    this.#resendMs = host.limits.resendMs
  }

  /** Queued and not acknowledged. */
  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#head === this.#frames.length && this.#open === undefined
  }

  /** Copies one message into the frame of this turn; a message that is larger than a frame is cut into pieces. */
  append(service: number, message: Uint8Array): void {
    const room = this.#frameEnd() - FRAME_HEADER_BYTES
    if (messageSize(message.length) <= room) {
      this.#write(service, false, message)
      return
    }
    const piece = room - MESSAGE_OVERHEAD_BYTES
    for (let at = 0; at < message.length; at += piece) {
      this.#write(service, at + piece < message.length, message.subarray(at, at + piece))
    }
  }

  /** Closes the frame of this turn and publishes what credit allows. Returns true if a frame, and with it an acknowledgement, left. */
  flush(): boolean {
    this.#close()
    return this.#publish()
  }

  /** Takes an acknowledgement. */
  acknowledge(sequence: number, credit: number): void {
    this.#credit = credit
    let isProgress = false
    for (
      let frame = this.#frames[this.#head];
      frame !== undefined && frame.sequence <= sequence;
      frame = this.#frames[this.#head]
    ) {
      this.#account(-frame.bytes.length)
      if (frame.isPublished) this.#inFlightBytes -= frame.bytes.length
      this.#head++
      isProgress = true
    }
    if (!isProgress) return
    if (this.#next < this.#head) this.#next = this.#head
    if (this.#head > 64 && this.#head * 2 > this.#frames.length) {
      this.#frames.splice(0, this.#head)
      this.#next -= this.#head
      this.#head = 0
    }
    this.#resendMs = this.#host.limits.resendMs
    this.#burst = this.#burst === Infinity || this.#head === this.#frames.length ? Infinity : this.#burst * 2
    this.#resendAt = this.#head < this.#next ? this.#host.loopNow() + this.#resendMs : Infinity
    while (this.#waiting.length > 0 && this.#waiting[0]!.sequence <= sequence) this.#waiting.shift()!.action()
  }

  /** Calls `action` when all that has been appended so far is acknowledged; never, if the link ends before. */
  whenAcknowledged(action: () => void): void {
    if (this.isEmpty) action()
    else this.#waiting.push({ sequence: this.#open === undefined ? this.#nextSequence - 1 : this.#nextSequence, action })
  }

  /** Everything that is not acknowledged is to be published again: a gap was reported, the bus is back, or nothing came for too long. */
  rewind(): void {
    if (this.#next === this.#head) return
    for (let i = this.#head; i < this.#next; i++) this.#frames[i]!.isPublished = false
    this.#next = this.#head
    this.#inFlightBytes = 0
    this.#burst = FIRST_BURST_BYTES
  }

  /** The other side has later frames than the oldest: it is sent again, once for each gap; silence does the rest. */
  rewindAfterGap(): void {
    const missing = this.#frames[this.#head]
    if (missing === undefined || missing.sequence === this.#lastGap) return
    this.#lastGap = missing.sequence
    this.rewind()
  }

  /** Frames are queued that credit did not allow so far. */
  get hasWaiting(): boolean {
    return this.#next < this.#frames.length
  }

  /** Rewinds when the oldest published frame waits for too long; says whether it did. */
  rewindWhenDue(): boolean {
    if (this.#host.loopNow() < this.#resendAt) return false
    this.rewind()
    this.#resendMs = Math.min(this.#resendMs * 2, this.#host.limits.resendMs * 8)
    return true
  }

  /** True when a frame is older than it can get: what it carried is lost. */
  get isExpired(): boolean {
    const oldest = this.#frames[this.#head]
    if (oldest === undefined) return false
    const { holdMs, outageMs } = this.#host.limits
    return (
      this.#host.busNow() - oldest.queuedAtBus > holdMs || this.#host.loopNow() - oldest.queuedAt > outageMs
    )
  }

  /** The link has ended: its share of the window is free again. */
  clear(): void {
    this.#account(-this.#bytes)
    this.#frames.length = 0
    this.#waiting.length = 0
    this.#head = this.#next = 0
    this.#open = undefined
  }

  #frameEnd(): number {
    return this.#host.frameBytes - (this.#host.hasMac ? MAC_BYTES : 0)
  }

  #write(service: number, hasMore: boolean, message: Uint8Array): void {
    const size = messageSize(message.length)
    if (this.#open !== undefined && this.#openEnd + size > this.#frameEnd()) this.#close()
    const needed = (this.#open === undefined ? FRAME_HEADER_BYTES : this.#openEnd) + size + MAC_BYTES
    if (this.#open === undefined) {
      this.#open = Buffer.allocUnsafeSlow(Math.max(this.#capacity, needed))
      this.#openEnd = FRAME_HEADER_BYTES
    } else if (needed > this.#open.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#open.length))
      grown.set(this.#open.subarray(0, this.#openEnd))
      this.#open = grown
    }
    this.#openEnd = writeMessage(this.#open, this.#openEnd, service, hasMore, message)
    this.#account(size)
  }

  #close(): void {
    if (this.#open === undefined) return
    const end = this.#openEnd + (this.#host.hasMac ? MAC_BYTES : 0)
    // The next frame is probably as large as this one; a kept frame must not pin much more than it says.
    this.#capacity = Math.max(MIN_CAPACITY, end)
    const bytes =
      this.#open.length > 2 * end ? new Uint8Array(this.#open.subarray(0, end)) : this.#open.subarray(0, end)
    this.#account(end - (this.#openEnd - FRAME_HEADER_BYTES))
    this.#frames.push({
      sequence: this.#nextSequence++,
      bytes,
      queuedAt: this.#host.loopNow(),
      queuedAtBus: this.#host.busNow(),
      isPublished: false,
      wasPublished: false,
    })
    this.#open = undefined
  }

  #publish(): boolean {
    let hasPublished = false
    const limit = Math.min(this.#credit, this.#burst)
    for (let frame = this.#frames[this.#next]; frame !== undefined; frame = this.#frames[this.#next]) {
      if (this.#inFlightBytes > 0 && this.#inFlightBytes + frame.bytes.length > limit) break
      if (this.#resendAt === Infinity || this.#next === this.#head)
        this.#resendAt = this.#host.loopNow() + this.#resendMs
      frame.isPublished = true
      this.#inFlightBytes += frame.bytes.length
      this.#next++
      // Whoever holds the bytes of the first time must not see them change.
      this.#host.publishData(frame.wasPublished ? new Uint8Array(frame.bytes) : frame.bytes, frame.sequence)
      frame.wasPublished = true
      hasPublished = true
    }
    return hasPublished
  }

  #account(bytes: number): void {
    this.#bytes += bytes
    this.#host.queued.total += bytes
  }
}
