// Frames of Engine.IO 4 on a WebTransport stream, outwards: a length with a binary bit before each packet. In: a packet. Out: bytes.
import { encodeUtf8 } from '../bytes.ts'
import type { EnginePacket } from '../engine/packet.ts'
import { encodePacket } from '../engine/v4/codec.ts'

/** 0x80 = binary, then 0 to 125, or 126 and 16 bits, or 127 and 64 bits; big endian, the length of what follows. */
export function encodeStreamFrame(packet: EnginePacket): Uint8Array {
  let encoded = encodePacket(packet, true)
  // A frame of no bytes ends the session at every known receiver; base64 of nothing reads as the same empty message (spec: EIO-92).
  if (encoded.length === 0) encoded = 'b'
  const isText = typeof encoded === 'string'
  const body = isText ? encodeUtf8(encoded as string) : (encoded as Uint8Array)
  const { length } = body
  const size = length < 126 ? 1 : length < 65_536 ? 3 : 9
  const frame = new Uint8Array(size + length)
  frame[0] = (isText ? 0 : 128) | (size < 2 ? length : size < 4 ? 126 : 127)
  for (let index = size - 1, rest = length; index > 0; index--) {
    frame[index] = rest
    rest = Math.floor(rest / 256)
  }
  frame.set(body, size)
  return frame
}
