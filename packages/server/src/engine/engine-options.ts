// Options of the engine with their defaults: the official ones, but for `allowEIO3` (docs/decisions/0005).
import type { IncomingMessage } from 'node:http'
import type { ZlibOptions } from 'node:zlib'
import type { CorsOptions, CorsOptionsDelegate } from '../http/cors.ts'
import type { CookieOptions } from '../http/cookie.ts'
import { LIMITS } from '../limits.ts'

/** A way for packets to travel. */
export type TransportName = 'polling' | 'websocket' | 'webtransport'

/** Options of transports, sessions and handshakes. */
export interface EngineOptions {
  /** Milliseconds a peer may stay silent after a ping. Default 20000. */
  pingTimeout?: number
  /** Milliseconds between pings. Default 25000. */
  pingInterval?: number
  /** Milliseconds an upgrade may take. Default 10000. */
  upgradeTimeout?: number
  /** Bytes of one message or one POST body. Default 1e6. */
  maxHttpBufferSize?: number
  /** Bytes waiting for one slow reader before its session is closed. Default 1e6 (at least `maxHttpBufferSize`). */
  maxOutboxBytes?: number
  /** Sessions of this node; further handshakes are refused with 503. Default: no bound. */
  maxSessions?: number
  /** Decides over a handshake: `fn(undefined, true)` lets it in, `fn("why", false)` refuses with 403. Default: all are let in. */
  allowRequest?: (req: IncomingMessage, fn: (error: string | null | undefined, isAllowed: boolean) => void) => void
  /** Transports that are served; webtransport needs an HTTP/3 engine besides (`onWebTransportSession`). Default polling and websocket. */
  transports?: readonly TransportName[]
  /** False: the open packet offers no upgrade. Default true. */
  allowUpgrades?: boolean
  /** Compression of WebSocket messages, by the package `ws`, which must then be installed. Default false. */
  perMessageDeflate?: boolean | object
  /** gzip or deflate for polling answers from `threshold` bytes on, with these options of node:zlib. Default true (1024). */
  httpCompression?: boolean | (ZlibOptions & { threshold?: number })
  /** A message sent right after the open packet. Default none. */
  initialPacket?: string | Uint8Array
  /** Session cookie on the handshake answer. Default false. */
  cookie?: boolean | CookieOptions
  /** CORS headers and the check of Origin. Default: none. */
  cors?: CorsOptions | CorsOptionsDelegate
  /** Serve Engine.IO 3 clients (socket.io-client 1.x and 2.x). Default true. */
  allowEIO3?: boolean
  /** A WebSocket server class of another make: `ws`.Server and its kin. Default: our own framing. */
  wsEngine?: unknown
}

/** Options of the place on the HTTP server. */
export interface AttachOptions {
  /** Path that requests must begin with. Default "/engine.io"; of a Socket.IO server "/socket.io". */
  path?: string
  /** Whether `path` must be followed by a slash. Default true. */
  addTrailingSlash?: boolean
  /**
   * Serve plain requests of the engine on plain TCP connections without node:http. What anything else may have to do with (middlewares,
   * listeners for requests or headers, instrumentation, TLS, unusual requests) goes through node:http all the same. Default true.
   */
  directHttp?: boolean
  /** Close upgrade requests that nobody handles, after `destroyUpgradeTimeout`. Default true. */
  destroyUpgrade?: boolean
  /** Milliseconds that others have to answer an upgrade request outside of the path. Default 1000. */
  destroyUpgradeTimeout?: number
}

export type ResolvedEngineOptions = EngineOptions &
  Required<Pick<EngineOptions, 'pingTimeout' | 'pingInterval' | 'upgradeTimeout' | 'maxHttpBufferSize' | 'maxOutboxBytes' | 'transports' | 'allowUpgrades' | 'allowEIO3'>>

export function resolveEngineOptions(options: EngineOptions): ResolvedEngineOptions {
  const maxHttpBufferSize = options.maxHttpBufferSize ?? LIMITS.maxHttpBufferSize.default
  const compression = options.httpCompression ?? true
  return {
    ...options,
    pingTimeout: options.pingTimeout ?? LIMITS.pingTimeout.default,
    pingInterval: options.pingInterval ?? LIMITS.pingInterval.default,
    upgradeTimeout: options.upgradeTimeout ?? LIMITS.upgradeTimeout.default,
    maxHttpBufferSize,
    maxOutboxBytes: options.maxOutboxBytes ?? Math.max(LIMITS.maxOutboxBytes.default, maxHttpBufferSize),
    transports: options.transports ?? ['polling', 'websocket'],
    allowUpgrades: options.allowUpgrades ?? true,
    // compat: read by applications from `io.engine.opts`.
    httpCompression: compression === true ? { threshold: 1024 } : compression,
    allowEIO3: options.allowEIO3 ?? true,
  }
}
