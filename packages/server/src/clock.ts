// Time as the engine sees it; tests may put their own in.

export interface Clock {
  /** Monotonic milliseconds. */
  now(): number
  /** Calls `handler` every `intervalMs` until the returned function is called. */
  every(intervalMs: number, handler: () => void): () => void
}

export const systemClock: Clock = {
  now: () => performance.now(),
  every(intervalMs, handler) {
    const timer = setInterval(handler, intervalMs)
    return () => clearInterval(timer)
  },
}
