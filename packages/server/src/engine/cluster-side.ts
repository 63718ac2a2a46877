// What an engine does for requests of its sessions that have arrived on other nodes: the same verification as for its own, then the same
// transports. In: plain facts and exchanges from session routing. It owns nothing; the table of sessions is the engine's.
import { rejection } from '../http/reject.ts'
import type { LimitName } from '../limits.ts'
import { limitOf } from '../observe/counters.ts'
import type { Counters } from '../observe/counters.ts'
import type { PollingTransport } from '../transports/polling.ts'
import type { LocalSessions, PortTimer, RemoteUpgrade, SessionRequest } from './cluster-port.ts'
import type { ResolvedEngineOptions } from './engine-options.ts'
import type { PollExchange } from './poll-exchange.ts'
import type { Session, SessionContext } from './session.ts'
import type { TimerWheel } from './timer-wheel.ts'
import { probe, upgradeProblem } from './upgrade.ts'
import { verify } from './verify.ts'
import type { EngineView, RequestToVerify, Verdict } from './verify.ts'

export class ClusterSide implements LocalSessions {
  readonly #options: ResolvedEngineOptions
  readonly #sessions: ReadonlyMap<string, Session>
  readonly #view: EngineView<Session>
  readonly #wheel: TimerWheel
  readonly #counters: Counters
  readonly now: () => number

  constructor(
    options: ResolvedEngineOptions,
    sessions: ReadonlyMap<string, Session>,
    view: EngineView<Session>,
    { wheel, now, counters }: Pick<SessionContext, 'wheel' | 'now' | 'counters'>,
  ) {
    this.#options = options
    this.now = now
    this.#sessions = sessions
    this.#view = view
    this.#wheel = wheel
    this.#counters = counters
  }

  get pingInterval(): number {
    return this.#options.pingInterval
  }

  get pingTimeout(): number {
    return this.#options.pingTimeout
  }

  get maxPayloadBytes(): number {
    return this.#options.maxHttpBufferSize
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  has(sid: string): boolean {
    return this.#sessions.has(sid)
  }

  servePoll(request: SessionRequest, exchange: PollExchange): void {
    const verdict = this.#verify(request, { method: exchange.method, transport: 'polling', isUpgrade: false })
    if (verdict.kind === 'request') (verdict.session.edge as PollingTransport).handleRequest(exchange)
    else exchange.refuse(reasonOf(verdict))
  }

  serveUpgrade(request: SessionRequest, upgrade: RemoteUpgrade): void {
    const verdict = this.#verify(request, { method: 'GET', transport: 'websocket', isUpgrade: true })
    if (verdict.kind !== 'upgrade') return upgrade.refuse(reasonOf(verdict))
    const { session } = verdict
    const problem = upgradeProblem(session)
    if (problem !== undefined) upgrade.refuse(problem)
    else probe(session, upgrade.accept(session), this.#options.upgradeTimeout).unref()
  }

  #verify(
    { sid, isV4 }: SessionRequest,
    { transport, ...rest }: Pick<RequestToVerify, 'method' | 'isUpgrade'> & { transport: string },
  ): Verdict<Session> {
    return verify(
      { ...rest, origin: undefined, query: { transport, sid, EIO: isV4 ? '4' : '3' } },
      this.#view,
    )
  }

  schedule(timer: PortTimer, delayMs: number): void {
    this.#wheel.schedule(timer, delayMs)
  }

  cancel(timer: PortTimer): void {
    this.#wheel.cancel(timer)
  }

  countLimit(limit: LimitName | undefined, error?: unknown): void {
    const hit = limit ?? limitOf(error)
    if (hit !== undefined) this.#counters.hit(hit)
  }
}

/** A session that has a request relayed to a node that does not own it is nobody's. */
function reasonOf(verdict: Verdict<Session>): ReturnType<typeof rejection> {
  return verdict.kind === 'refuse'
    ? verdict.reason
    : rejection('UNKNOWN_SID', undefined, 'the session belongs to none of the nodes that were asked')
}
