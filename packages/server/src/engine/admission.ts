// Whether a request comes in, and as what: middlewares, CORS, forgery, verification, the application's word, the id of a new session. In: a
// request that nobody has answered. Out: one decision, for the engine to carry out; none when a middleware or a preflight has been answered,
// or an upgrade's client has gone. Knows of sessions only what verification asks; opens none.
import type { EngineRevision } from '@tidewire/protocol'
import type { ServerResponse } from 'node:http'
import { callGuarded } from '../events/guarded.ts'
import { setHeaders } from '../http/answer-headers.ts'
import { checkCors } from '../http/cors.ts'
import type { CorsVerdict } from '../http/cors.ts'
import { webSocketProblem } from '../http/http-upgrade.ts'
import { runMiddlewares } from '../http/middleware.ts'
import type { EngineMiddleware } from '../http/middleware.ts'
import { isCrossOrigin, isCrossSiteScript, originOf } from '../http/origin.ts'
import { rejection } from '../http/reject.ts'
import type { EngineRejection } from '../http/reject.ts'
import type { ResolvedEngineOptions } from './engine-options.ts'
import type { EngineRequest } from './request-facts.ts'
import type { Session, SessionContext } from './session.ts'
import type { UpgradeExchange } from './upgrade-exchange.ts'
import { upgradeProblem } from './upgrade.ts'
import { verify } from './verify.ts'
import type { EngineView, Verdict } from './verify.ts'

/** A balancer that is told to tries the next node. */
const unavailable = (name: string, hint: string): EngineRejection => ({ ...rejection('BAD_REQUEST', { name }, hint), status: 503 })
const DRAINING = unavailable('SERVER_DRAINING', 'this node is being shut down and takes no new sessions; try again')
const FULL = unavailable('SERVER_FULL', 'this node serves as many sessions as its maxSessions allows; try again later')
const CLOSED = unavailable('SERVER_CLOSED', 'the server is shutting down')

const NO_CORS: CorsVerdict = { isAllowed: true, headers: {}, preflightStatus: undefined }
const NOBODY: CorsVerdict = { ...NO_CORS, isAllowed: false }

export interface Refusal {
  readonly kind: 'refuse'
  readonly reason: EngineRejection
}

/** A session is to be opened, now. */
export interface Opening {
  readonly kind: 'open'
  readonly id: string
  readonly revision: EngineRevision
}

/** What is to become of a request. */
export type Decision = Opening | Exclude<Verdict<Session>, { kind: 'handshake' }>

/** How a request has come. */
export interface Way {
  /** Takes the headers of middlewares and CORS, which may answer through it; without one neither is asked. */
  readonly res: ServerResponse | undefined
  /** Of a request for a WebSocket. */
  readonly upgrade: UpgradeExchange | undefined
  /** Why the node serves nothing: the answer, once middlewares and CORS have set their headers. */
  readonly notReady: EngineRejection | undefined
}

/** A request past node:http: no middleware, no response, and CORS has been asked (`corsOf`). */
export const PLAIN: Way = { res: undefined, upgrade: undefined, notReady: undefined }

/** The engine, as far as decisions depend on it. */
export interface AdmissionHost {
  readonly options: ResolvedEngineOptions
  readonly view: EngineView<Session>
  readonly context: Pick<SessionContext, 'counters' | 'isDraining'>
  sessionCount(): number
  generateId(req: EngineRequest): string | Promise<string>
  /** The other nodes of the cluster will know by this id whose session it is. */
  isOwnId(id: string): boolean
  reportUserError(error: unknown, event: string): void
}

export class Admission {
  /** No session is opened any more, and those of other nodes are unknown. */
  isClosed = false
  readonly #host: AdmissionHost
  readonly #options: ResolvedEngineOptions
  readonly #middlewares: EngineMiddleware[] = []

  constructor(host: AdmissionHost) {
    this.#host = host
    this.#options = host.options
  }

  use(middleware: EngineMiddleware): void {
    this.#middlewares.push(middleware)
  }

  get hasMiddlewares(): boolean {
    return this.#middlewares.length > 0
  }

  /** Middlewares or CORS may set headers, or answer: a request must come with a response. */
  get mayAnswer(): boolean {
    return this.hasMiddlewares || this.#options.cors !== undefined
  }

  /** Calls `done` at most once. */
  decide(req: EngineRequest, way: Way, done: (decision: Decision) => void): void {
    const { res } = way
    if (res === undefined || this.#middlewares.length === 0) return this.#checkOrigin(req, way, done)
    runMiddlewares(this.#middlewares, req, res, (error) => {
      if (error) this.#judge(req, way, done, rejection('BAD_REQUEST', { name: 'MIDDLEWARE_FAILURE', error }))
      else this.#checkOrigin(req, way, done)
    }, (error) => this.#host.reportUserError(error, 'engine middleware'))
  }

  /** Of a plain request, whose answer takes the headers by itself: known at once, since no function of the application is asked. */
  corsOf(req: EngineRequest): CorsVerdict {
    const { cors } = this.#options
    if (cors === undefined) return NO_CORS
    let verdict = NOBODY
    checkCors(cors, req, (_error, found) => void (verdict = found), this.#reportCorsError)
    return verdict
  }

  #checkOrigin(req: EngineRequest, way: Way, done: (decision: Decision) => void): void {
    const { cors } = this.#options
    const { res } = way
    if (res === undefined || cors === undefined) return this.#checkScript(req, way, done)
    checkCors(cors, req, (error, verdict) => {
      setHeaders(res, verdict.headers, this.#reportCorsError)
      if (error !== null) return this.#judge(req, way, done, rejection('BAD_REQUEST', { name: 'CORS_FAILURE', error }))
      if (verdict.preflightStatus !== undefined) {
        res.writeHead(verdict.preflightStatus, { 'Content-Length': 0 })
        res.end()
        return
      }
      if (verdict.isAllowed) this.#checkScript(req, way, done)
      else this.#judge(req, way, done, originRefusal(req))
    }, this.#reportCorsError)
  }

  /** A script element (JSONP) brings no Origin: which page it stands on is known from its Referer (spec: EIO-48). */
  #checkScript(req: EngineRequest, way: Way, done: (decision: Decision) => void): void {
    const { headers } = req
    if (req._query?.['j'] === undefined || headers.upgrade !== undefined || !isCrossSiteScript(headers)) return this.#judge(req, way, done)
    const refuse = (): void =>
      this.#judge(req, way, done, rejection('FORBIDDEN', { name: 'JSONP_CROSS_SITE' }, 'JSONP is served to other sites only when the cors option allows their origin'))
    const { cors } = this.#options
    if (cors === undefined) return refuse()
    const asked = Object.create(req, { headers: { value: { ...headers, origin: originOf(headers.referer) ?? 'null' } } }) as EngineRequest
    checkCors(cors, asked, (error, { isAllowed }) => (error === null && isAllowed ? this.#judge(req, way, done) : refuse()), this.#reportCorsError)
  }

  /** `refusal` is that of middlewares and CORS, which have had their say. */
  #judge(req: EngineRequest, way: Way, done: (decision: Decision) => void, refusal: EngineRejection | undefined = way.notReady): void {
    const { upgrade } = way
    upgrade?.releaseResponse()
    if (refusal !== undefined) return done(refuse(refusal))
    const verdict = verify({ method: req.method, query: req._query!, isUpgrade: upgrade !== undefined, origin: req.headers.origin }, this.#host.view)
    // A closed engine no longer knows the sessions of other nodes: a balancer that is told so tries the next node.
    if (verdict.kind === 'refuse') return done(this.isClosed ? refuse({ ...verdict.reason, status: 503 }) : verdict)
    const problem = upgrade && (webSocketProblem(req) ?? this.#upgradeRefusal(req, verdict))
    if (problem !== undefined) return done(refuse(problem))
    if (verdict.kind === 'handshake') this.#allow(req, upgrade, verdict.revision, done)
    else if (upgrade?.isGone !== true) done(verdict)
  }

  /** Why a session that there is does not move to this WebSocket. */
  #upgradeRefusal(req: EngineRequest, verdict: Verdict<Session>): EngineRejection | undefined {
    if (verdict.kind === 'upgrade') return upgradeProblem(verdict.session) ?? this.#forgeryRefusal(req)
    if (verdict.kind !== 'elsewhere') return undefined
    // One that is to end soon would cost the client its session: it stays on polling, or tries another node.
    return this.#host.context.isDraining || this.isClosed ? DRAINING : this.#forgeryRefusal(req)
  }

  #allow(req: EngineRequest, upgrade: UpgradeExchange | undefined, revision: EngineRevision, done: (decision: Decision) => void): void {
    const refusal = this.#refusalOfAll() ?? this.#forgeryRefusal(req)
    if (refusal !== undefined) return done(refuse(refusal))
    const { allowRequest } = this.#options
    if (allowRequest === undefined) return this.open(req, revision, done, upgrade)
    let isAnswered = false
    const answer = (error: unknown, isAllowed: boolean): void => {
      if (isAnswered) return
      isAnswered = true
      if (isAllowed) return this.open(req, revision, done, upgrade)
      const reason = rejection('FORBIDDEN', { message: error })
      done(refuse(typeof error === 'string' && error !== '' ? { ...reason, message: error } : reason))
    }
    // What it throws is not for the client to read.
    callGuarded(allowRequest, this.#options, [req, answer], (error) => {
      this.#host.reportUserError(error, 'allowRequest')
      answer(undefined, false)
    })
  }

  /** The last step, and the only one of who comes without a request (WebTransport): an id, and whether a session is opened at all. */
  open(req: EngineRequest, revision: EngineRevision, done: (decision: Opening | Refusal) => void, upgrade?: UpgradeExchange): void {
    if (upgrade?.isGone === true) return
    let id: string | Promise<string>
    try {
      id = this.#host.generateId(req)
    } catch (error) {
      return done(this.#idFailure(error))
    }
    if (typeof id === 'string') done(this.#take(id, revision))
    else if (id instanceof Promise) id.then((made) => done(this.#take(made, revision)), (error: unknown) => done(this.#idFailure(error)))
    else done(this.#idFailure(new Error(`generateId gave ${typeof id}, expected a string`)))
  }

  #take(id: string, revision: EngineRevision): Opening | Refusal {
    // Things may have changed while the application made up its mind.
    const refusal = this.#refusalOfAll()
    if (refusal !== undefined) return refuse(refusal)
    if (this.#host.isOwnId(id)) return { kind: 'open', id, revision }
    return refuse(rejection('BAD_REQUEST', { name: 'ID_GENERATION_ERROR', id }, 'in a cluster an id of generateId must begin with io.cluster.incarnation, by which other nodes know the owner'))
  }

  #idFailure(error: unknown): Refusal {
    this.#host.reportUserError(error, 'generateId')
    return refuse(rejection('BAD_REQUEST', { name: 'ID_GENERATION_ERROR', error }))
  }

  /** Why no session is opened now, whoever asks. */
  #refusalOfAll(): EngineRejection | undefined {
    const { context } = this.#host
    if (this.isClosed) return CLOSED
    if (context.isDraining) return DRAINING
    const { maxSessions } = this.#options
    if (maxSessions === undefined || this.#host.sessionCount() < maxSessions) return undefined
    context.counters.hit('maxSessions')
    return FULL
  }

  /** Cross-site requests that would ride on the user's cookies (docs/decisions/0005). */
  #forgeryRefusal({ headers }: EngineRequest): EngineRejection | undefined {
    if (this.#options.cors !== undefined) return undefined
    const carriesIdentity = headers.cookie !== undefined || headers.authorization !== undefined
    if (headers.upgrade === undefined || !carriesIdentity || !isCrossOrigin(headers)) return undefined
    return rejection('FORBIDDEN', { name: 'WEBSOCKET_CROSS_ORIGIN' }, 'a WebSocket from another origin that carries cookies or credentials needs the cors option: { origin: [...], credentials: true }; if the page is of this site, let the proxy pass the Host header on')
  }

  readonly #reportCorsError = (error: unknown): void => this.#host.reportUserError(error, 'cors')
}

function refuse(reason: EngineRejection): Refusal {
  return { kind: 'refuse', reason }
}

/** The page is of a site that the cors option does not allow. */
export function originRefusal({ headers: { origin } }: EngineRequest): EngineRejection {
  return rejection('FORBIDDEN', { name: 'ORIGIN_NOT_ALLOWED', origin }, "this Origin is neither in the server's cors.origin nor its own host; a proxy must pass the Host header on")
}
