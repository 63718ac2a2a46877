// Values as text that is the same in every run: what differs by chance (ids, dates) becomes a placeholder; what JSON cannot say
// (binary, functions, undefined, Set, Map, errors) is written out.

/** A socket or session id, wherever it stands alone. */
export const ID: RegExp = /^(?:\/[^#]*#)?[A-Za-z0-9_-]{20}$/

export function normalise(value: unknown): string {
  return JSON.stringify(plain(value)) ?? '<undefined>'
}

function plain(value: unknown): unknown {
  if (value === undefined) return '<undefined>'
  if (typeof value === 'function') return '<function>'
  if (typeof value === 'bigint') return `<bigint ${value}>`
  if (typeof value === 'symbol') return String(value)
  if (typeof value === 'string') return ID.test(value) ? '<id>' : value
  if (typeof value === 'number' && !Number.isFinite(value)) return `<${value}>`
  if (typeof value !== 'object' || value === null) return value
  if (Buffer.isBuffer(value)) return `<Buffer ${value.toString('hex')}>`
  if (value instanceof ArrayBuffer) return `<ArrayBuffer ${Buffer.from(value).toString('hex')}>`
  if (ArrayBuffer.isView(value)) {
    return `<${value.constructor.name} ${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')}>`
  }
  if (value instanceof Date) return '<date>'
  if (value instanceof Error) {
    const { data, code, responses } = value as Error & { data?: unknown; code?: unknown; responses?: unknown }
    const extra = { ...(data === undefined ? {} : { data }), ...(code === undefined ? {} : { code }) }
    const more = responses === undefined ? extra : { ...extra, responses }
    return { error: value.message, ...(plain(more) as object) }
  }
  if (value instanceof Set) return { set: [...value].map(plain) }
  if (value instanceof Map) return { map: [...value].map(([key, item]) => [plain(key), plain(item)]) }
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}
