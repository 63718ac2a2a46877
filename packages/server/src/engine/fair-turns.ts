// Fair turns between those who send more than a loop turn should handle. A reader spends its slice with every packet; when that is used up it
// stops reading and asks for a turn, and so does one whose read comes when many others have used up the loop turn. Turns are given in order, for as
// long as a loop turn has time for them; small reads never wait (docs/decisions/0011).
import { AsyncResource } from 'node:async_hooks'
import { LIMITS } from '../limits.ts'

export interface Taker {
  /** Handles one slice more; takes another turn if that was not all. */
  continueTurn(): void
}

const CONTEXT_OPTIONS = { requireManualDestroy: true }

/** Given in the asynchronous context in which it was asked for: a handler must not find what those of another client have entered. */
class Turn extends AsyncResource {
  readonly taker: Taker

  constructor(taker: Taker) {
    super('TIDEWIRE_TURN', CONTEXT_OPTIONS)
    this.taker = taker
  }

  give(): void {
    this.runInAsyncScope(this.taker.continueTurn, this.taker)
  }
}

const SLICE = LIMITS.packetsPerTurn.default
const TURN_MS = LIMITS.turnTime.default
/** perf: between two looks at the clock, which costs as much as a packet does in its codec. */
const PACKETS_PER_LOOK = 16
/** A read of this size is no flood by itself, and need not wait for those who are. */
const SMALL_READ_BYTES = 1_024
/** libuv reads a busy socket again, up to 32 times in a turn, while it fills this. */
const FULL_READ_BYTES = 65_536

let current: object | undefined
let left = 0
let untilLook = PACKETS_PER_LOOK
/** Of the current slice, from its first look at the clock on. */
let deadline = 0
let waiting: Turn[] = []
let isScheduled = false
/** When the reads of this loop turn, of which the first large one has come, have had their time; 0 before that. */
let turnEnd = 0

/** Begins the slice of a reader, or goes on with it when the same one is read again in this turn. */
export function beginSlice(reader: object): void {
  if (current === reader) return
  current = reader
  fillSlice()
}

function fillSlice(): void {
  left = SLICE
  untilLook = PACKETS_PER_LOOK
  deadline = 0
}

/** A packet was handled. True: the slice is used up. */
export function spend(size: number): boolean {
  // A large packet counts for more: parsing costs what its bytes do.
  left -= 1 + (size >>> 10)
  if (left <= 0) return true
  if (--untilLook > 0) return false
  untilLook = PACKETS_PER_LOOK
  // So do slow handlers: the time of a turn is all that a slice may take.
  const now = performance.now()
  if (deadline === 0) deadline = now + TURN_MS
  return now > deadline
}

/** The read is over; the next one of this reader begins anew unless the kernel has more for it in this turn. */
export function endSlice(readBytes: number): void {
  if (readBytes < FULL_READ_BYTES) current = undefined
}

/** True: this read is large enough to queue, and somebody waits for a turn or this one has no time left for what was read. */
export function mustQueue(readBytes: number): boolean {
  return readBytes > SMALL_READ_BYTES && isTurnOver()
}

/** True: whatever can wait, such as the end of a connection, had better take a turn. */
export function isTurnOver(): boolean {
  if (waiting.length > 0) return true
  const now = performance.now()
  if (turnEnd === 0) {
    turnEnd = now + TURN_MS
    setImmediate(forgetTurn)
  }
  return now > turnEnd
}

function forgetTurn(): void {
  turnEnd = 0
}

export function takeTurn(taker: Taker): void {
  waiting.push(new Turn(taker))
  if (isScheduled) return
  isScheduled = true
  setImmediate(giveTurns)
}

function giveTurns(): void {
  isScheduled = false
  const turns = waiting
  waiting = []
  const end = performance.now() + TURN_MS
  let given = 0
  try {
    do {
      const turn = turns[given++]!
      current = turn.taker
      fillSlice()
      turn.give()
    } while (given < turns.length && performance.now() < end)
  } finally {
    // Also after an error, which is the application's: a wrapper around an answer may throw.
    current = undefined
    if (given < turns.length) {
      // Those who had none come before those who have had one.
      waiting = turns.slice(given).concat(waiting)
      if (!isScheduled) {
        isScheduled = true
        setImmediate(giveTurns)
      }
    }
  }
}
