// What stands between an HTTP server and the engine, or keeps to itself what only node:http can keep: instrumentation, wrappers, listeners,
// classes and limits of the application. While there is any, requests go through node:http, where it sees them (docs/decisions/0006).
import { channel } from 'node:diagnostics_channel'
import { EventEmitter } from 'node:events'
import { IncomingMessage, OutgoingMessage, ServerResponse, createServer, maxHeaderSize } from 'node:http'
import type { Server } from 'node:http'
import { emitOf } from './client-errors.ts'
import type { RequestHead } from './request-head.ts'

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

/** True while nobody but us would hear of a request of the engine. */
function hasOnlyOwnListeners(server: HttpServerLike, event: 'request' | 'upgrade'): boolean {
  const listeners = server.listeners(event)
  return listeners.length > 0 && listeners.every((listener) => own.has(listener))
}

/** Some instrumentation listens to these instead of patching the server. */
const CHANNELS = ['http.server.request.start', 'http.server.response.created', 'http.server.response.finish'].map((name) => channel(name))
/** As they were when this was loaded. */
const { writeHead } = ServerResponse.prototype
const { end, write, setHeader } = OutgoingMessage.prototype

/** True while the answer is written by node:http's own methods: what wraps them may not know every form of their arguments. */
export function isPlainResponse(res: { writeHead: unknown }): boolean {
  return res.writeHead === writeHead
}

function arePrototypesPatched(): boolean {
  const response = ServerResponse.prototype
  return (
    response.writeHead !== writeHead ||
    response.end !== end ||
    response.write !== write ||
    response.setHeader !== setHeader ||
    response.emit !== EventEmitter.prototype.emit ||
    IncomingMessage.prototype.emit !== EventEmitter.prototype.emit
  )
}

/** The classes that `createServer` was told to use; what Node calls the properties is checked by a test. */
function hasOwnClasses(server: object): boolean {
  for (const key of Object.getOwnPropertySymbols(server)) {
    const value: unknown = Reflect.get(server, key)
    if (key.description === 'IncomingMessage' && value !== IncomingMessage) return true
    if (key.description === 'ServerResponse' && value !== ServerResponse) return true
  }
  return false
}

/** True while code of the application sees this server's requests before or beside us. */
export function isObserved(server: HttpServerLike, event: 'request' | 'upgrade'): boolean {
  return (
    !hasOnlyOwnListeners(server, event) ||
    emitOf(server as HttpServerLike & EventEmitter) !== EventEmitter.prototype.emit ||
    CHANNELS.some(({ hasSubscribers }) => hasSubscribers)
  )
}

const NONE = Symbol('none')

interface Settings {
  maxHeaderSize?: number
  shouldUpgradeCallback?: unknown
}

export class Observers {
  readonly #server: Server & Settings
  readonly #hasOwnClasses: boolean
  /** Node's own, which asks whether anybody listens to "upgrade"; each server has a copy. */
  readonly #shouldUpgrade: unknown

  constructor(server: Server) {
    this.#server = server
    this.#hasOwnClasses = hasOwnClasses(server)
    const { shouldUpgradeCallback } = this.#server
    const { shouldUpgradeCallback: nodes } = createServer() as Server & Settings
    this.#shouldUpgrade = String(shouldUpgradeCallback) === String(nodes) ? shouldUpgradeCallback : NONE
  }

  /** Connections of this server may be read past node:http at all. */
  get mayAccept(): boolean {
    const server = this.#server
    return (
      !this.#hasOwnClasses &&
      server.timeout === 0 &&
      !server.maxRequestsPerSocket &&
      emitOf(server) === EventEmitter.prototype.emit &&
      server.listenerCount('timeout') === 0
    )
  }

  /** This request, too. */
  mayServe(head: RequestHead): boolean {
    const server = this.#server
    return (
      this.mayAccept &&
      !isObserved(server, head.isUpgrade ? 'upgrade' : 'request') &&
      !arePrototypesPatched() &&
      (!head.isUpgrade || server.shouldUpgradeCallback === this.#shouldUpgrade) &&
      head.byteLength <= (server.maxHeaderSize ?? maxHeaderSize) &&
      (!server.maxHeadersCount || Object.keys(head.headers).length <= server.maxHeadersCount)
    )
  }
}
