// The HTTP server that a Socket.IO server stands on: one of the application's, or one of its own on a port. In: what `attach` was given. Knows
// neither engine nor namespaces.
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { TidewireError } from '@tidewire/protocol'
import { markOwn } from './observers.ts'
import type { HttpServerLike } from './observers.ts'
import { writeAnswer } from './plain-answer.ts'
import type { AskedFor, PlainAnswer } from './plain-answer.ts'

export type HttpLike = HttpServerLike & {
  listen(port: number): unknown
  close(callback?: (error?: Error) => void): unknown
  closeIdleConnections?(): void
}

/** For a port of our own, on which there is nothing else. */
export function createOwnServer(): Server {
  return createServer((_req, res) => {
    res.writeHead(404).end()
  })
}

/** Asks for an answer before the application's listeners get a request; they get those for which there is none. */
export function answerFirst(server: HttpLike, answerTo: (req: AskedFor) => PlainAnswer | undefined): void {
  const others = server.listeners('request').slice()
  server.removeAllListeners('request')
  server.on(
    'request',
    markOwn((req: IncomingMessage, res: ServerResponse) => {
      if (writeAnswer(res, answerTo(req))) return
      for (const other of others) Reflect.apply(other, server, [req, res])
    }),
  )
}

/** Resolves when all connections have ended, with an error if it was not open. */
export function closeServer(server: HttpLike): Promise<Error | undefined> {
  return new Promise((resolve) => {
    server.close((error) => resolve(error))
    // Kept-alive connections without a request would hold the server open until they time out.
    server.closeIdleConnections?.()
    setImmediate(() => server.closeIdleConnections?.())
  })
}

export function notAServer(got: Function): TidewireError {
  return new TidewireError(
    'TW_ERR_CONFIG',
    `Cannot attach to a function; got ${got.name || 'an Express application?'}, expected an http.Server. Create the server with http.createServer(app) and pass that`,
  )
}
