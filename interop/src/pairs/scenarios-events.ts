// Scenarios about events: arguments of every kind, binary, packet middlewares, misuse.
import { catchAll } from './scenarios-catch-all.ts'
import type { Scenario } from './scenario.ts'

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
