// Members that no document names and that adapters, tools and applications use all the same: what they hold, and what using them does.
import { createRequire } from 'node:module'
import type { Scenario } from './scenario.ts'

const wildcard = createRequire(import.meta.url)('socketio-wildcard')

/** A stretch that one member is tried in; its name is the member's. */
function member(name: string, run: Scenario['run'], differs?: Scenario['differs']): Scenario {
  return {
    name: `undocumented: ${name}`,
    api: '2, 4, 6, 7',
    run,
    ...(differs === undefined ? {} : { differs }),
  }
}

/** The wildcard listener that applications paste: the original twice, the second time under the name "*". */
function pasteWildcard(socket: any): void {
  const { onevent } = socket
  socket.onevent = function wildcard(this: any, packet: any) {
    const args = packet.data || []
    onevent.call(this, packet)
    packet.data = ['*'].concat(args)
    onevent.call(this, packet)
  }
}

const ofServer: Scenario[] = [
  member('io.httpServer, io.eio, io.engine, io._nsps, io.opts', async (run) => {
    const io = await run.serve({ pingInterval: 12_345 })
    io.of('/other')
    run.s(io.httpServer === run.http, io.eio === io.engine, io.opts.pingInterval, io._opts.pingInterval)
    run.s([...io._nsps.keys()], io._nsps.get('/') === io.sockets, io._nsps.get('/other') === io.of('/other'))
    await run.connected()
    run.s(io._nsps.get('/').sockets.size)
    // What some applications do to take a namespace away.
    io._nsps.delete('/other')
    const refused = run.watch(run.client('/other'))
    await run.once(refused, 'connect_error')
  }),
  member('engine.clients, clientsCount, opts, and the sessions in it', async (run) => {
    const io = await run.serve()
    const { peer } = await run.connected()
    await run.connected('/', { transports: ['polling'] })
    const { engine } = io
    run.s(Object.keys(engine.clients).length, engine.clientsCount, engine.clients[peer.conn.id] === peer.conn)
    run.s(
      Object.values(engine.clients)
        .map(({ transport }: any) => transport.name)
        .toSorted(),
    )
    run.s(engine.opts.pingTimeout, engine.opts.maxHttpBufferSize, engine.opts.transports)
    const gone = run.once(peer, 'disconnect')
    engine.clients[peer.conn.id].close()
    run.s((await gone)[0], Object.keys(engine.clients).length, engine.clientsCount)
  }),
  member('socket.request._query, handshake.query', async (run) => {
    await run.serve()
    const { peer } = await run.connected('/', { query: { a: '1', b: 'x y' } })
    const { a, b, EIO, transport } = peer.request._query
    run.s(a, b, EIO, transport, peer.handshake.query === peer.request._query)
  }),
  member(
    'socket.conn: transport.name, readyState, writeBuffer, packet, packetCreate, drain, upgrade',
    async (run) => {
      const io = await run.serve()
      const upgraded = new Promise<any>((resolve) =>
        io.on('connection', (peer: any) =>
          peer.conn.on('upgrade', (transport: any) => resolve([peer, transport])),
        ),
      )
      const socket = run.client('/', { transports: ['polling', 'websocket'] })
      const [peer, transport] = await run.within(upgraded, 'the upgrade')
      const { conn } = peer
      run.s(
        transport.name,
        conn.transport.name,
        conn.transport === transport,
        conn.readyState,
        conn.writeBuffer.length,
      )
      await run.fence(socket, peer)
      const seen: string[] = []
      conn.on('packet', ({ type, data }: any) => seen.push(`packet ${type} ${data}`))
      conn.on('packetCreate', ({ type, data }: any) => seen.push(`packetCreate ${type} ${data}`))
      const drained = run.once(conn, 'drain')
      peer.emit('a', 1)
      run.s(conn.writeBuffer.length <= 1)
      await drained
      run.s(conn.writeBuffer.length)
      const arrives = run.once(peer, 'b')
      socket.emit('b', 2)
      await arrives
      run.s(seen)
    },
  ),
  member('socket.client: conn, request, id, sockets, nsps, server', async (run) => {
    const io = await run.serve()
    io.of('/other')
    const socket = run.client()
    const [peer] = await run.once(io, 'connection')
    const joins = run.once(io.of('/other'), 'connection')
    run.own(socket.io.socket('/other'))
    const [other] = await joins
    const { client } = peer
    run.s(
      client.conn === peer.conn,
      client.request === peer.request,
      client.id === peer.conn.id,
      client.server === io,
    )
    run.s(
      client === other.client,
      client.sockets.size,
      [...client.nsps.keys()],
      client.sockets.get(peer.id) === peer,
    )
    client.user = { name: 'of the application' }
    run.s(other.client.user)
  }),
  member('socket.client.writeToEngine, io.encoder', async (run) => {
    const io = await run.serve()
    const { socket, peer } = await run.connected()
    const heard = run.once(socket, 'by hand')
    const encoded = io.encoder.encode({ type: 2, nsp: '/', data: ['by hand', Buffer.from([1])] })
    run.s(encoded)
    peer.client.writeToEngine(encoded, {})
    run.c(await heard)
  }),
  member('adapter.rooms, adapter.sids, namespace.sockets', async (run) => {
    const io = await run.serve()
    const { peer } = await run.connected()
    await peer.join(['a', 'b'])
    const { adapter, sockets } = io.of('/')
    run.s([...adapter.rooms.keys()].length, adapter.rooms.get('a').has(peer.id), adapter.rooms.get('a').size)
    run.s(
      adapter.sids.get(peer.id).has('b'),
      adapter.sids.size,
      sockets.get(peer.id) === peer,
      [...sockets.keys()].length,
    )
    run.s(io.sockets.adapter === adapter, adapter.nsp === io.of('/'), peer.nsp.adapter === adapter)
    peer.leave('a')
    run.s(adapter.rooms.has('a'))
  }),
  member('namespace._ids written, socket.acks, as adapters with acknowledgements do', async (run) => {
    const io = await run.serve()
    const { socket, peer } = await run.connected()
    const namespace = io.of('/')
    const id = namespace._ids++
    run.s(typeof id, namespace._ids === id + 1)
    const answered = new Promise((resolve) => peer.acks.set(id, (...args: any[]) => resolve(args)))
    socket.on('ask', (answer: any) => answer('yes', 7))
    peer.packet({ type: 2, data: ['ask'], id })
    run.s(await run.within(answered, 'the answer'), peer.acks.size)
  }),
  member('socket.notifyOutgoingListeners', async (run) => {
    await run.serve()
    const { peer } = await run.connected()
    peer.onAnyOutgoing((...args: any[]) => run.s('outgoing', args))
    peer.notifyOutgoingListeners({ type: 2, data: ['told', 1] })
  }),
  member('namespace._onServerSideEmit, namespace.server, namespace._fns', async (run) => {
    const io = await run.serve()
    io.on('side', (...args: any[]) => run.s('side', args))
    io.of('/')._onServerSideEmit(['side', 1, 'two'])
    io.use((_socket: any, next: any) => next())
    run.s(io.of('/').server === io, io.of('/')._fns.length)
  }),
  member("onevent of the server's socket replaced by the wildcard that is pasted", async (run) => {
    const io = await run.serve()
    io.use((socket: any, next: any) => (pasteWildcard(socket), next()))
    const { socket, peer } = await run.connected()
    peer.on('*', (...args: any[]) => run.s('*', args.slice(0, 2)))
    peer.on('x', (n: number) => run.s('x', n))
    peer.on('y', (answer: any) => answer('answered'))
    socket.emit('x', 1)
    run.c(await run.within(socket.emitWithAck('y'), 'the answer'))
  }),
  member("onevent and ack of the server's socket, as socketio-wildcard uses them", async (run) => {
    const io = await run.serve()
    io.use(wildcard())
    const { socket, peer } = await run.connected()
    peer.on('*', ({ type, nsp, data, id }: any) => run.s('*', type, nsp, data.slice(0, 2), id))
    peer.on('x', (n: number, answer: any) => answer(n + 1))
    run.c(await run.within(socket.emitWithAck('x', 1), 'the answer'))
    socket.emit('unheard', 2)
    await run.fence(socket, peer)
  }),
]

const ofClient: Scenario[] = [
  member('manager.engine, manager._close(), manager.nsps', async (run) => {
    await run.serve()
    const { socket } = await run.connected()
    const { io: manager } = socket
    run.c(
      manager.engine.transport.name,
      manager.engine.readyState,
      typeof manager.engine.id,
      Object.keys(manager.nsps),
    )
    const { engine } = manager
    const gone = run.once(socket, 'disconnect')
    manager._close()
    run.c((await gone)[0], engine.readyState, manager._readyState)
  }),
  member('socket.sendBuffer, socket.receiveBuffer', async (run) => {
    await run.serve()
    const socket = run.client('/', { autoConnect: false })
    socket.emit('early', 1)
    socket.emit('early', 2)
    run.c(
      socket.sendBuffer.length,
      socket.receiveBuffer.length,
      socket.sendBuffer.map(({ data }: any) => data),
    )
    // Applications empty it to forget what waits.
    socket.sendBuffer = []
    const arrives = run.once(run.io, 'connection')
    socket.connect()
    const [peer] = await arrives
    const heard: any[] = []
    peer.on('early', (n: number) => heard.push(n))
    await run.fence(socket, peer)
    run.s(heard)
  }),
  member("onevent of the client's socket replaced by the wildcard that is pasted", async (run) => {
    await run.serve()
    const { socket, peer } = await run.connected()
    pasteWildcard(socket)
    socket.on('*', (...args: any[]) => run.c('*', args.slice(0, 2)))
    socket.on('x', (n: number) => run.c('x', n))
    socket.on('y', (answer: any) => answer('answered'))
    peer.emit('x', 1)
    run.s(await run.within(peer.emitWithAck('y'), 'the answer'))
  }),
  member("onevent and ack of the client's socket, as socketio-wildcard uses them", async (run) => {
    await run.serve()
    const { socket, peer } = await run.connected()
    wildcard(run.pair.client.module.Manager)(socket)
    socket.on('*', ({ type, nsp, data }: any) => run.c('*', type, nsp, data.slice(0, 2)))
    socket.on('x', (n: number, answer: any) => answer(n + 1))
    run.s(await run.within(peer.emitWithAck('x', 1), 'the answer'))
    peer.emit('unheard', 2)
    await run.fence(socket, peer)
  }),
]

export const undocumented: Scenario[] = [...ofServer, ...ofClient]
