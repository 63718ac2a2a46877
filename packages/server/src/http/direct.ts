// Takes the connections of an HTTP server that speak to the engine and to nothing else past node:http, which costs more than all that we do
// with a request. What is not plainly ours goes on to node:http, as if nothing had been there (docs/decisions/0006).
import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { Server } from 'node:http'
import { Socket } from 'node:net'
import { hasOnlyOwnListeners } from './attach.ts'
import { DirectConnection } from './direct-connection.ts'
import type { DirectHost } from './direct-connection.ts'
import type { RequestHead } from './request-head.ts'
import { LIMITS } from '../limits.ts'

/** What the engine does with requests that come this way. @internal */
export interface DirectEngine {
  /** Each answer is to end its connection: no further ones come to this process. */
  readonly endsConnections: boolean
  /** False while code of the application could see the request, or its answer depends on what only node:http has. */
  mayServeDirectly(head: RequestHead): boolean
  serveDirectly(connection: DirectConnection, head: RequestHead, body: Buffer): void
  upgradeDirectly(socket: Socket, head: RequestHead, rest: Buffer): void
}

/** How long the rest of a body may take before node:http waits for it. */
const MAX_READING_SECONDS = LIMITS.directReadingTime.default / 1000
const SWEEP_MS = 1000

/** Some instrumentation listens to this instead of patching the server. */
const requestStart = channel('http.server.request.start')

class Front implements DirectHost {
  now = 0
  readonly #server: Server
  readonly #path: string
  readonly #engine: DirectEngine
  readonly #others: (socket: Socket) => void
  readonly #connections = new Set<DirectConnection>()
  #sweeping: NodeJS.Timeout | undefined
  #wasListening: boolean

  constructor(server: Server, path: string, engine: DirectEngine, others: (socket: Socket) => void) {
    this.#server = server
    this.#path = path
    this.#engine = engine
    this.#others = others
    this.#wasListening = server.listening
    server.on('listening', () => {
      this.#wasListening = true
    })
    this.#joinClosing()
  }

  /** Who closes the connections of the server closes ours. */
  #joinClosing(): void {
    const server = this.#server
    const { closeIdleConnections, closeAllConnections } = server
    server.closeIdleConnections = () => {
      for (const connection of this.#connections) if (connection.state === 'idle' || connection.state === 'new') connection.destroy()
      closeIdleConnections.call(server)
    }
    server.closeAllConnections = () => {
      for (const connection of this.#connections) connection.destroy()
      closeAllConnections.call(server)
    }
  }

  accept(socket: Socket): void {
    const server = this.#server
    // `timeout` and `maxRequestsPerSocket` are node:http's to keep; a patched `emit` wants to see every request.
    const isPlain = server.timeout === 0 && !server.maxRequestsPerSocket && server.emit === EventEmitter.prototype.emit
    if (!isPlain || !(socket instanceof Socket) || 'encrypted' in socket) return this.#others(socket)
    this.#connections.add(new DirectConnection(socket, this))
    this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  get keepAliveSeconds(): number {
    return Math.floor(this.#server.keepAliveTimeout / 1000)
  }

  get #isServerClosed(): boolean {
    return this.#wasListening && !this.#server.listening
  }

  get isClosing(): boolean {
    return this.#isServerClosed || this.#engine.endsConnections
  }

  mayServe(head: RequestHead): boolean {
    const { url } = head
    const path = this.#path
    if (!url.startsWith(path) || (url.length > path.length && url.charCodeAt(path.length) !== 0x3f)) return false
    // Another listener for requests sees what it would have seen.
    return hasOnlyOwnListeners(this.#server, head.isUpgrade ? 'upgrade' : 'request') && !requestStart.hasSubscribers && this.#engine.mayServeDirectly(head)
  }

  serve(connection: DirectConnection, head: RequestHead, body: Buffer): void {
    this.#engine.serveDirectly(connection, head, body)
  }

  upgrade(socket: Socket, head: RequestHead, rest: Buffer): void {
    this.#engine.upgradeDirectly(socket, head, rest)
  }

  handOver(socket: Socket): void {
    this.#others(socket)
  }

  forget(connection: DirectConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  #sweep(): void {
    this.now++
    const { keepAliveSeconds } = this
    const isClosed = this.#isServerClosed
    const headersSeconds = Math.ceil(this.#server.headersTimeout / 1000)
    for (const connection of this.#connections) {
      const seconds = this.now - connection.since
      const { state } = connection
      if (state === 'reading' && seconds > MAX_READING_SECONDS) connection.handleLate()
      else if (state === 'idle' && (isClosed || (keepAliveSeconds > 0 && seconds > keepAliveSeconds))) connection.destroy()
      else if (state === 'new' && headersSeconds > 0 && seconds > headersSeconds) connection.destroy()
    }
  }
}

/**
 * Serves what comes under `path` (with its trailing slash) on plain TCP connections of this server. False if the server is not one of
 * node:http as it stands, and everything goes the usual way.
 */
export function attachDirectly(server: unknown, path: string, engine: DirectEngine): boolean {
  if (!(server instanceof Server)) return false
  const nodes = server.listeners('connection').find((listener) => listener.name === 'connectionListener')
  if (nodes === undefined || 'setSecureContext' in server) return false
  server.removeListener('connection', nodes as (socket: Socket) => void)
  const front = new Front(server, path, engine, (socket) => Reflect.apply(nodes, server, [socket]))
  // The same name: another engine on this server comes before this one, and goes on to it.
  server.on('connection', function connectionListener(socket: Socket) {
    front.accept(socket)
  })
  return true
}
