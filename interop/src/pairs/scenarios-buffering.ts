// Scenarios about events that cannot leave or arrive yet: kept, sent later, sent again, given up.
import type { Scenario } from './scenario.ts'

export const buffering: Scenario[] = [
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
      const socket = run.client('/', { retries: 3, ackTimeout: 400 })
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
]
