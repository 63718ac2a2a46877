// Engine.IO revision 3: packets, the string payload of both dialects, the binary payload ("XHR2").
import { decodeBase64, decodeLatin1, decodeUtf8, decodeUtf8Strictly, encodeBase64, encodeUtf8 } from '../../bytes.ts'
import { ProtocolError } from '../../errors.ts'
import { decodeText, digitOf, typeOf } from '../digits.ts'
import type { EnginePacket, PayloadReader } from '../packet.ts'

const TYPE_MESSAGE = 4
/** The letter b. */
const BASE64 = 98
/** Digits of a length that are read: more than any length has, and where the official decoder stops too. */
const MAX_LENGTH_DIGITS = 310

/** One packet as a WebSocket message: binary gets a leading type byte 0x04, or becomes `b4<base64>`. */
export function encodePacket(packet: EnginePacket, supportsBinary: boolean): string | Uint8Array {
  const { data } = packet
  if (data === undefined || typeof data === 'string') return digitOf(packet.type) + (data ?? '')
  if (!supportsBinary) return 'b' + digitOf(packet.type) + encodeBase64(data)
  const bytes = new Uint8Array(data.length + 1)
  bytes[0] = TYPE_MESSAGE
  bytes.set(data, 1)
  return bytes
}

/**
 * One packet of revision 3 from a WebSocket message: text with its digit, `b4<base64>`, or bytes that begin with 0x04.
 * @throws ProtocolError TW_ERR_ENGINE_PACKET
 */
export function decodePacket(encoded: string | Uint8Array): EnginePacket {
  if (typeof encoded !== 'string') {
    return { type: typeOf(encoded[0] ?? -1, `binary type ${encoded[0]}`), data: encoded.subarray(1) }
  }
  if (encoded.charCodeAt(0) === 98) {
    return { type: typeOf(encoded.charCodeAt(1) - 48, encoded.slice(0, 8)), data: decodeBase64(encoded.slice(2)) }
  }
  return decodeText(encoded)
}

/**
 * `<length>:<packet>…`, binary as `b4<base64>`. With `ascii`, every non-ASCII character of message data is written as `\uXXXX`
 * (message data is JSON), so that dialect A and dialect B decode the same text (spec: EIO-8).
 */
export function encodeStringPayload(packets: readonly EnginePacket[], options?: { ascii?: boolean }): string {
  if (packets.length === 0) return '0:'
  let payload = ''
  for (const packet of packets) {
    let encoded = encodePacket(packet, false) as string
    if (options?.ascii) encoded = escapeNonAscii(encoded)
    payload += encoded.length + ':' + encoded
  }
  return payload
}

function escapeNonAscii(text: string): string {
  return text.replace(/[\u0080-\uffff]/g, (unit) => '\\u' + unit.charCodeAt(0).toString(16).padStart(4, '0'))
}

/** `<0|1><length digits><0xFF><data>…`; used when both sides take binary. */
export function encodeBinaryPayload(packets: readonly EnginePacket[]): Uint8Array {
  const parts: { isText: boolean; bytes: Uint8Array; digits: string }[] = []
  let total = 0
  for (const packet of packets) {
    const encoded = encodePacket(packet, true)
    const isText = typeof encoded === 'string'
    const bytes = isText ? encodeUtf8(encoded) : encoded
    const digits = String(bytes.length)
    parts.push({ isText, bytes, digits })
    total += 2 + digits.length + bytes.length
  }
  const payload = new Uint8Array(total)
  let offset = 0
  for (const { isText, bytes, digits } of parts) {
    payload[offset++] = isText ? 0 : 1
    for (let i = 0; i < digits.length; i++) payload[offset++] = digits.charCodeAt(i) - 48
    payload[offset++] = 0xff
    payload.set(bytes, offset)
    offset += bytes.length
  }
  return payload
}

function malformedPayload(offset: number): ProtocolError {
  return new ProtocolError(
    'TW_ERR_ENGINE_PAYLOAD',
    `Malformed Engine.IO 3 payload at ${offset}; expected <length>:<packet> or a binary packet header`,
  )
}

class StringReader implements PayloadReader {
  readonly #body: string
  readonly #isDialectA: boolean
  #offset = 0

  constructor(body: string) {
    this.#isDialectA = isDialectA(body)
    this.#body = body
  }

  next(): EnginePacket | undefined {
    // Empty packets are skipped in a loop: a body of nothing else must not overflow the stack.
    while (this.#offset < this.#body.length) {
      const text = this.#read()
      if (text !== '') return decodePacket(this.#isDialectA ? decodeUtf8(Uint8Array.from(text, (unit) => unit.charCodeAt(0))) : text)
    }
    return undefined
  }

  #read(): string {
    const start = this.#offset
    this.#offset = this.#body.length
    // The length's digits are bounded, so that a body without a colon is refused after a constant amount of work.
    const colon = this.#body.slice(start, start + MAX_LENGTH_DIGITS).indexOf(':')
    if (colon < 0) throw malformedPayload(start)
    const digits = this.#body.slice(start, start + colon)
    const length = digits === '' ? Number.NaN : Number(digits)
    const from = start + colon + 1
    if (!Number.isInteger(length) || length < 0 || from + length > this.#body.length) throw malformedPayload(start)
    this.#offset = from + length
    return this.#body.slice(from, from + length)
  }
}

/** Reads the string form of both dialects: a dialect-A sender is detected and decoded once more (spec: EIO-9). */
export function readStringPayload(body: string): PayloadReader {
  if (body.length === 0) throw malformedPayload(0)
  return new StringReader(body)
}

class BinaryReader implements PayloadReader {
  readonly #body: Uint8Array
  #offset = 0

  constructor(body: Uint8Array) {
    this.#body = body
    // As official decoders: nothing of a payload is handed up when any of its lengths is malformed.
    while (this.#offset < body.length) this.#advance()
    this.#offset = 0
  }

  next(): EnginePacket | undefined {
    const start = this.#offset
    if (start >= this.#body.length) return undefined
    const bytes = this.#advance()
    if (this.#body[start] !== 0) return decodePacket(bytes)
    try {
      // As official decoders: of base64 the bytes count, and what is none of its letters is skipped.
      return decodePacket(bytes[0] === BASE64 ? decodeLatin1(bytes) : decodeUtf8Strictly(bytes))
    } catch (error) {
      this.#offset = this.#body.length
      throw error instanceof ProtocolError ? error : malformedPayload(start)
    }
  }

  /** Goes past the next packet, and gives its bytes. */
  #advance(): Uint8Array {
    const start = this.#offset
    let length = 0
    let from = start + 1
    for (; ; from++) {
      const digit = this.#body[from]
      if (digit === 0xff && from > start + 1) break
      if (digit === undefined || digit > 9 || from - start > MAX_LENGTH_DIGITS) throw malformedPayload(start)
      length = length * 10 + digit
    }
    // A truncated packet is taken as shorter data, as all official decoders do.
    this.#offset = Math.min(from + 1 + length, this.#body.length)
    return this.#body.subarray(from + 1, this.#offset)
  }
}

/** Reads the binary form: `<0|1><length digits><0xFF><data>…`. Binary packets are views on `body`. */
export function readBinaryPayload(body: Uint8Array): PayloadReader {
  return new BinaryReader(body)
}

/** True when the body was written by a dialect-A sender (1.x): all units <= 0xFF, at least one >= 0x80, valid UTF-8 bytes. */
export function isDialectA(body: string): boolean {
  if (!/[\u0080-\u00ff]/.test(body) || /[\u0100-\uffff]/.test(body)) return false
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(body, (unit) => unit.charCodeAt(0)))
    return true
  } catch {
    return false
  }
}
