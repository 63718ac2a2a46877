// Scenarios about details that applications, tools and tests of applications read: packets of the engine, texts of parse errors, rooms of
// sockets that are refused or gone, queries in every form, listeners that are added twice.
import type { Run, Scenario } from './scenario.ts'

/** What one message of a client, written past its Socket.IO half, does at the server. */
async function inject(run: Run, message: string | Buffer, more: string[] = []): Promise<void> {
  const { socket, peer } = await run.connected()
  const seen: string[] = []
  peer.onAny((...args: unknown[]) => seen.push(`event ${JSON.stringify(args)}`))
  peer.on('error', (error: any) => seen.push(`error ${String(error?.message)}`))
  const over = new Promise<void>((resolve) => {
    peer.once('fence', resolve)
    peer.once('disconnect', (reason: string) => (seen.push(`disconnect ${reason}`), resolve()))
  })
  for (const one of [message, ...more]) socket.io.engine.write(one)
  socket.emit('fence')
  await run.within(over, `what becomes of ${String(message)}`)
  run.s(String(message), seen.join(', '))
  socket.disconnect()
}

const MALFORMED = [
  'woot', '9', '2{}', '2[]', '2["a"', '2{"a":1}', '5-["a"]', '50-["a"]', '512-["a"]', '2["connect"]', '2["disconnect","a"]', '2["newListener"]',
  '31{}', '1x', '2null', '2["a"]x', '21a["a"]', '2-1["a"]', '2[null]', '2[true]', '2[["a"]]', '2[{"toString":1}]', '6["x"]', '4', '2/unknown,["a"]',
]

export const details: Scenario[] = [
  {
    name: 'options of the packets that the server makes',
    api: '4, 7',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      peer.conn.on('packetCreate', ({ type, data, options }: any) => run.s(type, typeof data, options.compress))
      peer.emit('plain')
      peer.compress(false).emit('uncompressed')
      peer.compress(true).emit('compressed')
      io.compress(false).emit('uncompressed to all')
      io.to(peer.id).compress(false).emit('uncompressed binary', Buffer.from('x'))
      peer.conn.send('2["by hand"]', { compress: false })
      await run.fence(socket, peer)
    },
  },
  {
    name: 'options of the packets that the client makes',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const { engine } = socket.io
      engine.on('packetCreate', ({ type, data, options }: any) => run.c(type, typeof data, options.compress))
      socket.emit('plain')
      socket.compress(false).emit('uncompressed')
      socket.compress(true).emit('binary', Buffer.from('x'))
      engine.write('2["by hand"]', { compress: false }, () => run.c('written'))
      await run.fence(socket, peer)
    },
  },
  {
    name: 'malformed packets and what "error" listeners hear',
    api: '4, 9',
    run: async (run) => {
      await run.serve()
      for (const message of MALFORMED) await inject(run, message)
      await inject(run, Buffer.from([1, 2, 3]))
      for (const num of ['1', '-1', '"splice"']) {
        await inject(run, `51-["a",{"_placeholder":true,"num":${num}}]`, [Buffer.from('x') as unknown as string])
      }
      await inject(run, '51-["a",{"_placeholder":true,"num":0}]', ['2["text instead"]'])
    },
  },
  {
    name: 'socket that has disconnected joins no room',
    api: '4, 8',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected()
      const gone = run.once(peer, 'disconnect')
      socket.disconnect()
      await gone
      peer.join('late')
      peer.join(['later', 'latest'])
      const { adapter } = io.of('/')
      run.s(adapter.rooms.size, adapter.sids.size, peer.rooms.size)
    },
  },
  {
    name: 'rooms that a middleware gave a refused socket are left',
    api: '2, 8',
    run: async (run) => {
      const io = await run.serve()
      let refused: any
      io.use((socket: any, next: any) => {
        refused = socket
        socket.join('waiting')
        run.s(io.of('/').adapter.rooms.has('waiting'))
        next(new Error('refused'))
      })
      const [error] = await run.once(run.client(), 'connect_error')
      run.c(error.message)
      run.s(io.of('/').adapter.rooms.has('waiting'), refused.rooms.size, refused.connected)
    },
  },
  {
    name: 'rooms that a middleware gave a socket whose client went meanwhile are left',
    api: '2, 8',
    run: async (run) => {
      const io = await run.serve()
      const asked = new Promise<{ socket: any; next: () => void }>((resolve) =>
        io.use((socket: any, next: any) => (socket.join('waiting'), resolve({ socket, next }))),
      )
      io.on('connection', () => run.s('connection'))
      const client = run.client()
      const { socket, next } = await run.within(asked, 'middleware')
      const closed = run.once(socket.conn, 'close')
      client.disconnect()
      client.io.engine.close()
      await closed
      next()
      await new Promise(setImmediate)
      run.s(io.of('/').adapter.rooms.has('waiting'), socket.connected, io.of('/').sockets.size)
    },
  },
  {
    name: 'listener that is there twice is removed once',
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const listener = (): void => {}
      for (const [note, one] of [[run.s, peer], [run.c, socket]] as const) {
        one.onAny(listener).onAny(listener).onAnyOutgoing(listener).onAnyOutgoing(listener)
        note(one.offAny(listener).listenersAny().length, one.offAnyOutgoing(listener).listenersAnyOutgoing().length)
        one.on('x', listener).on('x', listener).off('x', listener)
        note(one.listeners('x').length)
        note(one.off('x', listener).listeners('x').length)
      }
    },
  },
  {
    name: 'query in the URL and in options, as object and as text',
    api: '4, 6',
    run: async (run) => {
      const io = await run.serve()
      for (const name of ['/', '/other']) {
        io.of(name).on('connection', ({ handshake, nsp }: any) => {
          const { t: _t, ...query } = handshake.query
          run.s(nsp.name, query)
        })
      }
      const cases: [string, object][] = [
        ['/?a=b&c=d', {}],
        ['/other?x=1', {}],
        ['/?a=b', { query: { q: 1 } }],
        ['/', { query: 'foo=bar&baz=1' }],
        ['/', { query: { y: 2, list: ['1', '2'], nothing: null, missing: undefined, 'a b': '&=?' } }],
      ]
      for (const [path, options] of cases) {
        const socket = run.client(path, options)
        await run.once(socket, 'connect')
        run.c(socket.nsp)
        socket.disconnect()
      }
    },
  },
  {
    name: 'options of the manager changed between connections',
    api: '6',
    run: async (run) => {
      const io = await run.serve()
      io.on('connection', ({ handshake, conn }: any) => {
        const { t: _t, ...query } = handshake.query
        run.s(query, handshake.headers['x-custom'], handshake.auth, conn.transport.name)
      })
      const socket = run.client('/', { query: { a: '1' }, extraHeaders: { 'x-custom': 'one' }, auth: { token: 1 }, transports: ['polling'] })
      await run.once(socket, 'connect')
      socket.disconnect()
      Object.assign(socket.io.opts, { query: { a: '2' }, extraHeaders: { 'x-custom': 'two' }, transports: ['websocket'] })
      socket.auth.token = 2
      socket.connect()
      await run.once(socket, 'connect')
      socket.disconnect()
      socket.io.opts.query.a = '3'
      socket.io.opts.extraHeaders['x-custom'] = 'three'
      socket.auth = (answer: any) => answer({ token: 3 })
      socket.connect()
      await run.once(socket, 'connect')
      run.c('connected three times')
    },
  },
  {
    name: 'where a manager and its engine say that they go',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket } = await run.connected('/', { transports: ['polling', 'websocket'], upgrade: false })
      const { io: manager } = socket
      const { engine } = manager
      run.c(manager.uri, Object.keys(manager.nsps), manager.opts.hostname, manager.opts.port === String(run.port), manager.opts.secure)
      run.c(manager.backoff.ms, manager.backoff.max, manager.backoff.jitter, manager.backoff.attempts)
      run.c(engine.hostname, engine.port === String(run.port), engine.secure, engine.transports, engine.upgrades, engine.readyState)
      const { upgrade, rememberUpgrade, timestampParam, addTrailingSlash, withCredentials, transports } = engine.opts
      run.c(upgrade, rememberUpgrade, timestampParam, addTrailingSlash, withCredentials, transports)
    },
  },
  {
    name: 'packets kept while not connected',
    api: '6',
    run: async (run) => {
      await run.serve()
      const socket = run.client('/', { autoConnect: false })
      socket.emit('kept', 1)
      socket.compress(false).emit('kept', 2)
      socket.volatile.emit('dropped')
      for (const { type, data, options } of socket.sendBuffer) run.c(type, data, options)
    },
  },
  {
    name: 'user agent of a client on polling in Node',
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { peer } = await run.connected('/', { transports: ['polling'] })
      run.s(peer.handshake.headers['user-agent'], peer.handshake.headers.accept)
      const { peer: other } = await run.connected('/', { transports: ['polling'], extraHeaders: { 'user-agent': 'mine' } })
      run.s(other.handshake.headers['user-agent'])
    },
  },
  {
    name: 'settings and errors of the engine',
    api: '7',
    run: async (run) => {
      const io = await run.serve({ cors: { origin: '*' } })
      const { opts, constructor } = io.engine
      const { pingInterval, pingTimeout, upgradeTimeout, maxHttpBufferSize, transports, allowUpgrades, httpCompression, perMessageDeflate, cookie, cors } = opts
      run.s(pingInterval, pingTimeout, upgradeTimeout, maxHttpBufferSize, transports, allowUpgrades, httpCompression, perMessageDeflate, cookie, cors)
      run.s(constructor.errors, constructor.errorMessages)
      const { peer } = await run.connected()
      run.s(peer.conn.server === io.engine)
    },
  },
]
