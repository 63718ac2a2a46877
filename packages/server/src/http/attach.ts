// Hooks an engine into an HTTP server: requests and upgrades under the path go to it, everything else to the listeners that were there.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { isObserved, markOwn } from './observers.ts'
import type { HttpServerLike } from './observers.ts'

export interface EngineEntry {
  /** `isUnseen`: nobody but us has seen the request. */
  handleRequest(req: IncomingMessage, res: ServerResponse, isUnseen: boolean): void
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer, isUnseen: boolean): void
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
      if (isUnder(req.url, path)) engine.handleRequest(req, res, !isObserved(server, 'request'))
      else for (const other of others) Reflect.apply(other, server, [req, res])
    }),
  )
  const handleUpgrade = (req: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (isUnder(req.url, path)) engine.handleUpgrade(req, socket, head, !isObserved(server, 'upgrade'))
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
