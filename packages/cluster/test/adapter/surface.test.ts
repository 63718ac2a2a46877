// The whole surface of an adapter over one, two and three nodes: what users see of a cluster is what they see of one node.
import { decodeMsgpackPacket, msgpackParser } from '@tidewire/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'

let cluster: Cluster
afterEach(() => cluster.close())

/** Three clients spread over the nodes: "one" and "two" in room "r", "two" and "three" in room "s". */
async function start(nodes: number): Promise<{ io: any; far: any; clients: any[]; sockets: any[] }> {
  cluster = await Cluster.start(nodes)
  const clients = []
  const sockets: any[] = []
  for (const [index, rooms] of [['r'], ['r', 's'], ['s']].entries()) {
    const server = cluster.servers[index % nodes]!
    const client = await cluster.connect(index % nodes)
    const socket = server.io.sockets.sockets.get(client.id)!
    await socket.join(rooms)
    socket.data = { index }
    clients.push(client)
    sockets.push(socket)
  }
  await cluster.settle()
  return { io: cluster.servers[0]!.io, far: cluster.servers[nodes - 1]!.io, clients, sockets }
}

/** What each client got before a fence that reaches them all on the same way. */
async function seen(clients: any[], io: any): Promise<unknown[][]> {
  io.emit('fence')
  return Promise.all(clients.map((client) => client.before('fence')))
}

const NODES = [1, 2, 3]

describe.each(NODES)('over %i nodes', (nodes) => {
  it('[CLU-80] a broadcast reaches every selected socket once, and no other', async () => {
    const { io, clients, sockets } = await start(nodes)

    io.emit('all', 1)
    io.to('r').emit('r')
    io.to(['r', 's']).emit('r or s')
    io.to('r').except('s').emit('r without s')
    io.except('r').emit('not r')
    io.to(sockets[2].id).emit('three')
    io.except(sockets[2].id).emit('not three')
    sockets[0].to('r').emit('others in r')
    sockets[0].broadcast.emit('others')

    expect(await seen(clients, io)).toEqual([
      ['all', 'r', 'r or s', 'r without s', 'not three'],
      ['all', 'r', 'r or s', 'not three', 'others in r', 'others'],
      ['all', 'r or s', 'not r', 'three', 'others'],
    ])
  })

  it('[CLU-80] arguments arrive as they were sent, binary in all its forms', async () => {
    const { io, clients } = await start(nodes)

    io.compress(false).emit(
      'args',
      '汉字 🚀',
      { n: [1, null, { deep: true }] },
      Buffer.from([1, 2]),
      new Uint16Array([258]),
      { at: [new Uint8Array([3])] },
    )

    for (const client of clients) {
      const [, text, value, bytes, words, nested] = await client.event('args')
      expect([text, value]).toEqual(['汉字 🚀', { n: [1, null, { deep: true }] }])
      expect([[...bytes], [...words], [...nested.at[0]]]).toEqual([[1, 2], [2, 1], [3]])
    }
  })

  it('[CLU-80] acknowledgements of all clients come back', async () => {
    const { io, clients } = await start(nodes)
    for (const [index, client] of clients.entries())
      client.answer('ask', (text: string) => `${text} ${index}`)

    const answers = await io.timeout(20_000).emitWithAck('ask', 'I am')
    const some = await io.to('s').timeout(20_000).emitWithAck('ask', 'in s')
    const none = await io.to('nobody').timeout(20_000).emitWithAck('ask', 'x')

    expect(answers.toSorted()).toEqual(['I am 0', 'I am 1', 'I am 2'])
    expect(some.toSorted()).toEqual(['in s 1', 'in s 2'])
    expect(none).toEqual([])
  })

  it('[CLU-80] who does not answer in time makes an error with the answers of the others', async () => {
    const { io, clients } = await start(nodes)
    for (const client of clients.slice(1)) client.answer('ask', () => 'yes')

    const error = await io
      .timeout(1_000)
      .emitWithAck('ask')
      .then(undefined, (reason: Error) => reason)

    expect([error.message, error.responses]).toEqual(['operation has timed out', ['yes', 'yes']])
  })

  it('[CLU-80] fetchSockets gives the sockets of all nodes with what is known of them', async () => {
    const { io, sockets } = await start(nodes)
    sockets[2].data.bytes = Buffer.from([7])

    const found = (await io.in('s').fetchSockets()).toSorted((a: any, b: any) => a.data.index - b.data.index)
    const all = await io.fetchSockets()

    expect(all).toHaveLength(3)
    expect(found.map(({ id }: any) => id)).toEqual([sockets[1].id, sockets[2].id])
    expect([...found[0].rooms].toSorted()).toEqual([sockets[1].id, 'r', 's'].toSorted())
    expect(found[1].data.index).toBe(2)
    expect([...found[1].data.bytes]).toEqual([7])
    expect(found[1].handshake.url).toBe(sockets[2].handshake.url)
    expect(found[1].handshake.headers).toEqual(sockets[2].handshake.headers)
  })

  it('[CLU-80] a remote socket can be sent to, asked, moved and disconnected', async () => {
    const { io, clients, sockets } = await start(nodes)
    clients[2].answer('ask', () => 'remote answer')
    const [remote] = (await io.fetchSockets()).filter(({ id }: any) => id === sockets[2].id)

    remote.emit('hello', 1)
    expect(await clients[2].event('hello')).toEqual(['hello', 1])
    expect(await remote.timeout(20_000).emitWithAck('ask')).toBe('remote answer')
    remote.join('moved')
    io.to('moved').emit('in moved')
    await clients[2].event('in moved')
    remote.leave('moved')
    io.to('moved').emit('not any more')
    remote.disconnect(true)
    await clients[2].disconnected()

    expect(clients[2].events.map(([event]: unknown[]) => event)).toEqual(['hello', 'ask', 'in moved'])
  })

  it('[CLU-80] sockets of all nodes join and leave rooms, and the broadcast that follows at once knows it', async () => {
    const { io, far, clients } = await start(nodes)

    for (const [index, server] of [io, far].entries()) {
      server.in('s').socketsJoin([`t${index}`, `u${index}`])
      server.to(`t${index}`).emit(`t${index}`)
      server.in('s').socketsLeave(`t${index}`)
      server.to(`t${index}`).emit('nobody')
      server.to(`u${index}`).emit(`u${index}`)
      expect((await seen(clients, server)).map((events) => events.length)).toEqual(
        index === 0 ? [0, 2, 2] : [0, 2, 2],
      )
      expect(await io.in(`t${index}`).fetchSockets()).toHaveLength(0)
      expect(await io.in(`u${index}`).fetchSockets()).toHaveLength(2)
      for (const client of clients) client.events.length = 0
    }
  })

  it('[CLU-80] allSockets gives the ids of all nodes', async () => {
    const { io, far, sockets } = await start(nodes)
    const ids = sockets.map(({ id }) => id)

    expect(await io.allSockets()).toEqual(new Set(ids))
    expect(await far.in('r').allSockets()).toEqual(new Set(ids.slice(0, 2)))
    expect(await io.in('nobody').allSockets()).toEqual(new Set())
  })

  it('[CLU-80] disconnectSockets ends sockets of all nodes', async () => {
    const { io, far, clients } = await start(nodes)

    io.in('r').disconnectSockets()
    await Promise.all([clients[0].disconnected(), clients[1].disconnected()])
    far.disconnectSockets(true)
    await clients[2].disconnected()
    await cluster.settle()

    expect(await io.fetchSockets()).toEqual([])
  })

  it('[CLU-80] local stays on this node', async () => {
    const { io, far, clients, sockets } = await start(nodes)
    const here = clients.filter((_client, index) => index % nodes === 0).length

    io.local.emit('local')
    const got = await seen(clients, io)

    expect(got.filter((events) => events.length === 1)).toHaveLength(here)
    expect(await io.local.fetchSockets()).toHaveLength(here)
    expect(
      await far.local
        .timeout(100)
        .emitWithAck('x')
        .catch((error: any) => error.responses),
    ).toEqual([])
    expect(sockets).toHaveLength(3)
  })

  it('[CLU-80] serverSideEmit reaches the other servers, and gathers their answers', async () => {
    const { io } = await start(nodes)
    const heard = cluster.io.slice(1).map((server: any, index) => {
      server.on('question', (text: string, answer: (text: string) => void) => answer(`${text}${index}`))
      return new Promise((resolve) => server.on('hello', (...args: unknown[]) => resolve(args)))
    })
    io.on('hello', () => expect.unreachable())

    io.serverSideEmit('hello', 1, { a: Buffer.from('b') })

    for (const args of await Promise.all(heard)) expect(args).toEqual([1, { a: Buffer.from('b') }])
    expect((await io.serverSideEmitWithAck('question', 'who')).toSorted()).toEqual(
      ['who0', 'who1'].slice(0, nodes - 1),
    )
  })

  it('[CLU-80] counts the nodes that serve a namespace', async () => {
    const { io } = await start(nodes)

    expect(await io.of('/').adapter.serverCount()).toBe(nodes)
    expect(await io.of('/here-alone').adapter.serverCount()).toBe(1)
  })

  it('[CLU-81] namespaces are apart, and dynamic ones exist where they were asked for', async () => {
    const { io, clients } = await start(nodes)
    for (const server of cluster.io) server.of(/^\/room-\d+$/)
    const first = await cluster.connect(0, '/room-1')
    const second = await cluster.connect(nodes - 1, '/room-1')
    const other = await cluster.connect(nodes - 1, '/room-2')

    io.of('/room-1').emit('one')
    io.of('/room-2').emit('two')
    io.of('/room-1').emit('fence')
    io.of('/room-2').emit('fence')

    expect(await first.before('fence')).toEqual(['one'])
    expect(await second.before('fence')).toEqual(['one'])
    expect(await other.before('fence')).toEqual(['two'])
    expect(await io.of('/room-1').fetchSockets()).toHaveLength(2)
    expect(clients.flatMap(({ events }) => events)).toEqual([])
  })

  it('[CLU-82] what one sender sends arrives in its order', async () => {
    const { io, far, clients } = await start(nodes)

    for (let n = 0; n < 500; n++) {
      io.to(['r', 's', 'x'][n % 3]!)
        .to('r')
        .emit('from first', n)
      far
        .to(n % 2 === 0 ? 's' : 'r')
        .to('r')
        .emit('from last', n)
    }
    io.emit('fence')
    far.emit('fence of last')
    await Promise.all(clients.flatMap((client) => [client.event('fence'), client.event('fence of last')]))

    for (const client of clients.slice(0, 2)) {
      for (const sender of ['from first', 'from last']) {
        const numbers = client.events
          .filter(([event]: unknown[]) => event === sender)
          .map(([, n]: unknown[]) => n)
        expect(numbers).toEqual(Array.from({ length: 500 }, (_, n) => n))
      }
    }
  })
})

it('[CLU-80] works with a parser of the application', async () => {
  cluster = await Cluster.start(2, { parser: msgpackParser })
  const [near, far] = cluster.io as [any, any]
  const written: any[] = []
  const socket = {
    id: 'a',
    nsp: far.of('/'),
    client: { write: (encoded: any) => written.push(encoded.messages(5)[0].data) },
  }
  far.of('/').sockets.set('a', socket)

  near.emit('news', Buffer.from([1]), 'x')
  await cluster.settle()

  const packet: any = decodeMsgpackPacket(written[0])
  expect([packet.nsp, packet.data[0], [...packet.data[1]], packet.data[2]]).toEqual(['/', 'news', [1], 'x'])
  far.of('/').sockets.clear()
})
