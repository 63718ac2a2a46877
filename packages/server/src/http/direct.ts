// Takes the connections of an HTTP server that speak to the engine and to nothing else past node:http, which costs more than all that we do
// with a request. What is not plainly ours goes on to node:http, as if nothing had been there (docs/decisions/0006).
import { Server } from 'node:http'
import { Socket } from 'node:net'
import type { AsyncResource } from 'node:async_hooks'
import { DirectConnection, createContext } from './direct-connection.ts'
import type { DirectHost } from './direct-connection.ts'
import type { RequestHead } from './request-head.ts'
import { LIMITS } from '../limits.ts'
import { Observers } from './observers.ts'

/** What the engine does with requests that come this way. @internal */
export interface DirectEngine {
  /** False while no request at all may come this way. */
  readonly mayServeAnything: boolean
  /** Each answer is to end its connection: no further ones come to this process. */
  readonly endsConnections: boolean
  /** False while code of the application could see the request, or its answer depends on what only node:http has. */
  mayServeDirectly(head: RequestHead): boolean
  serveDirectly(connection: DirectConnection, head: RequestHead, body: Buffer): void
  /** As `expectBody` of the connection's host. */
  expectDirectly(head: RequestHead): (() => void) | undefined
  upgradeDirectly(socket: Socket, head: RequestHead, rest: Buffer): void
}

/** How long the rest of a body may take before node:http waits for it. */
const MAX_READING_SECONDS = LIMITS.directReadingTime.default / 1000
/** A client that has been answered for the last time ends the connection within this time. */
const MAX_ENDING_SECONDS = LIMITS.webSocketCloseTimeout.default / 1000
/** node:http takes about a tenth of a millisecond for each. */
const HAND_OVERS_PER_TURN = 16
const SWEEP_MS = 1000

class Front implements DirectHost {
  now = 0
  readonly #server: Server
  readonly #path: string
  readonly #engine: DirectEngine
  readonly #others: (socket: Socket) => void
  readonly #observers: Observers
  readonly #connections = new Set<DirectConnection>()
  #sweeping: NodeJS.Timeout | undefined
  #wasListening: boolean
  #listeningContext: AsyncResource | undefined

  constructor(server: Server, path: string, engine: DirectEngine, others: (socket: Socket) => void) {
    this.#server = server
    this.#path = path
    this.#engine = engine
    this.#others = others
    this.#observers = new Observers(server)
    this.#wasListening = server.listening
    server.on('listening', () => {
      this.#wasListening = true
      this.#listeningContext = undefined
    })
    this.#joinClosing()
  }

  /** Who closes the connections of the server closes ours. */
  #joinClosing(): void {
    const server = this.#server
    const { closeIdleConnections, closeAllConnections } = server
    // One that has sent nothing yet is not idle: its first request may be under way. The next sweep ends it if none has come.
    this.#replace('closeIdleConnections', () => {
      for (const connection of this.#connections)
        if (connection.state === 'idle' || connection.state === 'ending') connection.destroy()
      closeIdleConnections.call(server)
    })
    this.#replace('closeAllConnections', () => {
      for (const connection of this.#connections) connection.destroy()
      closeAllConnections.call(server)
    })
  }

  /** As a method is, so that nobody who lists the server's properties sees it. */
  #replace(method: 'closeIdleConnections' | 'closeAllConnections', value: () => void): void {
    Object.defineProperty(this.#server, method, { value, configurable: true, writable: true })
  }

  accept(socket: Socket): void {
    const mayAccept = this.#observers.mayAccept && this.#engine.mayServeAnything
    if (!mayAccept || !(socket instanceof Socket) || 'encrypted' in socket) return this.#others(socket)
    this.#connections.add(new DirectConnection(socket, this, this.#server.listenerCount('connection') > 1))
    this.#sweeping ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  /** Asked for in it, as a connection comes. */
  get listeningContext(): AsyncResource {
    return (this.#listeningContext ??= createContext())
  }

  get keepAliveMs(): number {
    return this.#server.keepAliveTimeout
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
    if (!url.startsWith(path) || (url.length > path.length && url.charCodeAt(path.length) !== 0x3f))
      return false
    return this.#observers.mayServe(head) && this.#engine.mayServeDirectly(head)
  }

  serve(connection: DirectConnection, head: RequestHead, body: Buffer): void {
    this.#engine.serveDirectly(connection, head, body)
  }

  expectBody(head: RequestHead): (() => void) | undefined {
    return this.#engine.expectDirectly(head)
  }

  upgrade(socket: Socket, head: RequestHead, rest: Buffer): void {
    this.#engine.upgradeDirectly(socket, head, rest)
  }

  handOver(socket: Socket): void {
    this.#others(socket)
  }

  /** node:http tells the server, and closes the connection if nobody listens. */
  handleTimeout(socket: Socket): void {
    if (!this.#server.emit('timeout', socket)) socket.destroy()
  }

  forget(connection: DirectConnection): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0) return
    clearInterval(this.#sweeping)
    this.#sweeping = undefined
  }

  #sweep(): void {
    this.now++
    const isClosed = this.#isServerClosed
    const { keepAliveTimeout } = this.#server
    // Node has it since 24.6.
    const { keepAliveTimeoutBuffer: buffer } = this.#server as { keepAliveTimeoutBuffer?: number }
    const idleSeconds = keepAliveTimeout > 0 ? Math.ceil((keepAliveTimeout + (buffer ?? 0)) / 1000) : Infinity
    const late: DirectConnection[] = []
    for (const connection of this.#connections) {
      const seconds = this.now - connection.since
      const { state } = connection
      // Once nothing new is served they would only hold the server open.
      if (isClosed && (state === 'idle' || state === 'ending' || state === 'new')) connection.destroy()
      // A body or a first request that takes long: node:http has limits and answers for that.
      else if ((state === 'reading' || state === 'new') && seconds > MAX_READING_SECONDS)
        late.push(connection)
      else if (state === 'idle' && seconds > idleSeconds) connection.destroy()
      else if (state === 'ending' && seconds > MAX_ENDING_SECONDS) connection.destroy()
    }
    if (late.length > 0) this.#handOverInTurns(late, 0)
  }

  /** A thousand slow clients that came at once are late at once: together they would keep everybody else waiting. */
  #handOverInTurns(late: readonly DirectConnection[], from: number): void {
    const end = Math.min(late.length, from + HAND_OVERS_PER_TURN)
    for (let i = from; i < end; i++) if (this.#connections.has(late[i]!)) late[i]!.handleLate()
    if (end < late.length) setImmediate(() => this.#handOverInTurns(late, end))
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
