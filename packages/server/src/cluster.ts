// The server's membership of a cluster, `io.cluster`: loads @tidewire/cluster when the `cluster` option asks for it, joins, and holds requests
// back until that is done. In: the option. Out: session routing for the engines, an adapter for the namespaces, events for the application.
import { TidewireError, ENGINE_ERRORS } from '@tidewire/protocol'
import { EventEmitter } from 'node:events'
import type { LocalSessions, PendingUpgrade, RemoteSessions, SessionRequest, RelayedWebSocketHandle } from './engine/cluster-port.ts'
import type { PollExchange } from './engine/poll-exchange.ts'
import { emitGuarded } from './events/guarded.ts'
import type { EngineRejection } from './http/reject.ts'
import type { IdSource } from './ids.ts'
import { LIMITS } from './limits.ts'

/** Requests wait so long for the node to join; then they are refused until it has. */
const JOIN_WAIT_MS = LIMITS.clusterJoinTime.default
const MAX_WAITING = LIMITS.clusterJoinRequests.default
/** Between two tries to join. */
const RETRY_MS = [500, 1_000, 2_000, 5_000]
/** Polls that other nodes' sessions have here get so long to be answered when this node goes. */
const LEAVE_MS = 1_000

/** The option `cluster` in full. */
export interface ClusterSettings {
  /** "redis://…", "nats://…", "postgres://…", a client of such an engine that the application has made, or a bus. No default. */
  readonly bus: string | object
  /** What all nodes know and nobody else: signs what they send each other. Default: TIDEWIRE_CLUSTER_SECRET of the environment. */
  readonly secret?: string
  /** Goes without a secret on a broker that others may reach: they can then speak for any node. Default false. */
  readonly insecure?: boolean
  /** For people: in logs and node lists. Default: host name and process id. */
  readonly name?: string
  /** Where a balancer reaches this node, for those who list nodes. Default none. */
  readonly address?: string
  /** Clusters that share a broker have different prefixes. Default "tidewire". */
  readonly prefix?: string
}

/** Settings, or their `bus` alone. */
export type ClusterOption = string | object | ClusterSettings

/** Another node of the cluster. */
export interface ClusterMember {
  /** Four characters, random per boot: every id that the node makes begins with them. */
  readonly incarnation: string
  /** "suspect" after three seconds of silence; questions to all nodes then leave it out. */
  readonly state: 'alive' | 'suspect'
  /** What it tells about itself. */
  readonly info: {
    readonly name: string
    readonly version: string
    readonly address: string | undefined
    readonly sessions: number
  }
}

/** What the cluster package gives a server that joins. @internal */
export interface JoinedCluster {
  readonly incarnation: string
  readonly members: ReadonlyMap<string, ClusterMember>
  readonly routing: RemoteSessions
  readonly adapter: unknown
  stats(): Readonly<Record<string, number>>
  addEngine(sessions: LocalSessions): void
  /** `served`: the last request has been answered. */
  leave(timeoutMs: number, served?: Promise<unknown>): Promise<void>
}

/** What the server gives. @internal */
export interface ClusterHost {
  readonly ids: Pick<IdSource, 'incarnation' | 'redraw'>
  readonly adapter: new (nsp: any) => any
  readonly maxPayloadBytes: number
  sessions(): number
  /** Called for each event of the cluster: "join", "leave", "state", "sessions-lost", "error". */
  tell(event: string, detail: unknown): void
}

interface ClusterPackage {
  prepareCluster(
    settings: ClusterSettings,
    host: ClusterHost,
  ): Promise<{ readonly joined: JoinedCluster; start(): Promise<void> }>
}

export interface ClusterOwner {
  readonly ids: IdSource
  readonly baseAdapter: new (nsp: any) => any
  readonly maxPayloadBytes: number
  sessionCount(): number
  useAdapter(adapter: unknown): void
  handleError(error: unknown, event: string): void
}

/**
 * Events: "ready"; "join" and "leave" with a member; "state" with a member that is suspect or alive again; "sessions-lost" when a node took
 * sessions with it; "error". What nobody listens to among the last two is a process warning.
 */
export class Cluster extends EventEmitter implements RemoteSessions {
  readonly #owner: ClusterOwner
  readonly #settings: ClusterSettings
  readonly #engines: LocalSessions[] = []
  #joined: JoinedCluster | undefined
  #isStarted = false
  #isClosed = false
  #waiting: ((refusal?: EngineRejection) => void)[] = []
  #waitTimer: NodeJS.Timeout | undefined
  #retryTimer: NodeJS.Timeout | undefined
  #lastError: unknown
  /** Why requests are refused at once, since a wait was in vain. */
  #refusal: EngineRejection | undefined
  #closing: Promise<void> | undefined

  constructor(option: ClusterOption, owner: ClusterOwner) {
    super()
    this.#settings = typeof option === 'string' || !('bus' in option) ? { bus: option } : (option as ClusterSettings)
    this.#owner = owner
    void this.#join(0)
  }

  /** Four characters, with which every id of this node begins. */
  get incarnation(): string {
    return this.#owner.ids.incarnation
  }

  /** The other nodes, by incarnation. */
  get members(): ReadonlyMap<string, ClusterMember> {
    return this.#joined?.members ?? new Map()
  }

  /** Counters of links and bus, or undefined before the node has joined. */
  stats(): Readonly<Record<string, number>> | undefined {
    return this.#joined?.stats()
  }

  /** Resolves when this node serves requests as part of the cluster. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.whenReady((refusal) =>
        refusal === undefined
          ? resolve()
          : reject(
              new TidewireError('TW_ERR_CLUSTER_JOIN', refusal.hint ?? refusal.message, {
                cause: this.#lastError,
                retryable: true,
              }),
            ),
      )
    })
  }

  /** An engine of this server becomes one of the cluster's. @internal */
  addEngine(sessions: LocalSessions): void {
    this.#engines.push(sessions)
    this.#joined?.addEngine(sessions)
  }

  async #join(tries: number): Promise<void> {
    let abandoned: JoinedCluster | undefined
    try {
      const { prepareCluster } = await load()
      const { joined, start } = await prepareCluster(this.#settings, {
        ids: this.#owner.ids,
        adapter: this.#owner.baseAdapter,
        maxPayloadBytes: this.#owner.maxPayloadBytes,
        sessions: () => this.#owner.sessionCount(),
        tell: (event, detail) => this.#tell(event, detail),
      })
      if (this.#isClosed) return
      for (const engine of this.#engines) joined.addEngine(engine)
      this.#joined = abandoned = joined
      this.#owner.useAdapter(joined.adapter)
      await start()
      joined.routing.whenReady(() => this.#release())
    } catch (error) {
      if (this.#isClosed) return
      this.#lastError = error
      this.#joined = undefined
      // Its bus must not go on trying beside the next one's.
      void abandoned?.leave(0).catch(() => {})
      this.#tell('error', error)
      // What a user must change first is not tried again.
      const isFinal = error instanceof TidewireError && !error.retryable
      if (isFinal || typeof this.#settings.bus !== 'string') return this.#refuse()
      this.#retryTimer = setTimeout(
        () => void this.#join(tries + 1),
        RETRY_MS[Math.min(tries, RETRY_MS.length - 1)],
      )
    }
  }

  #release(): void {
    clearTimeout(this.#waitTimer)
    this.#isStarted = true
    this.#refusal = undefined
    const waiting = this.#waiting
    this.#waiting = []
    this.#tell('ready')
    for (const handler of waiting) handler()
  }

  #refuse(): void {
    clearTimeout(this.#waitTimer)
    this.#waitTimer = undefined
    const { code, message } = ENGINE_ERRORS.BAD_REQUEST
    const cause = this.#lastError instanceof Error ? this.#lastError.message : 'the bus does not answer'
    this.#refusal = {
      code,
      message,
      status: 503,
      hint: `this node has not joined its cluster: ${cause}`,
      context: { name: 'CLUSTER_NOT_JOINED', error: this.#lastError },
    }
    const waiting = this.#waiting
    this.#waiting = []
    for (const handler of waiting) handler(this.#refusal)
  }

  #tell(event: string, ...args: unknown[]): void {
    if (this.listenerCount(event) > 0)
      emitGuarded(this, event, args, (error) => this.#owner.handleError(error, `cluster ${event}`))
    else if (event === 'error') process.emitWarning(args[0] as Error)
    else if (event === 'sessions-lost')
      process.emitWarning(describeLoss(args[0] as SessionsLost), {
        type: 'TidewireWarning',
        code: 'TW_WARN_SESSIONS_LOST',
      })
  }

  // ---- for the engines

  get isReady(): boolean {
    return this.#isStarted
  }

  whenReady(handler: (refusal?: EngineRejection) => void): void {
    if (this.#isStarted) return handler()
    if (this.#refusal !== undefined) return handler(this.#refusal)
    this.#waiting.push(handler)
    if (this.#waiting.length > MAX_WAITING) return this.#refuse()
    this.#waitTimer ??= setTimeout(() => this.#refuse(), JOIN_WAIT_MS).unref()
  }

  isElsewhere(sid: string): boolean {
    return this.#joined !== undefined && this.#joined.routing.isElsewhere(sid)
  }

  explainUnknown(sid: string): string {
    return this.#joined!.routing.explainUnknown(sid)
  }

  /** For a session of another node. @internal */
  servePoll(request: SessionRequest, exchange: PollExchange): void {
    this.#joined!.routing.servePoll(request, exchange)
  }

  /** For a session of another node. @internal */
  serveUpgrade(request: SessionRequest, upgrade: PendingUpgrade): void {
    this.#joined!.routing.serveUpgrade(request, upgrade)
  }

  get relayedWebSockets(): readonly RelayedWebSocketHandle[] {
    return this.#joined?.routing.relayedWebSockets ?? []
  }

  // ---- end

  /** Says goodbye to the others. Sessions of this node have been closed before. */
  close(served?: Promise<unknown>): Promise<void> {
    this.#closing ??= this.#close(served)
    return this.#closing
  }

  async #close(served: Promise<unknown> | undefined): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#waitTimer)
    clearTimeout(this.#retryTimer)
    const waiting = this.#waiting
    this.#waiting = []
    const { code, message } = ENGINE_ERRORS.BAD_REQUEST
    for (const handler of waiting)
      handler({ code, message, status: 503, hint: 'the server is shutting down' })
    await this.#joined?.leave(LEAVE_MS, served)
  }
}

interface SessionsLost {
  readonly incarnation: string
  readonly name: string
  readonly end: string
  readonly relayed: number
  readonly remote: number
}

function describeLoss({ name, end, relayed, remote }: SessionsLost): string {
  return `the link to node ${name} has ended (${end}): ${relayed} requests and WebSockets here that served its sessions, and ${remote} there that served sessions of this node, are closed`
}

async function load(): Promise<ClusterPackage> {
  // A name in a variable: the package is optional, and bundlers must not look for it.
  const name = '@tidewire/cluster'
  try {
    return (await import(name)) as ClusterPackage
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new TidewireError(
      'TW_ERR_MISSING_PACKAGE',
      'the cluster option needs the package "@tidewire/cluster", which is not installed: npm install @tidewire/cluster',
      { cause },
    )
  }
}
