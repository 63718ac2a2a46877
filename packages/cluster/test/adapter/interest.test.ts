// Which nodes a room's broadcast travels to, and that no join is missed.
import { afterEach, expect, it } from 'vitest'
import { MESSAGE } from '../../src/wire/adapter-messages.ts'
import { Cluster } from './cluster.ts'
import type { Client } from './cluster.ts'

let cluster: Cluster
afterEach(() => cluster.close())

/** Nodes that got a message of that kind from the first server, since the last call. */
function targets(kind: number): string[] {
  const sent = cluster.servers[0]!.node.sent.splice(0)
  return sent.filter((message) => message.kind === kind).map(({ to }) => to)
}

async function member(server: number, ...rooms: string[]): Promise<{ client: Client; socket: any }> {
  const client = await cluster.connect(server)
  const socket = cluster.servers[server]!.io.sockets.sockets.get(client.id)!
  if (rooms.length > 0) await socket.join(rooms)
  return { client, socket }
}

it('[CLU-83] a room goes to the nodes with members, each once, and to no other', async () => {
  cluster = await Cluster.start(3)
  const io = cluster.io[0]!
  await member(1, 'r', 's')
  const { socket } = await member(2, 's')
  targets(0)

  io.to('r').emit('x')
  expect(targets(MESSAGE.broadcast)).toEqual(['bbbb'])
  io.to(['r', 's']).emit('x')
  expect(targets(MESSAGE.broadcast).toSorted()).toEqual(['bbbb', 'cccc'])

  await socket.leave('s')
  await cluster.settle()
  targets(0)
  io.to(['r', 's']).emit('x')
  expect(targets(MESSAGE.broadcast)).toEqual(['bbbb'])
})

it('[CLU-83] a room of which nothing is known is asked for once', async () => {
  cluster = await Cluster.start(3)
  const io = cluster.io[0]!
  await member(0, 'mine')
  targets(0)

  io.to('mine').emit('x')
  expect(targets(MESSAGE.broadcast).toSorted()).toEqual(['bbbb', 'cccc'])
  await cluster.settle()
  targets(0)
  for (let n = 0; n < 10; n++) io.to('mine').emit('x')
  expect(targets(MESSAGE.broadcast)).toEqual([])

  const { client } = await member(2, 'mine')
  io.to('mine').emit('found')
  expect(targets(MESSAGE.broadcast)).toEqual(['cccc'])
  await client.event('found')
})

it('[CLU-84] 2,000 joins, each awaited and followed at once by a broadcast from another node: all arrive', async () => {
  cluster = await Cluster.start(3)
  const { client, socket } = await member(1)
  // Known to the publisher as a room of another node: it would not ask.
  const other = await member(2)

  for (let n = 0; n < 2_000; n++) {
    await other.socket.join(`r${n}`)
    await socket.join(`r${n}`)
    cluster.io[0]!.to(`r${n}`).emit('n', n)
  }
  cluster.io[0]!.emit('fence')
  await client.before('fence')

  expect(client.events.slice(0, -1).map(([, n]) => n)).toEqual(Array.from({ length: 2_000 }, (_, n) => n))
})

it('[CLU-84] 2,000 joins of new rooms, not awaited and followed at once by a broadcast from another node: all arrive', async () => {
  cluster = await Cluster.start(2)
  const { client, socket } = await member(1)

  for (let n = 0; n < 2_000; n++) {
    void socket.join(`r${n}`)
    cluster.io[0]!.to(`r${n}`).emit('n', n)
  }
  cluster.io[0]!.emit('fence')
  await client.before('fence')

  expect(client.events.slice(0, -1).map(([, n]) => n)).toEqual(Array.from({ length: 2_000 }, (_, n) => n))
})

it('[CLU-84] a join waits for all live nodes, and for none that is suspect or gone', async () => {
  cluster = await Cluster.start(3)
  const { socket } = await member(0)
  const [, second, third] = cluster.servers
  second!.node.isHeld = true
  third!.node.isHeld = true
  let isJoined = false

  const joined = Promise.resolve(socket.join('r')).then(() => {
    isJoined = true
  })
  const again = Promise.resolve(socket.join('r'))
  third!.node.release()
  await third!.io.of('/').adapter.serverCount()
  await cluster.io[0]!.in('nobody').local.fetchSockets()
  expect(isJoined).toBe(false)
  const { service, members } = {
    service: cluster.servers[0]!.service,
    members: cluster.servers[0]!.node.members,
  }
  service.handleMemberState({ ...members.get('bbbb')!, state: 'suspect' })
  await Promise.all([joined, again])

  const next = Promise.resolve(socket.join('another'))
  await next
  second!.node.release()
})

it('[CLU-84] a room whose join is confirmed, and one without other nodes, needs no waiting', async () => {
  cluster = await Cluster.start(2)
  const { socket } = await member(0, 'r')
  expect(socket.join('r')).toBeUndefined()

  await cluster.servers.pop()!.close()
  await waitFor(() => cluster.servers[0]!.service.peers.size === 0)
  expect(socket.join('s')).toBeUndefined()
})

it("[CLU-85] a socket's own room goes to the node that its id names, and is told to nobody", async () => {
  cluster = await Cluster.start(3)
  const io = cluster.io[0]!
  const { service } = cluster.servers[1]!
  const adapter = cluster.io[1]!.of('/').adapter
  cluster.servers[1]!.node.sent.length = 0

  const known = adapter.addAll('bbbb0123456789abcdef', new Set(['bbbb0123456789abcdef']))
  service.announcer.flush()
  expect(known).toBeUndefined()
  expect(cluster.servers[1]!.node.sent.filter(({ kind }) => kind === MESSAGE.interest)).toEqual([])
  targets(0)
  io.to('bbbb0123456789abcdef').emit('x')
  io.of('/').to('/chat#bbbb0123456789abcdef').emit('x')
  expect(targets(MESSAGE.broadcast)).toEqual(['bbbb', 'bbbb'])

  // Somebody else's socket may join it all the same.
  const { client } = await member(2, 'bbbb0123456789abcdef')
  targets(0)
  io.to('bbbb0123456789abcdef').emit('both')
  expect(targets(MESSAGE.broadcast).toSorted()).toEqual(['bbbb', 'cccc'])
  await client.event('both')
})

it('[CLU-83] a node that comes later is told all rooms, and one that goes is forgotten', async () => {
  cluster = await Cluster.start(2)
  const io = cluster.io[0]!
  const rooms = Array.from({ length: 5_000 }, (_, n) => `r${n}`)
  const { client } = await member(1, ...rooms)

  await cluster.join('cccc')
  const late = cluster.servers[2]!
  late.node.sent.length = 0
  late.io.to('r4999').emit('from the late one')
  await client.event('from the late one')
  expect(late.node.sent.filter(({ kind }) => kind === MESSAGE.broadcast).map(({ to }) => to)).toEqual([
    'bbbb',
  ])

  await cluster.servers.splice(1, 1)[0]!.close()
  await waitFor(() => !cluster.servers[0]!.service.peers.has('bbbb'))
  await cluster.settle()
  targets(0)
  io.to('r0').emit('x')
  expect(targets(MESSAGE.broadcast)).toEqual(['cccc'])
})

it('[CLU-86] rooms above the bound of one node are no longer told apart: it is sent everything', async () => {
  cluster = await Cluster.start(2, {}, { maxRoomsPerNode: 10 })
  const { client } = await member(1, ...Array.from({ length: 20 }, (_, n) => `r${n}`))
  targets(0)

  for (const room of ['r0', 'r19', 'unheard of']) cluster.io[0]!.to(room).emit(room)
  cluster.io[0]!.emit('fence')

  expect(await client.before('fence')).toEqual(['r0', 'r19'])
  expect(targets(MESSAGE.broadcast)).toHaveLength(4)
})

it('[CLU-86] what finds no room on a link waits in bounds, keeps its order, and is told when it is dropped', async () => {
  cluster = await Cluster.start(2, {}, { maxQueueBytes: 2_000 })
  const { client } = await member(1, 'r')
  const [{ io, node, service }] = cluster.servers as [any]
  const gaps: any[] = []
  io.of('/').adapter.on('gap', (gap: unknown) => gaps.push(gap))
  const { inner } = node
  const send = inner.send.bind(inner)
  inner.send = (...args: any[]) => (send(...args) === 'sent' ? 'full' : 'down')

  for (let n = 0; n < 100; n++) io.to('r').emit('n', n, 'x'.repeat(100))
  for (let n = 0; n < 100; n++) io.to('r').volatile.emit('volatile', n)
  expect(service.peers.get('bbbb')!.queuedBytes).toBeLessThanOrEqual(2_000)
  inner.send = send
  service.handleDrain('bbbb')
  io.emit('fence')
  await client.before('fence')

  const arrived = client.events.slice(0, -1).map(([, n]) => n)
  expect(arrived).toEqual(Array.from({ length: arrived.length }, (_, n) => n))
  expect(gaps).toEqual([
    { incarnation: 'bbbb', name: 'node bbbb', reason: 'queue full', messages: 100 - arrived.length },
  ])
})

async function waitFor(isReached: () => boolean): Promise<void> {
  while (!isReached()) await new Promise((resolve) => setImmediate(resolve))
}
