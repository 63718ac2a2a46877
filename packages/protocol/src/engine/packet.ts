// The decoded Engine.IO packet, common to revisions 3 and 4.

export type EngineRevision = 3 | 4
export type EnginePacketType = 'open' | 'close' | 'ping' | 'pong' | 'message' | 'upgrade' | 'noop'

/** `data` is absent when empty: `4` and `4` + "" are the same on the wire. Binary data only with type `message`. */
export interface EnginePacket {
  type: EnginePacketType
  data?: string | Uint8Array
}

/**
 * Pull decoder of one polling body, so that a large body can be spread over several loop turns.
 * `next()` gives the packets in order, then `undefined`; at the first malformed packet it throws a ProtocolError, after which
 * it is dead. Packets already given stay valid (the official decoders also deliver what came before the error).
 */
export interface PayloadReader {
  next(): EnginePacket | undefined
}
