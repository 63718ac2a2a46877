// What server and clients of the soak both know: intervals, and what a numbered message carries, so that each receiver can check all of it.
import { isDeepStrictEqual } from 'node:util'

export const PING_INTERVAL_MS = 10_000
export const PING_TIMEOUT_MS = 10_000
export const RECOVERY_MS = 20_000
export const TICK_MS = 250
/** Generous: the machine may be busy, and a lost answer is as lost after half a minute. */
export const DEADLINE_MS = 30_000

const TEXTS = [
  '',
  'plain',
  'Grüße',
  '你好，世界',
  '😀 a surrogate pair',
  '"quoted" \\ \u2028 line',
  'x'.repeat(2_000),
]

/** The arguments of message `n`: text, JSON and, in two of three, binary. */
export function bodyOf(n: number): unknown[] {
  const text = TEXTS[n % TEXTS.length]!
  if (n % 3 === 0) return [{ text, n, list: [n, null, true] }]
  if (n % 3 === 1) return [text, Buffer.alloc(n % 700, n & 255)]
  return [{ deep: { bytes: Buffer.alloc(n % 90, n & 255) } }, text, Buffer.alloc(1, n & 255)]
}

/** Clients of older versions hand out other kinds of bytes. */
function normalize(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (Array.isArray(value)) return value.map(normalize)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, normalize(item)]))
  return value
}

export const isSame = (got: unknown, wanted: unknown): boolean =>
  isDeepStrictEqual(normalize(got), normalize(wanted))

export const answerTo = (x: number): number => x * 3 + 1
