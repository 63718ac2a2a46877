// One flush per loop turn: whatever was sent during a turn leaves at its end, all of a session in one write. Where thousands have something to get,
// the rest leaves at the ends of the next turns: a broadcast to a large room holds nobody else up (docs/decisions/0011).
import { LIMITS } from '../limits.ts'

export interface Flushable {
  flush(): void
}

const TURN_MS = LIMITS.turnTime.default
/** perf: rooms of up to two thousand are flushed at once, so that what comes next finds all of them ready for one more write. */
const SHARED_MS = 2 * TURN_MS
/** perf: between two looks at the clock. */
const FLUSHES_PER_LOOK = 32

/** First come, first served. */
class FlushQueue {
  #targets: Flushable[] = []
  /** A field, so that an exit in the middle of it finds where it was. */
  #next = 0

  get isEmpty(): boolean {
    return this.#next === this.#targets.length
  }

  push(target: Flushable): void {
    this.#targets.push(target)
  }

  /** Those that are there now, until it is time: some in any case. */
  flushUntil(end: number): void {
    const targets = this.#targets
    const count = targets.length
    try {
      while (this.#next < count) {
        const stop = Math.min(count, this.#next + FLUSHES_PER_LOOK)
        while (this.#next < stop) targets[this.#next++]!.flush()
        if (this.#next < count && performance.now() >= end) break
      }
    } finally {
      this.#targets = this.isEmpty ? [] : targets.slice(this.#next)
      this.#next = 0
    }
  }
}

/** Of sessions that have something for themselves. */
const own = new FlushQueue()
/** Of those that have nothing but what many get: they come after the others. */
const shared = new FlushQueue()
let isScheduled = false
let isFlushedAtExit = false

/** `isForMany`: what it has to flush goes to others too. May be called again without, and then comes sooner. */
export function scheduleFlush(target: Flushable, isForMany: boolean): void {
  if (isForMany) shared.push(target)
  else own.push(target)
  if (isScheduled) return
  schedule()
  if (isFlushedAtExit) return
  isFlushedAtExit = true
  // compat: what a handler of SIGTERM has sent before `process.exit()` leaves. Node writes at once what the network takes.
  process.once('exit', flushAtExit)
}

/** Each once: a listener that sends more whenever something has left must not keep the process from its exit. */
function flushAtExit(): void {
  own.flushUntil(Infinity)
  shared.flushUntil(Infinity)
  // Sessions that were closed: what they had to send has left by now, and the close follows.
  own.flushUntil(Infinity)
}

function schedule(): void {
  isScheduled = true
  setImmediate(flushTurn)
}

function flushTurn(): void {
  isScheduled = false
  try {
    if (!own.isEmpty) own.flushUntil(performance.now() + TURN_MS)
    if (!shared.isEmpty) shared.flushUntil(performance.now() + SHARED_MS)
  } finally {
    if (!isScheduled && !(own.isEmpty && shared.isEmpty)) schedule()
  }
}
