// One simulated cluster in bad weather of every kind, all of it chosen by the seed.
import { CheckedCluster } from './checked-cluster.ts'
import { SimulatedNetwork } from './simulated-network.ts'

const SIZES = [2, 2, 3, 3, 4, 5, 7, 10]

/** A minute of bad weather, then half a minute to heal. */
export async function storm(
  seed: number,
  size: number = SIZES[seed % SIZES.length]!,
  stormMs = 60_000,
): Promise<CheckedCluster> {
  const network = new SimulatedNetwork(seed)
  const cluster = new CheckedCluster(network)
  const chance = (probability: number): boolean => network.random() < probability
  const anyone = (): (typeof cluster.living)[number] => cluster.living[network.pick(cluster.living.length)]!
  for (let i = 0; i < size; i++) await cluster.add(size > 10 ? {} : { secret: 'sim' })
  const stormEnds = network.now + stormMs
  while (network.now < stormEnds && cluster.failures.length === 0) {
    for (let i = 0; i < 4 + size; i++) {
      const from = anyone()
      if (from.host.stoppedUntil > network.now) continue
      const to = anyone()
      const burst = chance(0.1) ? 200 : 1 + network.pick(8)
      for (let n = 0; n < burst; n++)
        from.sendTo(to.node.incarnation, chance(0.002) ? 600_000 : network.pick(400))
    }
    if (chance(0.05))
      network.weather = {
        delay: [1, 1 + network.pick(200)],
        loss: chance(0.5) ? 0 : network.random() * 0.3,
        isReordering: chance(0.5),
      }
    if (chance(0.02)) {
      // A partition: a side is cut off from the other, in one direction or both.
      const side = new Set(cluster.living.filter(() => chance(0.3)))
      const isOneWay = chance(0.3)
      for (const a of cluster.living) {
        for (const b of cluster.living) {
          if (side.has(a) === side.has(b) || (isOneWay && side.has(b))) continue
          network.cuts.add(`${a.host.index}>${b.host.index}`)
        }
      }
    }
    if (chance(0.05)) network.cuts.clear()
    if (chance(0.02)) {
      const [stopped, forMs] = [anyone(), network.pick(16_000)]
      stopped.host.stop(forMs)
      // A shorter one is like a slow network: nobody is taken for dead so soon.
      if (forMs > 3_000) stopped.resumedAt = stopped.host.stoppedUntil
    }
    if (chance(0.02)) anyone().host.disconnect(network.pick(8_000))
    if (chance(0.01)) network.isStalled = true
    if (network.isStalled && chance(0.1)) network.endStall()
    if (chance(0.01) && cluster.living.length > 2) anyone().host.isDead = true
    await network.run(network.now + 20 + network.pick(300), true)
  }
  network.weather = { delay: [1, 5], loss: 0, isReordering: false }
  network.cuts.clear()
  network.endStall()
  await network.run(network.now + 45_000, true)
  return cluster
}
