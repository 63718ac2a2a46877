// The bus of nodes that live in one process: tests, and several servers in one program. A hub is the engine; each bus is one node's
// connection to it. Nothing is lost and order is kept; messages are handed over on a fresh stack, once a turn of the event loop.
import type { Bus, BusCapabilities, BusHandler, BusState, BusSubscription } from '../bus.ts'

interface Subscriber {
  readonly bus: InProcessBus
  readonly handler: BusHandler
  isActive: boolean
}

/** What the buses of one cluster share. */
export class InProcessHub {
  readonly #subscribers = new Map<string, Set<Subscriber>>()
  #queue: { subject: string; bytes: Uint8Array }[] = []
  #isScheduled = false

  /** One node's connection. */
  createBus(): Bus {
    return new InProcessBus(this)
  }

  /** A bus subscribes. @internal */
  add(subject: string, subscriber: Subscriber): void {
    const subscribers = this.#subscribers.get(subject)
    if (subscribers === undefined) this.#subscribers.set(subject, new Set([subscriber]))
    else subscribers.add(subscriber)
  }

  /** A bus unsubscribes. @internal */
  remove(subject: string, subscriber: Subscriber): void {
    subscriber.isActive = false
    const subscribers = this.#subscribers.get(subject)
    subscribers?.delete(subscriber)
    if (subscribers?.size === 0) this.#subscribers.delete(subject)
  }

  /** A bus publishes. @internal */
  publish(subject: string, bytes: Uint8Array): void {
    this.#queue.push({ subject, bytes })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#deliver())
  }

  #deliver(): void {
    const queue = this.#queue
    this.#queue = []
    this.#isScheduled = false
    let delivered = 0
    try {
      for (; delivered < queue.length; delivered++) {
        const { subject, bytes } = queue[delivered]!
        const subscribers = this.#subscribers.get(subject)
        if (subscribers === undefined) continue
        // The bytes belong to their handler: every further one gets its own copy.
        let copy: Uint8Array | undefined
        for (const subscriber of [...subscribers]) {
          if (!subscriber.isActive) continue
          copy = copy === undefined ? bytes : new Uint8Array(bytes)
          subscriber.handler(copy, subject)
        }
      }
    } finally {
      // A handler threw: the error is the cluster's, the rest of the queue still arrives.
      if (delivered < queue.length) {
        this.#queue = [...queue.slice(delivered + 1), ...this.#queue]
        this.#schedule()
      }
    }
  }
}

class InProcessBus implements Bus {
  readonly name = 'in-process'
  readonly capabilities: BusCapabilities = { isOrdered: true, maxPayloadBytes: 1 << 20 }
  readonly #hub: InProcessHub
  readonly #own = new Map<Subscriber, string>()
  #listener: ((state: BusState, cause?: unknown) => void) | undefined
  #isConnected = false

  constructor(hub: InProcessHub) {
    this.#hub = hub
  }

  connect(): Promise<void> {
    if (!this.#isConnected) {
      this.#isConnected = true
      this.#listener?.('up')
    }
    return Promise.resolve()
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.#isConnected) this.#hub.publish(subject, bytes)
  }

  subscribe(subject: string, handler: BusHandler): Promise<BusSubscription> {
    const subscriber: Subscriber = { bus: this, handler, isActive: true }
    this.#own.set(subscriber, subject)
    this.#hub.add(subject, subscriber)
    return Promise.resolve({
      unsubscribe: () => {
        this.#own.delete(subscriber)
        this.#hub.remove(subject, subscriber)
        return Promise.resolve()
      },
    })
  }

  onState(listener: (state: BusState, cause?: unknown) => void): void {
    this.#listener = listener
  }

  close(): Promise<void> {
    this.#isConnected = false
    for (const [subscriber, subject] of this.#own) this.#hub.remove(subject, subscriber)
    this.#own.clear()
    return Promise.resolve()
  }
}
