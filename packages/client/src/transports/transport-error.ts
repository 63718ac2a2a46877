// The error of a transport, told to the application by `connect_error` and `disconnect`.

/** Why a transport failed: what it saw, for the application's `connect_error`. */
export class TransportError extends Error {
  readonly type = 'TransportError'
  declare readonly description: unknown
  declare readonly context: unknown

  constructor(message: string, description?: unknown, context?: unknown) {
    super(message)
    Object.assign(this, { description, context })
  }
}
