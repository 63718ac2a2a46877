// Ids of engine sessions and sockets: exactly 20 characters of [A-Za-z0-9_-]. Four name this node's incarnation, so that any node of a
// cluster will know a session's owner from its id alone; sixteen are random.
import { randomFillSync } from 'node:crypto'

const INCARNATION_BYTES = 3
const INCARNATION_CHARS = 4
const RANDOM_BYTES = 12
const POOL_IDS = 256
const pool = Buffer.allocUnsafeSlow(RANDOM_BYTES * POOL_IDS)
let offset = pool.length
/** Three bytes are exactly four characters, so that an id is made, and kept, as one flat string. */
const scratch = Buffer.allocUnsafeSlow(INCARNATION_BYTES + RANDOM_BYTES)
randomFillSync(scratch)

function fill(): void {
  if (offset === pool.length) {
    randomFillSync(pool)
    offset = 0
  }
  pool.copy(scratch, INCARNATION_BYTES, offset, (offset += RANDOM_BYTES))
}

/** Four characters, random per boot. */
export const incarnation: string = scratch.toString('base64url', 0, INCARNATION_BYTES)

export function createId(): string {
  fill()
  return scratch.toString('base64url')
}

/** What a client shows to get its session back: 24 characters, 20 of them random. */
export function createSecret(): string {
  return createId() + createId().slice(INCARNATION_CHARS, INCARNATION_CHARS + 4)
}
