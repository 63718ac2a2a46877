// Time as a cluster node sees it: monotonic milliseconds, timers, and the end of a turn of the event loop. The simulation puts its own in.

/** Time and timers of a node: real ones, or those of a simulation. */
export interface ClusterClock {
  /** Monotonic milliseconds. */
  now(): number
  /** Calls `handler` every `intervalMs` until the returned function is called. Does not keep the process alive. */
  every(intervalMs: number, handler: () => void): () => void
  /** Calls `handler` once after `delayMs` (milliseconds, never long) unless the returned function is called before. */
  after(delayMs: number, handler: () => void): () => void
  /** Calls `handler` when this turn of the event loop has handled its input. */
  endOfTurn(handler: () => void): void
}

export const systemClock: ClusterClock = {
  now: () => performance.now(),
  every(intervalMs, handler) {
    const timer = setInterval(handler, intervalMs)
    timer.unref()
    return () => clearInterval(timer)
  },
  after(delayMs, handler) {
    const timer = setTimeout(handler, delayMs)
    return () => clearTimeout(timer)
  },
  endOfTurn(handler) {
    setImmediate(handler)
  },
}
