// Links between processes over real brokers, under load, while a process stands still or the broker is away: inside one life of a link
// nothing is missing, twice or out of order, and a life that ends is ended on both sides.
import { createInterface } from 'node:readline'
import { spawnGroup, startNats, startRedis, stopGroup } from '@tidewire/testkit/daemon'
import type { Daemon } from '@tidewire/testkit/daemon'
import { afterEach, beforeAll, afterAll, expect, it } from 'vitest'
import { SERVICE } from '../../packages/cluster/src/cluster-node.ts'
import type { ClusterNode } from '../../packages/cluster/src/cluster-node.ts'
import { createBus } from '../../packages/cluster/src/create-bus.ts'
import { createClusterNode } from '../../packages/cluster/src/node.ts'

const start = { redis: startRedis, nats: startNats }
type Kind = keyof typeof start
const daemons = {} as Record<Kind, Daemon>
beforeAll(async () => {
  ;[daemons.redis, daemons.nats] = await Promise.all([startRedis(), startNats()])
})
afterAll(() => Promise.all(Object.values(daemons).map((daemon) => daemon.stop())))

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp()
})

const seconds = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, count * 1_000))

interface Report {
  received: number
  lives: number
  ends: string[]
  wrong: string[]
}

/** Sends about 10,000 messages a second of 100 bytes to its peer, unless the link is full or down. */
class Sender {
  readonly node: ClusterNode
  readonly ends: string[] = []
  readonly #peer: string
  sent = 0
  #life = 0
  #index = 0
  #isUp = false
  #isFull = false
  #timer: NodeJS.Timeout | undefined
  #lastAt = 0

  constructor(url: string, peer: string) {
    this.#peer = peer
    this.node = createClusterNode(createBus(url), {
      incarnation: 'send',
      secret: 'interop',
      onError: () => {},
    })
    this.node.register(SERVICE.adapter, {
      handleMessage() {},
      handleLinkUp: () => {
        this.#isUp = true
        this.#isFull = false
        this.#life++
        this.#index = 0
      },
      handleLinkDown: (_peer, end) => {
        this.#isUp = false
        this.ends.push(end)
      },
      handleMemberState() {},
      handleDrain: () => (this.#isFull = false),
    })
  }

  begin(): void {
    this.#lastAt = performance.now()
    this.#timer = setInterval(() => {
      const now = performance.now()
      for (let due = Math.min(200, (now - this.#lastAt) * 10); due > 0; due--) this.#send()
      this.#lastAt = now
    }, 5)
  }

  end(): void {
    clearInterval(this.#timer)
  }

  #send(): void {
    if (!this.#isUp || this.#isFull) return
    const bytes = Buffer.alloc(100)
    bytes.writeUInt32BE(this.#life, 0)
    bytes.writeUInt32BE(++this.#index, 4)
    this.sent++
    this.#isFull = this.node.send(this.#peer, SERVICE.adapter, bytes) === 'full'
  }
}

async function pair(
  kind: Kind,
): Promise<{ sender: Sender; kill(signal: NodeJS.Signals): void; report(): Promise<Report> }> {
  const url = `${kind}://127.0.0.1:${daemons[kind].port}`
  const program = new URL('../src/link-node.ts', import.meta.url).pathname
  const child = spawnGroup(process.execPath, ['--conditions=tidewire-source', program, url, 'recv'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  cleanUps.push(() => stopGroup(child, 'SIGKILL'))
  const lines = createInterface({ input: child.stdout! })
  const next = (key: string): Promise<Report> =>
    new Promise((resolve) => {
      const listener = (line: string): void => {
        const value = JSON.parse(line) as Report
        if (!(key in value)) return
        lines.off('line', listener)
        resolve(value)
      }
      lines.on('line', listener)
    })
  await next('ready')
  const sender = new Sender(url, 'recv')
  cleanUps.push(() => sender.node.close())
  await sender.node.start()
  return {
    sender,
    kill: (signal) => process.kill(-child.pid!, signal),
    report() {
      const answer = next('received')
      child.stdin!.write('report\n')
      return answer
    },
  }
}

/** All that was sent in the life that goes on has arrived. */
async function settle(sender: Sender): Promise<void> {
  sender.end()
  const deadline = performance.now() + 20_000
  while (sender.node.stats().queuedBytes > 0 && performance.now() < deadline) await seconds(0.05)
  expect(sender.node.stats().queuedBytes).toBe(0)
}

it.each(['redis', 'nats'] as const)(
  '[CLU-14] a broker (%s) that is killed and back after 5 s costs no message and no link',
  async (kind) => {
    const { sender, report } = await pair(kind)
    sender.begin()
    await seconds(1)
    const { child, port } = daemons[kind]
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    await seconds(5)
    daemons[kind] = await start[kind]({ port })
    await seconds(2)
    await settle(sender)

    expect(await report()).toEqual({ received: sender.sent, lives: 1, ends: [], wrong: [] })
    expect(sender.ends).toEqual([])
    expect(sender.sent).toBeGreaterThan(20_000)
  },
)

it.each(['redis', 'nats'] as const)(
  '[CLU-12] a broker (%s) that stands still for 5 s costs no message and no link',
  async (kind) => {
    const { sender, report } = await pair(kind)
    sender.begin()
    await seconds(1)
    daemons[kind].child.kill('SIGSTOP')
    await seconds(5)
    daemons[kind].child.kill('SIGCONT')
    await seconds(2)
    await settle(sender)

    expect(await report()).toEqual({ received: sender.sent, lives: 1, ends: [], wrong: [] })
    expect(sender.ends).toEqual([])
  },
)

it('[CLU-10] a node that stands still for 5 s under load gets everything afterwards, in order', async () => {
  const { sender, kill, report } = await pair('redis')
  sender.begin()
  await seconds(1)
  kill('SIGSTOP')
  await seconds(5)
  kill('SIGCONT')
  await seconds(2)
  await settle(sender)

  expect(await report()).toEqual({ received: sender.sent, lives: 1, ends: [], wrong: [] })
  expect(sender.ends).toEqual([])
})

it.each(['redis', 'nats'] as const)(
  '[CLU-10, CLU-13] a node that stands still for 10 s under load (%s), when it is about to be dead: all arrives, or the link ends on both sides with a reason; no hole',
  async (kind) => {
    const { sender, kill, report } = await pair(kind)
    sender.begin()
    await seconds(1)
    kill('SIGSTOP')
    await seconds(10)
    kill('SIGCONT')
    await seconds(3)
    await settle(sender)

    const { received, lives, ends, wrong } = await report()
    expect(wrong).toEqual([])
    expect(received).toBeGreaterThan(10_000)
    if (sender.ends.length === 0)
      expect({ received, lives, ends }).toEqual({ received: sender.sent, lives: 1, ends: [] })
    else {
      expect(sender.ends).toEqual(['dead'])
      expect({ lives, ends }).toEqual({ lives: 2, ends: ['fenced'] })
    }
  },
)

it.each(['redis'] as const)(
  '[CLU-13] a node that stands still for 14 s under load is fenced over %s: its link ends on both sides and begins anew, without a hole in either life',
  async (kind) => {
    const { sender, kill, report } = await pair(kind)
    sender.begin()
    await seconds(1)
    kill('SIGSTOP')
    await seconds(14)
    kill('SIGCONT')
    await seconds(3)
    await settle(sender)

    const { received, ...rest } = await report()
    expect(rest).toEqual({ lives: 2, ends: ['fenced'], wrong: [] })
    expect(sender.ends).toEqual(['dead'])
    expect(received).toBeGreaterThan(10_000)
    expect(received).toBeLessThan(sender.sent)
  },
)

it('[CLU-12] a node that is killed is dead after less than its ten seconds, because Redis knows that nobody listens', async () => {
  const { sender, kill } = await pair('redis')
  const before = performance.now()
  kill('SIGKILL')
  while (sender.ends.length === 0 && performance.now() - before < 12_000) await seconds(0.05)

  expect(sender.ends).toEqual(['dead'])
  expect(performance.now() - before).toBeLessThan(8_000)
})
