// Placeholders: takes binary out of a packet's data and puts it back. Bounded in depth, so that no value overflows the stack.
import { isBinary, viewOf } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { DEFAULT_LIMITS } from '../limits.ts'

export function tooDeep(maxDepth: number): ProtocolError {
  return new ProtocolError(
    'TW_ERR_DEPTH',
    `Data nests too deep; got more than ${maxDepth} levels. Send a flatter value, or raise maxDepth on both sides`,
    { limit: 'maxDepth' },
  )
}

/** A caller may have used most of the stack already: an overflow below the depth limit is told like one above it. */
export function guardStack<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof RangeError && /stack/i.test(error.message)) throw tooDeep(DEFAULT_LIMITS.maxDepth)
    throw error
  }
}

interface Jsonable {
  toJSON?: unknown
}

/** True when `value` holds a Buffer, ArrayBuffer, typed array, Blob or File (honours toJSON). @throws ProtocolError TW_ERR_DEPTH */
export function hasBinary(value: unknown, maxDepth: number = DEFAULT_LIMITS.maxDepth, depth = 0): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (isBinary(value)) return true
  if (depth > maxDepth) throw tooDeep(maxDepth)
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item: unknown = value[i]
      if (typeof item === 'object' && item !== null && hasBinary(item, maxDepth, depth + 1)) return true
    }
    return false
  }
  const { toJSON } = value as Jsonable
  if (typeof toJSON === 'function') {
    // A Date or another scalar-like object; its JSON form decides, once.
    const json: unknown = value instanceof Date ? undefined : (toJSON as () => unknown).call(value)
    return json !== value && hasBinary(json, maxDepth, depth + 1)
  }
  for (const key in value) {
    if (Object.hasOwn(value, key)) {
      const item = (value as Record<string, unknown>)[key]
      if (typeof item === 'object' && item !== null && hasBinary(item, maxDepth, depth + 1)) return true
    }
  }
  return false
}

/** A copy of `value` with placeholders; the binary values are appended to `attachments`, depth-first. */
export function extractBinary(value: unknown, attachments: Uint8Array[], maxDepth: number, depth = 0): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) throw tooDeep(maxDepth)
  if (isBinary(value)) {
    // A Blob has no bytes at hand: it goes as it is, for a transport that can read it.
    attachments.push(viewOf(value) ?? (value as Uint8Array))
    return { _placeholder: true, num: attachments.length - 1 }
  }
  if (Array.isArray(value)) {
    const items: unknown[] = []
    for (let i = 0; i < value.length; i++) items[i] = extractBinary(value[i], attachments, maxDepth, depth + 1)
    return items
  }
  if (value instanceof Date) return value
  const { toJSON } = value as Jsonable
  if (typeof toJSON === 'function') {
    const json: unknown = (toJSON as () => unknown).call(value)
    return json === value ? json : extractBinary(json, attachments, maxDepth, depth + 1)
  }
  const copy: Record<string, unknown> = {}
  for (const key in value) {
    if (Object.hasOwn(value, key)) {
      const item = extractBinary((value as Record<string, unknown>)[key], attachments, maxDepth, depth + 1)
      if (key === '__proto__') Object.defineProperty(copy, key, { value: item, enumerable: true, configurable: true, writable: true })
      else copy[key] = item
    }
  }
  return copy
}

/** Puts the attachments back in place of the placeholders of `value`, which was just parsed and is ours to change. */
export function insertBinary(value: any, attachments: readonly Uint8Array[], isStrict: boolean): any {
  if (typeof value !== 'object' || value === null) return value
  if (value._placeholder === true) {
    const { num } = value
    const isKnown = typeof num === 'number' && num >= 0 && num < attachments.length && Number.isInteger(num)
    if (!isKnown && isStrict) {
      throw new ProtocolError('TW_ERR_ATTACHMENTS', `Placeholder without attachment; got ${String(num).slice(0, 16)} of ${attachments.length}`, {
        officialMessage: 'illegal attachments',
      })
    }
    return isKnown ? attachments[num] : undefined
  }
  for (const key of Array.isArray(value) ? value.keys() : Object.keys(value)) {
    const item = value[key]
    if (typeof item === 'object' && item !== null) value[key] = insertBinary(item, attachments, isStrict)
  }
  return value
}
