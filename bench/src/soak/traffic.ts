// The crowd: a fixed number of places, each taken by one client after another until it is told to stop. In: a port, a seed. Out: the tally.
import { createRequire } from 'node:module'
import { io as ours } from '@tidewire/client'
import { io as official } from 'socket.io-client-4.8.4'
import { abuses } from './abuse.ts'
import { LibraryLife } from './library-life.ts'
import type { Library } from './library-life.ts'
import { createRandom } from '@tidewire/testkit/random'
import type { Random } from '@tidewire/testkit/random'
import { runRawLife } from './raw-life.ts'
import type { RawKind } from './raw-life.ts'
import { pause } from './tally.ts'
import type { Tally } from './tally.ts'

const require = createRequire(import.meta.url)
const libraries: readonly Library[] = [
  { name: 'ours', revision: 5, connect: ours as unknown as Library['connect'] },
  { name: 'official 4.8.4', revision: 5, connect: official as unknown as Library['connect'] },
  { name: 'official 2.5.0', revision: 4, connect: require('socket.io-client-2.5.0') as Library['connect'] },
]
const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']] as const
const RAW: readonly RawKind[] = ['polling', 'websocket', 'websocket EIO3']
const LONGEST_LIFE_MS = 45_000

export interface TrafficSettings {
  readonly port: number
  readonly seed: number
  /** Places of each kind of client. */
  readonly clients: number
  /** Mean pause between two acts of a client. */
  readonly actMs: number
  readonly seconds: number
  readonly tally: Tally
}

export function startTraffic(settings: TrafficSettings): { stop(): Promise<void> } {
  const { port, seed, clients, actMs, seconds, tally } = settings
  const stopping = new AbortController()
  const end = performance.now() + seconds * 1000
  let places = 0

  async function take(live: (random: Random, lifeMs: number) => Promise<void>): Promise<void> {
    // Each place has choices of its own, so that a seed says what each client does, whatever the others' timing.
    const random = createRandom(seed + ++places * 7919)
    await pause(random.below(2_000))
    while (!stopping.signal.aborted) {
      const lifeMs = Math.min(1_000 + random.below(LONGEST_LIFE_MS), end - performance.now())
      if (lifeMs <= 0) return
      await live(random, lifeMs)
    }
  }

  const kinds: ((random: Random, lifeMs: number) => Promise<void>)[] = []
  for (const library of libraries) {
    for (const transports of TRANSPORTS) {
      kinds.push((random, lifeMs) =>
        new LibraryLife({ library, port, transports: [...transports], random, tally, lifeMs, actMs }).run(),
      )
    }
  }
  for (const kind of RAW)
    kinds.push((random, lifeMs) => runRawLife({ kind, port, random, tally, lifeMs, actMs }))
  kinds.push(async (random) => {
    const name = random.pick(Object.keys(abuses))
    try {
      await abuses[name]!(port, random)
      tally.add(`abuse: ${name}`)
    } catch (error) {
      tally.fail(`abuse: ${name}: ${(error as Error).message}`)
    }
    await pause(random.below(actMs * 2))
  })
  const all = kinds.flatMap((kind) => Array.from({ length: clients }, () => take(kind)))
  return {
    async stop() {
      stopping.abort()
      await Promise.all(all)
    },
  }
}
