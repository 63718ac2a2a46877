// Scenarios about catch-all listeners, in and out, on both sides.
import type { Run, Scenario } from './scenario.ts'

export function catchAll(): Scenario[] {
  const note =
    (lane: Run['s'], name: string) =>
    (...args: unknown[]) =>
      lane(
        name,
        args.filter((arg) => typeof arg !== 'function'),
      )
  return [
    {
      name: 'catch-all listeners for incoming events on both sides',
      api: '4, 6',
      run: async (run) => {
        await run.serve()
        const { socket, peer } = await run.connected()
        for (const [one, lane] of [
          [peer, run.s],
          [socket, run.c],
        ] as const) {
          const gone = note(lane, 'gone')
          lane(
            run.attempt(() => one.onAny(note(lane, 'any')) === one),
            run.attempt(() => one.prependAny(note(lane, 'first')) === one),
          )
          one.onAny(gone)
          one.on('event', note(lane, 'event'))
          lane(
            one.listenersAny().length,
            run.attempt(() => one.offAny(gone) === one),
            one.listenersAny().length,
          )
        }
        const arrive = Promise.all([run.once(peer, 'event'), run.once(socket, 'event')])
        socket.emit('event', 1, () => {})
        peer.emit('event', 1, () => {})
        await arrive
        for (const [one, lane] of [
          [peer, run.s],
          [socket, run.c],
        ] as const) {
          one.offAny()
          lane(one.listenersAny().length)
        }
      },
    },
    {
      name: 'catch-all listeners for outgoing events on both sides',
      api: '4, 6',
      run: async (run) => {
        const io = await run.serve()
        const { socket, peer } = await run.connected()
        for (const [one, lane] of [
          [peer, run.s],
          [socket, run.c],
        ] as const) {
          const gone = note(lane, 'gone')
          lane(run.attempt(() => one.onAnyOutgoing(note(lane, 'any')) === one))
          lane(run.attempt(() => one.prependAnyOutgoing(note(lane, 'first')) === one))
          one.onAnyOutgoing(gone)
          lane(
            one.listenersAnyOutgoing().length,
            run.attempt(() => one.offAnyOutgoing(gone) === one),
            one.listenersAnyOutgoing().length,
          )
          one.emit('event', 1, Buffer.from([1]))
          one.emit('asks', () => {})
          one.volatile.emit('maybe')
        }
        io.emit('to all', 1)
        io.to(peer.id).emit('to one', 1)
        peer.broadcast.emit('to others', 1)
        await run.fence(socket, peer)
        for (const [one, lane] of [
          [peer, run.s],
          [socket, run.c],
        ] as const) {
          one.offAnyOutgoing()
          lane(one.listenersAnyOutgoing().length)
        }
      },
    },
    {
      name: 'catch-all listeners do not see acknowledgements nor reserved events',
      api: '4, 6',
      run: async (run) => {
        await run.serve()
        const { socket, peer } = await run.connected()
        peer.onAny(note(run.s, 'in'))
        peer.onAnyOutgoing(note(run.s, 'out'))
        socket.onAny(note(run.c, 'in'))
        socket.onAnyOutgoing(note(run.c, 'out'))
        peer.on('ask', (done: any) => done(1))
        run.c(await socket.emitWithAck('ask'))
        const left = run.once(peer, 'disconnect')
        socket.disconnect()
        await left
      },
    },
    {
      name: 'outgoing catch-all of a client runs when a kept event is sent',
      api: '6',
      run: async (run) => {
        await run.serve()
        const socket = run.client()
        socket.onAnyOutgoing((...args: any[]) => run.c('out', args, socket.connected))
        socket.emit('kept', 1)
        run.c('emitted')
        await run.once(socket, 'connect')
        run.c('connect')
      },
    },
  ]
}
