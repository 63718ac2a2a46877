// One shared timer for all heartbeats: entries hang in the slots of a wheel, linked to each other, and a tick looks at one slot. An idle session
// costs two links, not a timer and a closure.
import type { Clock } from '../clock.ts'

const SLOTS = 512
/** A tick that comes so many ticks late was held up by more than the work of a loop turn. */
const STALL_TICKS = 3

export interface WheelEntry {
  /** Set by the wheel; -1 while not scheduled. */
  dueTick: number
  /** Its neighbours in the slot. */
  previousEntry?: WheelEntry | undefined
  nextEntry?: WheelEntry | undefined
  handleTimer(): void
}

export class TimerWheel {
  readonly #clock: Clock
  readonly #tickMs: number
  /** The newest entry of each slot. */
  readonly #slots: (WheelEntry | undefined)[] = Array.from<undefined>({ length: SLOTS }).fill(undefined)
  #tick = 0
  #startedAt = 0
  /** Of the latest tick, one that was put off included. */
  #seenTick = 0
  #isPutOff = false
  #size = 0
  #stop: (() => void) | undefined
  #isAdvancing = false

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  /** Calls `entry.handleTimer()` once, `delayMs` from now (up to one tick later). Replaces an earlier schedule. */
  schedule(entry: WheelEntry, delayMs: number): void {
    if (entry.dueTick >= 0) this.#unlink(entry)
    else this.#size++
    if (this.#stop === undefined) this.#start()
    const nowTick = Math.floor((this.#clock.now() - this.#startedAt) / this.#tickMs)
    entry.dueTick = Math.max(nowTick, this.#tick) + Math.max(1, Math.ceil(delayMs / this.#tickMs))
    this.#link(entry)
  }

  cancel(entry: WheelEntry): void {
    if (entry.dueTick < 0) return
    this.#unlink(entry)
    entry.dueTick = -1
    this.#leave()
  }

  #link(entry: WheelEntry): void {
    const slot = entry.dueTick % SLOTS
    const next = this.#slots[slot]
    if (next !== undefined) next.previousEntry = entry
    entry.nextEntry = next
    this.#slots[slot] = entry
  }

  #unlink(entry: WheelEntry): void {
    const { previousEntry, nextEntry } = entry
    if (previousEntry === undefined) this.#slots[entry.dueTick % SLOTS] = nextEntry
    else previousEntry.nextEntry = nextEntry
    if (nextEntry !== undefined) nextEntry.previousEntry = previousEntry
    entry.previousEntry = undefined
    entry.nextEntry = undefined
  }

  #start(): void {
    this.#tick = 0
    this.#seenTick = 0
    this.#isPutOff = false
    this.#startedAt = this.#clock.now()
    this.#stop = this.#clock.every(this.#tickMs, () => this.#advance())
  }

  #leave(): void {
    this.#size--
    this.#stopWhenEmpty()
  }

  /** Never within a tick: an entry that schedules itself anew would find the ticks counted from 0 again, and its slot being looked at. */
  #stopWhenEmpty(): void {
    if (this.#size > 0 || this.#isAdvancing) return
    this.#stop?.()
    this.#stop = undefined
  }

  #advance(): void {
    const nowTick = Math.floor((this.#clock.now() - this.#startedAt) / this.#tickMs)
    // The process stood still, and timers come before input: what clients have sent meanwhile is read before they are called silent, in the
    // next tick, however late that is.
    this.#isPutOff = nowTick - this.#seenTick > STALL_TICKS && !this.#isPutOff
    this.#seenTick = nowTick
    if (this.#isPutOff) return
    // After a stall every slot is looked at once at most.
    const from = Math.max(this.#tick + 1, nowTick - SLOTS + 1)
    this.#tick = nowTick
    this.#isAdvancing = true
    try {
      for (let tick = from; tick <= nowTick && this.#size > 0; tick++) {
        // What is called may cancel and schedule any entry, of this slot too: each look begins with those that are due now.
        for (const entry of this.#dueIn(tick % SLOTS, nowTick)) {
          if (entry.dueTick < 0 || entry.dueTick > nowTick) continue
          this.#unlink(entry)
          entry.dueTick = -1
          this.#leave()
          entry.handleTimer()
        }
      }
    } finally {
      this.#isAdvancing = false
      this.#stopWhenEmpty()
    }
  }

  #dueIn(slot: number, nowTick: number): WheelEntry[] {
    const due: WheelEntry[] = []
    for (let entry = this.#slots[slot]; entry !== undefined; entry = entry.nextEntry) if (entry.dueTick <= nowTick) due.push(entry)
    // Linked newest first; called in the order of their schedules.
    return due.reverse()
  }
}
