// What a server with the `cluster` option calls: makes the bus, a node on it, and its two services, session routing and the adapter.
import type {
  Adapter,
  ClusterHost,
  ClusterMember,
  ClusterSettings,
  JoinedCluster,
  LocalSessions,
} from 'tidewire'
import { AdapterService } from './adapter/adapter-service.ts'
import { createClusterAdapter } from './adapter/cluster-adapter.ts'
import type { ClusterService, Incarnation, LinkEnd, Member } from './cluster-node.ts'
import { SERVICE } from './cluster-node.ts'
import { createBus } from './create-bus.ts'
import type { BusTarget } from './create-bus.ts'
import { DEFAULT_CLUSTER_LIMITS } from './limits.ts'
import { createClusterNode } from './node.ts'
import { SessionRouting } from './routing/session-routing.ts'

/** A member that has a link answers within a round trip; one that does not is no reason to serve nobody. */
const READY_WAIT_MS = 3_000

/** When the port has closed, connections that had come before are served so much longer. */
const LATE_REQUESTS_MS = 250

/** A node with its services, not started yet. */
export interface PreparedCluster {
  /** What the server uses of it. */
  readonly joined: JoinedCluster
  /** Joins; resolves when links to all members found are up. */
  start(): Promise<void>
}

/** Nothing is sent before `start`. */
// oxlint-disable-next-line require-await -- what it throws is the promise's
export async function prepareCluster(
  { bus, ...options }: ClusterSettings,
  host: ClusterHost,
): Promise<PreparedCluster> {
  const onError = (error: unknown): void => host.tell('error', error)
  const node = createClusterNode(createBus(bus as BusTarget), {
    ...options,
    incarnation: host.ids.incarnation,
    redraw: () => host.ids.redraw(),
    sessions: () => host.sessions(),
    onError,
    limits: { maxMessageBytes: Math.max(DEFAULT_CLUSTER_LIMITS.maxMessageBytes, 2 * host.maxPayloadBytes) },
  })
  const routing = new SessionRouting(node, {
    onSessionsLost: (lost) => host.tell('sessions-lost', lost),
    onError,
  })
  const adapters = new AdapterService(node, { onError })
  const seen = new Map<Incarnation, Member>()
  // The adapter's service registers itself.
  node.register(SERVICE.sessions, withEvents(routing, host, seen))
  const joined: JoinedCluster = {
    get incarnation() {
      return node.incarnation
    },
    members: node.members as ReadonlyMap<string, ClusterMember>,
    routing,
    adapter: createClusterAdapter(adapters, host.adapter as new (nsp: any) => Adapter),
    stats: () => ({ ...node.stats() }),
    addEngine: (sessions: LocalSessions) => routing.addEngine(sessions),
    async leave(timeoutMs, served) {
      await routing.leave(timeoutMs)
      // What was on its way into this process when its port closed.
      if (served !== undefined) await withinTime(served, LATE_REQUESTS_MS)
      await node.close()
      routing.end()
    },
  }
  return {
    joined,
    async start() {
      await node.start()
      routing.start()
      setTimeout(() => routing.giveUpWaiting(), READY_WAIT_MS).unref()
    },
  }
}

async function withinTime(done: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([done, over])
  clearTimeout(timer)
}

/** Session routing, with members that come and go told to the application too. */
function withEvents(
  routing: SessionRouting,
  host: ClusterHost,
  seen: Map<Incarnation, Member>,
): ClusterService {
  return {
    handleMessage: (from, bytes) => routing.handleMessage(from, bytes),
    handleLinkUp(member) {
      routing.handleLinkUp(member)
      seen.set(member.incarnation, member)
      host.tell('join', member)
    },
    handleLinkDown(incarnation: Incarnation, end: LinkEnd) {
      routing.handleLinkDown(incarnation, end)
      const member = seen.get(incarnation)
      seen.delete(incarnation)
      if (member !== undefined) host.tell('leave', { ...member, end })
    },
    handleMemberState(member) {
      seen.set(member.incarnation, member)
      host.tell('state', member)
    },
    handleDrain: (incarnation) => routing.handleDrain(incarnation),
  }
}
