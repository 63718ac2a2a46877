// Ids of engine sessions and sockets: exactly 20 characters of [A-Za-z0-9_-]. Four name this node's incarnation, so that any node of a
// cluster will know a session's owner from its id alone; sixteen are random.
import { randomFillSync } from 'node:crypto'

const RANDOM_BYTES = 12
const POOL_IDS = 256
const pool = Buffer.allocUnsafeSlow(RANDOM_BYTES * POOL_IDS)
let offset = pool.length

function randomText(bytes: number): string {
  if (offset + bytes > pool.length) {
    randomFillSync(pool)
    offset = 0
  }
  const text = pool.toString('base64url', offset, offset + bytes)
  offset += bytes
  return text
}

/** Four characters, random per boot. */
export const incarnation: string = randomText(3)

export function createId(): string {
  return incarnation + randomText(RANDOM_BYTES)
}

/** What a client shows to get its session back: 24 characters, 20 of them random. */
export function createSecret(): string {
  return incarnation + randomText(RANDOM_BYTES) + randomText(3)
}
