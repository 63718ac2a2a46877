// Hooks an engine into an HTTP server: requests and upgrades under the path go to it, everything else to the listeners that were there.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

export interface HttpServerLike {
  listeners(event: string): Function[]
  removeAllListeners(event: string): unknown
  on(event: string, listener: (...args: any[]) => void): unknown
}

/** Listeners for requests and upgrades that do nothing with those of the engine but hand them to it. */
const own = new WeakSet<object>()

/** Marks such a listener. */
export function markOwn<Listener extends object>(listener: Listener): Listener {
  own.add(listener)
  return listener
}

/** True while nobody but us would see a request of the engine. */
export function hasOnlyOwnListeners(server: HttpServerLike, event: 'request' | 'upgrade'): boolean {
  const listeners = server.listeners(event)
  return listeners.length > 0 && listeners.every((listener) => own.has(listener))
}

export interface EngineEntry {
  handleRequest(req: IncomingMessage, res: ServerResponse): void
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): void
  close(): unknown
}

export interface AttachTarget {
  /** With its trailing slash, if it has one. */
  path: string
  destroyUpgrade: boolean
  destroyUpgradeTimeout: number
}

/** True for `path`, `path?…` and what is below `path/` (a trailing slash is part of `path`). */
export function isUnder(url: string | undefined, path: string): boolean {
  if (url === undefined || !url.startsWith(path)) return false
  if (path.endsWith('/') || url.length === path.length) return true
  const next = url.charCodeAt(path.length)
  return next === 0x3f || next === 0x2f
}

export function attach(server: HttpServerLike, engine: EngineEntry, { path, destroyUpgrade, destroyUpgradeTimeout }: AttachTarget): void {
  const others = server.listeners('request').slice()
  server.removeAllListeners('request')
  server.on('close', () => engine.close())
  server.on(
    'request',
    markOwn((req: IncomingMessage, res: ServerResponse) => {
      if (isUnder(req.url, path)) engine.handleRequest(req, res)
      else for (const other of others) Reflect.apply(other, server, [req, res])
    }),
  )
  const handleUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (isUnder(req.url, path)) engine.handleUpgrade(req, socket, head)
    else if (destroyUpgrade) {
      // Another listener may still take it: only a connection on which nobody has written is closed.
      const timer = setTimeout(() => {
        if (socket.writable && (socket as Duplex & { bytesWritten?: number }).bytesWritten === 0) {
          socket.on('error', () => {})
          socket.end()
        }
      }, destroyUpgradeTimeout)
      timer.unref()
      socket.once('close', () => clearTimeout(timer))
    }
  }
  server.on('upgrade', markOwn(handleUpgrade))
}
