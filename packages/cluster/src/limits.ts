// Every bound and interval of a cluster node in one table, each with its reason. Tests and the simulation may change them.

/** Bounds and intervals of a node. Milliseconds end in Ms, bytes in Bytes. */
export interface ClusterLimits {
  /** Between two heartbeats: a third of what makes a member suspect. */
  readonly beatMs: number
  /** Of the one timer that resends, looks for silence and for a stall of this process. */
  readonly tickMs: number
  /** Silence after which a member is left out of queries; a stall of this process as long makes it ask whether its links still live. */
  readonly suspectMs: number
  /** Silence, while the bus works, after which a member is dead: nothing that it sends is handled from then on. */
  readonly deadMs: number
  /** After the bus has carried this node's first greeting: time for others to claim its incarnation. Only at the start. */
  readonly settleMs: number
  /** An acknowledgement rides on a frame that goes the other way; without one for this long it goes alone. */
  readonly ackMs: number
  /** First wait before a frame is sent again unasked; it doubles up to eight times. A reported gap or a returning bus does not wait. */
  readonly resendMs: number
  /** A frame that is not acknowledged for this long, while the bus works, is a hole. */
  readonly holdMs: number
  /** The same without a working bus: a longer outage ends the links that had something to say. */
  readonly outageMs: number
  /** Queued and unacknowledged bytes over all links: what is above a link's share of it makes `send` answer "full". */
  readonly windowBytes: number
  /** What senders that ignore "full" may queue over all links before their link ends. */
  readonly maxQueuedBytes: number
  /** One link's share of the window is never below this. */
  readonly minShareBytes: number
  /** Bytes that a node takes from one peer beyond what it has acknowledged. */
  readonly creditBytes: number
  /** A frame is never larger, even where the bus would carry it: what is sent again costs as much. */
  readonly maxFrameBytes: number
  /** The largest message that is put together from pieces. */
  readonly maxMessageBytes: number
  /** Frames that wait for a missing one before them. */
  readonly maxHeldFrames: number
  /** Incarnations that are remembered as gone. */
  readonly maxGone: number
  /** `close` waits this long for the others to acknowledge the last messages. */
  readonly closeMs: number
}

export const DEFAULT_CLUSTER_LIMITS: ClusterLimits = {
  beatMs: 1_000,
  tickMs: 250,
  suspectMs: 3_000,
  deadMs: 10_000,
  settleMs: 100,
  ackMs: 5,
  resendMs: 250,
  holdMs: 10_000,
  outageMs: 30_000,
  windowBytes: 4 << 20,
  maxQueuedBytes: 16 << 20,
  minShareBytes: 64 << 10,
  creditBytes: 1 << 20,
  maxFrameBytes: 256 << 10,
  maxMessageBytes: 8 << 20,
  maxHeldFrames: 1_024,
  maxGone: 4_096,
  closeMs: 500,
}
