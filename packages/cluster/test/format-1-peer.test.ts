// A peer of the first release, written byte by byte and without our codec: whatever later releases change, they form a cluster with it.
import { afterEach, expect, it } from 'vitest'
import { SERVICE } from '../src/cluster-node.ts'
import type { Bus } from '../src/bus.ts'
import { InProcessHub } from '../src/drivers/in-process.ts'
import { createClusterNode } from '../src/node.ts'

const BOOT = '00112233445566aa'
const ascii = (text: string): string => Buffer.from(text, 'latin1').toString('hex')
const bytes = (...parts: string[]): Buffer => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex')

/** Kinds: 1 join, 2 query, 3 answer, 4 beat, 5 bye, 6 taken. */
const hello = (kind: number, count: number): Buffer =>
  bytes(
    `54 01 0${kind} 00 01 01 0000`,
    ascii('peer'),
    BOOT,
    count.toString(16).padStart(8, '0'),
    ascii('{"name":"old","version":"0.1.0","sessions":3}'),
  )

/** Kinds: 1 data, 2 open, 3 probe, 4 alive. Numbers of links and sequences are below 256 here. */
function frame(
  kind: number,
  fromLink: number,
  toLink: number,
  sequence: number,
  acknowledged: number,
  messages = '',
): Buffer {
  const byte = (value: number): string => value.toString(16).padStart(2, '0')
  return bytes(
    `01 0${kind} 00 00`,
    ascii('peer'),
    ascii('node'),
    `000000${byte(fromLink)} 000000${byte(toLink)} 00100000`,
    `00000000000000${byte(sequence)} 00000000000000${byte(acknowledged)}`,
    messages,
  )
}

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** The peer's mailbox: messages to it in order, each taken once. */
function mailbox(bus: Bus): { next(matches: (message: Buffer) => boolean): Promise<Buffer> } {
  const kept: Buffer[] = []
  const waiting: { matches: (message: Buffer) => boolean; resolve: (message: Buffer) => void }[] = []
  const handler = (message: Uint8Array): void => {
    const buffer = Buffer.from(message)
    const at = waiting.findIndex(({ matches }) => matches(buffer))
    if (at === -1) kept.push(buffer)
    else waiting.splice(at, 1)[0]!.resolve(buffer)
  }
  closing.push(() => bus.close())
  void bus.connect()
  void bus.subscribe('tidewire.hello', handler)
  void bus.subscribe('tidewire.n.peer', handler)
  return {
    next(matches) {
      const at = kept.findIndex(matches)
      if (at !== -1) return Promise.resolve(kept.splice(at, 1)[0]!)
      return new Promise((resolve) => waiting.push({ matches, resolve }))
    },
  }
}

it('[CLU-1] a peer of the first release joins, opens a link, sends, is answered and leaves', async () => {
  const hub = new InProcessHub()
  const bus = hub.createBus()
  const box = mailbox(bus)
  const node = createClusterNode(hub.createBus(), { incarnation: 'node', name: 'new' })
  closing.push(() => node.close())
  const events: string[] = []
  const seen: { event: string; resolve: () => void }[] = []
  const add = (event: string): void => {
    events.push(event)
    for (const waiter of seen) if (waiter.event === event) waiter.resolve()
  }
  const until = (event: string): Promise<void> =>
    events.includes(event) ? Promise.resolve() : new Promise((resolve) => seen.push({ event, resolve }))
  node.register(SERVICE.adapter, {
    handleMessage: (from, message) => add(`${from}: ${Buffer.from(message).toString()}`),
    handleLinkUp: ({ info }) => add(`up ${info.name} ${info.sessions}`),
    handleLinkDown: (_peer, end) => add(`down ${end}`),
    handleMemberState() {},
    handleDrain() {},
  })
  await node.start()
  const isFrame = (kind: number) => (message: Buffer) => message[0] === 1 && message[1] === kind

  // It asks whether its incarnation is free, and is answered.
  bus.publish('tidewire.hello', hello(1, 1))
  const answer = await box.next((message) => message[0] === 0x54 && message[2] === 3)
  expect(answer.toString('latin1', 8, 12)).toBe('node')
  expect([answer[1], answer[4]]).toEqual([1, 1])

  // It says that it serves, both open, and the link is up.
  bus.publish('tidewire.hello', hello(4, 2))
  const open = await box.next(isFrame(2))
  expect(open.toString('latin1', 4, 12)).toBe('nodepeer')
  expect(open.readUInt32BE(16)).toBe(0)
  const theirs = open.readUInt32BE(12)
  bus.publish('tidewire.n.node', frame(2, 5, theirs, 1, 0))
  await until('up old 3')

  // Two messages in one frame, one of them in two pieces, and once more the same frame; then the acknowledgement.
  const messages = `02 03 ${ascii('one')} 82 02 ${ascii('tw')} 02 01 ${ascii('o')}`
  bus.publish('tidewire.n.node', frame(1, 5, theirs, 1, 0, messages))
  bus.publish('tidewire.n.node', frame(1, 5, theirs, 1, 0, messages))
  await until('peer: two')
  const acknowledgement = await box.next((message) => isFrame(1)(message) && message.readUInt32BE(36) === 1)
  expect(acknowledgement.toString('hex', 12, 20)).toBe(`0000000${theirs}00000005`)

  // The other way: a frame with sequence 1 and the message behind the header.
  node.send('peer', SERVICE.adapter, Buffer.from('three'))
  const data = await box.next((message) => isFrame(1)(message) && message.length > 40)
  expect(data.readUInt32BE(28)).toBe(1)
  expect(data.toString('hex', 40)).toBe(`0205${ascii('three')}`)
  bus.publish('tidewire.n.node', frame(1, 5, theirs, 0, 1))

  // A probe is answered with its number; goodbye ends the link.
  bus.publish('tidewire.n.node', frame(3, 5, theirs, 9, 1))
  expect((await box.next(isFrame(4))).readUInt32BE(28)).toBe(9)
  bus.publish('tidewire.hello', hello(5, 3))
  await until('down left')

  expect(events).toEqual(['up old 3', 'peer: one', 'peer: two', 'down left'])
  expect(node.isGone('peer')).toBe(true)
  expect(node.stats().queuedBytes).toBe(0)
})
