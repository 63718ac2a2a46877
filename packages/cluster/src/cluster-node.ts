// The contract between the parts of a cluster node: bus and link and membership below (they implement it), session routing and the adapter
// above (they use it). Above it nobody knows a bus; below it nobody knows a session or a room.

/** Four characters of [A-Za-z0-9_-], random per boot: the first four of every id that a node makes. */
export type Incarnation = string

/** What a node tells about itself, with each heartbeat. */
export interface NodeInfo {
  /** Chosen by the user, or host name and process id: for people, never for routing. */
  readonly name: string
  /** Release of tidewire and version of the bus format. */
  readonly version: string
  /** The version of the bus format that both speak. */
  readonly format: number
  /** Where a balancer reaches it, when the user says so. */
  readonly address: string | undefined
  /** Sessions that it owns; refreshed with its heartbeats. */
  readonly sessions: number
}

/** `suspect`: silent for 3 s; left out of queries, its sessions wait. `dead` members are in no list. */
export type MemberState = 'alive' | 'suspect'

/** Another node. */
export interface Member {
  /** The first four characters of every id that it makes. */
  readonly incarnation: Incarnation
  /** Whether it has been heard of lately. */
  readonly state: MemberState
  /** What it tells about itself. */
  readonly info: NodeInfo
}

/**
 * Why a member, and the link to it, is gone. `left`: it said goodbye. `dead`: silent for 10 s, or proven dead. `hole`: frames were lost that
 * can no longer be resent; a link to the same incarnation starts anew. `fenced`: this node was taken for dead by that one, and has a new
 * link to it.
 */
export type LinkEnd = 'left' | 'dead' | 'hole' | 'fenced'

/** Services share a link; one byte on the wire. Numbers are never reused. */
export const SERVICE = { sessions: 1, adapter: 2 } as const
export type ServiceId = (typeof SERVICE)[keyof typeof SERVICE]

/** What routing and adapter implement. All methods are called on a fresh stack of the event loop turn, never re-entrantly from `send`. */
export interface ClusterService {
  /** In the order of the sender's `send`, exactly once while the link lives. `bytes` is valid during the call only: copy what is kept. */
  handleMessage(from: Incarnation, bytes: Uint8Array): void
  /** A member may be sent to from now on. Called again for the same incarnation after its link ended with `hole`, `fenced` or `dead`. */
  handleLinkUp(member: Member): void
  /** What was sent to it and is not acknowledged is lost, and it has lost what it sent here: close what depended on it. */
  handleLinkDown(incarnation: Incarnation, end: LinkEnd): void
  /** alive <-> suspect. */
  handleMemberState(member: Member): void
  /** The link has room again after `send` said "full". */
  handleDrain(incarnation: Incarnation): void
}

/** `full`: taken, but the link's window is spent: send no more before handleDrain. `down`: not taken; there is no link. */
export type SendResult = 'sent' | 'full' | 'down'

/** Totals since the start, and what is queued now. */
export interface ClusterStats {
  /** Other nodes now. */
  readonly members: number
  /** Since the start. */
  readonly framesSent: number
  /** Since the start. */
  readonly framesReceived: number
  /** Since the start, heads and codes included. */
  readonly bytesSent: number
  /** Since the start, heads and codes included. */
  readonly bytesReceived: number
  /** Links that ended because something was lost. */
  readonly holes: number
  /** Bus messages that were dropped: no format, or no valid code. */
  readonly refused: number
  /** Queued or not acknowledged, over all links. */
  readonly queuedBytes: number
}

export interface ClusterNode {
  readonly incarnation: Incarnation
  /** The others, by incarnation. */
  readonly members: ReadonlyMap<Incarnation, Member>
  /** Registers a service; once each, before `start`. */
  register(id: ServiceId, service: ClusterService): void
  /** Connects, makes sure that the incarnation is nobody else's, and resolves when links to all members found are up. */
  start(): Promise<void>
  /**
   * Queues one message for one member. All that a turn of the event loop sends to a member leaves in as few bus messages as its size
   * allows. The bytes are copied before it returns.
   * @throws TidewireError TW_ERR_CLUSTER_MESSAGE for more than limits.maxMessageBytes (8 MiB by default)
   */
  send(to: Incarnation, service: ServiceId, bytes: Uint8Array): SendResult
  /** Calls `action` when the member has handled all that has been sent to it so far; never, if the link ends before (handleLinkDown). */
  whenHandled(by: Incarnation, action: () => void): void
  /** The same bytes to several members: framed once. */
  sendToAll(to: Iterable<Incarnation>, service: ServiceId, bytes: Uint8Array): void
  /**
   * True if the incarnation was a member of this cluster that is gone. It can come back only if it was taken for dead and was not: then it
   * has a new link (handleLinkUp), and has itself ended what depended on the old one.
   */
  isGone(incarnation: Incarnation): boolean
  stats(): ClusterStats
  /** Says goodbye, flushes, closes links and bus. Idempotent. */
  close(): Promise<void>
}
