// Every bound of the codecs: one table, each with its reason. Servers and clients may override them by option.

/** Bounds of the codecs where nothing else is said. */
export const DEFAULT_LIMITS = {
  /** Attachments accepted in one Socket.IO packet; the official limit since parsers 3.3.5, 3.4.4 and 4.2.6. */
  maxAttachments: 10,
  /**
   * Nesting of JSON and MessagePack that is encoded or decoded. `JSON.stringify` overflows the stack at about 4,100 levels; a
   * deeper value is refused as a protocol error, so that echoing it cannot kill the process.
   */
  maxDepth: 2_000,
  /** Bytes of one WebSocket message; the official `maxHttpBufferSize`. */
  maxPayloadBytes: 1_000_000,
  /** Continuation frames of one WebSocket message: a flood of tiny fragments costs more than its bytes. */
  maxFragments: 16_384,
} as const
