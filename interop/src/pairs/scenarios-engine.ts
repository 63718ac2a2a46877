// Scenarios about the engine as applications see it: socket.conn, manager.engine, upgrades, order of transports, packets.
import type { Scenario } from './scenario.ts'

/** A hundred events, one at a turn of the event loop, so that they meet every stage of the upgrade. */
function emitOverTime(emitter: any, n = 0): void {
  if (n === 100) return
  emitter.emit('n', n)
  setTimeout(() => emitOverTime(emitter, n + 1), 1)
}

export const engine: Scenario[] = [
  {
    name: 'upgrade from polling to WebSocket on both sides',
    api: '6, 7',
    run: async (run) => {
      const io = await run.serve()
      const upgraded = run.calls(2, 'both upgrades')
      io.on('connection', ({ conn }: any) => {
        run.s(conn.transport.name, conn.upgraded, conn.readyState)
        conn.on(
          'upgrade',
          (transport: any) => (
            run.s('upgrade', transport.name, conn.transport.name, conn.upgraded),
            upgraded.call()
          ),
        )
      })
      const socket = run.client('/', { transports: ['polling', 'websocket'] })
      socket.io.on('open', () => {
        const { engine } = socket.io
        run.c(engine.transport.name)
        engine.on(
          'upgrade',
          (transport: any) => (run.c('upgrade', transport.name, engine.transport.name), upgraded.call()),
        )
      })
      await upgraded.all
      run.c(socket.io.engine.transport.name, socket.io.engine.readyState)
    },
  },
  {
    name: 'upgrade keeps what is sent meanwhile in order',
    api: '6, 7',
    run: async (run) => {
      const io = await run.serve()
      const arrive = run.calls(200, 'all events of both')
      io.on('connection', (peer: any) => {
        peer.on('n', (n: number) => (run.s(n), arrive.call()))
        emitOverTime(peer)
      })
      const socket = run.client('/', { transports: ['polling', 'websocket'] })
      socket.on('n', (n: number) => (run.c(n), arrive.call()))
      socket.on('connect', () => emitOverTime(socket))
      await arrive.all
    },
  },
  {
    name: 'server that allows no upgrades',
    api: '7',
    run: async (run) => {
      await run.serve({ allowUpgrades: false })
      const { socket, peer } = await run.connected('/', { transports: ['polling', 'websocket'] })
      await run.fence(socket, peer)
      run.c(socket.io.engine.transport.name, socket.io.engine.upgrades)
      run.s(peer.conn.transport.name, peer.conn.upgraded)
    },
  },
  {
    name: 'client that does not want to upgrade',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected('/', {
        transports: ['polling', 'websocket'],
        upgrade: false,
      })
      await run.fence(socket, peer)
      run.c(socket.io.engine.transport.name)
      run.s(peer.conn.transport.name)
    },
  },
  {
    name: 'upgrade that is refused leaves the session on polling',
    api: '6, 7',
    run: async (run) => {
      const io = await run.serve()
      io.engine.use((req: any, _res: any, next: any) =>
        next(req._query.transport === 'polling' ? undefined : new Error('no')),
      )
      io.engine.on('connection_error', ({ code, message }: any) => run.s('connection_error', code, message))
      const socket = run.client('/', { transports: ['polling', 'websocket'] })
      const fails = new Promise<any>((resolve) =>
        socket.io.on('open', () => socket.io.engine.on('upgradeError', resolve)),
      )
      const [peerArgs] = await Promise.all([run.once(io, 'connection'), run.once(socket, 'connect')])
      const error = await run.within(fails, 'upgradeError')
      run.c(error.message, error.transport, socket.connected, socket.io.engine.transport.name)
      await run.fence(socket, peerArgs[0])
      run.c('still there')
    },
  },
  {
    name: 'WebSocket first',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected('/', { transports: ['websocket', 'polling'] })
      run.c(socket.io.engine.transport.name, socket.io.engine.upgrades)
      run.s(peer.conn.transport.name, peer.handshake.query.transport)
    },
  },
  ...[false, true].map((tryAllTransports): Scenario => ({
    name: `first transport is refused with tryAllTransports: ${tryAllTransports}`,
    api: '6',
    run: async (run) => {
      await run.serve({ transports: ['polling'] })
      const socket = run.watch(run.client('/', { transports: ['websocket', 'polling'], tryAllTransports }))
      await run.once(socket, tryAllTransports ? 'connect' : 'connect_error')
      run.c(socket.connected, socket.connected ? socket.io.engine.transport.name : '')
    },
  })),
  {
    name: 'no transports',
    api: '6',
    run: async (run) => {
      await run.serve()
      const socket = run.client('/', { transports: [] })
      const [error] = await run.once(socket, 'connect_error')
      run.c(error.message, error instanceof Error ? 'Error' : error)
    },
    differs: {
      of: 'client',
      reason: '`connect_error` gives an Error as always; officially a string here',
      change: ({ server, client }) => ({ server, client: client.map(() => 'No transports available Error') }),
    },
  },
  {
    name: 'packets in socket.conn',
    api: '7',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.conn.on('packet', ({ type, data }: any) => run.s('packet', type, data))
      peer.conn.on('packetCreate', ({ type, data }: any) => run.s('packetCreate', type, data))
      const arrives = run.once(peer, 'in')
      socket.emit('in', 1)
      await arrives
      const comes = run.once(socket, 'out')
      peer.emit('out', 2)
      await comes
    },
  },
  {
    name: 'drain of socket.conn',
    api: '7',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const drained = run.once(peer.conn, 'drain')
      const comes = run.once(socket, 'out')
      peer.emit('out')
      await drained
      await comes
      run.s('drain', peer.conn.writeBuffer.length)
    },
  },
  {
    name: 'close of socket.conn',
    api: '7',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.conn.on('close', (reason: string) => run.s('close', reason, peer.conn.readyState))
      const closes = run.once(peer.conn, 'close')
      socket.disconnect()
      await closes
      await new Promise((resolve) => setImmediate(resolve))
      run.s(run.io.engine.clientsCount)
    },
  },
  {
    name: 'fields of socket.conn, socket.client and socket.request',
    api: '4, 7',
    run: async (run) => {
      const io = await run.serve()
      const { peer } = await run.connected()
      const { conn, client, request } = peer
      run.s(
        conn.id,
        conn.protocol,
        conn.readyState,
        conn.transport.name,
        conn.upgrading,
        conn.upgraded,
        conn.writeBuffer,
      )
      run.s(
        client.conn === conn,
        client.request === request,
        conn.request === request,
        client.id === conn.id,
        client.server === io,
      )
      run.s(
        conn.id === peer.id,
        peer.server === io,
        peer.adapter === io.of('/').adapter,
        request._query.EIO,
        peer.flags,
      )
      run.s(peer.acks instanceof Map, io.engine.clients[conn.id] === conn)
    },
  },
  {
    name: 'events of the engine of a client',
    api: '6',
    run: async (run) => {
      await run.serve()
      const socket = run.client('/', { autoConnect: false })
      socket.io.connect()
      const { engine } = socket.io
      engine.on('handshake', (data: any) =>
        run.c('handshake', Object.keys(data), data.pingInterval, data.maxPayload),
      )
      for (const event of ['open', 'close']) engine.on(event, (reason: unknown) => run.c(event, reason))
      engine.on('packet', ({ type, data }: any) => run.c('packet', type, typeof data))
      const opens = run.once(socket, 'connect')
      socket.connect()
      await opens
      run.c(engine.id, engine.readyState, engine.transport.name, engine.writeBuffer)
      socket.disconnect()
    },
  },
  {
    name: 'packets in the manager',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      socket.io.on('packet', ({ type, nsp, data, id }: any) => run.c('packet', type, nsp, data, id))
      const comes = run.once(socket, 'out')
      peer.emit('out', 1, Buffer.from([1]))
      await comes
      peer.disconnect()
      await run.once(socket, 'disconnect')
    },
  },
  {
    name: 'ping of the server reaches the manager',
    api: '6',
    run: async (run) => {
      await run.serve({ pingInterval: 50, pingTimeout: 5_000 })
      const { socket, peer } = await run.connected()
      const beats = run.once(peer.conn, 'heartbeat')
      run.c('ping', await run.once(socket.io, 'ping'))
      run.s('heartbeat', await beats)
    },
  },
  {
    name: 'server whose client stays silent',
    api: '7, 10',
    run: async (run) => {
      await run.serve({ pingInterval: 500, pingTimeout: 1_000 })
      const { socket, peer } = await run.connected()
      peer.on('disconnect', (reason: string) => run.s('disconnect', reason))
      const gone = run.once(peer, 'disconnect')
      // What it would send is dropped, pongs too.
      socket.io.engine.transport.send = () => {}
      await gone
    },
  },
  {
    name: 'http server given later, by attach and listen',
    api: '2',
    run: async (run) => {
      const io = await run.serve()
      const { Server } = run.pair.server.module
      const later = new Server({ path: '/later' })
      run.s(later.engine === undefined, later.httpServer === undefined, typeof later.of('/x'))
      run.s(
        run.attempt(() => later.attach(run.http) === later),
        later.httpServer === run.http,
      )
      const comes = run.once(later, 'connection')
      const socket = run.client('/', { path: '/later' })
      await Promise.all([comes, run.once(socket, 'connect')])
      run.c('connect')
      later.engine.close()
      run.s(run.attempt(() => new Server(() => {})))
      run.s(run.attempt(() => io.attach(() => {})))
    },
    differs: {
      of: 'server',
      reason: 'the error about a function instead of a server says what to do in other words',
      change: ({ server, client }) => ({
        server: server.map((line) =>
          line.startsWith('throws')
            ? 'throws TidewireError: Cannot attach to a function; got an Express application?, expected an http.Server. Create the server with http.createServer(app) and pass that'
            : line,
        ),
        client,
      }),
    },
  },
  {
    name: 'io.engine counts its clients',
    api: '7',
    run: async (run) => {
      const io = await run.serve()
      const a = await run.connected()
      await run.connected()
      run.s(io.engine.clientsCount, Object.keys(io.engine.clients).length)
      const closes = run.once(a.peer.conn, 'close')
      a.socket.disconnect()
      await closes
      run.s(io.engine.clientsCount)
    },
  },
]
