// Scenarios about joining and leaving namespaces: middlewares, handshake, refusals, reasons.
import type { Scenario } from './scenario.ts'

export const connecting: Scenario[] = [
  {
    name: 'connects to the main namespace',
    api: '4, 6',
    run: async (run) => {
      const io = await run.serve()
      io.on('connection', (peer: any) =>
        run.s('connection', peer.id, peer.connected, peer.disconnected, peer.recovered, peer.nsp.name),
      )
      const socket = run.client()
      run.c(socket.connected, socket.disconnected, socket.active, socket.id, socket.recovered)
      await run.once(socket, 'connect')
      run.c(socket.connected, socket.disconnected, socket.active, socket.id, socket.recovered)
    },
    differs: {
      of: 'client',
      reason:
        'after a connection that recovered nothing `recovered` is `false`, as its declaration says; officially it becomes `undefined`',
      change: ({ server, client }) => ({
        server,
        client: client.map((line) => line.replace(/"<undefined>"$/, 'false')),
      }),
    },
  },
  ...(['polling', 'websocket'] as const).flatMap((transport): Scenario[] => [
    {
      name: `client disconnects (${transport})`,
      api: '4, 6, 10',
      run: async (run) => {
        await run.serve()
        const { socket, peer } = await run.connected('/', { transports: [transport] })
        run.watch(socket)
        peer.on('disconnecting', (reason: string) =>
          run.s('disconnecting', reason, [...peer.rooms].length, peer.connected),
        )
        peer.on('disconnect', (reason: string) =>
          run.s('disconnect', reason, [...peer.rooms].length, peer.connected),
        )
        const left = run.once(peer, 'disconnect')
        run.c(
          run.attempt(() => socket.disconnect() === socket),
          socket.connected,
          socket.active,
          socket.id,
        )
        await left
      },
    },
    {
      name: `server disconnects a socket (${transport})`,
      api: '4, 6, 10',
      run: async (run) => {
        await run.serve()
        const { socket, peer } = await run.connected('/', { transports: [transport], reconnection: true })
        run.watch(socket)
        peer.on('disconnect', (reason: string) => run.s('disconnect', reason))
        const left = run.once(socket, 'disconnect')
        run.s(
          run.attempt(() => peer.disconnect() === peer),
          peer.connected,
        )
        await left
        run.c(socket.active, socket.connected)
      },
    },
    {
      name: `server closes the connection of a socket (${transport})`,
      api: '4, 6, 10',
      run: async (run) => {
        await run.serve()
        const { socket, peer } = await run.connected('/', { transports: [transport], reconnection: false })
        run.watch(socket)
        peer.on('disconnect', (reason: string) => run.s('disconnect', reason))
        const left = run.once(socket, 'disconnect')
        peer.disconnect(true)
        await left
        run.c(socket.active, socket.connected)
      },
    },
  ]),
  {
    name: 'middleware refuses with an error and its data',
    api: '2, 6',
    run: async (run) => {
      const io = await run.serve()
      io.use((peer: any, next: any) => {
        run.s('middleware', peer.connected, peer.handshake.auth)
        next(Object.assign(new Error('not authorized'), { data: { content: 'retry later', code: 7 } }))
      })
      io.on('connection', () => run.s('connection'))
      const socket = run.client('/', { auth: { token: 'abc' } })
      const [error] = await run.once(socket, 'connect_error')
      run.c(error instanceof Error, error.message, error.data, socket.connected, socket.active)
    },
  },
  {
    name: 'middlewares run in order and the last refuses without data',
    api: '2, 6',
    run: async (run) => {
      const io = await run.serve()
      io.use((_peer: any, next: any) => (run.s('first'), next()))
      io.use((_peer: any, next: any) => setImmediate(() => (run.s('second'), next())))
      io.use((_peer: any, next: any) => (run.s('third'), next(new Error('no'))))
      io.use((_peer: any, next: any) => (run.s('fourth'), next()))
      const socket = run.client()
      const [error] = await run.once(socket, 'connect_error')
      run.c(error.message, error.data)
    },
  },
  {
    name: 'middlewares of the main namespace do not run for another',
    api: '3',
    run: async (run) => {
      const io = await run.serve()
      io.use((_peer: any, next: any) => (run.s('main'), next()))
      io.of('/other').use((_peer: any, next: any) => (run.s('other'), next()))
      await run.connected('/other')
    },
  },
  {
    name: 'unknown namespace is refused',
    api: '2, 6',
    run: async (run) => {
      await run.serve()
      const socket = run.watch(run.client('/unknown'))
      await run.once(socket, 'connect_error')
      run.c(socket.active, socket.io._readyState)
    },
  },
  {
    name: 'handshake holds auth and query',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { peer } = await run.connected('/?from=url', { auth: { token: 't', deep: { list: [1, null] } } })
      const { auth, query, xdomain, secure, issued, time, url, address, headers } = peer.handshake
      run.s(
        auth,
        { ...query, t: undefined },
        xdomain,
        secure,
        typeof issued,
        typeof time,
        url.split('?')[0],
        address,
        typeof headers.host,
      )
    },
  },
  {
    name: 'auth function is asked at each attempt',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      let count = 0
      io.use(
        (peer: any, next: any) => (
          run.s(peer.handshake.auth),
          next(count === 2 ? undefined : new Error('again'))
        ),
      )
      const socket = run.client('/', { auth: (done: any) => done({ count: ++count }) })
      await run.once(socket, 'connect_error')
      socket.connect()
      await run.once(socket, 'connect')
      run.c(count)
    },
  },
]
