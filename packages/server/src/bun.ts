// `tidewire/bun`: the server on Bun's own HTTP server. `serve(io, { port })` is all there is to do; the engine by itself is for applications that
// route requests themselves, and takes the place of `@socket.io/bun-engine`.
import { TidewireError } from '@tidewire/protocol'
import { BunEngine } from './bun/bun-engine.ts'
import type { BunServer } from './bun/bun-types.ts'
import { serverOf } from './bun/bun-http-server.ts'
import type { IdSource } from './ids.ts'
import type { ServerOptions } from './options.ts'

export { BunEngine, BunEngine as Server } from './bun/bun-engine.ts'
export type { BunEngineOptions, BunHandler } from './bun/bun-engine.ts'
export type { BunServer, BunSocket, BunWebSocketHandlers } from './bun/bun-types.ts'

/** What is needed of a `Server` of tidewire. @internal */
export interface SocketServer {
  readonly opts: Partial<ServerOptions>
  readonly ids: IdSource
  httpServer: any
  path(): string
  bind(engine: BunEngine): unknown
}

/** Everything that `Bun.serve` takes, but for `websocket`. */
export interface BunServeOptions {
  /** Port to listen on. Default 3000, as Bun's. */
  port?: number | string
  /** Address to listen on. Default: all, as Bun's. */
  hostname?: string
  /** Answers what is not Socket.IO's. Default: 404. */
  fetch?(req: Request, server: any): Response | undefined | Promise<Response | undefined>
  [option: string]: unknown
}

declare const Bun: { serve(options: object): BunServer } | undefined

/**
 * Serves `io` on Bun: on a server of its own, with the options that `io` was made with. `io.close()` ends both.
 * @throws TidewireError TW_ERR_UNSUPPORTED elsewhere than on Bun
 */
export function serve(io: SocketServer, options: BunServeOptions = {}): BunServer {
  if (typeof Bun === 'undefined') {
    throw new TidewireError('TW_ERR_UNSUPPORTED', 'tidewire/bun runs on Bun only. On Node and Deno: new Server(http.createServer())')
  }
  const { allowRequest, addTrailingSlash, ...rest } = io.opts
  const path = addTrailingSlash === false ? io.path() : `${io.path()}/`
  const engine = new BunEngine({ ...rest, path }, { ids: io.ids, allowRequest })
  io.bind(engine)
  const { websocket, idleTimeout, fetch } = engine.handler()
  const other = options.fetch
  const server = Bun.serve({
    idleTimeout,
    ...options,
    websocket,
    fetch: other === undefined ? fetch : (req: Request, bun: BunServer) => engine.serve(req, bun) ?? other(req, bun),
  })
  io.httpServer = serverOf(server)
  return server
}
