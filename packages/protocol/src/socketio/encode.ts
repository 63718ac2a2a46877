// Socket.IO packet -> one text and its attachments.
import { ProtocolError } from '../errors.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { extractBinary, guardStack, hasBinary, tooDeep } from './binary.ts'
import { PacketType } from './packet.ts'
import type { SocketPacket, SocketRevision } from './packet.ts'

export interface SocketPacketEncoderOptions {
  revision?: SocketRevision
  maxAttachments?: number
  maxDepth?: number
  replacer?: ((this: any, key: string, value: any) => any) | undefined
}

/**
 * First element the text (without the Engine.IO digit), then the attachments in order. EVENT and ACK with binary become types
 * 5 and 6. Does not change `packet`.
 * @throws ProtocolError TW_ERR_DEPTH when data nests deeper than `maxDepth` or is circular, TW_ERR_ATTACHMENTS above `maxAttachments` (no limit by
 * default), TW_ERR_SOCKET_PACKET when it cannot be written as JSON (BigInt, a `toJSON` that throws).
 */
export function encodeSocketPacket(
  packet: SocketPacket,
  options?: SocketPacketEncoderOptions,
): [text: string, ...attachments: Uint8Array[]] {
  return guardStack(() => encode(packet, options))
}

function encode(packet: SocketPacket, options: SocketPacketEncoderOptions | undefined): [text: string, ...attachments: Uint8Array[]] {
  const maxDepth = options?.maxDepth ?? DEFAULT_LIMITS.maxDepth
  let { type, data } = packet
  let attachments: Uint8Array[] | undefined
  const mayHoldBinary = type === PacketType.EVENT || type === PacketType.ACK
  if ((mayHoldBinary && hasBinary(data, maxDepth)) || type === PacketType.BINARY_EVENT || type === PacketType.BINARY_ACK) {
    attachments = []
    data = extractBinary(data, attachments, maxDepth)
    if (type === PacketType.EVENT) type = PacketType.BINARY_EVENT
    else if (type === PacketType.ACK) type = PacketType.BINARY_ACK
    if (attachments.length > (options?.maxAttachments ?? Infinity)) {
      throw new ProtocolError(
        'TW_ERR_ATTACHMENTS',
        `Too many attachments; got ${attachments.length}, receivers accept ${options?.maxAttachments}. Send several events, or raise maxAttachments on both sides`,
      )
    }
  } else if (!mayHoldBinary) {
    // Walked for its depth only; hasBinary has done so for the others.
    hasBinary(data, maxDepth)
  }
  let text = String(type)
  if (attachments !== undefined) text += attachments.length + '-'
  if (packet.nsp !== undefined && packet.nsp !== '' && packet.nsp !== '/') text += packet.nsp + ','
  if (packet.id !== undefined && packet.id !== null) text += packet.id
  if (data !== undefined && data !== null) text += stringify(data, options?.replacer, maxDepth)
  return attachments === undefined ? [text] : [text, ...attachments]
}

function stringify(data: unknown, replacer: SocketPacketEncoderOptions['replacer'], maxDepth: number): string {
  try {
    return JSON.stringify(data, replacer) ?? ''
  } catch (cause) {
    if (cause instanceof RangeError) throw tooDeep(maxDepth)
    throw new ProtocolError(
      'TW_ERR_SOCKET_PACKET',
      `Data cannot be written as JSON: ${cause instanceof Error ? cause.message.split('\n')[0] : String(cause)}`,
      { cause },
    )
  }
}
