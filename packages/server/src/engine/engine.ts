// The Engine.IO server: the table of sessions, and the way a request takes (middleware, CORS, verification, handshake or session). The only
// file that creates sessions; sessions leave through #removeSession.
import { ENGINE_ERRORS } from '@tidewire/protocol'
import type { EngineRevision } from '@tidewire/protocol'
import { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { serializeCookie } from '../http/cookie.ts'
import { checkCors } from '../http/cors.ts'
import { isCrossOrigin, isCrossSiteScript, originOf } from '../http/origin.ts'
import { runMiddlewares } from '../http/middleware.ts'
import type { EngineMiddleware } from '../http/middleware.ts'
import { dismissBody, rejectRequest, rejection } from '../http/reject.ts'
import type { EngineRejection } from '../http/reject.ts'
import { webSocketProblem } from '../http/http-upgrade.ts'
import type { ExchangeHost } from '../http/http-exchange.ts'
import { processIds } from '../ids.ts'
import type { IdSource } from '../ids.ts'
import { PollingTransport } from '../transports/polling.ts'
import type { WebTransportSession, WebTransportTransport } from '../transports/webtransport.ts'
import { ClusterSide } from './cluster-side.ts'
import type { LocalSessions, PendingUpgrade, RemoteSessions, SessionRequest, RelayedWebSocketHandle, WebSocketEdge } from './cluster-port.ts'
import type { EngineHandler } from './contract.ts'
import type { Edge, Owner } from './door.ts'
import type { PollExchange } from './poll-exchange.ts'
import { callGuarded, emitGuarded } from '../events/guarded.ts'
import { resolveEngineOptions } from './engine-options.ts'
import type { EngineOptions, ResolvedEngineOptions } from './engine-options.ts'
import { RequestFacts, queryOf } from './request-facts.ts'
import type { EngineRequest } from './request-facts.ts'
import { Session } from './session.ts'
import { probe, upgradeProblem } from './upgrade.ts'
import type { UpgradeExchange } from './upgrade-exchange.ts'
import type { SessionContext } from './session.ts'
import { TimerWheel } from './timer-wheel.ts'
import { verify } from './verify.ts'
import type { EngineView, Verdict } from './verify.ts'
import { acceptWebTransport, webTransportRequest } from './webtransport.ts'
import { debugScope } from '../debug.ts'
import { CHANNELS } from '../observe/channels.ts'
import { Counters } from '../observe/counters.ts'

const debug = debugScope('engine')

/** A balancer that is told to tries the next node. */
const DRAINING: EngineRejection = {
  ...rejection('BAD_REQUEST', { name: 'SERVER_DRAINING' }, 'this node is being shut down and takes no new sessions; try again'),
  status: 503,
}

const FULL: EngineRejection = {
  ...rejection('BAD_REQUEST', { name: 'SERVER_FULL' }, 'this node serves as many sessions as its maxSessions allows; try again later'),
  status: 503,
}

const CLOSED: EngineRejection = {
  ...rejection('BAD_REQUEST', { name: 'SERVER_CLOSED' }, 'the server is shutting down'),
  status: 503,
}

const PLAIN_HEADERS: readonly string[] = ['Cache-Control', 'no-store', 'X-Content-Type-Options', 'nosniff']
const NO_HEADERS: readonly string[] = []
const NO_ANSWER_HEADERS: Readonly<Record<string, string>> = {}

/** What a client on polling may move to, in the order it is offered. */
const UPGRADES = ['websocket', 'webtransport'] as const

function codesByName(): Record<keyof typeof ENGINE_ERRORS, number> {
  return Object.fromEntries(Object.entries(ENGINE_ERRORS).map(([name, { code }]) => [name, code])) as Record<keyof typeof ENGINE_ERRORS, number>
}

/** compat: python-engineio takes no more in one payload, and closes (spec: EIO-51). */
const MAX_PYTHON_PACKETS = 16

/** Ticks of the heartbeat wheel per shortest interval, within bounds. */
function tickOf(options: ResolvedEngineOptions): number {
  return Math.min(250, Math.max(5, Math.min(options.pingInterval, options.pingTimeout) / 20))
}

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
  readonly #sessions = new Map<string, Session>()
  readonly #context: SessionContext
  readonly #view: EngineView<Session>
  readonly #middlewares: EngineMiddleware[] = []
  /** For exchanges that answer through a response. */
  readonly exchangeHost: ExchangeHost
  #ids: IdSource
  #remote: RemoteSessions | undefined
  #isClosed = false

  constructor(options: EngineOptions, handler: EngineHandler, clock: Clock = systemClock, ids: IdSource = processIds, counters: Counters = new Counters()) {
    super()
    this.#ids = ids
    this.opts = resolveEngineOptions(options)
    this.host = handler
    this.#context = {
      wheel: new TimerWheel(clock, tickOf(this.opts)),
      pingInterval: this.opts.pingInterval,
      pingTimeout: this.opts.pingTimeout,
      upgradeTimeout: this.opts.upgradeTimeout,
      maxOutboxBytes: this.opts.maxOutboxBytes,
      // perf: whole milliseconds are kept in place; a fraction costs an object per session.
      now: () => Math.trunc(clock.now()),
      engine: this,
      counters,
      reportUserError: this.#reportUserError,
      isDraining: false,
      removeSession: (session) => this.#removeSession(session),
    }
    this.#view = {
      transports: this.opts.transports,
      allowEIO3: this.opts.allowEIO3,
      sessionOf: (sid) => this.#sessions.get(sid),
      isElsewhere: (sid) => this.#remote !== undefined && this.#remote.isElsewhere(sid),
      explainUnknown: (sid) => this.#explainUnknown(sid),
      protocolOf: (session) => session.protocol,
      transportOf: (session) => session.transport.name,
    }
    this.exchangeHost = {
      compressionThreshold: this.opts.compressionThreshold,
      headersOf: (req, res) => this.#headersOf(req, res),
      refuse: (req, res, reason) => this.#refuseRequest(req, res, reason),
    }
  }

  /** Serves for a Socket.IO server that it was not made by: before its first request. */
  serveFor(handler: EngineHandler, ids: IdSource, counters: Counters): void {
    this.host = handler
    this.#ids = ids
    this.#context.counters = counters
  }

  /** Makes it one of the engines of a cluster. Requests wait until `remote` is ready. */
  joinCluster(remote: RemoteSessions): LocalSessions {
    this.#remote = remote
    return new ClusterSide(this.opts, this.#sessions, this.#view, this.#context)
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
    return Object.fromEntries(this.#sessions)
  }

  /** @internal */
  get sessions(): Iterable<Session> {
    return this.#sessions.values()
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
    this.#middlewares.push(middleware)
    return this
  }

  /** Transports a client on `transport` may move to. */
  upgrades(transport: string): string[] {
    return this.opts.allowUpgrades && transport === 'polling' ? UPGRADES.filter((name) => this.opts.transports.includes(name)) : []
  }

  /** Requests are served: the node is part of its cluster, if it has one, and serves new sessions. */
  get isReady(): boolean {
    return !this.#isClosed && !this.#context.isDraining && (this.#remote === undefined || this.#remote.isReady)
  }

  /** WebSockets of this node that serve sessions of other ones. */
  get relayedWebSockets(): readonly RelayedWebSocketHandle[] {
    return this.#remote?.relayedWebSockets ?? []
  }

  /** No new sessions from now on: 503, so that balancers try another node. Those that there are go on until they are closed. */
  refuseSessions(): void {
    this.#context.isDraining = true
  }

  /** Closes all sessions with "server shutting down" and serves no new ones. */
  close(): this {
    this.#isClosed = true
    for (const session of this.#sessions.values()) session.shutDown()
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
    this.#admit(req, res, (refusal) => {
      const reason = refusal ?? notReady
      if (reason !== undefined) return this.#refuseRequest(req, res, reason)
      const verdict = verify(requestToVerify(req, false), this.#view)
      switch (verdict.kind) {
        case 'refuse':
          return this.#refuseRequest(req, res, this.#whileOpen(verdict.reason))
        case 'request':
          return (verdict.session.edge as PollingTransport).handleRequest(open())
        case 'elsewhere':
          return this.#remote!.servePoll(sessionRequest(req, verdict.sid), open())
        case 'handshake':
          return this.#allow(req, (refusal) => {
            if (refusal !== undefined) return this.#refuseRequest(req, res, refusal)
            this.#openPolling(req, verdict.revision, open, res)
          })
      }
    })
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
      !this.#context.isDraining &&
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
    const { cors } = this.opts
    let exchange: PollExchange | undefined
    if (cors === undefined) exchange = open(NO_ANSWER_HEADERS)
    else {
      checkCors(cors, req, (_error, { headers, isAllowed }) => {
        exchange = open(headers)
        if (isAllowed) return
        this.#refuseExchange(req, exchange, originRefusal(req))
        exchange = undefined
      }, this.#reportCorsError)
    }
    if (exchange === undefined) return
    const answerable = exchange
    this.#checkJsonp(req, (refusal) => {
      if (refusal === undefined) this.#servePlainExchange(req, answerable)
      else this.#refuseExchange(req, answerable, refusal)
    })
  }

  #servePlainExchange(req: EngineRequest, exchange: PollExchange): void {
    const verdict = verify(requestToVerify(req, false), this.#view)
    switch (verdict.kind) {
      case 'refuse':
        return this.#refuseExchange(req, exchange, this.#whileOpen(verdict.reason))
      case 'request':
        return (verdict.session.edge as PollingTransport).handleRequest(exchange)
      case 'elsewhere':
        return this.#remote!.servePoll(sessionRequest(req, verdict.sid), exchange)
      case 'handshake':
        return this.#allow(req, (reason) => {
          if (reason !== undefined) return this.#refuseExchange(req, exchange, reason)
          this.#openPolling(req, verdict.revision, () => exchange)
        })
    }
  }

  /** Middleware, then CORS. `res` carries their headers; whoever answers by itself ends the way here. */
  #admit(req: EngineRequest, res: ServerResponse, done: (reason?: EngineRejection) => void): void {
    const checkOrigin = (): void => {
      const { cors } = this.opts
      if (cors === undefined) return this.#checkJsonp(req, done)
      checkCors(cors, req, (error, verdict) => {
        this.#setHeaders('cors', res, verdict.headers)
        if (error !== null) return done(rejection('BAD_REQUEST', { name: 'CORS_FAILURE', error }))
        if (verdict.preflightStatus !== undefined) {
          res.writeHead(verdict.preflightStatus, { 'Content-Length': 0 })
          res.end()
          return
        }
        if (verdict.isAllowed) return this.#checkJsonp(req, done)
        done(originRefusal(req))
      }, this.#reportCorsError)
    }
    if (this.#middlewares.length === 0) return checkOrigin()
    runMiddlewares(this.#middlewares, req, res, (error) => {
      if (error) return done(rejection('BAD_REQUEST', { name: 'MIDDLEWARE_FAILURE', error }))
      checkOrigin()
    }, (error) => this.#reportUserError(error, 'engine middleware'))
  }

  #allow(req: EngineRequest, done: (refusal?: EngineRejection) => void): void {
    const unavailable = this.#refusalOfAll()
    if (unavailable !== undefined) return done(unavailable)
    const { allowRequest } = this.opts
    const forgery = this.#forgeryRefusal(req)
    if (forgery !== undefined) return done(forgery)
    if (allowRequest === undefined) return done()
    let isAnswered = false
    const answer = (error: unknown, isAllowed: boolean): void => {
      if (isAnswered) return
      isAnswered = true
      if (isAllowed) return done()
      const refusal = rejection('FORBIDDEN', { message: error })
      done(typeof error === 'string' && error !== '' ? { ...refusal, message: error } : refusal)
    }
    // What it throws is not for the client to read.
    callGuarded(allowRequest, this.opts, [req, answer], (error) => {
      this.#reportUserError(error, 'allowRequest')
      answer(undefined, false)
    })
  }

  /** Why no session is opened now, whoever asks. */
  #refusalOfAll(): EngineRejection | undefined {
    if (this.#isClosed) return CLOSED
    if (this.#context.isDraining) return DRAINING
    const { maxSessions } = this.opts
    if (maxSessions === undefined || this.#sessions.size < maxSessions) return undefined
    this.#context.counters.hit('maxSessions')
    return FULL
  }

  /** A script element brings no Origin: which page it stands on is known from its Referer (spec: EIO-48). */
  #checkJsonp(req: EngineRequest, done: (refusal?: EngineRejection) => void): void {
    const { headers } = req
    if (req._query?.['j'] === undefined || headers.upgrade !== undefined || !isCrossSiteScript(headers)) return done()
    const refuse = (): void =>
      done(rejection('FORBIDDEN', { name: 'JSONP_CROSS_SITE' }, 'JSONP is served to other sites only when the cors option allows their origin'))
    const { cors } = this.opts
    if (cors === undefined) return refuse()
    const asked = Object.create(req, { headers: { value: { ...headers, origin: originOf(headers.referer) ?? 'null' } } }) as EngineRequest
    checkCors(cors, asked, (error, { isAllowed }) => (error === null && isAllowed ? done() : refuse()), this.#reportCorsError)
  }

  /** Cross-site requests that would ride on the user's cookies (docs/decisions/0005). */
  #forgeryRefusal(req: EngineRequest): EngineRejection | undefined {
    const { headers } = req
    if (this.opts.cors !== undefined) return undefined
    const carriesIdentity = headers.cookie !== undefined || headers.authorization !== undefined
    if (headers.upgrade !== undefined && carriesIdentity && isCrossOrigin(headers)) {
      return rejection('FORBIDDEN', { name: 'WEBSOCKET_CROSS_ORIGIN' }, 'a WebSocket from another origin that carries cookies or credentials needs the cors option: { origin: [...], credentials: true }; if the page is of this site, let the proxy pass the Host header on')
    }
    return undefined
  }

  /** A closed engine no longer knows the sessions of other nodes: a balancer that is told so tries the next node. */
  #whileOpen(reason: EngineRejection): EngineRejection {
    return this.#isClosed ? { ...reason, status: 503 } : reason
  }

  #refuseRequest(req: EngineRequest, res: ServerResponse, reason: EngineRejection): void {
    this.#reportRefusal(req, reason)
    this.#decorate(req, res)
    rejectRequest(res, reason)
    dismissBody(req)
  }

  #refuseExchange(req: EngineRequest, exchange: PollExchange, reason: EngineRejection): void {
    this.#reportRefusal(req, reason)
    exchange.refuse(reason)
  }

  #reportRefusal(req: EngineRequest, reason: EngineRejection): void {
    this.#context.counters.refuse(req, reason)
    const { code, message, context } = reason
    if (this.listenerCount('connection_error') > 0) this.tell('connection_error', { req: this.shownRequest(req), code, message: messageOfCode(code) ?? message, context })
  }

  #headersOf(req: IncomingMessage, res: ServerResponse): readonly string[] {
    if (this.listenerCount('headers') === 0 && !isOldInternetExplorer(req.headers)) return PLAIN_HEADERS
    this.#decorate(req, res)
    return NO_HEADERS
  }

  #decorate(req: IncomingMessage, res: ServerResponse): void {
    res.setHeader('Cache-Control', 'no-store')
    res.setHeader('X-Content-Type-Options', 'nosniff')
    if (isOldInternetExplorer(req.headers)) res.setHeader('X-XSS-Protection', '0')
    if (this.listenerCount('headers') > 0) this.#collectHeaders('headers', req, res)
  }

  /** A value that is no header (a line break in it) is reported and left out; it must not end the process, or split the answer. */
  #setHeaders(event: string, res: ServerResponse, headers: Readonly<Record<string, string | readonly string[]>>): void {
    for (const [name, value] of Object.entries(headers)) {
      try {
        res.setHeader(name, value)
      } catch (error) {
        this.#reportUserError(error, event)
      }
    }
  }

  readonly #reportCorsError = (error: unknown): void => this.#reportUserError(error, 'cors')

  readonly #reportUserError = (error: unknown, event: string): void => this.host.handleUserError(error, event)

  /** To listeners of the application, whose errors are theirs. */
  protected tell(event: string, ...args: unknown[]): void {
    emitGuarded(this, event, args, this.#reportUserError)
  }

  #collectHeaders(event: 'headers' | 'initial_headers', req: IncomingMessage, res: ServerResponse): void {
    const headers: Record<string, string | string[]> = {}
    this.tell(event, headers, req)
    this.#setHeaders(event, res, headers)
  }

  // ---- handshake

  /** True when user code could have seen, and written on, the original request. */
  get keepsRequests(): boolean {
    return (
      this.#middlewares.length > 0 ||
      this.opts.allowRequest !== undefined ||
      typeof this.opts.cors === 'function' ||
      this.generateId !== Engine.prototype.generateId ||
      this.listenerCount('initial_headers') + this.listenerCount('headers') > 0
    )
  }

  #withId(req: EngineRequest, fail: (reason: EngineRejection) => void, open: (id: string) => void): void {
    const refuse = (error: unknown): void => {
      this.#reportUserError(error, 'generateId')
      fail(rejection('BAD_REQUEST', { name: 'ID_GENERATION_ERROR', error }))
    }
    const take = (made: string): void => {
      // Things may have changed while the application made up its mind.
      const unavailable = this.#refusalOfAll()
      if (unavailable !== undefined) fail(unavailable)
      else if (this.#remote === undefined || made.startsWith(this.#ids.incarnation)) open(made)
      else fail(rejection('BAD_REQUEST', { name: 'ID_GENERATION_ERROR', id: made }, 'in a cluster an id of generateId must begin with io.cluster.incarnation, by which other nodes know the owner'))
    }
    let id: string | Promise<string>
    try {
      id = this.generateId(req)
    } catch (error) {
      return refuse(error)
    }
    if (typeof id === 'string') take(id)
    else if (id instanceof Promise) id.then(take, refuse)
    else refuse(new Error(`generateId gave ${typeof id}, expected a string`))
  }

  /** This request is kept: code of the application could have seen, and written on, the original. @internal */
  protected keepsRequest(_req: EngineRequest): boolean {
    return this.keepsRequests
  }

  #createSession(id: string, revision: EngineRevision, req: EngineRequest): Session {
    return new Session(id, revision, new RequestFacts(req, this.keepsRequest(req)), this.#context)
  }

  #openSession(session: Session, transport: Edge, req: EngineRequest): void {
    debug?.('session %s opens', session.id)
    const { pingInterval, pingTimeout, maxHttpBufferSize, initialPacket } = this.opts
    this.#sessions.set(session.id, session)
    // perf: written by hand; only the id can hold what JSON must escape, when the application makes it.
    const offered = this.upgrades(transport.name).map((name) => `"${name}"`)
    // Revision 3 knows nothing of WebTransport.
    const upgrades = `[${(session.protocol === 3 ? offered.slice(0, offered.indexOf('"websocket"') + 1) : offered).join()}]`
    const open = `{"sid":${JSON.stringify(session.id)},"upgrades":${upgrades},"pingInterval":${pingInterval},"pingTimeout":${pingTimeout},"maxPayload":${maxHttpBufferSize}}`
    session.open(transport, open, initialPacket)
    this.#context.counters.sessionsOpened++
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

  #removeSession(session: Session): void {
    this.#sessions.delete(session.id)
  }

  /** `res` is there when headers may have to be set on the answer. */
  #openPolling(req: EngineRequest, revision: EngineRevision, exchange: () => PollExchange, res?: ServerResponse): void {
    this.#withId(
      req,
      (reason) => {
        if (res !== undefined) return this.#refuseRequest(req, res, reason)
        this.#refuseExchange(req, exchange(), reason)
      },
      (id) => {
        const { j, b64 } = req._query!
        const session = this.#createSession(id, revision, req)
        const { cookie } = this.opts
        if (cookie !== undefined && cookie !== false) res?.setHeader('Set-Cookie', serializeCookie(cookie, id))
        if (res !== undefined && this.listenerCount('initial_headers') > 0) this.#collectHeaders('initial_headers', req, res)
        const transport = new PollingTransport(session, {
          isTextOnly: Boolean(b64) || j !== undefined,
          jsonpIndex: revision === 3 && typeof j === 'string' ? j : undefined,
          maxBodyBytes: this.opts.maxHttpBufferSize,
          maxPackets: isPython(req) ? MAX_PYTHON_PACKETS : Infinity,
          staysAwayAfterClose: isPython(req),
        })
        this.#openSession(session, transport, req)
        transport.handleRequest(exchange())
      },
    )
  }

  // ---- WebSocket

  /** Serves a request for a WebSocket of whatever HTTP library. */
  serveUpgrade(req: EngineRequest, upgrade: UpgradeExchange): void {
    if (req._query === undefined) prepare(req)
    if (this.#remote === undefined || this.#remote.isReady) this.#serveUpgrade(req, upgrade)
    else this.#remote.whenReady((refusal) => this.#serveUpgrade(req, upgrade, refusal))
  }

  #serveUpgrade(req: EngineRequest, upgrade: UpgradeExchange, notReady?: EngineRejection): void {
    const mayAnswer = this.#middlewares.length > 0 || this.opts.cors !== undefined
    // perf: most servers add no header to the 101.
    const hasHeaders = mayAnswer || Boolean(this.opts.cookie) || this.listenerCount('headers') + this.listenerCount('initial_headers') > 0
    const res = hasHeaders ? upgrade.openResponse(mayAnswer) : undefined
    const proceed = (refusal?: EngineRejection): void => {
      upgrade.releaseResponse()
      const reason = refusal ?? notReady
      const refuse = (rejected: EngineRejection): void => {
        this.#reportRefusal(req, rejected)
        upgrade.refuse(rejected)
      }
      if (reason !== undefined) return refuse(reason)
      const verdict = verify(requestToVerify(req, true), this.#view)
      if (verdict.kind === 'refuse') return refuse(this.#whileOpen(verdict.reason))
      const problem = webSocketProblem(req)
      if (problem !== undefined) return refuse(problem)
      this.#allowUpgrade(req, verdict, (rejected) => {
        if (rejected !== undefined) return refuse(rejected)
        if (!upgrade.isGone) this.#acceptUpgrade(req, upgrade, verdict, res, refuse)
      })
    }
    if (!mayAnswer || res === undefined) return proceed()
    // A middleware may answer by itself: it then writes on the connection, in HTTP, before any 101.
    this.#admit(req, res, proceed)
  }

  #allowUpgrade(req: EngineRequest, verdict: Verdict<Session>, done: (refusal?: EngineRejection) => void): void {
    // One that is to end soon would cost the client its session: it stays on polling, or tries another node.
    if (verdict.kind === 'elsewhere') return done(this.#context.isDraining || this.#isClosed ? DRAINING : this.#forgeryRefusal(req))
    if (verdict.kind !== 'upgrade') return this.#allow(req, done)
    done(upgradeProblem(verdict.session) ?? this.#forgeryRefusal(req))
  }

  #acceptUpgrade(req: EngineRequest, upgrade: UpgradeExchange, verdict: Verdict<Session>, res: ServerResponse | undefined, refuse: (reason: EngineRejection) => void): void {
    const accept = (owner: Owner, answersAtOnce: boolean, whenOpen: (edge: WebSocketEdge) => void): void => {
      if (res !== undefined && this.listenerCount('headers') > 0) this.#collectHeaders('headers', req, res)
      upgrade.accept(owner, { supportsBinary: !req._query!['b64'], answersAtOnce }, whenOpen)
    }
    if (verdict.kind === 'elsewhere') {
      const pending: PendingUpgrade = {
        refuse,
        accept(owner, whenOpen, whenGone) {
          if (upgrade.isGone) whenGone()
          else accept(owner, true, whenOpen)
        },
      }
      return this.#remote!.serveUpgrade(sessionRequest(req, verdict.sid), pending)
    }
    if (verdict.kind === 'upgrade') {
      const { session } = verdict
      accept(session, true, (edge) => {
        const timer = probe(session, edge, this.opts.upgradeTimeout)
        upgrade.whenGone(() => clearTimeout(timer))
      })
      return
    }
    if (verdict.kind !== 'handshake') return
    this.#withId(req, refuse, (id) => {
      if (upgrade.isGone) return
      const { cookie } = this.opts
      if (cookie !== undefined && cookie !== false) res?.setHeader('Set-Cookie', serializeCookie(cookie, id))
      if (res !== undefined && this.listenerCount('initial_headers') > 0) this.#collectHeaders('initial_headers', req, res)
      const session = this.#createSession(id, verdict.revision, req)
      accept(session, false, (edge) => this.#openSession(session, edge, req))
    })
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
      refusal: this.#middlewares.length > 0 ? 'engine middlewares need a request, and WebTransport has none' : undefined,
      sessionOf: (sid) => this.#sessions.get(sid),
      open: (transport) => this.#openWebTransport(transport),
    })
  }

  #openWebTransport(transport: WebTransportTransport): void {
    if (!this.isReady) return transport.refuse('the server is shutting down, or not ready yet; try again')
    const req = webTransportRequest()
    this.#withId(
      req,
      ({ hint, message }) => transport.refuse(hint ?? message),
      (id) => {
        if (transport.isClosed) return
        const session = this.#createSession(id, 4, req)
        transport.serve(session)
        this.#openSession(session, transport, req)
      },
    )
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

function requestToVerify(req: EngineRequest, isUpgrade: boolean): Parameters<typeof verify>[0] {
  return { method: req.method, query: req._query!, isUpgrade, origin: req.headers.origin }
}

function originRefusal(req: EngineRequest): EngineRejection {
  return rejection('FORBIDDEN', { name: 'ORIGIN_NOT_ALLOWED', origin: req.headers.origin }, "this Origin is neither in the server's cors.origin nor its own host; a proxy must pass the Host header on")
}

function isPython({ headers }: EngineRequest): boolean {
  const agent = headers['user-agent']
  return agent !== undefined && /python/i.test(agent)
}

function isOldInternetExplorer(headers: IncomingHttpHeaders): boolean {
  const agent = headers['user-agent']
  return agent !== undefined && (agent.includes(';MSIE') || agent.includes('Trident/'))
}

/** The general text of a code; what the application said to the client is in the context. */
function messageOfCode(code: number): string | undefined {
  return Object.values(ENGINE_ERRORS).find((one) => one.code === code)?.message
}
