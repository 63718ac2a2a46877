// What a driver does: it moves bytes between nodes on an existing engine, at most once, and says when it cannot. Everything stronger (order,
// no loss, no duplicates, fencing) is made by the link above it. One driver is one file; all pass one contract suite.

/** What nodes may rely on. */
export interface BusCapabilities {
  /** Messages of one publisher on one subject arrive in the order in which they were published, unless they are lost. */
  readonly isOrdered: boolean
  /** The largest message it carries; the link cuts its frames to it. */
  readonly maxPayloadBytes: number
}

/**
 * `up`: connected, and every confirmed subscription is in force again. `down`: the engine cannot be reached; what is published is lost
 * until the next `up`. A driver reconnects by itself, for ever, until it is closed.
 */
export type BusState = 'up' | 'down'

/** `bytes` belongs to the handler. A handler that throws is a defect of the cluster, not of the driver. */
export type BusHandler = (bytes: Uint8Array, subject: string) => void

/** A subject that is listened to. */
export interface BusSubscription {
  /** Resolves when no further message will be handed over. */
  unsubscribe(): Promise<void>
}

/** What carries bytes between nodes, at most once: implement it to use another broker. Order and completeness are made above it. */
export interface Bus {
  /** "redis", "nats", "postgres", "in-process", "in-host": for logs and node info. */
  readonly name: string
  /** Facts of the engine, the same for the bus's whole life. */
  readonly capabilities: BusCapabilities
  /** Others than the nodes of this cluster may be able to publish there: nodes then need a secret. */
  readonly isShared?: boolean
  /** Resolves at the first `up`; rejects with a TidewireError (code, cause, what to do) when the engine cannot be reached at all. */
  connect(): Promise<void>
  /**
   * Hands one message to the engine. Never throws and never waits: while the bus is down, or its own bounded queue is full, the message is
   * dropped, which the link notices. `subject` is 1 to 128 characters of [A-Za-z0-9_.-]. The bytes must not be changed afterwards.
   */
  publish(subject: string, bytes: Uint8Array): void
  /** Resolves when the engine has confirmed: what anybody publishes from then on arrives here (own messages too). */
  subscribe(subject: string, handler: BusHandler): Promise<BusSubscription>
  /**
   * Asks the engine whether anybody is subscribed; undefined when it cannot tell now. "false" twice about a member that is silent is the
   * proof of its death. Only where the engine knows.
   */
  hasSubscriber?(subject: string): Promise<boolean | undefined>
  /** Called at each change. One listener. */
  onState(listener: (state: BusState, cause?: unknown) => void): void
  /** Idempotent. A connection that the user made stays open; one that the driver made is closed. */
  close(): Promise<void>
}
