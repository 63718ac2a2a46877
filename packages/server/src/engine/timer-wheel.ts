// One shared timer for all heartbeats: entries sit in slots of a wheel, and a tick looks at one slot. An idle session costs an entry in a
// Set, not a timer and a closure.
import type { Clock } from '../clock.ts'

const SLOTS = 512

export interface WheelEntry {
  /** Set by the wheel; -1 while not scheduled. */
  dueTick: number
  handleTimer(): void
}

export class TimerWheel {
  readonly #clock: Clock
  readonly #tickMs: number
  readonly #slots: Set<WheelEntry>[] = Array.from({ length: SLOTS }, () => new Set())
  #tick = 0
  #startedAt = 0
  #size = 0
  #stop: (() => void) | undefined
  #isAdvancing = false

  constructor(clock: Clock, tickMs: number) {
    this.#clock = clock
    this.#tickMs = tickMs
  }

  /** Calls `entry.handleTimer()` once, `delayMs` from now (up to one tick later). Replaces an earlier schedule. */
  schedule(entry: WheelEntry, delayMs: number): void {
    if (entry.dueTick >= 0) this.#slots[entry.dueTick % SLOTS]!.delete(entry)
    else this.#size++
    if (this.#stop === undefined) this.#start()
    const nowTick = Math.floor((this.#clock.now() - this.#startedAt) / this.#tickMs)
    entry.dueTick = Math.max(nowTick, this.#tick) + Math.max(1, Math.ceil(delayMs / this.#tickMs))
    this.#slots[entry.dueTick % SLOTS]!.add(entry)
  }

  cancel(entry: WheelEntry): void {
    if (entry.dueTick < 0) return
    this.#slots[entry.dueTick % SLOTS]!.delete(entry)
    entry.dueTick = -1
    this.#leave()
  }

  #start(): void {
    this.#tick = 0
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
    // After a stall every slot is looked at once at most.
    const from = Math.max(this.#tick + 1, nowTick - SLOTS + 1)
    this.#tick = nowTick
    this.#isAdvancing = true
    try {
      for (let tick = from; tick <= nowTick && this.#size > 0; tick++) {
        for (const entry of this.#slots[tick % SLOTS]!) {
          if (entry.dueTick > nowTick) continue
          this.#slots[tick % SLOTS]!.delete(entry)
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
}
