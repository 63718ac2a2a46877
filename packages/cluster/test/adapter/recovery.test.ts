// Connection state recovery in a cluster: a session lives on its node, and misses nothing there that other nodes send.
import { afterEach, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'
import type { Client } from './cluster.ts'

let cluster: Cluster
afterEach(() => cluster.close())

/** Cuts the connection and waits until its node has noticed. */
async function cut(server: number, client: Client): Promise<void> {
  const socket = cluster.io[server]!.sockets.sockets.get(client.id)!
  const gone = new Promise<void>((resolve) => socket.on('disconnect', () => resolve()))
  client.ws.terminate()
  await gone
}

it('[CLU-91] a client that comes back to its node gets what other nodes sent meanwhile, in order', async () => {
  cluster = await Cluster.start(3, { connectionStateRecovery: {} })
  const [first, second] = cluster.io
  const client = await cluster.connect(1)
  await second!.sockets.sockets.get(client.id)!.join('r')
  first!.to('r').emit('before', 'text', Buffer.from([1]))
  const offset = (await client.event('before')).at(-1)
  await cut(1, client)

  first!.to('r').emit('missed', 1)
  second!.to('r').emit('missed', 2)
  first!.to(client.id).emit('missed', Buffer.from([3]))
  first!.to('r').except('x').emit('missed', 4)
  first!.to('other').emit('not missed')
  await cluster.settle()
  const again = await cluster.connect(1, '/', { pid: client.pid, offset })
  first!.to('r').emit('fence')
  await again.before('fence')

  expect(again.id).toBe(client.id)
  const missed = again.events.slice(0, -1)
  expect(missed.map(([event]) => event)).toEqual(['missed', 'missed', 'missed', 'missed'])
  expect(
    missed
      .map(([, value]) => (typeof value === 'number' ? value : [...value]))
      .filter((value) => typeof value === 'number'),
  ).toEqual(expect.arrayContaining([1, 2, 4]))
})

it('[CLU-91] rooms of a client that does not come back are no longer told', async () => {
  cluster = await Cluster.start(2, { connectionStateRecovery: { maxDisconnectionDuration: 50 } })
  const client = await cluster.connect(1)
  await cluster.io[1]!.sockets.sockets.get(client.id)!.join('r')
  const expired = new Promise((resolve) => cluster.io[1]!.of('/').adapter.on('session-expired', resolve))
  const peer = cluster.servers[0]!.service.peers.get('bbbb')!
  await cut(1, client)
  await cluster.settle()
  expect(peer.namespaces.get('/')!.has('r')).toBe(true)

  await expired
  await cluster.settle()

  expect(peer.namespaces.get('/')!.has('r')).toBe(false)
})
