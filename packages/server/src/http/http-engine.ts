// The engine on node:http: takes requests from an HTTP server of Node, or past it where that is safe. In: requests and upgrades of the server it
// is attached to. Out: the same as exchanges, to the engine.
import type { FrameDecoderOptions } from '@tidewire/protocol'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import type { EngineHandler } from '../engine/contract.ts'
import { Engine, prepare } from '../engine/engine.ts'
import type { AttachOptions, EngineOptions } from '../engine/engine-options.ts'
import { queryOf } from '../engine/request-facts.ts'
import type { EngineRequest } from '../engine/request-facts.ts'
import type { IdSource } from '../ids.ts'
import type { Counters } from '../observe/counters.ts'
import { LIMITS } from '../limits.ts'
import { ForeignWebSocketServer } from '../transports/foreign-websocket.ts'
import { frameOptions } from '../transports/websocket.ts'
import { attach } from './attach.ts'
import { countClientErrors } from './client-errors.ts'
import type { HttpServerLike } from './observers.ts'
import { attachDirectly } from './direct.ts'
import type { DirectEngine } from './direct.ts'
import type { DirectConnection } from './direct-connection.ts'
import { DirectExchange } from './direct-exchange.ts'
import { HttpExchange } from './http-exchange.ts'
import { HttpUpgrade } from './http-upgrade.ts'
import { disown } from './owned-socket.ts'
import type { RequestHead } from './request-head.ts'

/** Requests that code of the application has seen, and may have written on, before the engine got them. */
const seenRequests = new WeakSet<EngineRequest>()

export class HttpEngine extends Engine implements DirectEngine {
  /** Takes the WebSocket of another process's session to that process, before anything is answered (workers); false: it is relayed. */
  handOver: ((sid: string, req: IncomingMessage, socket: Duplex, head: Buffer) => boolean) | undefined
  /** Each answer ends its connection (workers): the process gets no new ones, and what comes on a kept one would come too late. */
  endsConnections = false
  readonly #frames: FrameDecoderOptions
  readonly #foreign: ForeignWebSocketServer | undefined

  constructor(options: EngineOptions, handler: EngineHandler, clock?: Clock, ids?: IdSource, counters?: Counters) {
    super(options, handler, clock, ids, counters)
    this.#frames = frameOptions(this.opts.maxHttpBufferSize)
    // Our own framing unless the application asks for another's; compression is work for `ws` (docs/decisions/0004).
    if (options.perMessageDeflate || options.wsEngine) this.#foreign = new ForeignWebSocketServer(this.opts)
  }

  /** Listens on an HTTP server for what comes under the path. `new Server(http)` does it. */
  attach(server: HttpServerLike, options: AttachOptions = {}): void {
    let path = (options.path ?? '/engine.io').replace(/\/$/, '')
    if (options.addTrailingSlash !== false) path += '/'
    if (options.directHttp !== false && path.endsWith('/')) attachDirectly(server, path, this)
    countClientErrors(server, (reason) => this.countRefusal(reason))
    attach(server, this, {
      path,
      destroyUpgrade: options.destroyUpgrade ?? true,
      destroyUpgradeTimeout: options.destroyUpgradeTimeout ?? LIMITS.destroyUpgradeTimeout.default,
    })
  }

  /** Serves one HTTP request, for applications that route by themselves. */
  handleRequest(req: EngineRequest, res: ServerResponse, isUnseen?: boolean): void {
    if (isUnseen !== true) seenRequests.add(req)
    this.serveRequest(req, res, () => new HttpExchange(req, res, this.exchangeHost))
  }

  /** Serves one upgrade request, for applications that route by themselves. */
  handleUpgrade(req: EngineRequest, socket: Duplex, head: Buffer, isUnseen?: boolean): void {
    if (isUnseen !== true) seenRequests.add(req)
    const upgrade = new HttpUpgrade(req, socket as Socket, head, {
      frames: this.#frames,
      foreign: this.#foreign,
    })
    if (this.handOver !== undefined) {
      prepare(req)
      const { sid } = req._query!
      if (typeof sid === 'string' && this.isElsewhere(sid) && this.handOver(sid, req, socket, head)) return
    }
    this.serveUpgrade(req, upgrade)
  }

  protected override keepsRequest(req: EngineRequest): boolean {
    return !this.mayServeAnything || seenRequests.has(req)
  }

  // ---- the same without node:http (docs/decisions/0006)

  /** No code of the application stands between the server and the engine. @internal */
  get mayServeAnything(): boolean {
    const { handleRequest, handleUpgrade } = HttpEngine.prototype
    return !this.keepsRequests && this.handleRequest === handleRequest && this.handleUpgrade === handleUpgrade
  }

  mayServeDirectly({ isUpgrade, bodyBytes, headers }: RequestHead): boolean {
    return (
      this.mayServeAnything &&
      this.isPlain(headers) &&
      this.#foreign === undefined &&
      (!isUpgrade || this.opts.cors === undefined) &&
      bodyBytes <= Math.min(this.opts.maxHttpBufferSize, LIMITS.directBodyBytes.default)
    )
  }

  /** An upgrade that has gone past node:http. @internal */
  upgradeDirectly(socket: Socket, head: RequestHead, rest: Buffer): void {
    // Another process may get it, without anybody here who listens. What comes until somebody does waits.
    if (this.handOver !== undefined) {
      disown(socket)
      socket.pause()
    }
    this.handleUpgrade(plainRequest(head, socket), socket, rest, true)
  }

  /** Its POST is handled before what its WebSocket says meanwhile (spec: EIO-66). @internal */
  expectDirectly({ method, url }: RequestHead): (() => void) | undefined {
    const { sid } = method === 'POST' ? queryOf(url) : {}
    return typeof sid === 'string' ? this.expectPost(sid) : undefined
  }

  /** A request that has gone past node:http. @internal */
  serveDirectly(connection: DirectConnection, head: RequestHead, body: Buffer): void {
    const { compression } = this.exchangeHost
    this.servePlainly(plainRequest(head, connection.socket), (headers) => {
      let extraHeaders = ''
      for (const name in headers) extraHeaders += `${name}: ${headers[name]}\r\n`
      return new DirectExchange(connection, head, body, { compression, extraHeaders })
    })
  }
}

/** What the engine reads of a request when no code of the application sees it. */
function plainRequest({ method, url, headers, text }: RequestHead, socket: Socket): EngineRequest {
  return { method, url, headers, headText: text, socket } as unknown as EngineRequest
}
