// What the probing transport of a session says from its `5` on while the former one's POST is still being handled: it comes after that. In: what
// the probe has told. Out: the same, in order, in slices, once the POST is at its end. Made for one upgrade of one session.
import { LIMITS } from '../limits.ts'
import type { Edge } from './door.ts'
import { spend, takeTurn } from './fair-turns.ts'
import type { Taker } from './fair-turns.ts'

interface Told {
  readonly size: number
  readonly handle: () => void
}

/** WebSockets can be made to wait, most of them. */
type PausableEdge = Edge & { pause?: () => void; resume?: () => void }

export class HeldUpgrade implements Taker {
  readonly #edge: PausableEdge
  readonly #whenDone: () => void
  #told: Told[] = []
  #next = 0
  #bytes = 0
  #isTelling = false
  #isEnded = false

  constructor(edge: Edge, whenDone: () => void) {
    this.#edge = edge
    this.#whenDone = whenDone
    this.#edge.pause?.()
  }

  /** What this edge tells now must wait. */
  holds(edge: Edge): boolean {
    return edge === this.#edge && !this.#isTelling
  }

  /** False: that is more than is kept. */
  add(size: number, handle: () => void): boolean {
    this.#told.push({ size, handle })
    this.#bytes += size
    return this.#told.length === 1 || this.#bytes <= LIMITS.heldUpgradeBytes.default
  }

  /** The former transport has no more. */
  release(): void {
    takeTurn(this)
  }

  /** The session has ended: nobody hears the rest. */
  end(): void {
    this.#isEnded = true
    this.#told = []
  }

  continueTurn(): void {
    this.#isTelling = true
    try {
      while (this.#next < this.#told.length) {
        const { size, handle } = this.#told[this.#next++]!
        handle()
        if (spend(size)) break
      }
    } finally {
      this.#isTelling = false
    }
    if (this.#isEnded) return
    if (this.#next < this.#told.length) return takeTurn(this)
    this.#whenDone()
    this.#edge.resume?.()
  }
}
