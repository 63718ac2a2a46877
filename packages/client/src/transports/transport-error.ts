// The error of a transport, told to the application by `connect_error` and `disconnect`.

/** Why a transport failed: what it saw, for the application's `connect_error`. */
export class TransportError extends Error {
  /** Tells it from errors of middlewares. */
  readonly type = 'TransportError'
  /** An HTTP status, or the error below this one. */
  declare readonly description: unknown
  /** The answer or event that it comes from. */
  declare readonly context: unknown

  constructor(message: string, description?: unknown, context?: unknown) {
    super(message)
    Object.assign(this, { description, context })
  }
}
