// The arguments of an event or of an acknowledgement without the head of a packet: JSON with placeholders, and the attachments. What nodes
// of a cluster exchange; the head (type, namespace, id) is put before it where it is sent to clients.
import { ProtocolError } from '../errors.ts'
import { SocketPacketDecoder } from './decode.ts'
import { encodeSocketPacket } from './encode.ts'
import { PacketType } from './packet.ts'
import type { SocketPacket } from './packet.ts'

/** The arguments of an event or acknowledgement, encoded: what nodes of a cluster send each other. */
export interface PacketBody {
  /** A JSON array. */
  readonly json: string
  /** What the placeholders in `json` stand for, in the order of their numbers. */
  readonly attachments: readonly Uint8Array[]
}

export interface BodyLimits {
  readonly maxAttachments?: number
  readonly maxDepth?: number
}

/** An id, so that the digits before the JSON are known. */
const ACK_ID = 0
/** Above what JSON.stringify can write: whoever wrote it had his own limit. */
const MAX_DEPTH = 5_000

/** Encodes arguments once, for any namespace and acknowledgement id. @throws ProtocolError as encodeSocketPacket does */
export function encodeBody(data: readonly unknown[], limits?: BodyLimits): PacketBody {
  const [text, ...attachments] = encodeSocketPacket(
    { type: PacketType.ACK, nsp: '/', id: ACK_ID, data },
    limits,
  )
  return { json: text.slice(text.indexOf('[')), attachments }
}

/** The arguments again, with the attachments in their places. @throws ProtocolError for what encodeBody does not make */
export function decodeBody({ json, attachments }: PacketBody): unknown[] {
  const decoder = new SocketPacketDecoder({
    revision: 5,
    maxAttachments: attachments.length,
    maxDepth: MAX_DEPTH,
  })
  const head =
    attachments.length === 0
      ? `${PacketType.ACK}${ACK_ID}`
      : `${PacketType.BINARY_ACK}${attachments.length}-${ACK_ID}`
  let packet: SocketPacket | undefined = decoder.add(head + json)
  for (const attachment of attachments) packet = decoder.add(attachment)
  if (packet === undefined || !Array.isArray(packet.data))
    throw new ProtocolError(
      'TW_ERR_SOCKET_PACKET',
      'Malformed body; expected a JSON array and its attachments',
    )
  return packet.data
}

/** The text of an EVENT with this body. */
export function eventText({ json, attachments }: PacketBody, nsp: string, id?: number): string {
  const type =
    attachments.length === 0 ? String(PacketType.EVENT) : `${PacketType.BINARY_EVENT}${attachments.length}-`
  return `${type}${nsp === '/' ? '' : `${nsp},`}${id ?? ''}${json}`
}
