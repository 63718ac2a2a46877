// The message authentication code of bus messages: HMAC-SHA256 under the cluster's secret over everything before it, incarnations, link
// numbers and sequence included, cut to 16 bytes. Without it whoever can write to the broker could speak for any node.
import { hash, timingSafeEqual } from 'node:crypto'
import { clusterCodec } from '@tidewire/protocol'

const { MAC_BYTES } = clusterCodec
const BLOCK_BYTES = 64
const HASH_BYTES = 32

/**
 * HMAC out of two calls of the one-shot hash: an Hmac object of node:crypto is a stream, and making, filling and collecting one costs a
 * small message three times as much.
 */
export class Mac {
  /** The key's inner block, then the message. Grows to the largest message. */
  #inner: Buffer
  /** The key's outer block, then the inner hash. */
  readonly #outer: Buffer = Buffer.alloc(BLOCK_BYTES + HASH_BYTES, 0x5c)

  constructor(secret: string) {
    this.#inner = Buffer.alloc(4_096)
    this.#inner.fill(0x36, 0, BLOCK_BYTES)
    // Any length of secret becomes one block.
    const key = hash('sha256', secret, 'buffer')
    for (let i = 0; i < HASH_BYTES; i++) {
      this.#inner[i]! ^= key[i]!
      this.#outer[i]! ^= key[i]!
    }
  }

  /** Fills the last bytes of the message. */
  sign(bytes: Uint8Array): void {
    const end = bytes.length - MAC_BYTES
    bytes.set(this.#compute(bytes, end), end)
  }

  isValid(bytes: Uint8Array): boolean {
    const end = bytes.length - MAC_BYTES
    return end > 0 && timingSafeEqual(bytes.subarray(end), this.#compute(bytes, end))
  }

  #compute(bytes: Uint8Array, end: number): Uint8Array {
    if (BLOCK_BYTES + end > this.#inner.length) {
      const grown = Buffer.alloc(2 * (BLOCK_BYTES + end))
      this.#inner.copy(grown, 0, 0, BLOCK_BYTES)
      this.#inner = grown
    }
    this.#inner.set(end === bytes.length ? bytes : bytes.subarray(0, end), BLOCK_BYTES)
    this.#outer.set(hash('sha256', this.#inner.subarray(0, BLOCK_BYTES + end), 'buffer'), BLOCK_BYTES)
    return hash('sha256', this.#outer, 'buffer').subarray(0, MAC_BYTES)
  }
}
