// Session routing: any request of a session lands on any node and works. The service of a cluster node for sessions, and what an engine asks
// for those that are not its own. The owner is known from the first four characters of the sid; nobody is asked.
import { ENGINE_ERRORS, ProtocolError, TidewireError } from '@tidewire/protocol'
import type {
  EngineRejection,
  LocalSessions,
  PendingUpgrade,
  PollExchange,
  RemoteSessions,
  SessionRequest,
} from 'tidewire'
import type { ClusterNode, ClusterService, Incarnation, LinkEnd, Member } from '../cluster-node.ts'
import { PeerSessions } from './peer-sessions.ts'
import type { RelayedWebSocket } from './relayed-websocket.ts'
import type { PeerHost } from './peer-sessions.ts'
import { KIND } from './messages.ts'

const INCARNATION_CHARS = 4

/** One event for each link that ends with sessions on it. */
export interface SessionsLost {
  /** Of the other node. */
  readonly incarnation: Incarnation
  /** Its name, for people. */
  readonly name: string
  /** Why the link to it ended. */
  readonly end: LinkEnd
  /** Requests and WebSockets of this node that served sessions of the other one: closed. */
  readonly relayed: number
  /** Requests and WebSockets of the other node that served sessions of this one. */
  readonly remote: number
}

export interface SessionRoutingOptions {
  readonly onSessionsLost: (lost: SessionsLost) => void
  readonly onError: (error: TidewireError) => void
}

export class SessionRouting implements ClusterService, RemoteSessions, PeerHost {
  readonly node: ClusterNode
  readonly #options: SessionRoutingOptions
  readonly #peers = new Map<Incarnation, PeerSessions>()
  readonly #names = new Map<Incarnation, string>()
  readonly #engines: LocalSessions[] = []
  /** Members that have not said yet that they know this node. */
  readonly #unready = new Set<Incarnation>()
  #isStarted = false
  #whenReady: ((refusal?: EngineRejection) => void)[] = []
  #whenPollsEnd: (() => void) | undefined

  constructor(node: ClusterNode, options: SessionRoutingOptions) {
    this.node = node
    this.#options = options
  }

  addEngine(sessions: LocalSessions): void {
    this.#engines.push(sessions)
  }

  // ---- what the engines ask

  get isReady(): boolean {
    return this.#isStarted && this.#unready.size === 0
  }

  whenReady(handler: (refusal?: EngineRejection) => void): void {
    if (this.isReady) handler()
    else this.#whenReady.push(handler)
  }

  /** The node has started. Members that have a link must have one in the other direction too, before ids of this node are given out. */
  start(): void {
    this.#isStarted = true
    this.#release()
  }

  /** Waits no longer for members that do not answer. */
  giveUpWaiting(): void {
    this.#unready.clear()
    this.#release()
  }

  #release(): void {
    if (!this.isReady) return
    const waiting = this.#whenReady
    this.#whenReady = []
    for (const handler of waiting) handler()
  }

  isElsewhere(sid: string): boolean {
    return this.#peers.has(sid.slice(0, INCARNATION_CHARS))
  }

  explainUnknown(sid: string): string {
    return this.node.isGone(sid.slice(0, INCARNATION_CHARS))
      ? 'the node that owned the session has left the cluster or died; the client should connect again'
      : 'no node of this cluster owns the session; the client should connect again. If this repeats, not all nodes behind the balancer are on the same bus with the same prefix'
  }

  servePoll(request: SessionRequest, exchange: PollExchange): void {
    this.#peerOf(request.sid).servePoll(request, exchange, this.#engines[0]!)
  }

  serveUpgrade(request: SessionRequest, upgrade: PendingUpgrade): void {
    this.#peerOf(request.sid).serveUpgrade(request, upgrade, this.#engines[0]!)
  }

  #peerOf(sid: string): PeerSessions {
    return this.#peers.get(sid.slice(0, INCARNATION_CHARS))!
  }

  // ---- what peers ask

  sessionsOf(sid: string): LocalSessions {
    return this.#engines.find((engine) => engine.has(sid)) ?? this.#engines[0]!
  }

  handleReady({ incarnation }: PeerSessions): void {
    if (this.#unready.delete(incarnation)) this.#release()
  }

  reportError(error: TidewireError): void {
    this.#options.onError(error)
  }

  // ---- the service

  handleMessage(from: Incarnation, bytes: Uint8Array): void {
    try {
      this.#peers.get(from)?.handleMessage(bytes)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#options.onError(error)
    }
    this.#noticePollsEnd()
  }

  handleLinkUp(member: Member): void {
    const peer = new PeerSessions(member.incarnation, this)
    this.#peers.set(member.incarnation, peer)
    this.#names.set(member.incarnation, member.info.name)
    // Only while it starts: who is there already waits for nobody.
    if (!this.#isStarted) this.#unready.add(member.incarnation)
    peer.tell(KIND.ready, 0)
  }

  handleLinkDown(incarnation: Incarnation, end: LinkEnd): void {
    const peer = this.#peers.get(incarnation)
    if (peer === undefined) return
    const name = this.#names.get(incarnation)!
    this.#peers.delete(incarnation)
    this.#names.delete(incarnation)
    const counts = peer.counts
    const hint = `${causeOf(end, name)}; the client should connect again`
    peer.end(
      {
        ...ENGINE_ERRORS.UNKNOWN_SID,
        status: 400,
        hint,
        context: { name: 'NODE_LOST', node: incarnation, end },
      },
      'node lost',
    )
    if (this.#unready.delete(incarnation)) this.#release()
    this.#noticePollsEnd()
    if (counts.relayed + counts.remote > 0)
      this.#options.onSessionsLost({ incarnation, name, end, ...counts })
  }

  handleMemberState(): void {}

  handleDrain(incarnation: Incarnation): void {
    this.#peers.get(incarnation)?.handleDrain()
  }

  // ---- leaving

  get relayedWebSockets(): RelayedWebSocket[] {
    return [...this.#peers.values()].flatMap((peer) => peer.relayedWebSockets)
  }

  /** This node goes: polls that are parked here are answered, so that their clients ask elsewhere; WebSockets close. Resolves when that is done. */
  async leave(timeoutMs: number): Promise<void> {
    for (const peer of this.#peers.values()) peer.leave()
    if (!this.#hasRelayedPolls) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      this.#whenPollsEnd = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** The node has left: what still comes is refused. */
  end(): void {
    const refusal = {
      ...ENGINE_ERRORS.UNKNOWN_SID,
      // A balancer repeats a GET elsewhere; its answer, if there was one, is still with the owner.
      status: 503,
      hint: 'this server is shutting down; the client should connect again',
    }
    for (const peer of this.#peers.values()) peer.end(refusal, 'server shutting down')
    this.#peers.clear()
  }

  get #hasRelayedPolls(): boolean {
    for (const peer of this.#peers.values()) if (peer.hasRelayedPolls) return true
    return false
  }

  #noticePollsEnd(): void {
    if (this.#whenPollsEnd !== undefined && !this.#hasRelayedPolls) this.#whenPollsEnd()
  }
}

function causeOf(end: LinkEnd, name: string): string {
  switch (end) {
    case 'left':
      return `the node of this session (${name}) has left the cluster`
    case 'dead':
      return `the node of this session (${name}) is dead`
    case 'hole':
      return `messages between this node and the one of the session (${name}) were lost, so the session has ended`
    case 'fenced':
      return `this node was taken for dead by the one of the session (${name}), so the session has ended`
  }
}
