// The scenarios of the recorded sessions, played again: what the application did at each end. `play` returns when the client has seen
// what ends the scenario; what must be on the wire by then is in the recording. Clients of 1.x and 2.x differ from later ones in the
// names of errors and in how they say who they are.
import { setTimeout as delay } from 'node:timers/promises'
import type { Server } from 'tidewire'

/** A socket of any client version: they share these methods. */
export interface AnyClient {
  on(event: string, listener: (...args: any[]) => void): unknown
  once(event: string, listener: (...args: any[]) => void): unknown
  emit(event: string, ...args: unknown[]): unknown
  disconnect(): unknown
  connect(): unknown
  timeout(ms: number): AnyClient
  io: { socket(nsp: string): AnyClient; engine: { write(data: string): unknown; close(): unknown } }
}

export interface Play {
  io: Server
  revision: 3 | 4
  open(nsp?: string, options?: Record<string, unknown>): AnyClient
  close(): Promise<void>
}

export interface Scenario {
  serve?: (io: Server, revision: 3 | 4) => void
  play: (play: Play) => Promise<void>
}

const once = (client: AnyClient, ...events: string[]): Promise<unknown[]> =>
  new Promise((resolve) => {
    for (const event of events) client.once(event, (...args) => resolve(args))
  })
const connect = async (play: Play, nsp?: string, options?: Record<string, unknown>): Promise<AnyClient> => {
  const client = play.open(nsp, options)
  await once(client, 'connect')
  return client
}
const refused = async (play: Play, nsp?: string): Promise<void> => {
  await once(play.open(nsp), play.revision === 3 ? 'error' : 'connect_error')
}
const refusal = (message: string, data?: unknown): Error =>
  Object.assign(new Error(message), data === undefined ? {} : { data })
/** Sends a Socket.IO packet that the client itself would never send. */
const sendRaw =
  (packet: string) =>
  async (play: Play): Promise<void> => {
    const client = await connect(play)
    client.io.engine.write(packet)
    await once(client, 'disconnect')
  }
const serverDisconnects = (close: boolean): Scenario => ({
  // Later than the answer to the connect, which would otherwise share its payload.
  serve: (io) => io.on('connection', (socket) => void delay(60).then(() => socket.disconnect(close))),
  play: async (play) => {
    await once(play.open(), 'disconnect')
  },
})
const UNICODE = 'hé € 😀 \u2028'

export const scenarios: Record<string, Scenario> = {
  connect: { play: async (play) => void (await connect(play)) },
  'namespace-custom': {
    serve: (io) => void io.of('/admin'),
    play: async (play) => {
      const v3 = { query: { token: 'a b', x: '1' } }
      await connect(play, '/admin', play.revision === 3 ? v3 : { query: { q: 1 }, auth: { token: 'a b' } })
    },
  },
  'namespace-two-on-one-connection': {
    serve: (io) => void (io.of('/a'), io.of('/b')),
    play: async (play) => {
      const a = await connect(play, '/a')
      await once(a.io.socket('/b'), 'connect')
    },
  },
  'namespace-middleware-refusal': {
    serve: (io) => void io.of('/priv').use((_socket, next) => next(refusal('no entry', { code: 42 }))),
    play: (play) => refused(play, '/priv'),
  },
  'namespace-middleware-refusal-nodata': {
    serve: (io) => void io.of('/priv').use((_socket, next) => next(refusal('no entry'))),
    play: (play) => refused(play, '/priv'),
  },
  'root-middleware-refusal': {
    serve: (io) => void io.use((_socket, next) => next(refusal('go away'))),
    play: (play) => refused(play),
  },
  'root-middleware-accept': {
    serve: (io) => void io.use((_socket, next) => void delay(30).then(() => next())),
    play: async (play) => void (await connect(play)),
  },
  'namespace-unknown': { play: (play) => refused(play, '/nope') },
  event: {
    serve: (io) =>
      io.on('connection', (socket) =>
        socket.on('hello', () => socket.emit('back', 1, 'two', { three: [3] }, null)),
      ),
    play: async (play) => {
      const client = await connect(play)
      client.emit('hello', { a: 1 }, 'x')
      await once(client, 'back')
    },
  },
  ack: {
    serve: (io) =>
      io.on('connection', (socket) => {
        socket.on('q', (n: number, answer: (...args: unknown[]) => void) => answer('ok', n + 1))
        socket.emit('ask', 5, () => undefined)
      }),
    play: async (play) => {
      const client = play.open()
      const [n, answer] = (await once(client, 'ask')) as [number, (n: number) => void]
      answer(n * 2)
      await new Promise((resolve) => client.emit('q', 7, resolve))
    },
  },
  binary: {
    serve: (io) =>
      io.on('connection', (socket) =>
        socket.on('bin', (_bytes: Buffer, _nested: object, answer: (bytes: Buffer) => void) => {
          socket.emit('bin2', { deep: [Buffer.from('hi'), { k: Buffer.from([9]) }], n: 1 })
          answer(Buffer.from([7, 8]))
        }),
      ),
    play: async (play) => {
      const client = await connect(play)
      await new Promise((resolve) =>
        client.emit('bin', Buffer.from([0, 1, 2, 250, 255]), { x: Buffer.alloc(0) }, resolve),
      )
    },
  },
  broadcast: {
    serve: (io) => {
      let seen = 0
      io.on('connection', (socket) => {
        if (++seen === 2) void socket.join('room')
        socket.on('bc', () => {
          socket.broadcast.emit('others', 1)
          io.emit('all', 2)
          io.to('room').emit('room', 3)
        })
      })
    },
    play: async (play) => {
      const first = await connect(play)
      const second = await connect(play)
      const all = [once(first, 'all'), once(second, 'room')]
      first.emit('bc')
      await Promise.all(all)
    },
  },
  'disconnect-by-client': {
    play: async (play) => {
      const client = await connect(play)
      // The client parks its poll after it has reported the connection.
      await delay(80)
      client.disconnect()
    },
  },
  'disconnect-client-namespace-only': {
    serve: (io) => void io.of('/a'),
    play: async (play) => {
      const a = await connect(play, '/a')
      if (play.revision === 4) await once(a.io.socket('/'), 'connect')
      else a.io.socket('/')
      await delay(20)
      a.disconnect()
    },
  },
  'disconnect-by-server-namespace': serverDisconnects(false),
  'disconnect-by-server-close': serverDisconnects(true),
  recovery: {
    serve: (io) =>
      io.on('connection', (socket) => {
        if (socket.recovered) return
        void socket.join('r1')
        void delay(40).then(() => socket.emit('hi', 'first'))
        socket.on('disconnect', () => {
          io.to('r1').emit('missed', 1)
          io.to('r1').emit('missed', Buffer.from([1, 2]))
        })
      }),
    play: async (play) => {
      const client = await connect(play, '', { reconnection: true, reconnectionDelay: 100 })
      await once(client, 'hi')
      // The client parks its poll after it has handed the event over.
      await delay(60)
      const back = once(client, 'connect')
      client.io.engine.close()
      await back
    },
  },
  'recovery-refused-unknown-pid': {
    play: async (play) => {
      const client = play.open('', { autoConnect: false })
      Object.assign(client, { _pid: 'nope', _lastOffset: 'nope' })
      client.connect()
      await once(client, 'connect')
    },
  },
  'recovery-emit-shapes': {
    serve: (io) =>
      io.on('connection', (socket) => {
        void socket.join('r')
        socket.emit('plain', 'a')
        socket.emit('with-ack', 'b', () => undefined)
        socket.volatile.emit('volatile', 'c')
        io.to('r').emit('room', 'd')
        io.emit('all', 'e')
        socket.emit('bin', Buffer.from([5]))
        io.timeout(1000).emit('broadcast-ack', 'f', () => undefined)
        socket.emit('numbers', 1, 2)
      }),
    play: async (play) => {
      const client = play.open()
      for (const event of ['with-ack', 'broadcast-ack']) {
        client.on(event, (_text: string, answer: (text: string) => void) => answer('r'))
      }
      await once(client, 'numbers')
    },
  },
  'server-close': {
    play: async (play) => {
      const client = await connect(play)
      await delay(50)
      const gone = once(client, 'disconnect')
      await play.close()
      await gone
    },
  },
  'event-burst': {
    serve: (io) =>
      io.on('connection', (socket) => socket.on('n', (n: number) => n === 4 && socket.emit('done'))),
    play: async (play) => {
      const client = await connect(play)
      for (let n = 0; n < 5; n++) client.emit('n', n)
      await once(client, 'done')
    },
  },
  'compression-large': {
    serve: (io) =>
      io.on('connection', (socket) => socket.on('big', (text: string) => socket.emit('big2', text))),
    play: async (play) => {
      const client = await connect(play)
      client.emit('big', 'x'.repeat(3000))
      await once(client, 'big2')
    },
  },
  'event-unicode': {
    serve: (io) => io.on('connection', (socket) => socket.on('u', (text: string) => socket.emit('u2', text))),
    play: async (play) => {
      const client = await connect(play)
      client.emit('u', UNICODE)
      await once(client, 'u2')
    },
  },
  'packet-for-unknown-namespace': { play: sendRaw('2/ghost,["x"]') },
  'parser-error': { play: sendRaw('2{bad') },
  'duplicate-connect-packet': { play: sendRaw('0') },
  'client-timeout-ack': {
    serve: (io) => io.on('connection', (socket) => socket.on('slow', () => undefined)),
    play: async (play) => {
      const client = await connect(play)
      await new Promise((resolve) => client.timeout(100).emit('slow', resolve))
    },
  },
}
