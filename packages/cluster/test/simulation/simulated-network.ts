// A network, an event loop per node and time, all in one process and all from one seed: a test of minutes runs in a second, and runs the
// same again. Every message may be late, lost, out of order or cut off by a partition; every node may stand still and wake up later.
import type { Bus, BusHandler, BusState, BusSubscription } from '../../src/bus.ts'
import type { ClusterClock } from '../../src/clock.ts'

/** mulberry32: small, seeded, good enough for choices. */
export function createRandom(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface SimulatedEvent {
  at: number
  /** Events of one moment happen in the order in which they were planned. */
  order: number
  host: SimulatedHost
  run: () => void
  isCancelled: boolean
}

export interface Weather {
  /** Milliseconds that a message travels, at least and at most. */
  delay: [number, number]
  /** 0 to 1. */
  loss: number
  /** Messages overtake each other. */
  isReordering: boolean
}

export class SimulatedNetwork {
  now = 0
  weather: Weather = { delay: [1, 3], loss: 0, isReordering: false }
  /** Between the two nothing passes, in this direction. */
  readonly cuts: Set<string> = new Set()
  /** While true the broker carries nothing and nobody is told (stopped, not dead). */
  isStalled = false
  delivered = 0
  readonly random: () => number
  readonly hosts: SimulatedHost[] = []
  readonly #heap: SimulatedEvent[] = []
  #order = 0
  readonly #lastArrival = new Map<string, number>()
  /** The broker holds it until it goes on. */
  #stalled: (() => void)[] = []

  constructor(seed: number) {
    this.random = createRandom(seed)
  }

  /** An integer from 0 to `below` - 1. */
  pick(below: number): number {
    return Math.floor(this.random() * below)
  }

  createHost(): SimulatedHost {
    const host = new SimulatedHost(this, this.hosts.length)
    this.hosts.push(host)
    return host
  }

  plan(host: SimulatedHost, at: number, run: () => void): SimulatedEvent {
    const event: SimulatedEvent = { at, order: this.#order++, host, run, isCancelled: false }
    this.#push(event)
    return event
  }

  publish(from: SimulatedHost, subject: string, bytes: Uint8Array): void {
    if (this.isStalled) {
      this.#stalled.push(() => this.#carry(from, subject, bytes))
      return
    }
    this.#carry(from, subject, bytes)
  }

  endStall(): void {
    this.isStalled = false
    for (const carry of this.#stalled.splice(0)) carry()
  }

  /** Runs until `until` (virtual milliseconds). With `drain`, promises settle between events: needed while nodes start or close. */
  async run(until: number, drain = false): Promise<void> {
    if (drain) for (let i = 0; i < 50; i++) await Promise.resolve()
    let movedAt = { now: this.now, events: 0 }
    for (let event = this.#heap[0]; event !== undefined && event.at <= until; event = this.#heap[0]) {
      this.#pop()
      if (event.isCancelled || event.host.isDead) continue
      this.now = Math.max(this.now, event.at)
      // A host that stands still finds everything at once when it goes on.
      if (event.host.stoppedUntil > this.now) {
        event.at = event.host.stoppedUntil
        this.#push(event)
        continue
      }
      if (this.now > movedAt.now) movedAt = { now: this.now, events: 0 }
      else if (++movedAt.events > 1_000_000)
        throw new Error(`a million events at ${this.now} ms: time stands still`)
      event.run()
      if (drain) for (let i = 0; i < 12; i++) await Promise.resolve()
    }
    this.now = until
  }

  #carry(from: SimulatedHost, subject: string, bytes: Uint8Array): void {
    for (const to of this.hosts) {
      if (to.isDead || !to.isConnected || !to.handlers.has(subject)) continue
      if (this.cuts.has(`${from.index}>${to.index}`)) continue
      if (to !== from && this.random() < this.weather.loss) continue
      const [least, most] = this.weather.delay
      let at = this.now + least + this.random() * (most - least)
      if (!this.weather.isReordering) {
        const lane = `${from.index}>${to.index}`
        at = Math.max(at, this.#lastArrival.get(lane) ?? 0)
        this.#lastArrival.set(lane, at)
      }
      const copy = new Uint8Array(bytes)
      this.plan(to, at, () => {
        if (!to.isConnected) return
        this.delivered++
        to.handlers.get(subject)?.(copy, subject)
      })
    }
  }

  #push(event: SimulatedEvent): void {
    const heap = this.#heap
    let i = heap.push(event) - 1
    while (i > 0) {
      const parent = (i - 1) >> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[i] = heap[parent]!
      i = parent
    }
    heap[i] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[i] = heap[child]!
      i = child
    }
    heap[i] = last
  }
}

function isBefore(a: SimulatedEvent, b: SimulatedEvent): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

/** One node's machine: its event loop (as a clock) and its connection to the broker (as a bus). */
export class SimulatedHost implements ClusterClock, Bus {
  readonly name = 'simulated'
  readonly capabilities: Bus['capabilities'] = { isOrdered: false, maxPayloadBytes: 1 << 20 }
  readonly handlers: Map<string, BusHandler> = new Map()
  readonly index: number
  isDead = false
  isConnected = false
  stoppedUntil = 0
  readonly #network: SimulatedNetwork
  #listener: ((state: BusState) => void) | undefined

  constructor(network: SimulatedNetwork, index: number) {
    this.#network = network
    this.index = index
  }

  now(): number {
    return this.#network.now
  }

  every(intervalMs: number, handler: () => void): () => void {
    let isCancelled = false
    const next = (): void => {
      this.#network.plan(this, this.#network.now + intervalMs, () => {
        if (isCancelled) return
        handler()
        next()
      })
    }
    next()
    return () => (isCancelled = true)
  }

  after(delayMs: number, handler: () => void): () => void {
    const event = this.#network.plan(this, this.#network.now + delayMs, handler)
    return () => (event.isCancelled = true)
  }

  endOfTurn(handler: () => void): void {
    this.#network.plan(this, this.#network.now, handler)
  }

  connect(): Promise<void> {
    this.isConnected = true
    return Promise.resolve()
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.isConnected) this.#network.publish(this, subject, bytes)
  }

  subscribe(subject: string, handler: BusHandler): Promise<BusSubscription> {
    this.handlers.set(subject, handler)
    return Promise.resolve({
      unsubscribe: () => {
        this.handlers.delete(subject)
        return Promise.resolve()
      },
    })
  }

  onState(listener: (state: BusState) => void): void {
    this.#listener = listener
  }

  /** Its connection breaks, and is back later. */
  disconnect(forMs: number): void {
    if (!this.isConnected) return
    this.isConnected = false
    this.#listener?.('down')
    this.#network.plan(this, this.#network.now + forMs, () => {
      this.isConnected = true
      this.#listener?.('up')
    })
  }

  /** Stands still, like a process that got SIGSTOP. */
  stop(forMs: number): void {
    this.stoppedUntil = Math.max(this.stoppedUntil, this.#network.now + forMs)
  }

  close(): Promise<void> {
    this.isConnected = false
    this.handlers.clear()
    return Promise.resolve()
  }
}
