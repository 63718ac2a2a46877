// Clients that have opened a session and joined no namespace yet, over all connections of a server: one timer for all of them. In: who has to join
// until when. Out: who has not is told, a loop turn's share at a time when they are many.
import { takeTurn } from './engine/fair-turns.ts'
import type { Taker } from './engine/fair-turns.ts'
import { LIMITS } from './limits.ts'

/** A connection that has to join. @internal */
export interface Joiner {
  /** @internal */
  handleNotJoined(): void
}

/** The longest time between two looks. */
const MAX_SWEEP_MS = 250

export class JoinDeadline implements Taker {
  readonly #dueAt = new Map<Joiner, number>()
  #timer: NodeJS.Timeout | undefined
  #sweepMs = Infinity
  /** For a turn. */
  #isWaiting = false

  add(joiner: Joiner, delayMs: number): void {
    this.#dueAt.set(joiner, performance.now() + delayMs)
    const sweepMs = Math.min(MAX_SWEEP_MS, Math.max(5, delayMs / 10))
    if (sweepMs >= this.#sweepMs) return
    clearInterval(this.#timer)
    this.#sweepMs = sweepMs
    this.#timer = setInterval(() => this.#sweep(), sweepMs).unref()
  }

  /** It has joined, or gone. */
  delete(joiner: Joiner): void {
    this.#dueAt.delete(joiner)
  }

  continueTurn(): void {
    this.#isWaiting = false
    this.#sweep()
  }

  #sweep(): void {
    if (this.#isWaiting) return
    const now = performance.now()
    const end = now + LIMITS.turnTime.default
    // All of them: the time that they get may have been changed in between.
    for (const [joiner, dueAt] of this.#dueAt) {
      if (dueAt > now) continue
      this.#dueAt.delete(joiner)
      joiner.handleNotJoined()
      if (performance.now() < end) continue
      this.#isWaiting = true
      return takeTurn(this)
    }
    if (this.#dueAt.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#sweepMs = Infinity
  }
}
