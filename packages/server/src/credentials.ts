// What clients have said with the CONNECTs to the namespaces that they are in or on the way into: names, and credentials, which stay as
// `handshake.auth` as long as the socket does. In: each of them. Out: who would have the server keep too much is told apart by a limit, and closed.
import { LIMITS } from './limits.ts'
import type { LimitName } from './limits.ts'

interface Kept {
  readonly bytes: number
  readonly weight: number
}

interface Client {
  bytes: number
  weight: number
  /** By namespace. */
  readonly kept: Map<string, Kept>
}

/** Ordinary tokens are not looked at. */
const SMALL_BYTES = 1_024
/** One client with more counts for all together. */
const LARGE_BYTES = 32_768
/** What V8 takes for an empty object or array, and about what MessagePack can be made to take for a byte. */
const VALUE_BYTES = 24
const MSGPACK_FACTOR = 8

export class Credentials {
  readonly #maxBytesOfOne: number
  readonly #maxWeight: number
  readonly #clients = new Map<object, Client>()
  /** Of those that have sent more than a little. */
  #weight = 0

  constructor({
    maxHttpBufferSize = LIMITS.maxHttpBufferSize.default,
  }: { maxHttpBufferSize?: number | undefined } = {}) {
    this.#maxBytesOfOne = Math.max(LIMITS.maxCredentialsBytes.default, 2 * maxHttpBufferSize)
    this.#maxWeight = Math.max(LIMITS.maxLargeCredentialsBytes.default, 256 * maxHttpBufferSize)
  }

  get size(): number {
    return this.#clients.size
  }

  /** Gives the limit that it is above; it is kept all the same, until the client is forgotten. */
  add(
    client: object,
    nsp: string,
    message: string | Uint8Array,
  ): { limit: LimitName; detail: string } | undefined {
    if (message.length <= SMALL_BYTES) return undefined
    const one = { bytes: message.length, weight: weightOf(message) }
    const all = this.#clients.get(client) ?? { bytes: 0, weight: 0, kept: new Map<string, Kept>() }
    this.#clients.set(client, all)
    all.kept.set(nsp, one)
    this.#change(all, one.bytes, one.weight)
    if (all.bytes > this.#maxBytesOfOne) {
      return {
        limit: 'maxCredentialsBytes',
        detail: `what a client says to join its namespaces may have ${this.#maxBytesOfOne} bytes`,
      }
    }
    if (all.bytes > LARGE_BYTES && this.#weight > this.#maxWeight) {
      return {
        limit: 'maxLargeCredentialsBytes',
        detail: 'large credentials of clients fill the memory that there is for them',
      }
    }
    return undefined
  }

  /** The client has left the namespace, or was not let in. */
  delete(client: object, nsp: string): void {
    const all = this.#clients.get(client)
    const one = all?.kept.get(nsp)
    if (all === undefined || one === undefined) return
    all.kept.delete(nsp)
    this.#change(all, -one.bytes, -one.weight)
    if (all.kept.size === 0) this.#clients.delete(client)
  }

  forget(client: object): void {
    const all = this.#clients.get(client)
    if (all === undefined) return
    this.#change(all, -all.bytes, -all.weight)
    this.#clients.delete(client)
  }

  #change(client: Client, bytes: number, weight: number): void {
    if (client.bytes > LARGE_BYTES) this.#weight -= client.weight
    client.bytes += bytes
    client.weight += weight
    if (client.bytes > LARGE_BYTES) this.#weight += client.weight
  }
}

/** About what the parsed values take: `{},` has three bytes, and becomes dozens. */
function weightOf(message: string | Uint8Array): number {
  if (typeof message !== 'string') return message.length * MSGPACK_FACTOR
  let values = 0
  for (let i = 0; i < message.length; i++) {
    const code = message.charCodeAt(i)
    if (code === 0x2c || code === 0x5b || code === 0x7b) values++
  }
  return message.length + values * VALUE_BYTES
}
