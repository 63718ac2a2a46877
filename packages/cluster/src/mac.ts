// The message authentication code of bus messages: HMAC-SHA256 under the cluster's secret over everything before it, incarnations, link
// numbers and sequence included, cut to 16 bytes. Without it whoever can write to the broker could speak for any node.
import { createHash, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { clusterCodec } from '@tidewire/protocol'

const { MAC_BYTES } = clusterCodec

export class Mac {
  readonly #key: KeyObject

  constructor(secret: string) {
    // A key object costs a fifth of a raw key per message; hashing makes any length of secret one block.
    this.#key = createSecretKey(createHash('sha256').update(secret).digest())
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
    return createHmac('sha256', this.#key).update(bytes.subarray(0, end)).digest().subarray(0, MAC_BYTES)
  }
}
