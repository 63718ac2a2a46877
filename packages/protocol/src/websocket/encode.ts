// RFC 6455 frames out: one contiguous buffer, header and payload.

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const

/**
 * One final frame. `mask` (4 bytes) is given by a client and absent on a server. `prefix` is written before the payload inside
 * the frame (the Engine.IO digit, or the 0x04 of revision 3), which saves a concatenation.
 */
export declare function encodeFrame(
  opcode: number,
  payload: string | Uint8Array,
  options?: { mask?: Uint8Array; prefix?: string | number },
): Uint8Array
export declare function encodeCloseFrame(code?: number, reason?: string, mask?: Uint8Array): Uint8Array
