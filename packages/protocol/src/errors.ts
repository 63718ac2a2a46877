// Base error and the protocol error: the only thing that a codec may throw on bad input.

const BRAND = Symbol.for('tidewire.error')

/** An error with a stable `code`, a cause and whether trying again can help. Match on `code`, not on the class. */
export class TidewireError extends Error {
  /** One of the codes in docs/errors.md; never reused for something else. */
  readonly code: string
  /** True when the same call may succeed later: a broker that is away, not an option that is wrong. */
  readonly retryable: boolean
  /** Facts for logs, as the message names them; which ones depends on the code. */
  readonly details: Readonly<Record<string, unknown>> | undefined

  constructor(
    code: string,
    message: string,
    options: { cause?: unknown; retryable?: boolean; details?: Record<string, unknown> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TidewireError'
    this.code = code
    this.retryable = options.retryable ?? false
    this.details = options.details
    Object.defineProperty(this, BRAND, { value: true })
  }

  /** Two copies of this package may be loaded (server and client), so the brand decides, not the prototype. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    if (typeof value !== 'object' || value === null || (value as Record<symbol, unknown>)[BRAND] !== true) return false
    return this === TidewireError || Function.prototype[Symbol.hasInstance].call(this, value) || value.constructor?.name === this.name
  }
}

/** Codes of `ProtocolError`: what is wrong with what came, or with what was to be sent. Causes and remedies: docs/errors.md. */
export type ProtocolErrorCode =
  | 'TW_ERR_ENGINE_PACKET'
  | 'TW_ERR_ENGINE_PAYLOAD'
  | 'TW_ERR_SOCKET_PACKET'
  | 'TW_ERR_ATTACHMENTS'
  | 'TW_ERR_DEPTH'
  | 'TW_ERR_MSGPACK'
  | 'TW_ERR_FRAME'
  | 'TW_ERR_FRAME_TOO_LARGE'
  | 'TW_ERR_FRAME_UTF8'
  | 'TW_ERR_CLUSTER_FRAME'

/** Those of `limits.ts`. */
export type CodecLimit = 'maxAttachments' | 'maxDepth' | 'maxPayloadBytes' | 'maxFragments'

/** The peer (or, when encoding, the application) broke the protocol. `closeCode` is set by the WebSocket codec. */
export class ProtocolError extends TidewireError {
  /** Which codec refused, and over what. */
  declare readonly code: ProtocolErrorCode
  /** The WebSocket close code to answer with (RFC 6455, 7.4.1); undefined for errors of other codecs. */
  readonly closeCode: number | undefined
  /** What the official parser says to the same input: the message that listeners of a socket's "error" get. */
  readonly officialMessage: string | undefined
  /** The limit that was hit, if that is what is wrong. */
  readonly limit: CodecLimit | undefined

  constructor(code: ProtocolErrorCode, message: string, options: { cause?: unknown; closeCode?: number; officialMessage?: string; limit?: CodecLimit } = {}) {
    super(code, message, options)
    this.name = 'ProtocolError'
    this.closeCode = options.closeCode
    this.officialMessage = options.officialMessage
    this.limit = options.limit
  }
}
