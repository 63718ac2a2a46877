// The decoded Engine.IO packet, common to revisions 3 and 4.

/** `EIO` in the query: 3 for socket.io 1.x and 2.x, 4 for 3.x and 4.x. */
export type EngineRevision = 3 | 4
/** The seven packet types, the same in both revisions. In revision 3 the client pings, in revision 4 the server. */
export type EnginePacketType = 'open' | 'close' | 'ping' | 'pong' | 'message' | 'upgrade' | 'noop'

/** `data` is absent when empty: `4` and `4` + "" are the same on the wire. Binary data only with type `message`. */
export interface EnginePacket {
  /** By name; the digit on the wire (0 open … 6 noop) is the codec's business. */
  type: EnginePacketType
  /** Text, or the bytes of a binary message. */
  data?: string | Uint8Array
}

/**
 * Pull decoder of one polling body, so that a large body can be spread over several loop turns.
 * `next()` gives the packets in order, then `undefined`; at the first malformed packet it throws a ProtocolError, after which
 * it is dead. Packets already given stay valid (the official decoders also deliver what came before the error).
 */
export interface PayloadReader {
  /** The next packet, or undefined at the end. @throws ProtocolError at the first malformed packet */
  next(): EnginePacket | undefined
}
