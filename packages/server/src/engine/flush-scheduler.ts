// One flush per loop turn: whatever was sent during a turn leaves at its end, all of a session in one write. What takes longer than its share of
// the turn, a message to ten thousand, goes on in the next ones: who is answered meanwhile does not wait for the end of it.
import { LIMITS } from '../limits.ts'

export interface Flushable {
  flush(): void
}

/** Of what this turn has sent, and as long again of what is left of earlier ones. */
const SHARE_MS = LIMITS.turnTime.default / 2
/** perf: between two looks at the clock. */
const FLUSHES_PER_LOOK = 32

let dirty: Flushable[] = []
/** What is left of earlier turns, from `next` on. */
let backlog: Flushable[] = []
let next = 0
let isScheduled = false
let isFlushedAtExit = false

export function scheduleFlush(target: Flushable): void {
  dirty.push(target)
  if (isScheduled) return
  schedule()
  if (isFlushedAtExit) return
  isFlushedAtExit = true
  // compat: what a handler of SIGTERM has sent before `process.exit()` leaves. Node writes at once what the network takes.
  process.once('exit', flushAll)
}

function schedule(): void {
  isScheduled = true
  setImmediate(flushTurn)
}

function flushTurn(): void {
  isScheduled = false
  const batch = dirty
  dirty = []
  let done = 0
  try {
    const end = batch.length + backlog.length - next > FLUSHES_PER_LOOK ? performance.now() + SHARE_MS : Infinity
    while (done < batch.length && (done % FLUSHES_PER_LOOK !== FLUSHES_PER_LOOK - 1 || performance.now() < end)) batch[done++]!.flush()
    if (next < backlog.length) flushBacklog()
  } finally {
    // Also after an error, which is the application's: a stream or a WebSocket of its own may throw.
    if (done < batch.length) {
      backlog = next < backlog.length ? backlog.slice(next).concat(batch.slice(done)) : batch.slice(done)
      next = 0
    }
    if (next < backlog.length && !isScheduled) schedule()
  }
}

function flushBacklog(): void {
  const end = performance.now() + SHARE_MS
  do {
    const stop = Math.min(backlog.length, next + FLUSHES_PER_LOOK)
    while (next < stop) backlog[next++]!.flush()
  } while (next < backlog.length && performance.now() < end)
  if (next < backlog.length) return
  backlog = []
  next = 0
}

/** At the end of the process: there is no later turn. */
function flushAll(): void {
  const batch = backlog.slice(next).concat(dirty)
  backlog = []
  next = 0
  dirty = []
  for (const target of batch) target.flush()
}
