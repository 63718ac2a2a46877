// Engine.IO error codes as they stand on the wire, in the JSON body `{"code","message"}`. Never edited, only appended.

/** Code and text of every refusal of a request, as clients of all versions read them. Causes and remedies: docs/errors.md. */
export const ENGINE_ERRORS = {
  UNKNOWN_TRANSPORT: { code: 0, message: 'Transport unknown' },
  UNKNOWN_SID: { code: 1, message: 'Session ID unknown' },
  BAD_HANDSHAKE_METHOD: { code: 2, message: 'Bad handshake method' },
  BAD_REQUEST: { code: 3, message: 'Bad request' },
  FORBIDDEN: { code: 4, message: 'Forbidden' },
  UNSUPPORTED_PROTOCOL_VERSION: { code: 5, message: 'Unsupported protocol version' },
} as const
