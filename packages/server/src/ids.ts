// Ids of engine sessions and sockets: exactly 20 characters of [A-Za-z0-9_-]. Four name the incarnation of the node that made them, so that
// any node of a cluster knows a session's owner from its id alone; sixteen are random.
import { randomFillSync } from 'node:crypto'

const INCARNATION_BYTES = 3
const INCARNATION_CHARS = 4
const RANDOM_BYTES = 12
const POOL_IDS = 256
const pool = Buffer.allocUnsafeSlow(RANDOM_BYTES * POOL_IDS)
let offset = pool.length

/** One node's ids. Servers of one process share one, unless they are nodes of a cluster. */
export class IdSource {
  /** Three bytes are exactly four characters, so that an id is made, and kept, as one flat string. */
  readonly #scratch = Buffer.allocUnsafeSlow(INCARNATION_BYTES + RANDOM_BYTES)
  /** Four characters, random per boot. */
  incarnation = ''

  constructor() {
    this.redraw()
  }

  /** Another incarnation: this one is another node's. Ids that were made before stay what they are. */
  redraw(): string {
    randomFillSync(this.#scratch, 0, INCARNATION_BYTES)
    this.incarnation = this.#scratch.toString('base64url', 0, INCARNATION_BYTES)
    return this.incarnation
  }

  create(): string {
    if (offset === pool.length) {
      randomFillSync(pool)
      offset = 0
    }
    pool.copy(this.#scratch, INCARNATION_BYTES, offset, (offset += RANDOM_BYTES))
    return this.#scratch.toString('base64url')
  }
}

export const processIds: IdSource = new IdSource()
export const incarnation: string = processIds.incarnation

/** What a client shows to get its session back: 24 characters, 20 of them random. */
export function createSecret(): string {
  return processIds.create() + processIds.create().slice(INCARNATION_CHARS, INCARNATION_CHARS + 4)
}
