// The base class for adapters whose channel does not know who listens (`ClusterAdapterWithHeartbeat` of the published package): nodes tell of
// themselves, and are forgotten when they have been silent for too long.
import type { Namespace } from '../namespace/namespace.ts'
import { MessageType } from './cluster-messages.ts'
import type { ClusterMessage, Offset, OutgoingClusterMessage, ServerId } from './cluster-messages.ts'
import { ClusterAdapter } from './published-cluster-adapter.ts'

/** How nodes find out about each other. */
export interface ClusterAdapterOptions {
  /** Milliseconds between two heartbeats of this node. Default 5000. */
  heartbeatInterval?: number
  /** Milliseconds of silence after which another node counts as gone. Default 10000. */
  heartbeatTimeout?: number
}

const SWEEP_MS = 1000
/** What emitters that are no servers write in place of a node. */
const EMITTER = 'emitter'

/** The base class of adapters whose channel does not know who listens: it finds the other nodes by heartbeats. */
export abstract class ClusterAdapterWithHeartbeat extends ClusterAdapter {
  readonly #intervalMs: number
  readonly #timeoutMs: number
  /** The other nodes, and when each was heard last. */
  readonly #nodes = new Map<ServerId, number>()
  readonly #sweeping: NodeJS.Timeout
  #heartbeat: NodeJS.Timeout | undefined
  #isClosed = false

  protected constructor(nsp: Namespace<any, any, any, any>, { heartbeatInterval = 5000, heartbeatTimeout = 10_000 }: ClusterAdapterOptions = {}) {
    super(nsp)
    this.#intervalMs = heartbeatInterval
    this.#timeoutMs = heartbeatTimeout
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_MS)
  }

  override init(): Promise<void> | void {
    this.publish({ type: MessageType.INITIAL_HEARTBEAT })
  }

  override close(): Promise<void> | void {
    this.publish({ type: MessageType.ADAPTER_CLOSE })
    this.#isClosed = true
    clearTimeout(this.#heartbeat)
    clearInterval(this.#sweeping)
  }

  override serverCount(): Promise<number> {
    return Promise.resolve(1 + this.#nodes.size)
  }

  override onMessage(message: ClusterMessage, offset?: Offset): void {
    const { uid, type } = message
    if (uid === this.uid) return
    if (uid && uid !== EMITTER && type !== MessageType.ADAPTER_CLOSE) this.#nodes.set(uid, performance.now())
    if (type === MessageType.INITIAL_HEARTBEAT) this.publish({ type: MessageType.HEARTBEAT })
    else if (type === MessageType.ADAPTER_CLOSE) this.#remove(uid)
    else super.onMessage(message, offset)
  }

  /** Any message is a sign of life. */
  protected override publish(message: OutgoingClusterMessage): void {
    clearTimeout(this.#heartbeat)
    if (!this.#isClosed) this.#heartbeat = setTimeout(() => this.publish({ type: MessageType.HEARTBEAT }), this.#intervalMs)
    super.publish(message)
  }

  /** Waits for the nodes that are known now; one that goes is waited for no longer. */
  protected override waitFor(_others: number): { answered(uid: ServerId): void; readonly isOver: boolean; readonly missing: string } {
    const missing = new Set(this.#nodes.keys())
    return {
      answered: (uid) => void missing.delete(uid),
      get isOver() {
        return missing.size === 0
      },
      get missing() {
        return `missing ${missing.size} responses`
      },
    }
  }

  #sweep(): void {
    const now = performance.now()
    for (const [uid, heardAt] of this.#nodes) if (now - heardAt > this.#timeoutMs) this.#remove(uid)
  }

  #remove(uid: ServerId): void {
    this.#nodes.delete(uid)
    this.forgetNode(uid)
  }
}
