// Scenarios about namespaces: families by RegExp and function, multiplexing, parents, removal.
import type { Scenario } from './scenario.ts'

export const namespaces: Scenario[] = [
  {
    name: 'family of namespaces by RegExp',
    api: '2, 3',
    run: async (run) => {
      const io = await run.serve()
      io.on('new_namespace', (nsp: any) => run.s('new_namespace', nsp.name))
      const parent = io.of(/^\/room-\d+$/)
      parent.use((peer: any, next: any) => (run.s('middleware', peer.nsp.name), next()))
      parent.on('connection', (peer: any) =>
        run.s('connection', peer.nsp.name, peer.nsp === io.of(peer.nsp.name)),
      )
      run.c(await run.once(run.client('/room-1'), 'connect'))
      run.c((await run.once(run.client('/room-x'), 'connect_error'))[0])
      run.c(await run.once(run.client('/room-22'), 'connect'))
      run.s([...io._nsps.keys()], parent.constructor.name, io.of('/room-1').constructor.name)
    },
  },
  {
    name: 'family of namespaces by function with auth',
    api: '2, 3',
    run: async (run) => {
      const io = await run.serve()
      const parent = io.of(
        (name: string, auth: unknown, next: any) => {
          run.s('asked', name, auth)
          next(null, name.startsWith('/dynamic'))
        },
        (peer: any) => run.s('listener', peer.nsp.name),
      )
      run.s(typeof parent.createChild)
      run.c(await run.once(run.client('/dynamic-1', { auth: { token: 1 } }), 'connect'))
      run.c((await run.once(run.client('/static', { auth: { token: 2 } }), 'connect_error'))[0])
    },
  },
  {
    name: 'function of a family gives an error',
    api: '2, 3',
    run: async (run) => {
      const io = await run.serve()
      io.of((_name: string, _auth: unknown, next: any) => next(new Error('broken'), false))
      run.c((await run.once(run.client('/x'), 'connect_error'))[0])
    },
  },
  {
    name: 'first matching family makes the namespace',
    api: '3',
    run: async (run) => {
      const io = await run.serve()
      io.of(/^\/a/).on('connection', () => run.s('first'))
      io.of(/^\/ab/).on('connection', () => run.s('second'))
      run.c(await run.once(run.client('/abc'), 'connect'))
    },
  },
  {
    name: 'parent namespace emits to all children',
    api: '3',
    run: async (run) => {
      const io = await run.serve()
      const parent = io.of(/^\/child-\d$/)
      const sockets = []
      for (const name of ['/child-1', '/child-2']) {
        const arrives = run.once(parent, 'connection')
        const socket = run.client(name)
        const [[peer]] = await Promise.all([arrives, run.once(socket, 'connect')])
        socket.on('event', (...args: any[]) => run.c(name, args))
        sockets.push({ socket, peer })
      }
      run.s(run.attempt(() => parent.emit('event', 1)))
      for (const { socket, peer } of sockets) await run.fence(socket, peer)
      run.trace.client.sort()
    },
  },
  {
    name: 'fetchSockets of a parent namespace',
    api: '3',
    run: async (run) => {
      const io = await run.serve()
      const parent = io.of(/^\/child-\d$/)
      run.s(
        await Promise.resolve()
          .then(() => parent.fetchSockets())
          .catch((error: Error) => error.message),
      )
    },
  },
  {
    name: 'of() with a matching RegExp makes a child at once',
    api: '3',
    run: async (run) => {
      const io = await run.serve()
      const parent = io.of(/^\/child-\d$/)
      parent.use((_peer: any, next: any) => (run.s('middleware of the parent'), next()))
      io.of('/child-1').on('connection', () => run.s('connection'))
      run.c(await run.once(run.client('/child-1'), 'connect'))
    },
  },
  ...[true, false].map((cleans): Scenario => ({
    name: `cleanupEmptyChildNamespaces: ${cleans}`,
    api: '2, 3',
    run: async (run) => {
      const io = await run.serve({ cleanupEmptyChildNamespaces: cleans })
      const parent = io.of(/^\/child-\d$/)
      const arrives = run.once(parent, 'connection')
      const socket = run.client('/child-1')
      const [[peer]] = await Promise.all([arrives, run.once(socket, 'connect')])
      run.s([...io._nsps.keys()])
      const left = run.once(peer, 'disconnect')
      socket.disconnect()
      await left
      await new Promise((resolve) => setImmediate(resolve))
      run.s([...io._nsps.keys()])
      const comesBack = run.once(socket, 'connect')
      socket.connect()
      await comesBack
      run.s([...io._nsps.keys()])
    },
  })),
  {
    name: 'new_namespace is told for namespaces made by of()',
    api: '2',
    run: async (run) => {
      const io = await run.serve()
      io.on('new_namespace', (nsp: any) => run.s('new_namespace', nsp.name))
      run.s(io.of('/a').name, io.of('b').name, io.of('/a') === io.of('a'), io.of('/') === io.sockets)
      run.s([...io._nsps.keys()])
    },
  },
  {
    name: 'two namespaces share one connection',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      io.of('/a')
      io.of('/b')
      io.engine.on('connection', () => run.s('engine connection'))
      const a = run.watch(run.client('/a', { forceNew: false }), 'a')
      await run.once(a, 'connect')
      const b = run.watch(run.client('/b', { forceNew: false }), 'b')
      await run.once(b, 'connect')
      run.c(a.io === b.io, a.id === b.id, a.io.engine === b.io.engine, Object.keys(a.io.nsps))
      const left = run.once(io.of('/b').sockets.get(b.id), 'disconnect')
      a.disconnect()
      run.c(b.connected, b.io._readyState)
      b.disconnect()
      run.c(b.io._readyState)
      run.s(await left)
    },
  },
  ...([{ forceNew: true }, { multiplex: false }, { 'force new connection': true }, {}] as object[]).map(
    (options): Scenario => ({
      name: `two namespaces with ${JSON.stringify(options)}`,
      api: '6',
      run: async (run) => {
        const io = await run.serve()
        io.of('/a')
        io.of('/b')
        const a = run.client('/a', { forceNew: undefined, ...options })
        const b = run.client('/b', { forceNew: undefined, ...options })
        await Promise.all([run.once(a, 'connect'), run.once(b, 'connect')])
        run.c(a.io === b.io)
        run.s(io.engine.clientsCount)
      },
    }),
  ),
  {
    name: 'io() twice for one namespace makes two connections',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      const a = run.client('/', { forceNew: undefined })
      const b = run.client('/', { forceNew: undefined })
      await Promise.all([run.once(a, 'connect'), run.once(b, 'connect')])
      run.c(a === b, a.io === b.io)
      run.s(io.engine.clientsCount)
    },
  },
  {
    name: 'manager.socket() twice for one namespace gives one socket',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      io.of('/a')
      const manager = new run.pair.client.module.Manager(run.url, {
        transports: ['websocket'],
        autoConnect: false,
      })
      const a = manager.socket('/a', { auth: { n: 1 } })
      run.own(a)
      run.c(manager.socket('/a') === a, manager._readyState, a.active, a.connected, a.nsp, a.auth)
      a.connect()
      await run.once(a, 'connect')
      run.c(manager._readyState, manager.engine.transport.name)
    },
  },
  {
    name: 'refusal in one namespace leaves the other',
    api: '3, 6',
    run: async (run) => {
      const io = await run.serve()
      io.of('/closed').use((_peer: any, next: any) => next(new Error('closed')))
      const open = run.client('/', { forceNew: false })
      await run.once(open, 'connect')
      const closed = run.client('/closed', { forceNew: false })
      run.c(
        (await run.once(closed, 'connect_error'))[0],
        closed.active,
        open.connected,
        open.io === closed.io,
      )
    },
  },
  {
    name: 'namespace knows its sockets',
    api: '3',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      const nsp = io.of('/')
      run.s(
        nsp.sockets instanceof Map,
        nsp.sockets.size,
        nsp.sockets.get(peer.id) === peer,
        nsp.server === io,
        nsp.name,
      )
      const left = run.once(peer, 'disconnect')
      socket.disconnect()
      await left
      run.s(nsp.sockets.size)
    },
  },
]
