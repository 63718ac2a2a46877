// The error of a transport, told to the application by `connect_error` and `disconnect`.

/** Why a transport failed: what it saw, for the application's `connect_error`. */
export class TransportError extends Error {
  readonly type = 'TransportError'
  readonly description: unknown
  readonly context: unknown

  constructor(message: string, description?: unknown, context?: unknown) {
    super(message)
    this.description = description
    this.context = context
  }
}
