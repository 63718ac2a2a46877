// The decoded Socket.IO packet. The shape and the numbers are those of the official parser, because custom parsers and adapters
// exchange them.

export const PacketType = { CONNECT: 0, DISCONNECT: 1, EVENT: 2, ACK: 3, CONNECT_ERROR: 4, BINARY_EVENT: 5, BINARY_ACK: 6 } as const
export type PacketType = (typeof PacketType)[keyof typeof PacketType]

/** Revision 4 is spoken over Engine.IO 3, revision 5 over Engine.IO 4. */
export type SocketRevision = 4 | 5

export interface SocketPacket {
  type: PacketType
  nsp: string
  data?: any
  id?: number | undefined
  attachments?: number | undefined
}

/** Names that the 4.x packages reserve: a peer that sends one breaks the protocol (revision 5). */
export declare const RESERVED_EVENTS: ReadonlySet<string>
/** True when `packet` may be sent or dispatched: type, namespace, id and data fit together. */
export declare function isSocketPacketValid(packet: SocketPacket): boolean
