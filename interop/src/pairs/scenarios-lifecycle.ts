// Scenarios about connections that end and come back: reasons, the manager's events, closing, opening again, recovery.
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Run, Scenario } from './scenario.ts'

const TRANSPORTS = ['polling', 'websocket'] as const
const MANAGER_EVENTS = [
  'open',
  'close',
  'error',
  'reconnect_attempt',
  'reconnect',
  'reconnect_error',
  'reconnect_failed',
]

function watchManager(run: Run, manager: any): void {
  for (const event of MANAGER_EVENTS) {
    manager.on(event, (...args: any[]) =>
      run.c(`manager ${event}`, ...args.slice(0, 1).map((arg) => (arg instanceof Error ? arg.message : arg))),
    )
  }
}

/** A port on which nothing listens. */
async function deadPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const reasons = TRANSPORTS.flatMap((transport): Scenario[] => [
  {
    name: `server's engine socket closes (${transport})`,
    api: '4, 6, 7, 10',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected('/', { transports: [transport] })
      peer.on('disconnect', (reason: string) => run.s('disconnect', reason))
      run.watch(socket)
      const left = run.once(socket, 'disconnect')
      peer.conn.close()
      await left
      run.c(socket.active, socket.io._readyState)
    },
  },
  {
    name: `client's engine closes (${transport})`,
    api: '4, 6, 10',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected('/', { transports: [transport] })
      run.watch(socket)
      const left = Promise.all([run.once(socket, 'disconnect'), run.once(peer, 'disconnect')])
      socket.io.engine.close()
      const [, [reason]] = await left
      run.s('disconnect', reason)
    },
  },
  {
    name: `server closes (${transport})`,
    api: '2, 10',
    run: async (run) => {
      const io = await run.serve()
      const { socket, peer } = await run.connected('/', { transports: [transport] })
      peer.on('disconnecting', (reason: string) => run.s('disconnecting', reason))
      peer.on('disconnect', (reason: string) => run.s('disconnect', reason))
      run.watch(socket)
      const left = run.once(socket, 'disconnect')
      const closed = run.calls(1, 'callback of close')
      const promise = io.close(closed.call)
      run.s(promise instanceof Promise)
      await left
      run.http.closeAllConnections()
      run.s('callback', (await closed.all)[0])
      run.s('promise', await promise)
      run.s(run.http.listening)
    },
  },
])

const recovery: Scenario[] = [true, false].map((hasEvent): Scenario => ({
  name: `session is recovered after ${hasEvent ? 'an event' : 'no event'} was received`,
  api: '2, 4, 6, 10',
  run: async (run) => {
    const io = await run.serve({ connectionStateRecovery: {} })
    io.on('connection', (peer: any) => run.s('connection', peer.recovered, peer.rooms.size, peer.data))
    const { socket, peer } = await run.connected('/', { reconnection: true, reconnectionDelay: 200 })
    peer.join('room')
    peer.data.name = 'kept'
    if (hasEvent) {
      const arrives = run.once(socket, 'before')
      peer.emit('before')
      await arrives
    }
    const { id } = socket
    socket.on('missed', (...args: any[]) => run.c('missed', args.slice(0, 1)))
    const gone = run.once(peer, 'disconnect')
    const returns = run.once(socket, 'connect')
    socket.io.engine.close()
    await gone
    io.to('room').emit('missed', 1)
    await returns
    run.c(socket.recovered, socket.id === id)
  },
  ...(hasEvent
    ? {}
    : {
        differs: {
          of: 'server' as const,
          reason:
            'recovery works from CONNECT on (SIO-73); officially an event must have been received before',
          change: ({ server }) => ({
            server: [...server.slice(0, -1), 'connection true 2 {"name":"kept"}'],
            client: ['missed [1]', 'true true'],
          }),
        },
      }),
}))

export const lifecycle: Scenario[] = [
  ...reasons,
  ...recovery,
  {
    name: 'client reconnects with the events of the manager',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected('/', { reconnection: true, reconnectionDelay: 200 })
      run.watch(socket)
      watchManager(run, socket.io)
      const back = run.once(socket.io, 'reconnect')
      const first = socket.id
      peer.conn.close()
      await back
      if (!socket.connected) await run.once(socket, 'connect')
      run.c(socket.id === first, socket.connected)
    },
  },
  {
    name: 'reconnection gives up after its attempts',
    api: '6',
    run: async (run) => {
      await run.serve()
      run.port = await deadPort()
      const socket = run.client('/', {
        reconnection: true,
        reconnectionAttempts: 2,
        reconnectionDelay: 10,
        reconnectionDelayMax: 20,
      })
      socket.on('connect_error', (error: any) =>
        run.c('connect_error', error.message, error.type, socket.active),
      )
      watchManager(run, socket.io)
      await run.once(socket.io, 'reconnect_failed')
      run.c(socket.active, socket.io._readyState, socket.io._reconnecting)
    },
  },
  ...TRANSPORTS.map((transport): Scenario => ({
    name: `nothing listens (${transport})`,
    api: '6',
    run: async (run) => {
      await run.serve()
      run.port = await deadPort()
      const socket = run.client('/', { transports: [transport] })
      const [error] = await run.once(socket, 'connect_error')
      run.c(error instanceof Error, error.message, error.type, socket.active, socket.connected)
    },
  })),
  {
    name: 'autoConnect: false waits for connect()',
    api: '6',
    run: async (run) => {
      await run.serve()
      const socket = run.watch(run.client('/', { autoConnect: false }))
      run.c(
        socket.active,
        socket.connected,
        socket.disconnected,
        socket.io._readyState,
        socket.io.engine === undefined,
      )
      run.c(
        run.attempt(() => socket.open() === socket),
        socket.active,
        socket.io._readyState,
      )
      await run.once(socket, 'connect')
      run.c(run.attempt(() => socket.connect() === socket))
    },
  },
  {
    name: 'client disconnects and connects again several times',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket } = await run.connected()
      run.watch(socket)
      watchManager(run, socket.io)
      for (let n = 0; n < 3; n++) {
        socket.disconnect()
        const back = run.once(socket, 'connect')
        socket.connect()
        await back
      }
      run.c(run.attempt(() => socket.close() === socket))
    },
  },
  {
    name: 'client disconnects twice',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket } = await run.connected()
      run.watch(socket)
      watchManager(run, socket.io)
      run.c(
        run.attempt(() => socket.disconnect() === socket),
        run.attempt(() => socket.disconnect() === socket),
      )
    },
    differs: {
      of: 'client',
      reason:
        'the manager tells its close once; officially once more for each disconnect() of a socket that is not connected',
      change: ({ server, client }) => ({
        server,
        client: client.toSpliced(client.lastIndexOf('manager close forced close'), 1),
      }),
    },
  },
  {
    name: 'client disconnects before it is connected',
    api: '6',
    run: async (run) => {
      await run.serve()
      const socket = run.watch(run.client())
      socket.disconnect()
      run.c(socket.active, socket.connected, socket.io._readyState)
      const comes = run.once(socket, 'connect')
      socket.connect()
      await comes
    },
  },
  {
    name: 'manager opens with a callback',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { io } = run.client('/', { autoConnect: false })
      const opened = run.calls(1, 'callback of open')
      run.c(
        run.attempt(() => io.open(opened.call) === io),
        io._readyState,
      )
      run.c((await opened.all)[0], io._readyState)
      run.c(run.attempt(() => io.connect() === io))
    },
  },
  {
    name: 'manager opens in vain with a callback',
    api: '6',
    run: async (run) => {
      await run.serve()
      run.port = await deadPort()
      const { io } = run.client('/', { autoConnect: false, reconnection: true })
      watchManager(run, io)
      const opened = run.calls(1, 'callback of open')
      io.open(opened.call)
      run.c(
        (await opened.all)[0]!.map((error: any) => error.message),
        io._readyState,
        Boolean(io._reconnecting),
      )
    },
  },
  {
    name: 'connection attempt times out',
    api: '6',
    run: async (run) => {
      const silent = createServer((connection) => run.atEnd(() => connection.destroy()))
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      run.atEnd(() => silent.close())
      run.port = (silent.address() as AddressInfo).port
      const socket = run.client('/', { timeout: 50 })
      const [error] = await run.once(socket, 'connect_error')
      run.c(error.message, socket.active, socket.io._readyState)
    },
  },
  {
    name: 'pending acknowledgements at the end of the connection',
    api: '6, 10',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      socket.emit('nobody', (...args: any[]) => run.c('plain', args))
      socket.timeout(5_000).emit('nobody', (...args: any[]) => run.c('timeout', args))
      const rejected = socket.emitWithAck('nobody').catch((error: Error) => run.c('emitWithAck', error))
      const left = run.once(socket, 'disconnect')
      peer.disconnect()
      await Promise.all([left, rejected])
    },
  },
  {
    name: 'buffered event with time-out that is never connected',
    api: '6',
    run: async (run) => {
      await run.serve()
      const socket = run.client('/', { autoConnect: false })
      const answers = run.calls(1, 'the time-out')
      socket.timeout(20).emit('x', answers.call)
      run.c(socket.sendBuffer.length)
      run.c((await answers.all)[0], socket.sendBuffer.length)
    },
  },
  {
    name: 'client that joins no namespace is closed after connectTimeout',
    api: '2',
    run: async (run) => {
      const io = await run.serve({ connectTimeout: 500 })
      const gone = run.once(io.engine, 'connection').then(([conn]) => run.once(conn, 'close'))
      const { io: manager } = run.client('/', { autoConnect: false })
      const closed = run.once(manager, 'close')
      manager.open()
      run.c('close', (await closed)[0])
      run.s('close', (await gone)[0])
    },
  },
  ...TRANSPORTS.map((transport): Scenario => ({
    name: `message over maxHttpBufferSize (${transport})`,
    api: '7, 10',
    run: async (run) => {
      await run.serve({ maxHttpBufferSize: 1_000 })
      const { socket, peer } = await run.connected('/', { transports: [transport] })
      const left = Promise.all([run.once(socket, 'disconnect'), run.once(peer, 'disconnect')])
      // Past the sockets, where our client would refuse it.
      socket.io.engine.write(`42["big","${'x'.repeat(5_000)}"]`)
      const [[reason], [theirs]] = await left
      run.c('disconnect', reason)
      run.s('disconnect', theirs)
    },
  })),
  {
    name: 'emit over maxHttpBufferSize',
    api: '6, 10',
    run: async (run) => {
      await run.serve({ maxHttpBufferSize: 1_000 })
      const { socket } = await run.connected('/', { transports: ['websocket'] })
      const told = new Promise<string>((resolve) => {
        for (const name of ['disconnect', 'emit_error']) socket.on(name, () => resolve(name))
      })
      socket.emit('big', 'x'.repeat(5_000))
      run.c(await told, socket.connected)
    },
    differs: {
      of: 'client',
      reason: '`emit_error` (or an error to the callback) and a connection that stays; officially the server closes it without a word',
      change: ({ server }) => ({ server, client: ['emit_error true'] }),
    },
  },
  {
    name: 'malformed packet ends the connection',
    api: '4, 9',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      run.watch(socket)
      const left = Promise.all([run.once(socket, 'disconnect'), run.once(peer, 'disconnect')])
      socket.io.engine.write('2["unfinished')
      const [, [reason]] = await left
      run.s('disconnect', reason)
    },
  },
  {
    name: 'malformed packet of the server ends the connection',
    api: '6, 9',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      run.watch(socket)
      const left = Promise.all([run.once(socket, 'disconnect'), run.once(peer, 'disconnect')])
      peer.conn.write('2["unfinished')
      const [, [reason]] = await left
      run.s('disconnect', reason)
    },
  },
  {
    name: 'packet for a namespace that is not joined ends the connection',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      const left = Promise.all([run.once(socket, 'disconnect'), run.once(peer, 'disconnect')])
      socket.io.engine.write('2/other,["event"]')
      const [[reason], [theirs]] = await left
      run.c('disconnect', reason)
      run.s('disconnect', theirs)
    },
  },
]
