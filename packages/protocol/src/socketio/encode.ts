// Socket.IO packet -> one text and its attachments.
import type { SocketPacket, SocketRevision } from './packet.ts'

/**
 * First element the text (without the Engine.IO digit), then the attachments in order. EVENT and ACK with binary become types
 * 5 and 6. Does not change `packet`.
 * @throws ProtocolError TW_ERR_DEPTH when data nests deeper than `maxDepth`, TW_ERR_ATTACHMENTS above `maxAttachments` (no limit by
 * default), TW_ERR_SOCKET_PACKET when it cannot be written as JSON (circular, BigInt).
 */
export declare function encodeSocketPacket(
  packet: SocketPacket,
  options?: { revision?: SocketRevision; maxAttachments?: number; maxDepth?: number; replacer?: (this: any, key: string, value: any) => any },
): [text: string, ...attachments: Uint8Array[]]
