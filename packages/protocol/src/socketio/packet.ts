// The decoded Socket.IO packet. The shape and the numbers are those of the official parser, because custom parsers and adapters
// exchange them.

/**
 * Numbers of the packet types on the wire. Revision 4 (over Engine.IO 3) calls 4 ERROR; BINARY_* exist on the wire only, decoders give 2
 * and 3.
 */
export const PacketType = {
  CONNECT: 0,
  DISCONNECT: 1,
  EVENT: 2,
  ACK: 3,
  CONNECT_ERROR: 4,
  BINARY_EVENT: 5,
  BINARY_ACK: 6,
} as const
export type PacketType = (typeof PacketType)[keyof typeof PacketType]

/** Revision 4 is spoken over Engine.IO 3, revision 5 over Engine.IO 4. */
export type SocketRevision = 4 | 5

/** One Socket.IO packet, decoded: what parsers take and give. */
export interface SocketPacket {
  /** A number of `PacketType`. */
  type: PacketType
  /** The namespace, with its slash. */
  nsp: string
  /** By type: `[event, ...args]`, the arguments of an acknowledgement, the payload of CONNECT, or an error. */
  data?: any
  /** Of an event: an acknowledgement is wanted. Of an acknowledgement: whose it is. */
  id?: number | undefined
  /** How many binary messages follow the text; set by decoders only. */
  attachments?: number | undefined
}

/** Names that the 4.x packages reserve: a peer that sends one breaks the protocol (revision 5). */
export const RESERVED_EVENTS: ReadonlySet<string> = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
])

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** True when `data` is what packets of `type` carry. Revision 4 is as lenient as the parsers of its time. */
export function isDataValid(type: PacketType, data: unknown, revision: SocketRevision): boolean {
  switch (type) {
    case PacketType.CONNECT:
      return data === undefined || data === null || isObject(data) || (revision === 4 && Array.isArray(data))
    case PacketType.DISCONNECT:
      return data === undefined
    case PacketType.CONNECT_ERROR:
      return typeof data === 'string' || isObject(data) || (revision === 4 && typeof data === 'object')
    case PacketType.EVENT:
    case PacketType.BINARY_EVENT: {
      if (!Array.isArray(data)) return false
      const name: unknown = data[0]
      if (typeof name === 'number') return true
      return typeof name === 'string' && (revision === 4 || !RESERVED_EVENTS.has(name))
    }
    case PacketType.ACK:
    case PacketType.BINARY_ACK:
      return Array.isArray(data)
    default:
      return false
  }
}

/** True when `packet` may be dispatched: type, namespace, id and data fit together. */
export function isSocketPacketValid(packet: SocketPacket): boolean {
  return (
    typeof packet.nsp === 'string' &&
    (packet.id === undefined || Number.isInteger(packet.id)) &&
    isDataValid(packet.type, packet.data, 5)
  )
}
