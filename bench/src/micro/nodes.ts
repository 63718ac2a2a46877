// `node --conditions=tidewire-source bench/src/micro/nodes.ts`: what a cluster costs as it grows. All nodes are in this process, over the
// in-process bus and with a secret, so the figures are those of membership and links alone: the CPU time that a node without traffic takes, and
// the CPU time of sending one message of 100 bytes to all others, by sender and recipients together.
import { setImmediate, setTimeout } from 'node:timers/promises'
import { createClusterNode, InProcessHub } from '@tidewire/cluster'

/** The number of a service; which one does not matter here. */
const SERVICE = 2
const IDLE_MS = 4_000
const BROADCASTS = 300

console.log('| nodes | idle: CPU of a node | a message to all | for each recipient |\n|---|---|---|---|')
// The first one warms up and is not shown.
for (const [row, size] of [5, 2, 5, 10, 20, 50].entries()) {
  const hub = new InProcessHub()
  const counts = { received: 0 }
  const nodes = Array.from({ length: size }, () => createClusterNode(hub.createBus(), { secret: 'bench' }))
  for (const node of nodes) {
    const handleMessage = (): void => void counts.received++
    node.register(SERVICE, {
      handleMessage,
      handleLinkUp() {},
      handleLinkDown() {},
      handleMemberState() {},
      handleDrain() {},
    })
  }
  await Promise.all(nodes.map((node) => node.start()))
  while (nodes.some((node) => node.members.size < size - 1)) await setTimeout(20)
  await setTimeout(500)

  const idle = process.cpuUsage()
  await setTimeout(IDLE_MS)
  const idleCpu = process.cpuUsage(idle)
  const idleMicros = (idleCpu.user + idleCpu.system) / size / (IDLE_MS / 1_000)

  const [first] = nodes
  const others = [...first!.members.keys()]
  const message = Buffer.alloc(100)
  let best = Infinity
  for (let round = 0; round < 3; round++) {
    const goal = counts.received + BROADCASTS * others.length
    const cpu = process.cpuUsage()
    for (let i = 0; i < BROADCASTS; i++) {
      first!.sendToAll(others, SERVICE, message)
      await setImmediate()
    }
    while (counts.received < goal) await setImmediate()
    const { user, system } = process.cpuUsage(cpu)
    best = Math.min(best, (user + system) / BROADCASTS)
  }
  if (row > 0)
    console.log(
      `| ${size} | ${idleMicros.toFixed(0)} µs/s | ${best.toFixed(0)} µs | ${(best / others.length).toFixed(1)} µs |`,
    )
  await Promise.all(nodes.map((node) => node.close()))
}
