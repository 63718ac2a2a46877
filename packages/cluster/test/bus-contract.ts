// What every driver has to keep, run over each of them: the fast ones as unit tests, the others on real daemons (interop/test/buses.test.ts).
import { afterEach, describe, expect, it } from 'vitest'
import type { Bus, BusState } from '../src/bus.ts'

export interface BusEngine {
  createBus(): Bus
  /** Kills the engine, or all its connections, and has it back later; resolves when it is back. */
  restart(): Promise<void>
  /** The engine stands still for so long; resolves when it goes on. */
  pause(forMs: number): Promise<void>
}

/** What of the contract does not apply, because the engine has no such thing. */
export interface Exceptions {
  cannotRestart?: boolean
  cannotPause?: boolean
  knowsNoSubscribers?: boolean
}

/** Hands over in order what came, and waits for what has not come. */
class Inbox {
  readonly received: string[] = []
  readonly #waiting: { count: number; resolve: () => void }[] = []
  readonly handler = (bytes: Uint8Array): void => {
    this.received.push(Buffer.from(bytes).toString('latin1'))
    for (const waiter of this.#waiting) if (this.received.length >= waiter.count) waiter.resolve()
  }
  until(count: number, withinMs = 20_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.received.length} of ${count} messages in ${withinMs} ms`)),
        withinMs,
      )
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      if (this.received.length >= count) done()
      else this.#waiting.push({ count, resolve: done })
    })
  }
}

class States {
  readonly seen: BusState[] = []
  #handleChange: (() => void) | undefined
  constructor(bus: Bus) {
    bus.onState((state) => {
      this.seen.push(state)
      this.#handleChange?.()
    })
  }
  async until(states: readonly BusState[], withinMs = 20_000): Promise<void> {
    const deadline = performance.now() + withinMs
    while (this.seen.length < states.length) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`the bus was ${this.seen.join(', ')} after ${withinMs} ms`)),
          Math.max(0, deadline - performance.now()),
        )
        this.#handleChange = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    expect(this.seen.slice(0, states.length)).toEqual(states)
  }
}

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1')

/** In the place of `it` for what does not apply. */
const notApplicable = (() => {}) as unknown as typeof it

export function busContract(name: string, engine: () => BusEngine, exceptions: Exceptions = {}): void {
  describe(`bus: ${name}`, () => {
    const open: Bus[] = []
    const itKnows = exceptions.knowsNoSubscribers === true ? notApplicable : it
    const itRestarts = exceptions.cannotRestart === true ? notApplicable : it
    const itPauses = exceptions.cannotPause === true ? notApplicable : it
    async function connect(): Promise<Bus> {
      const bus = engine().createBus()
      open.push(bus)
      await bus.connect()
      return bus
    }
    afterEach(async () => {
      await Promise.all(open.splice(0).map((bus) => bus.close()))
    })

    it('[CLU-20] carries any bytes to every subscriber of the subject, the publisher too, and to no other', async () => {
      const [a, b] = [await connect(), await connect()]
      const [atA, atB, other] = [new Inbox(), new Inbox(), new Inbox()]
      await a.subscribe('c.one', atA.handler)
      await b.subscribe('c.one', atB.handler)
      await b.subscribe('c.other', other.handler)

      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      a.publish('c.one', all)
      a.publish('c.other', text('fence'))
      await Promise.all([atA.until(1), atB.until(1), other.until(1)])

      expect(atA.received).toEqual([Buffer.from(all).toString('latin1')])
      expect(atB.received).toEqual(atA.received)
      expect(other.received).toEqual(['fence'])
    })

    it('[CLU-20] keeps the order of one publisher, over subjects and sizes', async () => {
      const [a, b] = [await connect(), await connect()]
      const inbox = new Inbox()
      await b.subscribe('c.order', inbox.handler)

      const sent = Array.from({ length: 500 }, (_, i) => `${i}`.padEnd(i % 50 === 0 ? 20_000 : 10, '.'))
      for (const message of sent) a.publish('c.order', text(message))
      await inbox.until(sent.length)

      expect(inbox.received.map((message) => parseInt(message, 10))).toEqual(sent.map((_, i) => i))
      expect(inbox.received).toEqual(sent)
    })

    it('[CLU-20] has a subscription in force when it says so', async () => {
      const [a, b] = [await connect(), await connect()]
      for (let i = 0; i < 50; i++) {
        const inbox = new Inbox()
        const subscription = await b.subscribe(`c.fresh.${i}`, inbox.handler)
        a.publish(`c.fresh.${i}`, text('x'))
        await inbox.until(1)
        await subscription.unsubscribe()
      }
    })

    it('[CLU-20] hands over nothing after unsubscribing', async () => {
      const [a, b] = [await connect(), await connect()]
      const [gone, fence] = [new Inbox(), new Inbox()]
      const subscription = await b.subscribe('c.gone', gone.handler)
      await b.subscribe('c.fence', fence.handler)
      await subscription.unsubscribe()

      a.publish('c.gone', text('x'))
      a.publish('c.fence', text('fence'))
      await fence.until(1)

      expect(gone.received).toEqual([])
    })

    it('[CLU-20] carries messages of the largest size that it declares', async () => {
      const [a, b] = [await connect(), await connect()]
      const inbox = new Inbox()
      await b.subscribe('c.large', inbox.handler)
      const size = a.capabilities.maxPayloadBytes

      a.publish('c.large', text('z'.repeat(size)))
      await inbox.until(1)

      expect(inbox.received[0]?.length).toBe(size)
    })

    it('[CLU-21] publishing before connecting or after closing is silent', async () => {
      const bus = engine().createBus()
      bus.publish('c.x', text('x'))
      await bus.connect()
      await bus.close()
      bus.publish('c.x', text('x'))
      await bus.close()
    })

    itKnows('[CLU-22] knows whether anybody is subscribed', async () => {
      const [a, b] = [await connect(), await connect()]
      const subscription = await b.subscribe('c.known', () => {})

      expect(await a.hasSubscriber!('c.known')).toBe(true)
      expect(await a.hasSubscriber!('c.nobody')).toBe(false)
      await subscription.unsubscribe()
      expect(await a.hasSubscriber!('c.known')).toBe(false)
    })

    itRestarts(
      '[CLU-23] is down while the engine is away and up again with every subscription in force',
      { timeout: 90_000 },
      async () => {
        const { restart } = engine()
        const [a, b] = [engine().createBus(), engine().createBus()]
        open.push(a, b)
        const [statesA, statesB] = [new States(a), new States(b)]
        await Promise.all([a.connect(), b.connect()])
        const inbox = new Inbox()
        await b.subscribe('c.back.one', inbox.handler)
        await b.subscribe('c.back.two', inbox.handler)

        const back = restart()
        await Promise.all([statesA.until(['up', 'down']), statesB.until(['up', 'down'])])
        for (let i = 0; i < 100; i++) a.publish('c.back.one', new Uint8Array(1 << 20))
        await back
        await Promise.all([statesA.until(['up', 'down', 'up']), statesB.until(['up', 'down', 'up'])])
        a.publish('c.back.one', text('one'))
        a.publish('c.back.two', text('two'))
        await inbox.until(2)

        expect(inbox.received).toEqual(['one', 'two'])
      },
    )

    itPauses(
      '[CLU-24] what is published while the engine stands still waits within bounds, and order is kept',
      { timeout: 90_000 },
      async () => {
        const { pause } = engine()
        const [a, b] = [await connect(), await connect()]
        const inbox = new Inbox()
        await b.subscribe('c.pause', inbox.handler)

        const over = pause(3_000)
        for (let i = 0; i < 1_000; i++) {
          const message = Buffer.alloc(100_000)
          message.write(String(i).padStart(6, '0'), 'latin1')
          a.publish('c.pause', message)
        }
        await over
        // On some engines the pause ends the connection; either way what is sent now arrives.
        const deadline = performance.now() + 15_000
        while (inbox.received.at(-1) !== 'after' && performance.now() < deadline) {
          a.publish('c.pause', text('after'))
          await inbox.until(inbox.received.length + 1, 1_000).catch(() => undefined)
        }

        const numbers = inbox.received
          .filter((message) => message !== 'after')
          .map((message) => parseInt(message.slice(0, 6), 10))
        expect(numbers).toEqual(numbers.toSorted((x, y) => x - y))
        expect(new Set(numbers).size).toBe(numbers.length)
        expect(inbox.received.at(-1)).toBe('after')
        // 100 MB were published: 32 MiB may wait for the engine, and its sockets hold some.
        expect(numbers.length).toBeGreaterThan(0)
        expect(numbers.length).toBeLessThan(450)
      },
    )
  })
}
