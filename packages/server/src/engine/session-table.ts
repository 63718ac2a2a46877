// The sessions of one engine: the only file that creates them, and the one that forgets them, when they say that they have ended. In: what admission
// has let in, and its first edge. Out: an open session, known by its id.
import type { EngineRevision } from '@tidewire/protocol'
import type { Clock } from '../clock.ts'
import { debugScope } from '../debug.ts'
import type { Edge } from './door.ts'
import type { ResolvedEngineOptions } from './engine-options.ts'
import type { RequestFacts } from './request-facts.ts'
import { Session } from './session.ts'
import type { SessionContext } from './session.ts'
import { TimerWheel } from './timer-wheel.ts'

const debug = debugScope('engine')

/** What a client on polling may move to, in the order it is offered. */
const UPGRADES = ['websocket', 'webtransport'] as const

/** Ticks of the heartbeat wheel per shortest interval, within bounds. */
function tickOf({ pingInterval, pingTimeout }: ResolvedEngineOptions): number {
  return Math.min(250, Math.max(5, Math.min(pingInterval, pingTimeout) / 20))
}

export class SessionTable {
  /** What all of them share. */
  readonly context: SessionContext
  readonly #options: ResolvedEngineOptions
  readonly #sessions = new Map<string, Session>()

  constructor(options: ResolvedEngineOptions, clock: Clock, engine: Pick<SessionContext, 'engine' | 'counters' | 'reportUserError'>) {
    this.#options = options
    this.context = {
      ...engine,
      wheel: new TimerWheel(clock, tickOf(options)),
      pingInterval: options.pingInterval,
      pingTimeout: options.pingTimeout,
      upgradeTimeout: options.upgradeTimeout,
      maxOutboxBytes: options.maxOutboxBytes,
      // perf: whole milliseconds are kept in place; a fraction costs an object per session.
      now: () => Math.trunc(clock.now()),
      isDraining: false,
      removeSession: (session) => this.#sessions.delete(session.id),
    }
  }

  get byId(): ReadonlyMap<string, Session> {
    return this.#sessions
  }

  get size(): number {
    return this.#sessions.size
  }

  get(sid: string): Session | undefined {
    return this.#sessions.get(sid)
  }

  create(id: string, revision: EngineRevision, facts: RequestFacts): Session {
    return new Session(id, revision, facts, this.context)
  }

  /** From now on it is found by its id. */
  open(session: Session, edge: Edge, upgrades: readonly string[]): void {
    debug?.('session %s opens', session.id)
    const { pingInterval, pingTimeout, maxHttpBufferSize, initialPacket } = this.#options
    this.#sessions.set(session.id, session)
    // perf: written by hand; only the id can hold what JSON must escape, when the application makes it.
    const offered = upgrades.map((name) => `"${name}"`)
    // Revision 3 knows nothing of WebTransport.
    const known = session.protocol === 3 ? offered.slice(0, offered.indexOf('"websocket"') + 1) : offered
    const open = `{"sid":${JSON.stringify(session.id)},"upgrades":[${known.join()}],"pingInterval":${pingInterval},"pingTimeout":${pingTimeout},"maxPayload":${maxHttpBufferSize}}`
    session.open(edge, open, initialPacket)
    this.context.counters.sessionsOpened++
  }

  /** Transports a client on `transport` may move to. */
  upgrades(transport: string): string[] {
    const { allowUpgrades, transports } = this.#options
    return allowUpgrades && transport === 'polling' ? UPGRADES.filter((name) => transports.includes(name)) : []
  }

  /** Ends all of them. */
  shutDown(): void {
    for (const session of this.#sessions.values()) session.shutDown()
  }
}
