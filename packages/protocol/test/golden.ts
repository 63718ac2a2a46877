// Reads the golden vectors: inputs and results of the published parsers, one entry each.
import { readFileSync } from 'node:fs'

export interface Wire {
  t?: string
  b?: string
}

export function loadVectors(name: string): Record<string, any> {
  return JSON.parse(readFileSync(new URL(`./vectors/vectors-${name}.json`, import.meta.url), 'utf8')) as Record<string, any>
}

/** `{"$bin"}` and its kin become the values they stand for. */
export function revive(value: any): any {
  if (Array.isArray(value)) return value.map(revive)
  if (typeof value !== 'object' || value === null) return value
  if (value.$undef === true) return undefined
  if (typeof value.$bin === 'string') {
    const bytes = Buffer.from(value.$bin, 'base64')
    return value.kind === 'ArrayBuffer' ? Uint8Array.from(bytes).buffer : bytes
  }
  if (typeof value.$date === 'string') return new Date(value.$date)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revive(item)]))
}

/** Binary of any kind as a Buffer, so that results compare by content; absent and undefined are the same. */
export function normalize(value: any): any {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (Array.isArray(value)) return value.map(normalize)
  if (typeof value !== 'object' || value === null || value instanceof Date) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, normalize(item)]),
  )
}

export const fromWire = ({ t, b }: Wire): string | Buffer => (t === undefined ? Buffer.from(b!, 'base64') : t)
export const toWire = (encoded: string | Uint8Array): Wire =>
  typeof encoded === 'string' ? { t: encoded } : { b: Buffer.from(encoded).toString('base64') }
