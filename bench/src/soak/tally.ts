// What the traffic has done and what went wrong, shared by all lives.
export class Tally {
  readonly counts = new Map<string, number>()
  readonly failures: string[] = []
  failureCount = 0

  add(name: string, by = 1): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + by)
  }

  /** Only the first are kept word for word. */
  fail(text: string): void {
    this.failureCount++
    if (this.failures.length < 50) this.failures.push(`${new Date().toISOString().slice(11, 19)} ${text}`)
  }
}

/** Rejects when `promise` is not settled in time; the timer goes with it. */
export function within<T>(promise: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${what}: nothing within ${ms} ms`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
