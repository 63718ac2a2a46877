// Delays between attempts to reconnect: exponential, capped, jittered so that clients of a restarted server do not come back together.

export interface BackoffOptions {
  /** First delay in milliseconds. */
  min: number
  max: number
  /** 0 to 1: by how much a delay may differ from its base. */
  jitter: number
}

export class Backoff {
  attempts = 0
  readonly #options: BackoffOptions
  readonly #random: () => number

  constructor(options: BackoffOptions, random: () => number = Math.random) {
    this.#options = options
    this.#random = random
  }

  /** The next delay in milliseconds. */
  duration(): number {
    const { min, max, jitter } = this.#options
    const base = min * 2 ** this.attempts++
    const deviation = Math.floor(base * jitter * this.#random())
    const delay = Math.floor(this.#random() * 10) & 1 ? base + deviation : base - deviation
    return Math.min(delay, max) | 0
  }

  reset(): void {
    this.attempts = 0
  }

  set min(ms: number) {
    this.#options.min = ms
  }
  set max(ms: number) {
    this.#options.max = ms
  }
  set jitter(jitter: number) {
    this.#options.jitter = jitter
  }
}
