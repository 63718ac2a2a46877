// What membership and links do in single, named situations, over the simulated network: virtual time, no waiting.
import { expect, it } from 'vitest'
import { TidewireError } from '@tidewire/protocol'
import { SERVICE } from '../src/cluster-node.ts'
import { createClusterNode } from '../src/node.ts'
import { InProcessHub } from '../src/drivers/in-process.ts'
import { CheckedCluster } from './simulation/checked-cluster.ts'
import type { CheckedNode } from './simulation/checked-cluster.ts'
import { SimulatedNetwork } from './simulation/simulated-network.ts'

async function clusterOf(size: number): Promise<{
  network: SimulatedNetwork
  cluster: CheckedCluster
  nodes: CheckedNode[]
  run(ms: number): Promise<void>
}> {
  const network = new SimulatedNetwork(1)
  const cluster = new CheckedCluster(network)
  const nodes: CheckedNode[] = []
  for (let i = 0; i < size; i++) nodes.push(await cluster.add())
  return { network, cluster, nodes, run: (ms) => network.run(network.now + ms, true) }
}

const cutOff = (network: SimulatedNetwork, from: CheckedNode, to: CheckedNode): unknown =>
  network.cuts.add(`${from.host.index}>${to.host.index}`)
const stateOf = (node: CheckedNode, of: CheckedNode): string | undefined =>
  node.node.members.get(of.node.incarnation)?.state
const endsOf = (node: CheckedNode): Record<string, number> => Object.fromEntries(node.ends)

it('[CLU-12] a silent member is suspect after 3 s and dead after 10 s; others are not', async () => {
  const { network, cluster, nodes, run } = await clusterOf(3)
  const [a, b, c] = nodes as [CheckedNode, CheckedNode, CheckedNode]
  await run(2_000)
  cutOff(network, c, a)
  cutOff(network, c, b)

  await run(1_700)
  expect([stateOf(a, c), stateOf(b, c), stateOf(a, b)]).toEqual(['alive', 'alive', 'alive'])
  await run(2_000)
  expect([stateOf(a, c), stateOf(b, c), stateOf(a, b)]).toEqual(['suspect', 'suspect', 'alive'])
  await run(7_500)
  expect([stateOf(a, c), stateOf(b, c), stateOf(a, b)]).toEqual([undefined, undefined, 'alive'])
  expect([a.node.isGone('0002'), b.node.isGone('0002'), a.node.isGone('0001')]).toEqual([true, true, false])
  expect(cluster.failures).toEqual([])
})

it('[CLU-12] a bus that stands still for 20 s kills nobody, and what waited arrives', async () => {
  const { network, cluster, nodes, run } = await clusterOf(3)
  for (const node of nodes) node.sendTo(nodes[0] === node ? '0001' : '0000', 100)
  await run(1_000)
  network.isStalled = true
  for (let i = 0; i < 20; i++) {
    nodes[0]!.sendTo('0001', 1_000)
    await run(1_000)
  }
  network.endStall()
  await run(3_000)

  cluster.checkSettled()
  expect(cluster.failures).toEqual([])
  expect(nodes.map(endsOf)).toEqual([{}, {}, {}])
})

it('[CLU-12] a broken connection to the bus of 8 s ends no link, and what was sent meanwhile arrives', async () => {
  const { cluster, nodes, run } = await clusterOf(2)
  await run(1_000)
  nodes[0]!.host.disconnect(8_000)
  for (let i = 0; i < 8; i++) {
    nodes[0]!.sendTo('0001', 1_000)
    nodes[1]!.sendTo('0000', 1_000)
    await run(1_000)
  }
  await run(2_000)

  cluster.checkSettled()
  expect(cluster.failures).toEqual([])
  expect(nodes.map(({ received }) => received)).toEqual([8, 8])
  expect(nodes.map(endsOf)).toEqual([{}, {}])
})

it('[CLU-13] a node that stood still until it was dead handles nothing from before, and is fenced', async () => {
  const { cluster, nodes, run } = await clusterOf(2)
  const [a, b] = nodes as [CheckedNode, CheckedNode]
  await run(1_000)
  b.host.stop(15_000)
  b.resumedAt = b.host.stoppedUntil
  for (let i = 0; i < 100; i++) {
    a.sendTo('0001', 100)
    await run(100)
  }
  expect(b.received).toBe(0)
  await run(8_000)

  expect(endsOf(a)).toEqual({ dead: 1 })
  expect(endsOf(b)).toEqual({ fenced: 1 })
  expect(b.received).toBe(0)
  a.sendTo('0001', 100)
  await run(1_000)
  expect(b.received).toBe(1)
  expect(a.node.isGone('0001')).toBe(false)
  expect(cluster.failures).toEqual([])
})

it('[CLU-13] a node that stood still for less goes on where it was, after its peers have said that they know it', async () => {
  const { cluster, nodes, run } = await clusterOf(2)
  const [a, b] = nodes as [CheckedNode, CheckedNode]
  await run(1_000)
  b.host.stop(6_000)
  for (let i = 0; i < 60; i++) {
    a.sendTo('0001', 100)
    await run(100)
  }
  // A question, its answer, what was missed: three ways through the network, and no waiting for a resend.
  await run(50)

  expect(b.received).toBe(60)
  await run(1_000)
  cluster.checkSettled()
  expect(cluster.failures).toEqual([])
  expect([endsOf(a), endsOf(b)]).toEqual([{}, {}])
})

it('[CLU-10] a last frame that is lost is sent again, though nothing follows it', async () => {
  const { network, cluster, nodes, run } = await clusterOf(2)
  const [a, b] = nodes as [CheckedNode, CheckedNode]
  await run(1_000)
  cutOff(network, a, b)
  a.sendTo('0001', 100)
  await run(100)
  network.cuts.clear()
  await run(1_000)

  expect(b.received).toBe(1)
  cluster.checkSettled()
  expect(cluster.failures).toEqual([])
})

it('[CLU-11] a hole that stays ends the link on both sides, and the next one works', async () => {
  const { network, cluster, nodes, run } = await clusterOf(2)
  const [a, b] = nodes as [CheckedNode, CheckedNode]
  await run(1_000)
  // Only one direction is cut, and only for frames: heartbeats come through, so nobody is dead.
  const publish = a.host.publish.bind(a.host)
  a.host.publish = (subject, bytes) => {
    if (bytes[0] !== 1) publish(subject, bytes)
  }
  a.sendTo('0001', 100)
  await run(12_000)
  expect(endsOf(a)).toEqual({ hole: 1 })
  a.host.publish = publish
  await run(2_000)

  expect(endsOf(b)).toEqual({ hole: 1 })
  a.sendTo('0001', 100)
  await run(1_000)
  expect(b.received).toBe(1)
  cluster.checkSettled()
  expect(cluster.failures).toEqual([])
  expect(network.cuts.size).toBe(0)
})

it('[CLU-15] a link whose window is spent says "full", and drains when there is room again', async () => {
  const { network, cluster, nodes, run } = await clusterOf(2)
  const [a, b] = nodes as [CheckedNode, CheckedNode]
  await run(1_000)
  cutOff(network, a, b)
  const results: string[] = []
  const message = Buffer.alloc(100_000)
  // Past the checks of CheckedNode: it does not send into a full link.
  for (let i = 0; i < 60; i++) {
    message.writeUInt32BE(1, 0)
    message.writeUInt32BE(i + 1, 4)
    message[message.length - 1] = i & 0xff
    results.push(a.node.send('0001', SERVICE.adapter, message))
  }
  const life = a.lives.get('0001')!
  life.sent = 60
  life.isFull = true
  await run(500)
  expect(results.slice(0, 40)).toEqual(Array.from({ length: 40 }, () => 'sent'))
  expect(results.slice(42)).toEqual(Array.from({ length: 18 }, () => 'full'))
  network.cuts.clear()
  await run(3_000)

  expect(life.isFull).toBe(false)
  expect(b.received).toBe(60)
  expect(cluster.failures).toEqual([])
})

it('[CLU-15] who goes on sending into a full link loses it, not the memory', async () => {
  const { network, nodes, run } = await clusterOf(2)
  const [a] = nodes as [CheckedNode]
  await run(1_000)
  network.cuts.add('0>1')
  let most = 0
  for (let i = 0; i < 400; i++) {
    a.node.send('0001', SERVICE.adapter, Buffer.alloc(100_000))
    if (i % 10 === 9) await run(1)
    most = Math.max(most, a.node.stats().queuedBytes)
  }

  expect(endsOf(a)['hole']).toBeGreaterThan(0)
  expect(most).toBeLessThan(20 << 20)
})

it('[CLU-16] an incarnation that another node has is drawn again before the node serves', async () => {
  const { network, cluster, nodes } = await clusterOf(1)
  const second = network.createHost()
  const drawn = ['0000', 'new1']
  const node = createClusterNode(second, { clock: second, incarnation: '0000', redraw: () => drawn.shift()! })
  const started = node.start()
  for (let i = 0; i < 40; i++) await network.run(network.now + 50, true)
  await started

  expect(node.incarnation).toBe('new1')
  expect([...nodes[0]!.node.members.keys()]).toEqual(['new1'])
  expect(cluster.failures).toEqual([])
})

it('[CLU-16] two nodes that start at once with one incarnation both draw again', async () => {
  const network = new SimulatedNetwork(3)
  const hosts = [network.createHost(), network.createHost()]
  const nodes = hosts.map((host, i) =>
    createClusterNode(host, { clock: host, incarnation: 'same', redraw: () => `new${i}` }),
  )
  const started = Promise.all(nodes.map((node) => node.start()))
  for (let i = 0; i < 40; i++) await network.run(network.now + 50, true)
  await started

  expect(nodes.map(({ incarnation }) => incarnation)).toEqual(['new0', 'new1'])
  expect(nodes.map(({ members }) => [...members.keys()])).toEqual([['new1'], ['new0']])
})

it('[CLU-2] a node without a common format is refused with an error that names both; one with a wider range is not', async () => {
  const network = new SimulatedNetwork(4)
  const errors: TidewireError[][] = [[], [], []]
  const formats = [
    { min: 1, max: 1 },
    { min: 2, max: 3 },
    { min: 1, max: 2 },
  ]
  const nodes = formats.map((format, i) => {
    const host = network.createHost()
    return createClusterNode(host, {
      clock: host,
      incarnation: `nod${i}`,
      name: `node-${i}`,
      formats: format,
      onError: (error) => errors[i]!.push(error),
    })
  })
  for (const node of [nodes[0]!, nodes[2]!]) void node.start()
  await network.run(network.now + 3_000, true)
  void nodes[1]!.start()
  await network.run(network.now + 6_000, true)

  expect([...nodes[0]!.members.keys()]).toEqual(['nod2'])
  expect(nodes[2]!.members.get('nod0')?.info.format).toBe(1)
  expect(errors[0]!.map(({ code, message }) => `${code}: ${message}`)).toEqual([
    'TW_ERR_CLUSTER_FORMAT: node "node-1" (tidewire 4.100.0) speaks bus format 2 to 3, this one 1: they form no cluster. Upgrade the older one, through a release that speaks both',
  ])
})

it('[CLU-17] a node with another secret, or with none, is no member, and its messages are counted and reported once', async () => {
  const network = new SimulatedNetwork(5)
  const errors: TidewireError[] = []
  const secrets = ['one', 'one', 'two', undefined]
  const nodes = secrets.map((secret, i) => {
    const host = network.createHost()
    return createClusterNode(host, {
      clock: host,
      incarnation: `nod${i}`,
      ...(secret === undefined ? {} : { secret }),
      onError: (error) => i === 0 && errors.push(error),
    })
  })
  for (const node of nodes) void node.start()
  await network.run(5_000, true)

  expect(nodes.map(({ members }) => [...members.keys()])).toEqual([['nod1'], ['nod0'], [], []])
  expect(nodes[0]!.stats().refused).toBeGreaterThan(4)
  expect(errors.map(({ code }) => code)).toEqual(['TW_ERR_CLUSTER_SECRET'])
})

it('[CLU-17] a bus message that was recorded and is sent again changes nothing', async () => {
  const { network, cluster, nodes, run } = await clusterOf(2)
  const [a, b] = nodes as [CheckedNode, CheckedNode]
  const recorded: [string, Uint8Array][] = []
  const publish = a.host.publish.bind(a.host)
  a.host.publish = (subject, bytes) => {
    recorded.push([subject, new Uint8Array(bytes)])
    publish(subject, bytes)
  }
  for (let i = 0; i < 20; i++) a.sendTo('0001', 50)
  await run(3_000)
  a.host.disconnect(15_000)
  await run(20_000)
  for (const [subject, bytes] of recorded) network.publish(b.host, subject, bytes)
  await run(3_000)

  expect(b.received).toBe(20)
  cluster.checkSettled()
  expect(cluster.failures).toEqual([])
})

it('[CLU-17] a shared bus without a secret is refused with an error that says what to do', () => {
  const bus = Object.assign(new InProcessHub().createBus(), { isShared: true })
  const create = (options: object) => () => createClusterNode(bus, options)

  expect(create({})).toThrow(TidewireError)
  expect(create({})).toThrow(/"secret".*TIDEWIRE_CLUSTER_SECRET.*insecure: true/)
  expect(create({ secret: 's' })).not.toThrow()
  expect(create({ insecure: true })).not.toThrow()
})

it('[CLU-18] bus messages of one turn leave as one frame for each peer', async () => {
  const { nodes, run } = await clusterOf(3)
  const [a] = nodes as [CheckedNode]
  await run(1_000)
  const before = a.node.stats().framesSent
  for (let i = 0; i < 100; i++) {
    a.sendTo('0001', 50)
    a.sendTo('0002', 50)
  }
  await run(3)

  expect(a.node.stats().framesSent - before).toBe(2)
})

it('[CLU-12] a suspect for whom nobody listens any more is dead before its time', async () => {
  const { cluster, nodes, run } = await clusterOf(2)
  const [a, b] = nodes as [CheckedNode, CheckedNode]
  Object.assign(a.host, { hasSubscriber: () => Promise.resolve(b.host.isConnected && !b.host.isDead) })
  await run(1_000)
  b.host.isDead = true
  await run(5_000)

  expect(endsOf(a)).toEqual({ dead: 1 })
  expect(cluster.failures).toEqual([])
})

it('[CLU-19] incarnations of the gone are remembered within a bound', async () => {
  const network = new SimulatedNetwork(6)
  const cluster = new CheckedCluster(network)
  const first = await cluster.add({ limits: { maxGone: 3 } })
  for (let i = 0; i < 5; i++) await cluster.close(await cluster.add())
  await network.run(network.now + 1_000, true)

  expect(
    ['0001', '0002', '0003', '0004', '0005'].map((incarnation) => first.node.isGone(incarnation)),
  ).toEqual([false, false, true, true, true])
})
