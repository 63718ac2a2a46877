// The Engine.IO server: what becomes of a request once admission has decided on it: an answer, a poll or WebSocket of a session, or a new one, in
// the table of sessions (session-table.ts).
import { ENGINE_ERRORS } from '@tidewire/protocol'
import type { EngineRevision } from '@tidewire/protocol'
import { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { AnswerCompression } from '../http/answer-compression.ts'
import { AnswerHeaders, isOldInternetExplorer } from '../http/answer-headers.ts'
import { serializeCookie } from '../http/cookie.ts'
import type { EngineMiddleware } from '../http/middleware.ts'
import { dismissBody, rejectRequest } from '../http/reject.ts'
import type { EngineRejection } from '../http/reject.ts'
import type { ExchangeHost } from '../http/http-exchange.ts'
import { processIds } from '../ids.ts'
import type { IdSource } from '../ids.ts'
import { PollingTransport } from '../transports/polling.ts'
import type { WebTransportSession, WebTransportTransport } from '../transports/webtransport.ts'
import { Admission, PLAIN, originRefusal } from './admission.ts'
import type { Decision, Opening, Refusal } from './admission.ts'
import { ClusterSide } from './cluster-side.ts'
import type { LocalSessions, PendingUpgrade, RemoteSessions, SessionRequest, RelayedWebSocketHandle, WebSocketEdge } from './cluster-port.ts'
import type { EngineHandler } from './contract.ts'
import type { Edge, Owner } from './door.ts'
import type { PollExchange } from './poll-exchange.ts'
import { emitGuarded } from '../events/guarded.ts'
import { resolveEngineOptions } from './engine-options.ts'
import type { EngineOptions, ResolvedEngineOptions } from './engine-options.ts'
import { RequestFacts, queryOf } from './request-facts.ts'
import type { EngineRequest } from './request-facts.ts'
import type { Session } from './session.ts'
import { SessionTable } from './session-table.ts'
import { probe } from './upgrade.ts'
import type { UpgradeExchange } from './upgrade-exchange.ts'
import type { EngineView } from './verify.ts'
import { acceptWebTransport, webTransportRequest } from './webtransport.ts'
import { CHANNELS } from '../observe/channels.ts'
import { Counters } from '../observe/counters.ts'

function codesByName(): Record<keyof typeof ENGINE_ERRORS, number> {
  return Object.fromEntries(Object.entries(ENGINE_ERRORS).map(([name, { code }]) => [name, code])) as Record<keyof typeof ENGINE_ERRORS, number>
}

/** compat: python-engineio takes no more in one payload, and closes (spec: EIO-51). */
const MAX_PYTHON_PACKETS = 16

/**
 * The Engine.IO server, as `io.engine`: handshakes, sessions and transports.
 *
 * Events: "connection" (session), "connection_error" (`{ req, code, message, context }` of a refused request), "initial_headers" and
 * "headers" (headers, req: may be changed before an answer is sent).
 */
export class Engine extends EventEmitter {
  /** compat: the codes of refusals by name. */
  static readonly errors: Readonly<Record<keyof typeof ENGINE_ERRORS, number>> = codesByName()
  /** compat: their texts by code. */
  static readonly errorMessages: Readonly<Record<number, string>> = Object.fromEntries(
    Object.values(ENGINE_ERRORS).map(({ code, message }) => [code, message]),
  )
  /** The options with their defaults. */
  readonly opts: ResolvedEngineOptions
  protected host: EngineHandler
  readonly #sessions: SessionTable
  readonly #view: EngineView<Session>
  readonly #admission: Admission
  readonly #headers: AnswerHeaders
  /** For exchanges that answer through a response. */
  readonly exchangeHost: ExchangeHost
  #ids: IdSource
  #remote: RemoteSessions | undefined

  constructor(options: EngineOptions, handler: EngineHandler, clock: Clock = systemClock, ids: IdSource = processIds, counters: Counters = new Counters()) {
    super()
    this.#ids = ids
    this.opts = resolveEngineOptions(options)
    this.host = handler
    this.#sessions = new SessionTable(this.opts, clock, { engine: this, counters, reportUserError: this.#reportUserError })
    this.#view = {
      transports: this.opts.transports,
      allowEIO3: this.opts.allowEIO3,
      sessionOf: (sid) => this.#sessions.get(sid),
      isElsewhere: (sid) => this.#remote !== undefined && this.#remote.isElsewhere(sid),
      explainUnknown: (sid) => this.#explainUnknown(sid),
      protocolOf: (session) => session.protocol,
      transportOf: (session) => session.transport.name,
    }
    this.#headers = new AnswerHeaders({
      listenerCount: (event) => this.listenerCount(event),
      tell: (event, ...args) => this.tell(event, ...args),
      reportUserError: this.#reportUserError,
    })
    this.exchangeHost = {
      compression: new AnswerCompression(this.opts.httpCompression),
      headersOf: (req, res) => this.#headers.headersOf(req, res),
      refuse: (req, res, reason) => this.#refuseRequest(req, res, reason),
    }
    this.#admission = new Admission({
      options: this.opts,
      view: this.#view,
      context: this.#sessions.context,
      sessionCount: () => this.#sessions.size,
      generateId: (req) => this.generateId(req),
      isOwnId: (id) => this.#remote === undefined || id.startsWith(this.#ids.incarnation),
      reportUserError: this.#reportUserError,
    })
  }

  /** Serves for a Socket.IO server that it was not made by: before its first request. */
  serveFor(handler: EngineHandler, ids: IdSource, counters: Counters): void {
    this.host = handler
    this.#ids = ids
    this.#sessions.context.counters = counters
  }

  /** Makes it one of the engines of a cluster. Requests wait until `remote` is ready. */
  joinCluster(remote: RemoteSessions): LocalSessions {
    this.#remote = remote
    return new ClusterSide(this.opts, this.#sessions.byId, this.#view, this.#sessions.context)
  }

  #explainUnknown(sid: string): string {
    if (sid.startsWith(this.#ids.incarnation)) return 'the session has ended (closed, timed out, or replaced by its WebSocket); the client should connect again'
    return (
      this.#remote?.explainUnknown(sid) ??
      'the session belongs to another node or to this node before a restart; the client should connect again. If this repeats, a balancer spreads one session over several nodes'
    )
  }

  /** Sessions by id, as the official engine shows them: a copy. */
  get clients(): Record<string, Session> {
    return Object.fromEntries(this.#sessions.byId)
  }

  /** @internal */
  get sessions(): Iterable<Session> {
    return this.#sessions.byId.values()
  }

  /** Sessions of this node now. */
  get clientsCount(): number {
    return this.#sessions.size
  }

  /** A session id; replace it to make your own, unique in the cluster. May return a promise. */
  generateId(_req: IncomingMessage): string | Promise<string> {
    return this.#ids.create()
  }

  /** Adds a connect-style middleware for every engine request, upgrades included. */
  use(middleware: EngineMiddleware): this {
    this.#admission.use(middleware)
    return this
  }

  /** Transports a client on `transport` may move to. */
  upgrades(transport: string): string[] {
    return this.#sessions.upgrades(transport)
  }

  /** Requests are served: the node is part of its cluster, if it has one, and serves new sessions. */
  get isReady(): boolean {
    return !this.#admission.isClosed && !this.#sessions.context.isDraining && (this.#remote === undefined || this.#remote.isReady)
  }

  /** WebSockets of this node that serve sessions of other ones. */
  get relayedWebSockets(): readonly RelayedWebSocketHandle[] {
    return this.#remote?.relayedWebSockets ?? []
  }

  /** No new sessions from now on: 503, so that balancers try another node. Those that there are go on until they are closed. */
  refuseSessions(): void {
    this.#sessions.context.isDraining = true
  }

  /** Closes all sessions with "server shutting down" and serves no new ones. */
  close(): this {
    this.#admission.isClosed = true
    this.#sessions.shutDown()
    return this
  }

  // ---- HTTP requests

  /** Serves a request of whatever HTTP library; `open` makes its exchange. */
  serveRequest(req: EngineRequest, res: ServerResponse, open: () => PollExchange): void {
    prepare(req)
    if (this.#remote === undefined || this.#remote.isReady) this.#serveRequest(req, res, open)
    else this.#remote.whenReady((refusal) => this.#serveRequest(req, res, open, refusal))
  }

  #serveRequest(req: EngineRequest, res: ServerResponse, open: () => PollExchange, notReady?: EngineRejection): void {
    this.#admission.decide(req, { res, upgrade: undefined, notReady }, (decision) => {
      switch (decision.kind) {
        case 'refuse':
          return this.#refuseRequest(req, res, decision.reason)
        case 'open':
          return this.#openPolling(req, decision, res).handleRequest(open())
        default:
          return this.#servePoll(req, decision, open())
      }
    })
  }

  #servePoll(req: EngineRequest, decision: Exclude<Decision, Opening | Refusal>, exchange: PollExchange): void {
    if (decision.kind === 'elsewhere') this.#remote!.servePoll(sessionRequest(req, decision.sid), exchange)
    else (decision.session.edge as PollingTransport).handleRequest(exchange)
  }

  // ---- the same without a response object (docs/decisions/0006)

  /** A living node of the cluster owns that session. */
  isElsewhere(sid: string): boolean {
    return this.#remote?.isElsewhere(sid) === true
  }

  /** No code of the application sees this request or its answer, and nothing of the answer depends on more than the request. */
  isPlain(headers: IncomingHttpHeaders): boolean {
    const { cors, cookie } = this.opts
    return (
      !this.#sessions.context.isDraining &&
      this.#sessions.size < (this.opts.maxSessions ?? Infinity) &&
      !this.keepsRequests &&
      (this.#remote === undefined || this.#remote.isReady) &&
      this.listenerCount('connection_error') === 0 &&
      !cookie &&
      (cors === undefined || (typeof cors !== 'function' && typeof cors.origin !== 'function')) &&
      !isOldInternetExplorer(headers)
    )
  }

  /** Serves a request that is plain; `open` makes its exchange, with headers for the answer. */
  servePlainly(req: EngineRequest, open: (headers: Readonly<Record<string, string>>) => PollExchange): void {
    prepare(req)
    const { isAllowed, headers } = this.#admission.corsOf(req)
    const exchange = open(headers)
    if (!isAllowed) return this.#refuseExchange(req, exchange, originRefusal(req))
    this.#admission.decide(req, PLAIN, (decision) => {
      switch (decision.kind) {
        case 'refuse':
          return this.#refuseExchange(req, exchange, decision.reason)
        case 'open':
          return this.#openPolling(req, decision).handleRequest(exchange)
        default:
          return this.#servePoll(req, decision, exchange)
      }
    })
  }

  /** The head of a POST has come; its body is on its way. Call what is returned when it has come, or never will. */
  protected expectPost(sid: string): (() => void) | undefined {
    const edge = this.#sessions.get(sid)?.edge
    return edge instanceof PollingTransport ? edge.expectPost() : undefined
  }

  // ---- refusals

  #refuseRequest(req: EngineRequest, res: ServerResponse, reason: EngineRejection): void {
    this.#reportRefusal(req, reason)
    this.#headers.decorate(req, res)
    rejectRequest(res, reason)
    dismissBody(req)
  }

  #refuseExchange(req: EngineRequest, exchange: PollExchange, reason: EngineRejection): void {
    this.#reportRefusal(req, reason)
    exchange.refuse(reason)
  }

  #reportRefusal(req: EngineRequest, reason: EngineRejection): void {
    this.#sessions.context.counters.refuse(req, reason)
    const { code, message, context } = reason
    if (this.listenerCount('connection_error') > 0) this.tell('connection_error', { req: this.shownRequest(req), code, message: messageOfCode(code) ?? message, context })
  }

  /** Of what was no request yet. */
  protected countRefusal(reason: EngineRejection): void {
    this.#sessions.context.counters.refuse(undefined, reason)
  }

  readonly #reportUserError = (error: unknown, event: string): void => this.host.handleUserError(error, event)

  /** To listeners of the application, whose errors are theirs. */
  protected tell(event: string, ...args: unknown[]): void {
    emitGuarded(this, event, args, this.#reportUserError)
  }

  // ---- handshake

  /** True when user code could have seen, and written on, the original request. */
  get keepsRequests(): boolean {
    return (
      this.#admission.hasMiddlewares ||
      this.opts.allowRequest !== undefined ||
      typeof this.opts.cors === 'function' ||
      this.generateId !== Engine.prototype.generateId ||
      this.listenerCount('initial_headers') + this.listenerCount('headers') > 0
    )
  }

  /** This request is kept: code of the application could have seen, and written on, the original. @internal */
  protected keepsRequest(_req: EngineRequest): boolean {
    return this.keepsRequests
  }

  #createSession(id: string, revision: EngineRevision, req: EngineRequest): Session {
    return this.#sessions.create(id, revision, new RequestFacts(req, this.keepsRequest(req)))
  }

  #openSession(session: Session, transport: Edge, req: EngineRequest): void {
    this.#sessions.open(session, transport, this.upgrades(transport.name))
    this.host.handleSession(session)
    if (CHANNELS.sessionOpen.hasSubscribers) CHANNELS.sessionOpen.publish({ session })
    if (this.listenerCount('connection') > 0) this.announce(session, req)
  }

  protected announce(session: Session, _req: EngineRequest): void {
    this.tell('connection', session)
  }

  /** What listeners for refusals get as the request. */
  protected shownRequest(req: EngineRequest): unknown {
    return req
  }

  /** `res` is there when headers may have to be set on the answer. */
  #openPolling(req: EngineRequest, { id, revision }: Opening, res?: ServerResponse): PollingTransport {
    const { j, b64 } = req._query!
    const session = this.#createSession(id, revision, req)
    if (res !== undefined) this.#setOpeningHeaders(req, res, id)
    const transport = new PollingTransport(session, {
      isTextOnly: Boolean(b64) || j !== undefined,
      jsonpIndex: revision === 3 && typeof j === 'string' ? j : undefined,
      maxBodyBytes: this.opts.maxHttpBufferSize,
      maxPackets: isPython(req) ? MAX_PYTHON_PACKETS : Infinity,
      staysAwayAfterClose: isPython(req),
    })
    this.#openSession(session, transport, req)
    return transport
  }

  /** Of the answer to a handshake only. */
  #setOpeningHeaders(req: EngineRequest, res: ServerResponse, id: string): void {
    const { cookie } = this.opts
    if (cookie !== undefined && cookie !== false) res.setHeader('Set-Cookie', serializeCookie(cookie, id))
    this.#headers.collect('initial_headers', req, res)
  }

  // ---- WebSocket

  /** Serves a request for a WebSocket of whatever HTTP library. */
  serveUpgrade(req: EngineRequest, upgrade: UpgradeExchange): void {
    if (req._query === undefined) prepare(req)
    if (this.#remote === undefined || this.#remote.isReady) this.#serveUpgrade(req, upgrade)
    else this.#remote.whenReady((refusal) => this.#serveUpgrade(req, upgrade, refusal))
  }

  #serveUpgrade(req: EngineRequest, upgrade: UpgradeExchange, notReady?: EngineRejection): void {
    const { mayAnswer } = this.#admission
    // perf: most servers add no header to the 101.
    const hasHeaders = mayAnswer || Boolean(this.opts.cookie) || this.listenerCount('headers') + this.listenerCount('initial_headers') > 0
    // A middleware may answer by itself: it then writes on the connection, in HTTP, before any 101.
    const res = hasHeaders ? upgrade.openResponse(mayAnswer) : undefined
    this.#admission.decide(req, { res, upgrade, notReady }, (decision) => {
      if (decision.kind === 'refuse') this.#refuseUpgrade(req, upgrade, decision.reason)
      else if (!upgrade.isGone) this.#acceptUpgrade(req, upgrade, decision, res)
    })
  }

  #refuseUpgrade(req: EngineRequest, upgrade: UpgradeExchange, reason: EngineRejection): void {
    this.#reportRefusal(req, reason)
    upgrade.refuse(reason)
  }

  #acceptUpgrade(req: EngineRequest, upgrade: UpgradeExchange, decision: Exclude<Decision, Refusal>, res: ServerResponse | undefined): void {
    const accept = (owner: Owner, answersAtOnce: boolean, whenOpen: (edge: WebSocketEdge) => void): void => {
      if (res !== undefined) this.#headers.collect('headers', req, res)
      upgrade.accept(owner, { supportsBinary: !req._query!['b64'], answersAtOnce }, whenOpen)
    }
    if (decision.kind === 'elsewhere') {
      const pending: PendingUpgrade = {
        refuse: (reason) => this.#refuseUpgrade(req, upgrade, reason),
        accept(owner, whenOpen, whenGone) {
          if (upgrade.isGone) whenGone()
          else accept(owner, true, whenOpen)
        },
      }
      this.#remote!.serveUpgrade(sessionRequest(req, decision.sid), pending)
    } else if (decision.kind === 'open') {
      const { id, revision } = decision
      if (res !== undefined) this.#setOpeningHeaders(req, res, id)
      const session = this.#createSession(id, revision, req)
      accept(session, false, (edge) => this.#openSession(session, edge, req))
    } else {
      const { session } = decision
      accept(session, true, (edge) => {
        const timer = probe(session, edge, this.opts.upgradeTimeout)
        upgrade.whenGone(() => clearTimeout(timer))
      })
    }
  }

  // ---- WebTransport

  /**
   * Serves a WebTransport session that an HTTP/3 engine has accepted; any with the members of the standard will do. There is no request to
   * show to `allowRequest`, so check who asks before you hand it over; with middlewares (`use`), which need one, it is closed.
   */
  onWebTransportSession(session: WebTransportSession): Promise<void> {
    return acceptWebTransport(session, {
      upgradeTimeout: this.opts.upgradeTimeout,
      maxPayloadBytes: this.opts.maxHttpBufferSize,
      refusal: this.#admission.hasMiddlewares ? 'engine middlewares need a request, and WebTransport has none' : undefined,
      sessionOf: (sid) => this.#sessions.get(sid),
      open: (transport) => this.#openWebTransport(transport),
    })
  }

  #openWebTransport(transport: WebTransportTransport): void {
    if (!this.isReady) return transport.refuse('the server is shutting down, or not ready yet; try again')
    const req = webTransportRequest()
    this.#admission.open(req, 4, (decision) => {
      if (decision.kind === 'refuse') return transport.refuse(decision.reason.hint ?? decision.reason.message)
      if (transport.isClosed) return
      const session = this.#createSession(decision.id, decision.revision, req)
      transport.serve(session)
      this.#openSession(session, transport, req)
    })
  }
}

/** Reads the query of a request. */
export function prepare(req: EngineRequest): void {
  req._query = queryOf(req.url ?? '')
}

function sessionRequest(req: EngineRequest, sid: string): SessionRequest {
  const { EIO, b64 } = req._query!
  return { sid, isV4: EIO === '4', supportsBinary: !b64 }
}

function isPython({ headers }: EngineRequest): boolean {
  const agent = headers['user-agent']
  return agent !== undefined && /python/i.test(agent)
}

/** The general text of a code; what the application said to the client is in the context. */
function messageOfCode(code: number): string | undefined {
  return Object.values(ENGINE_ERRORS).find((one) => one.code === code)?.message
}
