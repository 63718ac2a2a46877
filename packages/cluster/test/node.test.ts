// Nodes over the in-process bus: what services see of members, messages and ends.
import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { SERVICE } from '../src/cluster-node.ts'
import type { ClusterNode, ClusterService } from '../src/cluster-node.ts'
import { InProcessHub } from '../src/drivers/in-process.ts'
import { createClusterNode } from '../src/node.ts'
import { RELEASE } from '../src/release.ts'

/** Keeps what a service is told, and lets a test wait for it. */
class Recorder implements ClusterService {
  readonly events: string[] = []
  readonly #waiting: { event: string; resolve: () => void }[] = []
  handleMessage(from: string, bytes: Uint8Array): void {
    this.#add(`${from} ${Buffer.from(bytes).toString()}`)
  }
  handleLinkUp(member: { incarnation: string }): void {
    this.#add(`up ${member.incarnation}`)
  }
  handleLinkDown(incarnation: string, end: string): void {
    this.#add(`down ${incarnation} ${end}`)
  }
  handleMemberState(member: { incarnation: string; state: string }): void {
    this.#add(`${member.state} ${member.incarnation}`)
  }
  handleDrain(incarnation: string): void {
    this.#add(`drain ${incarnation}`)
  }
  until(event: string): Promise<void> {
    if (this.events.includes(event)) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ event, resolve }))
  }
  #add(event: string): void {
    this.events.push(event)
    for (const waiter of this.#waiting) if (waiter.event === event) waiter.resolve()
  }
}

const nodes: ClusterNode[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.close()))
})

function createNode(hub: InProcessHub, incarnation: string): { node: ClusterNode; service: Recorder } {
  const node = createClusterNode(hub.createBus(), { incarnation })
  const service = new Recorder()
  node.register(SERVICE.adapter, service)
  nodes.push(node)
  return { node, service }
}

it('two nodes find each other, and messages arrive in order', async () => {
  const hub = new InProcessHub()
  const [a, b] = [createNode(hub, 'aaaa'), createNode(hub, 'bbbb')]
  await Promise.all([a.node.start(), b.node.start()])

  for (let i = 0; i < 100; i++)
    expect(a.node.send('bbbb', SERVICE.adapter, Buffer.from(`m${i}`))).toBe('sent')
  await b.service.until('aaaa m99')

  expect(b.service.events).toEqual(['up aaaa', ...Array.from({ length: 100 }, (_, i) => `aaaa m${i}`)])
})

it('a member that closes has left, and is gone', async () => {
  const hub = new InProcessHub()
  const [a, b] = [createNode(hub, 'aaaa'), createNode(hub, 'bbbb')]
  await Promise.all([a.node.start(), b.node.start()])

  await b.node.close()
  await a.service.until('down bbbb left')

  expect(a.node.members.size).toBe(0)
  expect(a.node.isGone('bbbb')).toBe(true)
  expect(a.node.isGone('cccc')).toBe(false)
  expect(a.node.send('bbbb', SERVICE.adapter, Buffer.from('x'))).toBe('down')
})

it('nodes tell each other the release of package.json', () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string
  }

  expect(RELEASE).toBe(version)
})

it('[CLU-26] a service that throws ends neither link nor process', async () => {
  const hub = new InProcessHub()
  const errors: string[] = []
  const from = createNode(hub, 'aaaa')
  const node = createClusterNode(hub.createBus(), {
    incarnation: 'bbbb',
    onError: ({ code }) => errors.push(code),
  })
  nodes.push(node)
  const received: string[] = []
  const done = new Promise<void>((resolve) => {
    node.register(SERVICE.adapter, {
      handleMessage(_from, bytes) {
        received.push(Buffer.from(bytes).toString())
        if (received.length === 3) resolve()
        throw new Error('a defect')
      },
      handleLinkUp() {},
      handleLinkDown() {},
      handleMemberState() {},
      handleDrain() {},
    })
  })
  await Promise.all([from.node.start(), node.start()])

  for (const message of ['one', 'two', 'three']) from.node.send('bbbb', SERVICE.adapter, Buffer.from(message))
  await done

  expect(received).toEqual(['one', 'two', 'three'])
  expect(errors.slice(0, 2)).toEqual(['TW_ERR_CLUSTER_SERVICE', 'TW_ERR_CLUSTER_SERVICE'])
})
