// Scenarios about the classes themselves: exports, emitter methods, settings, misuse.
import type { Scenario } from './scenario.ts'

export const classes: Scenario[] = [
  {
    name: 'emitter methods of the server',
    api: '2',
    run: async (run) => {
      const io = await run.serve()
      const listener = (): void => {}
      run.s(
        'on() gives the server',
        run.attempt(() => io.on('connection', listener) === io),
      )
      run.s(run.attempt(() => io.of('/').on('x', listener) === io.of('/')))
      run.s(
        io.listenerCount('connection'),
        io.listeners('connection').length,
        io.rawListeners('connection').length,
        io.eventNames(),
      )
      io.off('connection', listener)
      run.s(io.listenerCount('connection'))
      for (const method of ['once', 'addListener', 'prependListener', 'prependOnceListener'])
        io[method]('x', listener)
      run.s(io.listenerCount('x'), io.sockets.listenerCount('x'))
      io.removeListener('x', listener)
      run.s(io.listenerCount('x'))
      io.removeAllListeners('x')
      run.s(io.listenerCount('x'), io.setMaxListeners(20) !== undefined, io.getMaxListeners())
    },
    differs: {
      of: 'server',
      reason: '`io.on()` returns the server, as its declared type says; officially the main namespace',
      change: ({ server, client }) => ({
        server: server.map((line) => line.replace('server false', 'server true')),
        client,
      }),
    },
  },
  {
    name: 'emitter methods of a server socket',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { peer, socket } = await run.connected()
      run.s(
        peer.eventNames(),
        peer.listenerCount('x'),
        run.attempt(() => peer.once('x', (...args: any[]) => run.s('once', args)) === peer),
      )
      peer.prependListener('x', () => run.s('prepended'))
      peer.on('x', () => run.s('on'))
      run.s(peer.eventNames(), peer.listenerCount('x'), peer.rawListeners('x').length)
      const arrive = run.calls(2, 'both events')
      peer.on('x', arrive.call)
      socket.emit('x', 1)
      socket.emit('x', 2)
      await arrive.all
      peer.removeAllListeners('x')
      run.s(peer.listenerCount('x'))
    },
    differs: {
      of: 'server',
      reason: 'a socket has no listener of its own for "error"',
      change: ({ server, client }) => ({
        server: server.map((line) => line.replace(/"error",?/, '')),
        client,
      }),
    },
  },
  {
    name: 'emitter methods of a client socket',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const listener = (...args: any[]): void => run.c('listener', args)
      run.c(
        run.attempt(() => socket.on('x', listener) === socket),
        run.attempt(() => socket.once('x', listener) === socket),
      )
      run.c(
        socket.listeners('x').length,
        socket.hasListeners('x'),
        socket.hasListeners('y'),
        socket.listeners('y'),
      )
      peer.emit('x', 1)
      peer.emit('x', 2)
      await run.fence(socket, peer)
      socket.addEventListener('y', listener)
      run.c(
        socket.listeners('y').length,
        run.attempt(() => socket.off('y', listener) === socket),
        socket.hasListeners('y'),
      )
      socket.on('z', listener)
      run.c(
        run.attempt(() => socket.removeListener('z', listener) === socket),
        socket.hasListeners('z'),
      )
      socket.on('z', listener)
      run.c(
        run.attempt(() => socket.removeEventListener('z') === socket),
        socket.hasListeners('z'),
      )
      run.c(
        run.attempt(() => socket.removeAllListeners() === socket),
        socket.hasListeners('x'),
      )
      run.c(typeof socket.emitReserved)
    },
  },
  {
    name: 'settings of a server',
    api: '2',
    run: async (run) => {
      const io = await run.serve()
      run.s(io.serveClient(), io.path(), io.connectTimeout(), typeof io.adapter(), io._connectTimeout)
      run.s(
        run.attempt(() => io.path('/other/') === io),
        io.path(),
        run.attempt(() => io.serveClient(false) === io),
        io.serveClient(),
      )
      run.s(
        run.attempt(() => io.connectTimeout(5) === io),
        io.connectTimeout(),
        run.attempt(() => io.adapter(io.adapter()) === io),
      )
      run.s(
        io.httpServer === run.http,
        typeof io.engine.clientsCount,
        typeof io.engine.clients,
        typeof io.encoder.encode,
        typeof io._opts,
      )
      run.s(io.eio === io.engine)
    },
  },
  {
    name: 'settings of a manager',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { io } = run.client('/', { autoConnect: false, reconnection: undefined })
      for (const name of [
        'reconnection',
        'reconnectionAttempts',
        'reconnectionDelay',
        'reconnectionDelayMax',
        'randomizationFactor',
        'timeout',
      ]) {
        run.c(
          name,
          io[name](),
          run.attempt(() => io[name](name === 'reconnection' ? false : 7) === io),
          io[name](),
        )
      }
      run.c(io._readyState, io._reconnecting, io._autoConnect, io.opts.path, Object.keys(io.nsps))
    },
    differs: {
      of: 'client',
      reason: '`_reconnecting` is `false` from the start, as its declaration says; officially `undefined`',
      change: ({ server, client }) => ({
        server,
        client: client.map((line) => line.replace('closed "<undefined>"', 'closed false')),
      }),
    },
  },
  {
    name: 'exports of the packages',
    api: '1',
    run: async (run) => {
      const { server, client } = run.pair
      run.s(['Server', 'Namespace', 'Socket'].map((name) => typeof server.module[name]))
      run.c(['io', 'Manager', 'Socket', 'connect'].map((name) => typeof client.module[name]))
      run.c(client.module.io === client.module.connect)
    },
  },
  ...(['client', 'server'] as const).map((side): Scenario => ({
    name: `values that cannot be sent by the ${side}`,
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const sender = side === 'client' ? socket : peer
      run.c(run.attempt(() => sender.emit('big', 1n)).split(':')[0]!)
      await run.fence(socket, peer)
      run.c(socket.connected)
    },
    differs: {
      of: side,
      reason:
        'what cannot be encoded throws a ProtocolError with a code; officially the TypeError of JSON.stringify',
      change: ({ server, client }) => ({
        server,
        client: client.map((line) => line.replace('TypeError', 'ProtocolError')),
      }),
    },
  })),
  {
    name: 'unusual event names',
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      for (const name of ['', '__proto__', 'constructor', 'toString', '2', 'a b', 'é']) {
        peer.on(name, (...args: any[]) => run.s(name, args))
        socket.on(name, (...args: any[]) => run.c(name, args))
        socket.emit(name, 1)
        peer.emit(name, 1)
      }
      await run.fence(socket, peer)
    },
  },
  {
    name: 'listener added, removed and removing itself while an event runs',
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const self = (): void => {
        run.c('self')
        socket.off('x', self)
        socket.on('x', () => run.c('added'))
      }
      socket.on('x', self)
      socket.on('x', () => run.c('second'))
      peer.emit('x')
      peer.emit('x')
      await run.fence(socket, peer)
    },
  },
  {
    name: 'data of a server socket',
    api: '4',
    run: async (run) => {
      const io = await run.serve()
      io.use((peer: any, next: any) => {
        run.s(peer.data)
        peer.data.user = 'from the middleware'
        next()
      })
      const { peer } = await run.connected()
      run.s(peer.data)
      peer.data = { replaced: true }
      run.s(peer.data, (await io.fetchSockets())[0].data)
    },
  },
  {
    name: 'request of a server socket keeps what is put on it',
    api: '4',
    run: async (run) => {
      const io = await run.serve()
      io.use((peer: any, next: any) => {
        peer.request.session = { user: 1 }
        next()
      })
      const { peer } = await run.connected()
      run.s(
        peer.request.session,
        peer.request === peer.request,
        peer.client.request.session,
        peer.conn.request.session,
      )
    },
  },
]
