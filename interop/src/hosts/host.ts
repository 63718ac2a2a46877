// What a host is: an HTTP server of the application, made its own way, with routes and middlewares of its own, on which the server of a pair
// is put. In: the run, the settings of that server. Out: both, listening, and how clients reach them.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Run } from '../pairs/scenario.ts'
import { RawConnection } from '@tidewire/testkit/raw-connection'
import type { Target } from '@tidewire/testkit/raw-connection'
import { tls } from '../../../packages/client/test/start-tls.ts'

/** An application that answers the routes below, not listening yet. */
export interface Application {
  http: HttpServer
  /** The application's own way to end; default: close the HTTP server. */
  close?: () => Promise<unknown>
  /** Lines of its access log, if it keeps one. */
  log?: string[]
}

export interface Host {
  name: string
  isSecure?: boolean
  isUnixSocket?: boolean
  /** It answers nothing but 404. */
  hasNoRoutes?: boolean
  /** The server is put on it when it listens already. */
  attachesLate?: boolean
  /** Makes the application; undefined: the server of the pair makes it, from a port. */
  create?: () => Application | Promise<Application>
}

/** A host with the server of the pair on it. */
export interface Served extends Application {
  io: any
  target: Target
  /** Closes the application its own way; resolves when that has ended. */
  end: () => Promise<unknown>
}

export async function serve(
  run: Run,
  host: Host,
  settings: object = {},
  prepare?: (http: HttpServer) => void,
): Promise<Served> {
  const { Server } = run.pair.server.module
  const application = await host.create?.()
  if (application !== undefined) prepare?.(application.http)
  const io =
    application === undefined
      ? new Server(0, settings)
      : host.attachesLate === true
        ? new Server(settings)
        : new Server(application.http, settings)
  const http: HttpServer = application?.http ?? io.httpServer
  const target = await listen(run, host, http, application === undefined)
  if (host.attachesLate === true) io.attach(http)
  run.io = io
  run.http = http
  run.port = target.port ?? 0
  run.atEnd(async () => {
    void io.close()
    http.closeAllConnections?.()
    http.close?.()
    await application?.close?.()
  })
  const end = application?.close ?? (async () => new Promise((resolve) => http.close(resolve)))
  return { ...application, http, io, target, end }
}

async function listen(run: Run, host: Host, http: HttpServer, isListening: boolean): Promise<Target> {
  if (host.isUnixSocket === true) {
    const folder = mkdtempSync(join(tmpdir(), 'tidewire-host-'))
    const socketPath = join(folder, 'socket')
    http.listen(socketPath)
    await once(http, 'listening')
    run.atEnd(() => rmSync(folder, { recursive: true, force: true }))
    return { socketPath }
  }
  if (!isListening) http.listen(0, '127.0.0.1')
  if (!http.listening) await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  return host.isSecure === true ? { port, tls: { ca: tls.ca } } : { port }
}

/** A client of the pair on this host. */
export function client(run: Run, { target }: Served, options: object = {}): any {
  const { port, socketPath, tls: isTls } = target
  const url =
    socketPath === undefined
      ? `${isTls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
      : 'http://localhost'
  const reach =
    socketPath === undefined
      ? isTls === undefined
        ? {}
        : { rejectUnauthorized: false }
      : { agent: new Agent({ socketPath } as object) }
  const socket = run.pair.client.module.io(url, {
    reconnection: false,
    forceNew: true,
    transports: ['websocket'],
    ...reach,
    ...options,
  })
  run.own(socket)
  return socket
}

export async function connected(
  run: Run,
  served: Served,
  options: object = {},
): Promise<{ socket: any; peer: any }> {
  const arrives = run.once(served.io, 'connection')
  const socket = client(run, served, options)
  const [[peer]] = await Promise.all([arrives, run.once(socket, 'connect')])
  return { socket, peer }
}

export async function dial(run: Run, { target }: Served): Promise<RawConnection> {
  const connection = await RawConnection.open(target)
  run.atEnd(() => connection.destroy())
  return connection
}
