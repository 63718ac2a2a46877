// The two clocks of a cluster node. Loop time stands still while this process does (stopped, or busy for seconds), bus time also while
// the bus carries nothing: silence that nobody could have broken must not count against anyone.
import type { ClusterClock } from './clock.ts'
import type { ClusterLimits } from './limits.ts'

export class NodeTime {
  readonly #clock: ClusterClock
  readonly #limits: ClusterLimits
  #lastTickAt: number
  #skippedMs = 0
  #busMs = 0

  constructor(clock: ClusterClock, limits: ClusterLimits) {
    this.#clock = clock
    this.#limits = limits
    this.#lastTickAt = clock.now()
  }

  loopNow(): number {
    return this.#clock.now() - this.#skippedMs
  }

  /** In steps of a tick. */
  busNow(): number {
    return this.#busMs
  }

  /** True once after a stall that is long enough for others to have taken this node for dead. In the read path, before anything is handled. */
  hasStalled(): boolean {
    const now = this.#clock.now()
    const missedMs = now - this.#lastTickAt
    if (missedMs < this.#limits.suspectMs) return false
    this.#skippedMs += missedMs - this.#limits.tickMs
    this.#lastTickAt = now
    return true
  }

  /** After `hasStalled`. */
  tick(isBusWorking: boolean): void {
    const now = this.#clock.now()
    if (isBusWorking) this.#busMs += now - this.#lastTickAt
    this.#lastTickAt = now
  }
}
