// Engine.IO revision 4: packets and polling payloads.
import { decodeBase64, encodeBase64 } from '../../bytes.ts'
import { ProtocolError } from '../../errors.ts'
import { decodeText, digitOf, malformedPacket } from '../digits.ts'
import type { EnginePacket, PayloadReader } from '../packet.ts'

const SEPARATOR = '\x1e'

/** One packet as a WebSocket message: text with its digit; binary raw, or `b<base64>` when `supportsBinary` is false. */
export function encodePacket(packet: EnginePacket, supportsBinary: boolean): string | Uint8Array {
  const { data } = packet
  if (data === undefined || typeof data === 'string') return digitOf(packet.type) + (data ?? '')
  return supportsBinary ? data : 'b' + encodeBase64(data)
}

/**
 * One packet of revision 4 from a WebSocket message or a part of a payload: text with its digit, `b<base64>`, or raw bytes.
 * @throws ProtocolError TW_ERR_ENGINE_PACKET
 */
export function decodePacket(encoded: string | Uint8Array): EnginePacket {
  if (typeof encoded !== 'string') return { type: 'message', data: encoded }
  if (encoded.charCodeAt(0) === 98) return { type: 'message', data: decodeBase64(encoded.slice(1)) }
  return decodeText(encoded)
}

/** Packets joined by U+001E, binary as `b<base64>`. */
export function encodePayload(packets: readonly EnginePacket[]): string {
  let payload = ''
  for (let i = 0; i < packets.length; i++) {
    payload += (i > 0 ? SEPARATOR : '') + (encodePacket(packets[i]!, false) as string)
  }
  return payload
}

class Reader implements PayloadReader {
  readonly #body: string
  #offset = 0

  constructor(body: string) {
    this.#body = body
  }

  next(): EnginePacket | undefined {
    const from = this.#offset
    if (from > this.#body.length) return undefined
    const end = this.#body.indexOf(SEPARATOR, from)
    this.#offset = end < 0 ? this.#body.length + 1 : end + 1
    return decodePacket(this.#body.slice(from, end < 0 ? undefined : end))
  }
}

/** Reads a polling body: packets joined by U+001E. @throws ProtocolError TW_ERR_ENGINE_PAYLOAD for an empty one */
export function readPayload(body: string): PayloadReader {
  if (body.length === 0) throw new ProtocolError('TW_ERR_ENGINE_PAYLOAD', malformedPacket('an empty payload'))
  return new Reader(body)
}
