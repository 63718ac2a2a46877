// The digit of each packet type, common to both revisions.
import { ProtocolError } from '../errors.ts'
import type { EnginePacket, EnginePacketType } from './packet.ts'

const TYPES: readonly EnginePacketType[] = ['open', 'close', 'ping', 'pong', 'message', 'upgrade', 'noop']
const DIGITS = Object.fromEntries(TYPES.map((type, digit) => [type, String(digit)])) as Record<EnginePacketType, string>

export const digitOf = (type: EnginePacketType): string => DIGITS[type]
export const malformedPacket = (got: string): string =>
  `Malformed Engine.IO packet; got ${got}, expected a digit from 0 to 6 and its data`

export function typeOf(digit: number, got: string): EnginePacketType {
  const type = TYPES[digit]
  if (type === undefined) throw new ProtocolError('TW_ERR_ENGINE_PACKET', malformedPacket(got))
  return type
}

/** A text packet: one digit, then its data. */
export function decodeText(encoded: string): EnginePacket {
  const type = typeOf(encoded.charCodeAt(0) - 48, encoded === '' ? 'nothing' : JSON.stringify(encoded.slice(0, 16)))
  return encoded.length > 1 ? { type, data: encoded.slice(1) } : { type }
}
