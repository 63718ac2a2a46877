// Delays between attempts to reconnect: exponential, capped, jittered so that clients of a restarted server do not come back together.

export interface BackoffOptions {
  /** First delay in milliseconds. */
  ms: number
  max: number
  /** 0 to 1: by how much a delay may differ from its base. */
  jitter: number
}

export class Backoff implements BackoffOptions {
  attempts = 0
  declare ms: number
  declare max: number
  declare jitter: number
  readonly #random: () => number

  constructor(options?: BackoffOptions, random: () => number = Math.random) {
    Object.assign(this, options)
    this.#random = random
  }

  /** The next delay in milliseconds. */
  duration(): number {
    const base = this.ms * 2 ** this.attempts++
    const spread = (this.#random() * 2 - 1) * this.jitter
    return Math.min(base + base * spread, this.max) | 0
  }

  reset(): void {
    this.attempts = 0
  }
}
