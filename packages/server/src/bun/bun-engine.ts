// The engine on Bun.serve. In: requests of Bun's `fetch`, and its WebSockets. Out: the same as exchanges, to the engine. Requests that code of the
// application may see go by way of node:http's request and response, all others past them.
import type { Session } from '../engine/session.ts'
import { Engine } from '../engine/engine.ts'
import type { EngineOptions } from '../engine/engine-options.ts'
import type { EngineRequest } from '../engine/request-facts.ts'
import { isUnder } from '../http/attach.ts'
import type { IdSource } from '../ids.ts'
import { reportHandlerError } from '../socket/handler-errors.ts'
import { webSocketHandlers } from '../transports/bun-websocket.ts'
import { BunExchange } from './bun-exchange.ts'
import { BunRequest, incomingMessage, originOf } from './bun-request.ts'
import { BunResponse } from './bun-response.ts'
import type { BunServer, BunWebSocketHandlers, ResponseBody } from './bun-types.ts'
import { BunUpgrade } from './bun-upgrade.ts'

/** Gets the headers before they are sent; may be asynchronous. */
type EditHeaders = (responseHeaders: Headers, req: Request, server: BunServer) => void | Promise<void>

/** Options of the engine; the last three are those of `@socket.io/bun-engine`. */
export interface BunEngineOptions extends Omit<EngineOptions, 'allowRequest' | 'wsEngine'> {
  /** Default "/engine.io/", as in `@socket.io/bun-engine`; clients ask for "/socket.io/". */
  path?: string
  /** Lets a handshake in when it resolves; what it rejects with is the answer, with status 403. */
  allowRequest?: (req: Request, server: BunServer) => Promise<void> | void
  /** May change the headers of the answer to a handshake. */
  editHandshakeHeaders?: EditHeaders
  /** May change the headers of every answer. */
  editResponseHeaders?: EditHeaders
}

/** What `Bun.serve` takes. */
export interface BunHandler {
  /** Serves a request under the path; 404 to every other one. */
  fetch(req: Request, server: BunServer): Response | Promise<Response>
  /** To be handed on as it is. */
  readonly websocket: BunWebSocketHandlers
  /** Seconds that a connection may be silent between two polls. */
  readonly idleTimeout: number
}

/** The default threshold of `perMessageDeflate`, as in `ws`. */
const DEFLATE_THRESHOLD = 1024

/** The Engine.IO server on `Bun.serve`, for applications that route requests themselves; `serve()` makes one. */
export class BunEngine extends Engine {
  /** Under which it serves; ends in a slash unless the option did not. */
  readonly path: string
  readonly #editHandshake: EditHeaders | undefined
  readonly #editEach: EditHeaders | undefined
  readonly #webSockets: BunWebSocketHandlers
  readonly #deflateThreshold: number

  /** `settings` are those of a Socket.IO server, in which `allowRequest` is of Node's kind. */
  constructor(options: BunEngineOptions = {}, settings: { ids?: IdSource; allowRequest?: EngineOptions['allowRequest'] } = {}) {
    const { allowRequest, editHandshakeHeaders, editResponseHeaders, ...others } = { path: '/engine.io/', ...options }
    const decide = allowRequest === undefined ? settings.allowRequest : asked(allowRequest)
    super(
      decide === undefined ? others : { ...others, allowRequest: decide },
      { handleSession() {}, handleUserError: (error, event) => reportHandlerError(error, { socket: undefined, event }) },
      undefined,
      settings.ids,
    )
    this.path = others.path
    this.#editHandshake = editHandshakeHeaders
    this.#editEach = editResponseHeaders
    const deflate = options.perMessageDeflate ?? false
    this.#webSockets = webSocketHandlers(this.opts.maxHttpBufferSize, deflate !== false)
    this.#deflateThreshold = deflate === false ? Infinity : ((deflate as { threshold?: number }).threshold ?? DEFLATE_THRESHOLD)
  }

  /** For `Bun.serve`: answers what is under its path, and 404 to everything else. */
  handler(): BunHandler {
    const { pingInterval } = this.opts
    return {
      fetch: (request, server) => this.serve(request, server) ?? new Response(null, { status: 404 }),
      websocket: this.#webSockets,
      // Polls set their own; this is for connections between two of them.
      idleTimeout: Math.min(255, 2 * Math.ceil(pingInterval / 1000)),
    }
  }

  /** Serves a request that is under its path; others get nothing. */
  serve(request: Request, server: BunServer): Promise<Response> | undefined {
    const req = new BunRequest(request, server)
    return isUnder(req.url, this.path) ? this.#handle(req) : undefined
  }

  /** Serves one request; what it resolves with is for `fetch` to return. */
  handleRequest(request: Request, server: BunServer): Promise<Response> {
    return this.#handle(new BunRequest(request, server))
  }

  #handle(view: BunRequest): Promise<Response> {
    const req = view as unknown as EngineRequest
    const file = this.#answerFile(req)
    if (file !== undefined) return Promise.resolve(file)
    const { request, server } = view.origin
    return new Promise((resolve) => this.#serve(req, request, server, resolve))
  }

  #answerFile(req: EngineRequest): Response | undefined {
    const { url = '' } = req
    // perf: what the engine answers itself has its query right after the path.
    if (this.host.plainAnswer === undefined || url.startsWith(`${this.path}?`)) return undefined
    const answer = this.host.plainAnswer(req)
    return answer && new Response(answer.body as ResponseBody, { status: answer.status, headers: answer.headers })
  }

  #serve(req: EngineRequest, request: Request, server: BunServer, resolve: (response: Response) => void): void {
    const edit = this.#editorOf(request, server)
    const respond = edit === undefined ? resolve : (response: Response) => void edit(response.headers, response.status).then(() => resolve(response))
    const isUpgrade = req.headers.upgrade !== undefined
    // A preflight is answered through a response.
    const isPlain = this.isPlain(req.headers) && (this.opts.cors === undefined || (!isUpgrade && request.method !== 'OPTIONS'))
    const shown = isPlain ? req : incomingMessage(request, server)
    if (isUpgrade) {
      return this.serveUpgrade(shown, new BunUpgrade(request, server, shown, { compressionThreshold: this.#deflateThreshold, respond, resolve, edit }))
    }
    const { compression } = this.exchangeHost
    if (isPlain) {
      let exchange: BunExchange | undefined
      this.servePlainly(req, (headers) => (exchange = new BunExchange(request, req, { respond, compression, headers })))
      exchange?.wait(server)
      return
    }
    const res = new BunResponse(shown, respond)
    this.serveRequest(shown, res.asServerResponse(), () => {
      const exchange = new BunExchange(request, shown, { respond, compression, headers: {}, via: { res, host: this.exchangeHost } })
      // When whoever asked for it has had the chance to answer.
      queueMicrotask(() => exchange.wait(server))
      return exchange
    })
  }

  /** Undefined when the application edits no headers. */
  #editorOf(request: Request, server: BunServer): ((headers: Headers, status: number) => Promise<void>) | undefined {
    if (this.#editHandshake === undefined && this.#editEach === undefined) return undefined
    return async (headers, status) => {
      const opens = (status === 200 || status === 101) && !/[?&]sid=/.test(request.url)
      try {
        if (opens) await this.#editHandshake?.(headers, request, server)
        await this.#editEach?.(headers, request, server)
      } catch (error) {
        this.host.handleUserError(error, 'headers')
      }
    }
  }

  protected override announce(session: Session, req: EngineRequest): void {
    const origin = originOf(req)
    this.tell('connection', session, origin?.request, origin?.server)
  }

  protected override shownRequest(req: EngineRequest): unknown {
    return originOf(req)?.request ?? req
  }
}

/** The decision of Bun's kind in the engine's own. */
function asked(allowRequest: NonNullable<BunEngineOptions['allowRequest']>): NonNullable<EngineOptions['allowRequest']> {
  return (req, decide) => {
    const { request, server } = originOf(req)!
    Promise.resolve(allowRequest(request, server)).then(
      () => decide(null, true),
      (reason: unknown) => decide(reason instanceof Error ? reason.message : String(reason), false),
    )
  }
}
