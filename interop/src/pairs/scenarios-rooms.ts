// Scenarios about rooms and selections: who gets a broadcast, what the utilities do, what the adapter tells, answers to broadcasts.
import type { Run, Scenario } from './scenario.ts'

/** Three clients whose server sides are in the rooms a, a and b, b. */
async function three(run: Run, options: object = {}): Promise<{ io: any; sockets: any[]; peers: any[] }> {
  const io = await run.serve(options)
  const sockets: any[] = []
  const peers: any[] = []
  for (const rooms of [['a'], ['a', 'b'], ['b']]) {
    const { socket, peer } = await run.connected()
    await peer.join(rooms)
    const name = `client ${sockets.length}`
    socket.on('event', (...args: any[]) => run.c(name, args))
    sockets.push(socket)
    peers.push(peer)
  }
  return { io, sockets, peers }
}

const whole = async (run: Run, { sockets, peers }: { sockets: any[]; peers: any[] }): Promise<void> => {
  for (const [index, socket] of sockets.entries()) if (socket.connected) await run.fence(socket, peers[index])
  run.trace.client.sort()
}

const SELECTIONS: Record<string, (io: any, peers: any[]) => any> = {
  everyone: (io) => io,
  'a namespace': (io) => io.of('/'),
  'a room': (io) => io.to('a'),
  'two rooms, each socket once': (io) => io.to('a').to('b'),
  'rooms as an array': (io) => io.to(['a', 'b']),
  in: (io) => io.in('b'),
  'all but a room': (io) => io.except('a'),
  'a room without another': (io) => io.to('a').except('b'),
  'all but rooms as an array': (io) => io.except(['a', 'b']),
  'an id': (io, peers) => io.to(peers[2].id),
  'an unknown room': (io) => io.to('nobody'),
  'the others': (_io, peers) => peers[0].broadcast,
  'the others of a room': (_io, peers) => peers[0].to('a'),
  'the others without a room': (_io, peers) => peers[0].except('b'),
  'the others in two rooms': (_io, peers) => peers[1].in(['a', 'b']),
  local: (io) => io.local.to('a'),
  uncompressed: (io) => io.compress(false).to('b'),
}

const broadcasts = Object.entries(SELECTIONS).map(([what, select]): Scenario => ({
  name: `broadcast to ${what}`,
  api: '2, 4, 5',
  run: async (run) => {
    const all = await three(run)
    run.s(run.attempt(() => select(all.io, all.peers).emit('event', what, Buffer.from([1]))))
    await whole(run, all)
  },
}))

export const rooms: Scenario[] = [
  ...broadcasts,
  {
    name: 'an operator is not changed by what is made of it',
    api: '5',
    run: async (run) => {
      const all = await three(run)
      const room = all.io.to('a')
      room.except('b').emit('event', 'narrow')
      room.to('b').emit('event', 'wide')
      room.emit('event', 'room')
      await whole(run, all)
    },
  },
  {
    name: 'rooms of a socket through join and leave',
    api: '4, 8',
    run: async (run) => {
      await run.serve()
      const { peer } = await run.connected()
      run.s(peer.rooms)
      run.s(
        run.attempt(() => peer.join('a')),
        peer.rooms,
      )
      peer.join(['b', 'c', 'a'])
      run.s(peer.rooms, peer.rooms instanceof Set)
      run.s(
        run.attempt(() => peer.leave('b')),
        peer.rooms,
      )
      peer.leave('unknown')
      peer.leave(peer.id)
      run.s(peer.rooms)
    },
  },
  {
    name: 'rooms are still known in "disconnecting" and gone in "disconnect"',
    api: '4',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      peer.join('a')
      peer.on('disconnecting', () => run.s('disconnecting', peer.rooms, io.of('/').sockets.size))
      peer.on('disconnect', () => run.s('disconnect', peer.rooms, io.of('/').sockets.size))
      const left = run.once(peer, 'disconnect')
      socket.disconnect()
      await left
      run.s(io.of('/').adapter.rooms, io.of('/').adapter.sids)
    },
  },
  {
    name: 'adapter tells rooms that are made, joined, left and deleted',
    api: '8',
    run: async (run) => {
      const io = await run.serve()
      const { adapter } = io.of('/')
      for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room']) {
        adapter.on(event, (...args: any[]) => run.s(event, args))
      }
      const { socket, peer } = await run.connected()
      peer.join('a')
      peer.join('a')
      peer.join(['a', 'b'])
      peer.leave('a')
      const left = run.once(peer, 'disconnect')
      socket.disconnect()
      await left
    },
  },
  {
    name: 'adapter answers about rooms and sockets',
    api: '8',
    run: async (run) => {
      const { io, peers } = await three(run)
      const { adapter } = io.of('/')
      run.s(
        adapter.rooms instanceof Map,
        adapter.sids instanceof Map,
        adapter.rooms.get('a').size,
        adapter.rooms.size,
      )
      run.s((await adapter.sockets(new Set(['a']))).size, (await adapter.sockets(new Set())).size)
      run.s(adapter.socketRooms(peers[1].id), adapter.socketRooms('unknown'), await adapter.serverCount())
      run.s(adapter.nsp === io.of('/'))
    },
  },
  {
    name: 'fetchSockets gives remote sockets',
    api: '2, 5',
    run: async (run) => {
      const { io, peers } = await three(run)
      peers[1].data.name = 'middle'
      const found = await io.fetchSockets()
      run.s(
        found.length,
        found.map((one: any) => [one.id, [...one.rooms].slice(1), one.data]),
      )
      run.s(
        (await io.in('a').fetchSockets()).length,
        (await io.except('a').fetchSockets()).length,
        (await io.of('/x').fetchSockets()).length,
      )
      const [remote] = await io.in(peers[1].id).fetchSockets()
      run.s(
        remote.id === peers[1].id,
        Object.keys(remote.handshake).toSorted(),
        remote.data,
        remote.rooms instanceof Set,
      )
      run.s(typeof remote.emitWithAck, typeof remote.timeout(5).emitWithAck)
    },
  },
  {
    name: 'remote socket emits, joins, leaves and disconnects',
    api: '5',
    run: async (run) => {
      const all = await three(run)
      const [remote] = await all.io.in(all.peers[0].id).fetchSockets()
      run.s(run.attempt(() => remote.emit('event', 'hello')))
      remote.join('c')
      remote.leave('a')
      run.s(all.peers[0].rooms)
      all.sockets[0].on('ask', (done: any) => done('yes'))
      run.s(
        await remote
          .timeout(5_000)
          .emitWithAck('ask')
          .then(
            (found: any) => found,
            (error: Error) => error,
          ),
      )
      const left = run.once(all.sockets[0], 'disconnect')
      run.s(run.attempt(() => remote.disconnect() === remote))
      run.c(await left)
    },
  },
  {
    name: 'socketsJoin and socketsLeave on the server, a namespace and a room',
    api: '2, 3, 5',
    run: async (run) => {
      const { io, peers } = await three(run)
      run.s(
        run.attempt(() => io.socketsJoin('all')),
        run.attempt(() => io.of('/').socketsJoin(['x', 'y'])),
      )
      io.in('a').socketsJoin('from a')
      io.in('b').socketsLeave(['x', 'a'])
      run.s(run.attempt(() => io.socketsLeave('y')))
      for (const peer of peers) run.s(peer.rooms)
    },
  },
  {
    name: 'disconnectSockets of a room and of all',
    api: '2, 5',
    run: async (run) => {
      const { io, sockets, peers } = await three(run)
      for (const [index, peer] of peers.entries())
        peer.on('disconnect', (reason: string) => run.s(index, reason))
      for (const [index, socket] of sockets.entries())
        socket.on('disconnect', (reason: string) => run.c(index, reason))
      const left = run.once(sockets[1], 'disconnect')
      io.in('a').disconnectSockets()
      await left
      const last = run.once(sockets[2], 'disconnect')
      run.s(run.attempt(() => io.disconnectSockets(true)))
      await last
    },
  },
  {
    name: 'allSockets of a server, a namespace and a room',
    api: '2, 5',
    run: async (run) => {
      const { io } = await three(run)
      const all = await io.allSockets()
      run.s(
        all instanceof Set,
        all.size,
        (await io.of('/').allSockets()).size,
        (await io.in('a').allSockets()).size,
      )
    },
  },
  {
    name: 'broadcast with acknowledgements of all',
    api: '5',
    run: async (run) => {
      const { io, sockets } = await three(run)
      for (const [index, socket] of sockets.entries()) socket.on('ask', (done: any) => done(index, 'dropped'))
      const answers = run.calls(1, 'the answers')
      io.timeout(5_000).emit('ask', answers.call)
      const [error, responses] = (await answers.all)[0]!
      run.s(error, responses.toSorted())
      run.s(
        (await io.timeout(5_000).emitWithAck('ask')).toSorted(),
        (await io.to('a').timeout(5_000).emitWithAck('ask')).toSorted(),
      )
    },
  },
  {
    name: 'broadcast with acknowledgements gives partial responses on time-out',
    api: '5',
    run: async (run) => {
      const { io, sockets } = await three(run)
      sockets[0].on('ask', (done: any) => done('one'))
      sockets[2].on('ask', (done: any) => done('three'))
      const answers = run.calls(1, 'the answers')
      io.timeout(1_500).emit('ask', answers.call)
      const [error, responses] = (await answers.all)[0]!
      run.s(error.message, error.responses, responses?.toSorted())
      const rejected = await io
        .timeout(1_500)
        .emitWithAck('ask')
        .catch((reason: any) => reason)
      run.s(rejected instanceof Error, rejected.message, rejected.responses?.toSorted())
    },
  },
  {
    name: 'broadcast with acknowledgements to nobody',
    api: '5',
    run: async (run) => {
      const { io } = await three(run)
      run.s(
        await io
          .to('nobody')
          .timeout(200)
          .emitWithAck('ask')
          .then(
            (found: any) => found,
            (error: Error) => error,
          ),
      )
    },
  },
  {
    name: 'broadcast with acknowledgement but without time-out',
    api: '5',
    run: async (run) => {
      const { io, sockets } = await three(run)
      for (const socket of sockets) socket.on('ask', (done: any) => done(1))
      const answers = run.calls(1, 'the answers')
      io.to('a').emit('ask', answers.call)
      run.s((await answers.all)[0])
    },
  },
  {
    name: 'emitWithAck exists on operators only',
    api: '2, 3, 5',
    run: async (run) => {
      const io = await run.serve()
      const { peer } = await run.connected()
      run.s(
        typeof io.emitWithAck,
        typeof io.of('/').emitWithAck,
        typeof io.to('a').emitWithAck,
        typeof peer.broadcast.emitWithAck,
      )
      run.s(typeof io.timeout(1).emitWithAck, typeof peer.emitWithAck, typeof peer.timeout(1).emitWithAck)
    },
  },
  {
    name: 'serverSideEmit reaches nobody on one node',
    api: '2, 3',
    run: async (run) => {
      const io = await run.serve()
      io.on('hello', () => run.s('hello'))
      run.s(
        run.attempt(() => io.serverSideEmit('hello', 1)),
        run.attempt(() => io.of('/').serverSideEmit('hello')),
      )
    },
  },
  {
    name: 'serverSideEmit with an acknowledgement on one node',
    api: '2, 3',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      run.s('asked')
      io.serverSideEmitWithAck('hello').then(run.s, run.s)
      await run.fence(socket, peer)
    },
    differs: {
      of: 'server',
      reason: 'the promise resolves with an empty list (API-8); officially it stays pending',
      change: ({ server, client }) => ({ server: [...server, '[]'], client }),
    },
  },
]
