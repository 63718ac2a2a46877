// RFC 6455 frames in: a push decoder with no I/O. Chunks may be cut anywhere.

export interface FrameHandler {
  handleText(text: string): void
  /** May be a view of the chunk just pushed: copy what you keep. */
  handleBinary(data: Uint8Array): void
  handlePing(data: Uint8Array): void
  handlePong(data: Uint8Array): void
  /** A close frame; `code` is 1005 when it had none. Nothing is handled after it. */
  handleClose(code: number, reason: string): void
}

export interface FrameDecoderOptions {
  /** "server" wants masked frames, "client" unmasked ones. */
  role: 'server' | 'client'
  maxPayloadBytes?: number
  maxFragments?: number
  /** Decodes valid UTF-8 or throws; the runtime's fastest (default: a fatal TextDecoder). */
  decodeText?: (bytes: Uint8Array) => string
}

/** @throws ProtocolError from `push` with `closeCode` 1002, 1007 or 1009; the decoder is dead afterwards. */
export declare class FrameDecoder {
  constructor(handler: FrameHandler, options: FrameDecoderOptions)
  push(chunk: Uint8Array): void
}
