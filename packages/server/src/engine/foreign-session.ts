// Sessions of an engine that is not ours, given to `io.bind(engine)` or `io.onconnection(session)`: the emitter that engine.io and engines made
// from it hand out. In: its "data" and "close" events. Out: the members of EngineSession that it lacks, put on the object itself, because
// applications compare `socket.conn` with the session they know. It stays the engine's, which alone opens and closes it.
import type { EventEmitter } from 'node:events'
import type { CloseReason, EngineSession } from './contract.ts'
import type { OutgoingMessage } from './outgoing-message.ts'

interface ForeignSession extends EventEmitter {
  readonly transport: { readonly writable: boolean }
  readonly writeBuffer?: readonly unknown[]
  send(data: string | Buffer, options?: { compress?: boolean }): unknown
}

/** The session itself; made to fit first when it comes from another engine. */
export function adaptSession(session: EngineSession | ForeignSession): EngineSession {
  if ('sendMessage' in session) return session
  const adapted = Object.defineProperties(session, {
    handler: { value: undefined, writable: true, configurable: true },
    writable: {
      get: () => session.transport.writable && (session.writeBuffer?.length ?? 0) === 0,
      configurable: true,
    },
    sendMessage: {
      value: ({ data, compress }: OutgoingMessage) =>
        session.send(
          typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          { compress },
        ),
      configurable: true,
    },
  }) as unknown as EngineSession
  session.on('data', (data: string | Buffer) => adapted.handler?.handleMessage(data))
  // An emitter throws what nobody listens for; the close that follows has the reason.
  session.on('error', () => {})
  session.once('close', (reason: CloseReason, description?: unknown) =>
    adapted.handler?.handleClose(reason, description),
  )
  return adapted
}
