// Scenarios about events: arguments of every kind, binary, catch-all, packet middlewares, buffering, volatile, misuse.
import type { Run, Scenario } from './scenario.ts'

const TRANSPORTS = ['polling', 'websocket'] as const

/** Arguments that travel in both directions and are noted where they arrive. */
const ARGUMENTS: Record<string, () => unknown[]> = {
  'no arguments': () => [],
  'plain values': () => [1, -1.5, 'text', true, null, [], {}, [[1], { a: { b: 2 } }]],
  'undefined, NaN and a hole': () => [undefined, Number.NaN, [undefined, 1], { gone: undefined, kept: 1 }],
  'text outside ASCII': () => ['héé €', '😀 \u2028\u2029', '日本語', '\u0000\u001E', '"quoted"\\'],
  'a Date and toJSON': () => [new Date(0), { toJSON: () => ({ said: 'json' }) }],
  'a Buffer': () => [Buffer.from([0, 1, 255])],
  'an ArrayBuffer': () => [new Uint8Array([1, 2, 3]).buffer],
  'a Uint8Array': () => [new Uint8Array([1, 2, 3])],
  'a view in the middle of a buffer': () => [new Uint8Array([9, 1, 2, 9]).subarray(1, 3)],
  'empty binary': () => [Buffer.alloc(0), 'after'],
  'binary deep in objects and arrays': () => [
    { a: [Buffer.from('x'), { b: Buffer.from('y') }], c: 'd' },
    Buffer.from('z'),
  ],
  'ten attachments': () => Array.from({ length: 10 }, (_, i) => Buffer.from([i])),
  'an object that looks like a placeholder': () => [{ _placeholder: true, num: 0 }],
  'a large text': () => ['x'.repeat(200_000).length, 'y'.repeat(50_000)],
  'a Map and a Set': () => [new Map([[1, 2]]), new Set([1])],
}

const values: Scenario[] = TRANSPORTS.flatMap((transport) =>
  Object.entries(ARGUMENTS).map(([what, make]): Scenario => ({
    name: `events carry ${what} both ways (${transport})`,
    api: '4, 6, 9',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected('/', { transports: [transport] })
      const toServer = run.once(peer, 'values')
      socket.emit('values', ...make())
      run.s(await toServer)
      const toClient = run.once(socket, 'values')
      peer.emit('values', ...make())
      run.c(await toClient)
    },
  })),
)

const order = (transport: string): Scenario => ({
  name: `many events with and without binary arrive in order (${transport})`,
  api: '4, 6',
  run: async (run) => {
    await run.serve()
    const { socket, peer } = await run.connected('/', { transports: [transport] })
    peer.on('n', (n: number, data: unknown) => run.s(n, data))
    socket.on('n', (n: number, data: unknown) => run.c(n, data))
    for (let n = 0; n < 20; n++) {
      socket.emit('n', n, n % 3 === 0 ? Buffer.from([n]) : n)
      peer.emit('n', n, n % 4 === 0 ? Buffer.from([n]) : n)
    }
    await run.fence(socket, peer)
  },
})

const RESERVED = ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']

export const events: Scenario[] = [
  ...values,
  ...TRANSPORTS.map(order),
  {
    name: 'reserved names cannot be emitted by either side',
    api: '4, 6',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      for (const name of [...RESERVED, 'connection', 'new_namespace', 'error', 'ping', 'reconnect']) {
        run.c(
          name,
          run.attempt(() => socket.emit(name) === socket),
        )
        run.s(
          name,
          run.attempt(() => peer.emit(name)),
        )
        run.s(
          'io',
          name,
          run.attempt(() => io.to('nobody').emit(name)),
        )
      }
    },
  },
  {
    name: 'reserved names of a server and a namespace',
    api: '2, 3',
    run: async (run) => {
      const io = await run.serve()
      for (const name of ['connect', 'connection', 'new_namespace', ...RESERVED]) {
        run.s(
          name,
          run.attempt(() => io.emit(name)),
          run.attempt(() => io.of('/x').emit(name)),
        )
        run.s(
          name,
          run.attempt(() => io.serverSideEmit(name)),
        )
      }
    },
  },
  {
    name: 'send and write on both sides are the event "message"',
    api: '2, 4, 6',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      peer.on('message', (...args: any[]) => run.s('message', args))
      socket.on('message', (...args: any[]) => run.c('message', args))
      run.c(run.attempt(() => socket.send('a', 1) === socket))
      run.s(
        run.attempt(() => peer.send('b', 2) === peer),
        run.attempt(() => peer.write('c') === peer),
      )
      run.s(
        run.attempt(() => io.send('d') === io),
        run.attempt(() => io.write('e') === io),
      )
      run.s(run.attempt(() => io.of('/').send('f') === io.of('/')))
      await run.fence(socket, peer)
    },
  },
  {
    name: 'return values of emit',
    api: '2, 4, 6',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      run.c(
        run.attempt(() => socket.emit('x') === socket),
        run.attempt(() => socket.volatile.emit('x') === socket),
      )
      run.c(run.attempt(() => socket.compress(false).emit('x') === socket))
      run.s(peer.emit('x'), peer.volatile.emit('x'), peer.compress(true).emit('x'), peer.broadcast.emit('x'))
      run.s(
        io.emit('x'),
        io.to('a').emit('x'),
        io.volatile.emit('x'),
        io.local.emit('x'),
        io.of('/y').emit('x'),
      )
    },
  },
  ...catchAll(),
  {
    name: 'packet middlewares pass, change and refuse events',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.use((event: any[], next: any) => {
        run.s(
          'first',
          event.filter((part) => typeof part !== 'function'),
        )
        if (event[0] === 'refused') return next(Object.assign(new Error('not this'), { data: { n: 1 } }))
        if (event[0] === 'changed') event[1] = 'other'
        next()
      })
      peer.use((event: any[], next: any) => (run.s('second', event[0]), setImmediate(next)))
      peer.on('error', (error: any) => run.s('error', error))
      for (const name of ['passed', 'refused', 'changed'])
        peer.on(name, (...args: any[]) => run.s(name, args))
      for (const [name, told] of [
        ['passed', 'passed'],
        ['refused', 'error'],
        ['changed', 'changed'],
      ] as const) {
        const arrives = run.once(peer, told)
        socket.emit(name, 1)
        await arrives
      }
    },
  },
  {
    name: 'when listeners run after a packet middleware',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.use((_event: any[], next: any) => {
        next()
        run.s('the middleware has returned')
      })
      peer.on('event', () => run.s('event'))
      const arrives = run.once(peer, 'event')
      socket.emit('event')
      await arrives
    },
    differs: {
      of: 'server',
      reason: 'listeners are called at once, officially on the next tick: nothing is put off per event',
      change: ({ server, client }) => ({ server: server.toReversed(), client }),
    },
  },
  {
    name: 'packet middleware sees the acknowledgement',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.use((event: any[], next: any) => {
        const done = event.at(-1)
        if (typeof done === 'function') done('from the middleware')
        else next()
      })
      peer.on('ask', () => run.s('ask'))
      run.c(await socket.emitWithAck('ask', 1))
    },
  },
  {
    name: 'events of a client that is not connected yet are kept and sent in order',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      const last = run.calls(3, 'three events')
      io.on('connection', (peer: any) =>
        peer.onAny((...event: any[]) => (run.s(event.slice(0, 2)), last.call())),
      )
      const socket = run.client()
      socket.emit('one', 1)
      socket.volatile.emit('lost', 0)
      socket.emit('two', 2)
      socket.emit('three', 3, () => {})
      run.c(
        socket.sendBuffer.length,
        socket.sendBuffer.map((packet: any) => packet.data),
      )
      socket.on('connect', () => run.c('connect', socket.sendBuffer.length))
      await last.all
      run.c(socket.sendBuffer.length)
    },
  },
  {
    name: 'events that precede CONNECT are kept in receiveBuffer',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      io.use((peer: any, next: any) => {
        peer.emit('early', 1)
        next()
      })
      const socket = run.client()
      socket.on('early', (n: number) => run.c('early', n, socket.connected))
      socket.on('connect', () => run.c('connect'))
      await run.once(socket, 'early')
      run.c(socket.receiveBuffer.length)
    },
  },
  {
    name: 'emit during disconnection is sent after the next connect',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      const { socket } = await run.connected()
      socket.disconnect()
      socket.emit('later', 1)
      socket.volatile.emit('never', 1)
      run.c(socket.sendBuffer.length)
      const arrives = run.calls(1, 'the event')
      io.on('connection', (peer: any) => peer.onAny((...event: any[]) => (run.s(event), arrives.call())))
      socket.connect()
      await arrives.all
    },
  },
  {
    name: 'emit of a server socket that has left',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const left = run.once(peer, 'disconnect')
      socket.disconnect()
      await left
      run.s(
        run.attempt(() => peer.emit('x', 1)),
        run.attempt(() => peer.disconnect() === peer),
        peer.connected,
        peer.disconnected,
      )
      run.s(
        run.attempt(() => peer.broadcast.emit('x')),
        run.attempt(() => void peer.join('room')),
      )
    },
  },
  {
    name: 'retries with ackTimeout send an event again until it is acknowledged',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      let count = 0
      io.on('connection', (peer: any) => {
        peer.on('try', (value: any, done: any) => {
          run.s('try', value)
          if (++count === 3) done('at last')
        })
      })
      const socket = run.client('/', { retries: 3, ackTimeout: 40 })
      const answer = run.calls(1, 'the answer')
      socket.emit('try', 'a', answer.call)
      run.c((await answer.all)[0])
    },
  },
  {
    name: 'retries give up',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      io.on('connection', (peer: any) => peer.on('try', (value: any) => run.s('try', value)))
      const socket = run.client('/', { retries: 2, ackTimeout: 30 })
      await run.once(socket, 'connect')
      const answers = run.calls(1, 'the error')
      socket.emit('try', 'a', answers.call)
      run.c((await answers.all)[0], socket._queue?.length)
    },
  },
  {
    name: 'events with retries leave one after the other',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      io.on('connection', (peer: any) => {
        peer.on('n', (n: number, done: any) => {
          run.s('n', n)
          setImmediate(() => done(n))
        })
      })
      const socket = run.client('/', { retries: 1, ackTimeout: 5_000 })
      const answers = run.calls(3, 'three answers')
      for (const n of [1, 2, 3]) socket.emit('n', n, (...args: any[]) => (run.c(args), answers.call()))
      await answers.all
    },
  },
  {
    name: 'ackTimeout without retries',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket } = await run.connected('/', { ackTimeout: 30 })
      const answers = run.calls(1, 'the error')
      socket.emit('nobody', answers.call)
      run.c((await answers.all)[0])
      run.c(await socket.emitWithAck('nobody').catch((error: Error) => error))
    },
  },
  {
    name: 'more than ten attachments end the connection',
    api: '9',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.on('disconnect', (reason: string) => run.s('disconnect', reason))
      const left = run.once(socket, 'disconnect')
      const many = Array.from({ length: 11 }, (_, i) => Buffer.from([i]))
      run.c(run.attempt(() => socket.emit('many', ...many) === socket))
      if (run.pair.client.isOurs) return
      const [reason] = await left
      run.c('disconnect', reason)
    },
    differs: {
      of: 'client',
      reason: 'the sender refuses what the receiver would close the connection for (SIO-7)',
      change: () => ({
        server: [],
        client: [
          'throws ProtocolError: Too many attachments; got 11, receivers accept 10. Send several events, or raise maxAttachments on both sides',
        ],
      }),
    },
  },
]

function catchAll(): Scenario[] {
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
