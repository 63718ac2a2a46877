// Scenarios about acknowledgements in both directions, time-outs, and broadcasts that wait for answers.
import type { Scenario } from './scenario.ts'

export const acknowledgements: Scenario[] = [
  ...(['polling', 'websocket'] as const).flatMap((transport): Scenario[] => [
    {
      name: `client is answered with several values (${transport})`,
      api: '4, 6',
      run: async (run) => {
        await run.serve()
        const { socket, peer } = await run.connected('/', { transports: [transport] })
        peer.on('ask', (...args: any[]) => {
          run.s('ask', args)
          args.pop()('yes', { n: 1 }, null, Buffer.from([1, 2]))
        })
        const answers = run.calls(1, 'the answer')
        run.c(run.attempt(() => socket.emit('ask', 1, 'two', [3], answers.call) === socket))
        run.c((await answers.all)[0])
      },
    },
    {
      name: `server is answered with several values (${transport})`,
      api: '4, 6',
      run: async (run) => {
        await run.serve()
        const { socket, peer } = await run.connected('/', { transports: [transport] })
        socket.on('ask', (...args: any[]) => {
          run.c('ask', args)
          args.pop()('yes', { n: 1 }, Buffer.from([1, 2]))
        })
        const answers = run.calls(1, 'the answer')
        run.s(run.attempt(() => peer.emit('ask', 1, answers.call)))
        run.s((await answers.all)[0])
      },
    },
  ]),
  {
    name: 'emitWithAck resolves with the first value on both sides',
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.on('ask', (done: any) => done('server', 'second'))
      socket.on('ask', (done: any) => done('client', 'second'))
      run.c(await socket.emitWithAck('ask'), await socket.timeout(5_000).emitWithAck('ask'))
      run.s(await peer.emitWithAck('ask'), await peer.timeout(5_000).emitWithAck('ask'))
    },
  },
  {
    name: 'time-out of an acknowledgement on the client',
    api: '6',
    run: async (run) => {
      await run.serve()
      const { socket } = await run.connected()
      const answers = run.calls(1, 'the time-out')
      socket.timeout(20).emit('nobody', answers.call)
      run.c((await answers.all)[0])
      run.c(
        await socket
          .timeout(20)
          .emitWithAck('nobody')
          .catch((error: Error) => error),
      )
    },
  },
  {
    name: 'time-out of an acknowledgement on the server',
    api: '4',
    run: async (run) => {
      await run.serve()
      const { peer } = await run.connected()
      const answers = run.calls(1, 'the time-out')
      peer.timeout(20).emit('nobody', answers.call)
      run.s((await answers.all)[0])
      run.s(
        await peer
          .timeout(20)
          .emitWithAck('nobody')
          .catch((error: Error) => error),
      )
    },
  },
  {
    name: 'answer in time under timeout',
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.on('ask', (value: any, done: any) => done(value, 2))
      socket.on('ask', (value: any, done: any) => done(value, 2))
      const answers = run.calls(2, 'both answers')
      socket.timeout(5_000).emit('ask', 1, (...args: any[]) => (run.c(args), answers.call()))
      peer.timeout(5_000).emit('ask', 1, (...args: any[]) => (run.s(args), answers.call()))
      await answers.all
    },
  },
  {
    name: 'second answer is dropped',
    api: '4, 6',
    run: async (run) => {
      await run.serve()
      const { socket, peer } = await run.connected()
      peer.on('ask', (done: any) => (done(1), done(2)))
      socket.on('ask', (done: any) => (done(1), done(2)))
      socket.emit('ask', (...args: any[]) => run.c(args))
      peer.emit('ask', (...args: any[]) => run.s(args))
      await run.fence(socket, peer)
      await run.fence(socket, peer)
    },
  },
]
