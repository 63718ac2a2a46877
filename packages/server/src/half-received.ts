// Packets whose attachments are not all there, over all connections of a server. In: what each decoder keeps. Out: a connection is closed when it
// keeps too much, when the rest stays away too long, or when all together keep too much and it is the one that has been silent longest.
import { LIMITS } from './limits.ts'
import type { LimitName } from './limits.ts'
import type { ServerOptions } from './options.ts'

/** A connection that has begun a packet. @internal */
export interface Receiver {
  /** @internal */
  handleLimit(limit: LimitName, detail: string): void
}

interface Half {
  bytes: number
  since: number
}

/** As many packets of the largest size, without their last attachment, are no abuse on a server that takes such packets. */
const LARGEST_PACKETS = 64
const SWEEP_MS = 1_000
/** Who has sent nothing for so long is not about to. */
const SILENT_MS = 5_000

export class HalfReceived {
  readonly #maxBytesOfOne: number
  readonly #maxBytes: number
  readonly #maxSilentMs: number
  /** The one that has been silent longest comes first. */
  readonly #halves = new Map<Receiver, Half>()
  #bytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor({
    maxHttpBufferSize = LIMITS.maxHttpBufferSize.default,
    maxAttachments = LIMITS.maxAttachments.default,
    pingInterval = LIMITS.pingInterval.default,
    pingTimeout = LIMITS.pingTimeout.default,
  }: Pick<Partial<ServerOptions>, 'maxHttpBufferSize' | 'maxAttachments' | 'pingInterval' | 'pingTimeout'> = {}) {
    this.#maxBytesOfOne = maxHttpBufferSize * (maxAttachments + 1)
    this.#maxBytes = Math.max(LIMITS.maxHalfReceivedBytes.default, LARGEST_PACKETS * maxHttpBufferSize)
    // Who is slow and honest is not closed earlier than by the heartbeat, which waits behind the attachment.
    this.#maxSilentMs = Math.max(LIMITS.attachmentsTimeout.default, pingInterval + pingTimeout)
  }

  get size(): number {
    return this.#halves.size
  }

  add(receiver: Receiver, bytes: number): void {
    const half = this.#halves.get(receiver) ?? { bytes: 0, since: 0 }
    this.#halves.delete(receiver)
    this.#halves.set(receiver, half)
    half.bytes += bytes
    half.since = performance.now()
    this.#bytes += bytes
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
    if (half.bytes > this.#maxBytesOfOne)
      this.#close(
        receiver,
        'maxHalfReceivedBytes',
        `the attachments of a packet exceed ${this.#maxBytesOfOne} bytes`,
      )
  }

  /** The packet is complete, or its connection gone. */
  delete(receiver: Receiver): void {
    const half = this.#halves.get(receiver)
    if (half === undefined) return
    this.#halves.delete(receiver)
    this.#bytes -= half.bytes
  }

  #sweep(): void {
    const now = performance.now()
    for (const [receiver, { since }] of this.#halves) {
      const silentMs = now - since
      if (silentMs > this.#maxSilentMs) {
        this.#close(
          receiver,
          'attachmentsTimeout',
          `no attachment has come for ${this.#maxSilentMs} ms`,
        )
      } else if (this.#bytes > this.#maxBytes && silentMs > SILENT_MS) {
        this.#close(
          receiver,
          'maxHalfReceivedBytes',
          'packets that lack attachments fill the memory that there is for them',
        )
      } else return
    }
    // perf: here and not in `delete`, which most packets with attachments get to within their turn.
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #close(receiver: Receiver, limit: LimitName, detail: string): void {
    this.delete(receiver)
    receiver.handleLimit(limit, detail)
  }
}
