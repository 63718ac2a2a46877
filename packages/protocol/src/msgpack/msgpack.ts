// MessagePack, wire-equal to what the official MessagePack parser writes: numbers in their shortest form, floats as float 64, `undefined`
// as ext 0 of one byte, dates as ext 0 of eight bytes, binary as bin. Bounded in depth; nothing is allocated before it is received.
import { decodeUtf8, encodeUtf8, viewOf } from '../bytes.ts'
import { ProtocolError } from '../errors.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { guardStack, tooDeep } from '../socketio/binary.ts'

const MAX_DEPTH = DEFAULT_LIMITS.maxDepth

class Writer {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #length = 0

  #reserve(count: number): number {
    const offset = this.#length
    this.#length += count
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2))
      grown.set(this.#bytes.subarray(0, offset))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer)
    }
    return offset
  }

  get result(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #u8(value: number): void {
    const offset = this.#reserve(1)
    this.#bytes[offset] = value
  }

  /** A type byte and a big-endian number of `size` bytes. */
  #sized(type: number, size: 1 | 2 | 4, value: number): void {
    this.#u8(type)
    const offset = this.#reserve(size)
    if (size === 1) this.#view.setUint8(offset, value)
    else if (size === 2) this.#view.setUint16(offset, value)
    else this.#view.setUint32(offset, value)
  }

  #raw(bytes: Uint8Array): void {
    const offset = this.#reserve(bytes.length)
    this.#bytes.set(bytes, offset)
  }

  #string(value: string): void {
    const bytes = encodeUtf8(value)
    if (bytes.length < 32) this.#u8(0xa0 | bytes.length)
    else if (bytes.length < 0x100) this.#sized(0xd9, 1, bytes.length)
    else if (bytes.length < 0x10000) this.#sized(0xda, 2, bytes.length)
    else this.#sized(0xdb, 4, bytes.length)
    this.#raw(bytes)
  }

  #number(value: number): void {
    if (!Number.isInteger(value) || Object.is(value, -0) || value >= 2 ** 64 || value < -(2 ** 63)) {
      if (Object.is(value, -0)) return this.#u8(0)
      this.#u8(0xcb)
      const offset = this.#reserve(8)
      this.#view.setFloat64(offset, value)
    } else if (value >= 0) {
      if (value < 0x80) this.#u8(value)
      else if (value < 0x100) this.#sized(0xcc, 1, value)
      else if (value < 0x10000) this.#sized(0xcd, 2, value)
      else if (value < 0x100000000) this.#sized(0xce, 4, value)
      else this.#wide(0xcf, value)
    } else if (value >= -0x20) this.#u8(value & 0xff)
    else if (value >= -0x80) this.#sized(0xd0, 1, value & 0xff)
    else if (value >= -0x8000) this.#sized(0xd1, 2, value & 0xffff)
    else if (value >= -0x80000000) this.#sized(0xd2, 4, value >>> 0)
    else this.#wide(0xd3, value)
  }

  #wide(type: number, value: number): void {
    this.#sized(type, 4, Math.floor(value / 0x100000000) >>> 0)
    const offset = this.#reserve(4)
    this.#view.setUint32(offset, value >>> 0)
  }

  write(value: unknown, depth: number): void {
    if (depth > MAX_DEPTH) throw tooDeep(MAX_DEPTH)
    switch (typeof value) {
      case 'string':
        return this.#string(value)
      case 'number':
        return this.#number(value)
      case 'boolean':
        return this.#u8(value ? 0xc3 : 0xc2)
      case 'undefined':
        this.#u8(0xd4)
        this.#u8(0)
        return this.#u8(0)
      case 'object':
        return value === null ? this.#u8(0xc0) : this.#object(value, depth)
      default:
        throw new ProtocolError('TW_ERR_MSGPACK', `A ${typeof value} cannot be written as MessagePack`)
    }
  }

  #object(value: object, depth: number): void {
    if (Array.isArray(value)) {
      if (value.length < 16) this.#u8(0x90 | value.length)
      else if (value.length < 0x10000) this.#sized(0xdc, 2, value.length)
      else this.#sized(0xdd, 4, value.length)
      for (let i = 0; i < value.length; i++) this.write(value[i], depth + 1)
      return
    }
    if (value instanceof Date) {
      this.#u8(0xd7)
      this.#u8(0)
      const time = value.getTime()
      const offset = this.#reserve(8)
      this.#view.setUint32(offset, Math.floor(time / 0x100000000) >>> 0)
      this.#view.setUint32(offset + 4, time >>> 0)
      return
    }
    const bytes = viewOf(value)
    if (bytes !== undefined) {
      if (bytes.length < 0x100) this.#sized(0xc4, 1, bytes.length)
      else if (bytes.length < 0x10000) this.#sized(0xc5, 2, bytes.length)
      else this.#sized(0xc6, 4, bytes.length)
      return this.#raw(bytes)
    }
    const { toJSON } = value as { toJSON?: unknown }
    if (typeof toJSON === 'function') return this.write((toJSON as () => unknown).call(value), depth + 1)
    const record = value as Record<string, unknown>
    const keys = Object.keys(record).filter((key) => typeof record[key] !== 'function')
    if (keys.length < 16) this.#u8(0x80 | keys.length)
    else if (keys.length < 0x10000) this.#sized(0xde, 2, keys.length)
    else this.#sized(0xdf, 4, keys.length)
    for (const key of keys) {
      this.#string(key)
      this.write(record[key], depth + 1)
    }
  }
}

/**
 * One value as MessagePack; dates and values with `toJSON` as socket.io-msgpack-parser 3.0.2 writes them.
 * @throws ProtocolError TW_ERR_DEPTH, TW_ERR_MSGPACK
 */
export function encodeMsgpack(value: unknown): Uint8Array {
  const writer = new Writer()
  guardStack(() => writer.write(value, 0))
  return writer.result
}

class Reader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #offset = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get rest(): number {
    return this.#bytes.length - this.#offset
  }

  #take(count: number): number {
    if (count > this.rest) throw new ProtocolError('TW_ERR_MSGPACK', `Truncated MessagePack; got ${this.rest} of ${count} bytes`)
    const offset = this.#offset
    this.#offset += count
    return offset
  }

  #uint(size: 1 | 2 | 4): number {
    const offset = this.#take(size)
    return size === 1 ? this.#view.getUint8(offset) : size === 2 ? this.#view.getUint16(offset) : this.#view.getUint32(offset)
  }

  #slice(length: number): Uint8Array {
    const offset = this.#take(length)
    return this.#bytes.subarray(offset, offset + length)
  }

  #array(length: number, depth: number): unknown[] {
    // Every element takes a byte at least: a length above the rest is refused before anything is allocated for it.
    if (length > this.rest) throw new ProtocolError('TW_ERR_MSGPACK', `Truncated MessagePack array of ${length}`)
    const items: unknown[] = []
    for (let i = 0; i < length; i++) items.push(this.read(depth + 1))
    return items
  }

  #map(length: number, depth: number): Record<string, unknown> {
    if (length * 2 > this.rest) throw new ProtocolError('TW_ERR_MSGPACK', `Truncated MessagePack map of ${length}`)
    const record: Record<string, unknown> = {}
    for (let i = 0; i < length; i++) {
      const key = String(this.read(depth + 1))
      const value = this.read(depth + 1)
      // security: a key "__proto__" must become a property, not the prototype.
      if (key === '__proto__') Object.defineProperty(record, key, { value, enumerable: true, configurable: true, writable: true })
      else record[key] = value
    }
    return record
  }

  #ext(length: number): unknown {
    const type = this.#view.getInt8(this.#take(1))
    const data = this.#slice(length)
    // What other senders make of an ArrayBuffer.
    return type === 0 ? Uint8Array.from(data).buffer : [type, data]
  }

  #fixedExt(length: number): unknown {
    const type = this.#view.getInt8(this.#take(1))
    const data = this.#slice(length)
    if (type !== 0) return [type, data]
    if (length === 1) return undefined
    if (length !== 8) return [type, data]
    const view = new DataView(data.buffer, data.byteOffset, 8)
    return new Date(view.getInt32(0) * 0x100000000 + view.getUint32(4))
  }

  #int64(isSigned: boolean): number {
    const offset = this.#take(8)
    const high = isSigned ? this.#view.getInt32(offset) : this.#view.getUint32(offset)
    return high * 0x100000000 + this.#view.getUint32(offset + 4)
  }

  read(depth: number): unknown {
    if (depth > MAX_DEPTH) throw tooDeep(MAX_DEPTH)
    const type = this.#uint(1)
    if (type < 0x80) return type
    if (type < 0x90) return this.#map(type & 0x0f, depth)
    if (type < 0xa0) return this.#array(type & 0x0f, depth)
    if (type < 0xc0) return decodeUtf8(this.#slice(type & 0x1f))
    if (type >= 0xe0) return type - 0x100
    switch (type) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.#slice(this.#uint(1))
      case 0xc5:
        return this.#slice(this.#uint(2))
      case 0xc6:
        return this.#slice(this.#uint(4))
      case 0xc7:
        return this.#ext(this.#uint(1))
      case 0xc8:
        return this.#ext(this.#uint(2))
      case 0xc9:
        return this.#ext(this.#uint(4))
      case 0xca:
        return this.#view.getFloat32(this.#take(4))
      case 0xcb:
        return this.#view.getFloat64(this.#take(8))
      case 0xcc:
        return this.#uint(1)
      case 0xcd:
        return this.#uint(2)
      case 0xce:
        return this.#uint(4)
      case 0xcf:
        return this.#int64(false)
      case 0xd0:
        return this.#view.getInt8(this.#take(1))
      case 0xd1:
        return this.#view.getInt16(this.#take(2))
      case 0xd2:
        return this.#view.getInt32(this.#take(4))
      case 0xd3:
        return this.#int64(true)
      case 0xd4:
        return this.#fixedExt(1)
      case 0xd5:
        return this.#fixedExt(2)
      case 0xd6:
        return this.#fixedExt(4)
      case 0xd7:
        return this.#fixedExt(8)
      case 0xd8:
        return this.#fixedExt(16)
      case 0xd9:
        return decodeUtf8(this.#slice(this.#uint(1)))
      case 0xda:
        return decodeUtf8(this.#slice(this.#uint(2)))
      case 0xdb:
        return decodeUtf8(this.#slice(this.#uint(4)))
      case 0xdc:
        return this.#array(this.#uint(2), depth)
      case 0xdd:
        return this.#array(this.#uint(4), depth)
      case 0xde:
        return this.#map(this.#uint(2), depth)
      case 0xdf:
        return this.#map(this.#uint(4), depth)
      default:
        throw new ProtocolError('TW_ERR_MSGPACK', `Unknown MessagePack type 0x${type.toString(16)}`)
    }
  }
}

/** Never allocates what has not been received. @throws ProtocolError TW_ERR_DEPTH, TW_ERR_MSGPACK */
export function decodeMsgpack(bytes: Uint8Array): unknown {
  const reader = new Reader(bytes)
  const value = guardStack(() => reader.read(0))
  if (reader.rest > 0) throw new ProtocolError('TW_ERR_MSGPACK', `${reader.rest} trailing bytes after a MessagePack value`)
  return value
}
