// `node --conditions=tidewire-source bench/src/micro/bus.ts [messages]`: what one message between two nodes costs over each bus, one a turn of
// the event loop and sixteen a turn, with and without a secret. Both nodes are in this process, the broker is not: the figure is this
// process's CPU time for sending and receiving one message of 100 bytes, acknowledgements included, and its rate.
import { setImmediate } from 'node:timers/promises'
import { createBus, createClusterNode, InProcessHub, startInHostHub } from '@tidewire/cluster'
import type { Bus } from '@tidewire/cluster'
import { startNats, startPostgres, startRedis } from '@tidewire/testkit/daemon'

/** The number of a service; which one does not matter here. */
const SERVICE = 2
const messages = Number(process.argv[2] ?? 30_000)

/** Each pair is a cluster of its own. */
let pairs = 0

async function measure(
  create: () => Bus,
  perTurn: number,
  secret: string | undefined,
  count: number,
): Promise<string> {
  const options = {
    prefix: `bench-${pairs++}`,
    limits: { settleMs: 20 },
    insecure: true,
    ...(secret === undefined ? {} : { secret }),
  }
  const [from, to] = [
    createClusterNode(create(), { ...options, incarnation: 'from' }),
    createClusterNode(create(), { ...options, incarnation: 'into' }),
  ]
  const link = { received: 0, isFull: false }
  const nothing = { handleLinkUp() {}, handleLinkDown() {}, handleMemberState() {} }
  from.register(SERVICE, { ...nothing, handleMessage() {}, handleDrain: () => (link.isFull = false) })
  to.register(SERVICE, { ...nothing, handleMessage: () => void link.received++, handleDrain() {} })
  await Promise.all([from.start(), to.start()])
  const bytes = Buffer.alloc(100)
  const send = async (total: number): Promise<void> => {
    const goal = link.received + total
    for (let sent = 0; sent < total;) {
      for (let i = 0; i < perTurn && sent < total && !link.isFull; i++, sent++)
        link.isFull = from.send('into', SERVICE, bytes) === 'full'
      await setImmediate()
    }
    while (link.received < goal) await setImmediate()
  }
  await send(count / 5)
  let [bestCpu, bestRate] = [Infinity, 0]
  for (let round = 0; round < 3; round++) {
    const [cpu, at] = [process.cpuUsage(), performance.now()]
    await send(count)
    const { user, system } = process.cpuUsage(cpu)
    bestCpu = Math.min(bestCpu, (user + system) / count)
    bestRate = Math.max(bestRate, (count / (performance.now() - at)) * 1_000)
  }
  await Promise.all([from.close(), to.close()])
  return `${bestCpu.toFixed(1)} µs, ${Math.round(bestRate).toLocaleString('en')}/s`
}

const [redis, nats, postgres, hub] = await Promise.all([
  startRedis(),
  startNats(),
  startPostgres(),
  startInHostHub(),
])
const inProcess = new InProcessHub()
const buses: [string, () => Bus, number][] = [
  ['in one process', () => inProcess.createBus(), messages],
  ['in-host', () => createBus(`in-host:${hub.path}`), messages],
  ['NATS', () => createBus(`nats://127.0.0.1:${nats.port}`), messages],
  ['Redis', () => createBus(`redis://127.0.0.1:${redis.port}`), messages],
  ['Postgres', () => createBus(postgres.url), messages / 10],
]
console.log('| bus | one a turn | with a secret | sixteen a turn | with a secret |\n|---|---|---|---|---|')
for (const [name, create, count] of buses) {
  const cells: string[] = []
  for (const perTurn of [1, 16])
    for (const secret of [undefined, 'secret']) cells.push(await measure(create, perTurn, secret, count))
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
await Promise.all([redis.stop(), nats.stop(), postgres.stop(), hub.close()])
