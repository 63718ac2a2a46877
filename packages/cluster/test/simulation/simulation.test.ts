// Clusters of 2 to 50 nodes in every kind of weather, from a seed that is printed and can be given (TIDEWIRE_SIM_SEED); more rounds with
// TIDEWIRE_SIM_ROUNDS.
import { expect, it } from 'vitest'
import { storm } from './storm.ts'

const firstSeed = Number(process.env['TIDEWIRE_SIM_SEED'] ?? Date.now() % 1_000_000)
const rounds = Number(process.env['TIDEWIRE_SIM_ROUNDS'] ?? 12)

it(
  `[CLU-10, CLU-11, CLU-12, CLU-13, CLU-14] links keep their promises through loss, reordering, partitions, stalls and deaths, seed ${firstSeed}`,
  { timeout: 300_000 },
  async () => {
    const ends = new Map<string, number>()
    let received = 0
    for (let round = 0; round < rounds; round++) {
      const seed = firstSeed + round
      const cluster = await storm(seed)
      cluster.checkSettled()
      expect(
        cluster.failures.slice(0, 5),
        `TIDEWIRE_SIM_SEED=${seed} TIDEWIRE_SIM_ROUNDS=1 replays it`,
      ).toEqual([])
      for (const node of cluster.nodes.values()) {
        received += node.received
        for (const [end, count] of node.ends) ends.set(end, (ends.get(end) ?? 0) + count)
      }
    }
    console.log(
      `simulation: seed ${firstSeed}, ${rounds} clusters, ${received} messages, ends ${JSON.stringify(Object.fromEntries(ends))}`,
    )
    expect(received).toBeGreaterThan(1_000 * rounds)
  },
)

it(
  `[CLU-10, CLU-14] fifty nodes find each other and keep the promises, seed ${firstSeed}`,
  { timeout: 300_000 },
  async () => {
    const cluster = await storm(firstSeed, 50, 3_000)
    cluster.checkSettled()

    expect(cluster.failures.slice(0, 5)).toEqual([])
    expect(cluster.living.length).toBeGreaterThan(45)
  },
)
