// The one policy for user code that throws or rejects, at every place where the server calls it: the process lives, the error is reported once,
// who waits for an answer gets one, and the next client is served.
import { Adapter } from 'tidewire'
import type { Server, ServerOptions } from 'tidewire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { polling, PollingClient, send, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
const sockets: WireSocket[] = []
let reports: string[] = []

afterEach(async () => {
  reports = []
  for (const { ws } of sockets.splice(0)) ws.terminate()
  await server.close()
})

type Fail = () => never
const WAYS: [string, Fail][] = [
  [
    'throws',
    () => {
      throw new Error('secret')
    },
  ],
  ['rejects', (() => Promise.reject(new Error('secret'))) as unknown as Fail],
]

interface EntryPoint {
  name: string
  options?: (fail: Fail) => Partial<ServerOptions>
  setUp?: (io: Server, fail: Fail) => void
  /** What a client does, and what it gets. */
  act: () => Promise<void>
  /** As what it is reported. */
  event: string
}

async function join(nsp = ''): Promise<WireSocket> {
  const socket = new WireSocket(server.port, websocket(4))
  sockets.push(socket)
  await socket.next()
  socket.ws.send(`40${nsp}`)
  return socket
}

async function joined(): Promise<WireSocket> {
  const socket = await join()
  expect(await socket.next()).toMatch(/^40\{/)
  return socket
}

async function expectRefusedRequest(status: number): Promise<void> {
  const answer = await send(server.port, 'GET', polling(4), { headers: { Origin: 'http://x.example' } })
  expect(answer.status).toBe(status)
  expect(answer.body).not.toContain('secret')
}

/** An event whose acknowledgement gets an error that says nothing of its cause. */
async function expectFailedAck(): Promise<void> {
  const socket = await joined()
  socket.ws.send('427["event"]')
  expect(await socket.next()).toBe(
    '437[{"error":{"code":"TW_ERR_HANDLER","message":"the handler of \\"event\\" failed"}}]',
  )
  // The connection stays.
  socket.ws.send('428["fence"]')
  expect(await socket.next()).toBe('438[]')
}

const onConnection = (use: (socket: any, fail: Fail) => void) => (io: Server, fail: Fail) =>
  void io.on('connection', (socket) => {
    socket.on('fence', (ack: () => void) => ack())
    use(socket, fail)
  })

/** `fail` for the event alone, so that the fence passes. */
const forEvent = (fail: Fail) => (name: unknown) => (name === 'event' ? fail() : undefined)

const ENTRY_POINTS: EntryPoint[] = [
  {
    name: 'an engine middleware',
    setUp: (io, fail) => void io.engine.use(fail),
    act: () => expectRefusedRequest(400),
    event: 'engine middleware',
  },
  {
    name: 'allowRequest',
    options: (fail) => ({ allowRequest: fail }),
    act: () => expectRefusedRequest(403),
    event: 'allowRequest',
  },
  {
    name: 'generateId',
    setUp: (io, fail) => void (io.engine.generateId = fail),
    act: () => expectRefusedRequest(400),
    event: 'generateId',
  },
  {
    name: 'a cors delegate',
    options: (fail) => ({ cors: fail }),
    act: () => expectRefusedRequest(400),
    event: 'cors',
  },
  {
    name: 'an origin function',
    options: (fail) => ({ cors: { origin: fail } }),
    act: () => expectRefusedRequest(400),
    event: 'cors',
  },
  {
    name: 'a middleware of the server',
    setUp: (io, fail) => void io.use(fail),
    act: async () => expect(await (await join()).next()).toBe('44{"message":"internal server error"}'),
    event: 'middleware',
  },
  {
    name: 'a middleware of a namespace',
    setUp: (io, fail) => void io.of('/nsp').use(fail),
    act: async () =>
      expect(await (await join('/nsp,')).next()).toBe('44/nsp,{"message":"internal server error"}'),
    event: 'middleware',
  },
  {
    name: 'a function for namespaces',
    setUp: (io, fail) => void io.of(fail as never),
    act: async () =>
      expect(await (await join('/dyn,')).next()).toBe('44/dyn,{"message":"Invalid namespace"}'),
    event: 'namespace matcher',
  },
  {
    name: 'a "new_namespace" listener',
    setUp: (io, fail) => void io.on('new_namespace', fail).of(/^\/dyn$/),
    act: async () => expect(await (await join('/dyn,')).next()).toMatch(/^40\/dyn,\{/),
    event: 'new_namespace',
  },
  {
    name: 'a "connection" listener',
    setUp: (io, fail) => void io.on('connection', fail),
    act: async () => void (await joined()),
    event: 'connection',
  },
  {
    name: 'a middleware of a socket',
    setUp: onConnection((socket, fail) =>
      socket.use(([name]: [string], next: () => void) => (name === 'event' ? fail() : next())),
    ),
    act: expectFailedAck,
    event: 'event',
  },
  {
    name: 'a listener',
    setUp: onConnection((socket, fail) => socket.on('event', fail)),
    act: expectFailedAck,
    event: 'event',
  },
  {
    name: 'a listener for once',
    setUp: onConnection((socket, fail) => socket.once('event', fail)),
    act: expectFailedAck,
    event: 'event',
  },
  {
    name: 'a catch-all listener',
    setUp: onConnection((socket, fail) => socket.onAny(forEvent(fail))),
    act: expectFailedAck,
    event: 'event',
  },
  {
    name: 'a catch-all listener for what is sent',
    setUp: onConnection((socket, fail) => socket.onAnyOutgoing(fail) && socket.emit('news')),
    act: async () => expect(await (await joined()).next()).toBe('42["news"]'),
    event: 'catch-all',
  },
  {
    name: 'an "error" listener',
    setUp: onConnection(
      (socket, fail) =>
        socket.use((_event: unknown, next: (error: Error) => void) => next(new Error('no'))) &&
        socket.on('error', fail),
    ),
    act: async () => (await joined()).ws.send('42["event"]'),
    event: 'error',
  },
  {
    name: 'a "disconnecting" listener',
    setUp: onConnection((socket, fail) => socket.on('disconnecting', fail)),
    act: async () => (await joined()).ws.send('41'),
    event: 'disconnecting',
  },
  {
    name: 'a "disconnect" listener',
    setUp: onConnection((socket, fail) => socket.on('disconnect', fail)),
    act: async () => (await joined()).ws.send('41'),
    event: 'disconnect',
  },
  {
    name: 'an acknowledgement',
    setUp: onConnection((socket, fail) => socket.emit('question', fail)),
    act: async () => {
      const socket = await joined()
      expect(await socket.next()).toBe('420["question"]')
      socket.ws.send('430[]')
    },
    event: 'acknowledgement',
  },
  {
    name: 'an acknowledgement that comes too late',
    setUp: onConnection((socket, fail) => socket.timeout(1).emit('question', fail)),
    act: async () => void (await joined()),
    event: 'acknowledgement',
  },
  {
    name: 'the acknowledgement of a broadcast',
    setUp: onConnection((socket, fail) => socket.nsp.timeout(1_000).emit('question', fail)),
    act: async () => {
      const socket = await joined()
      expect(await socket.next()).toBe('420["question"]')
      socket.ws.send('430[]')
    },
    event: 'acknowledgement',
  },
  {
    name: 'the acknowledgement of a broadcast that is out of time',
    setUp: onConnection((socket, fail) => socket.nsp.timeout(1).emit('question', fail)),
    act: async () => void (await joined()),
    event: 'acknowledgement',
  },
  {
    name: 'a listener for what other nodes send',
    setUp: (io, fail) => void io.on('from elsewhere' as never, fail),
    act: async () => void server.io.of('/')._onServerSideEmit(['from elsewhere']),
    event: 'from elsewhere',
  },
  {
    name: 'an adapter that joins',
    options: (fail) => ({
      adapter: class extends Adapter {
        override addAll(id: string, rooms: Set<string>): void | Promise<void> {
          void super.addAll(id, rooms)
          return rooms.has('room') ? fail() : undefined
        }
      },
    }),
    setUp: onConnection((socket) => socket.join('room')),
    act: async () => void (await joined()),
    event: 'connection',
  },
]

describe.each(WAYS)('user code that %s', (how, fail) => {
  it.each(ENTRY_POINTS)(
    '[SIO-48, SIO-50] in $name is reported once, its client gets an answer, and the next one is served',
    async ({ options, setUp, act, event, name }) => {
      server = await start({
        ...options?.(fail),
        onHandlerError: (error, context) =>
          void reports.push(`${context.event}: ${(error as Error).message}`),
      })
      setUp?.(server.io as Server, fail)
      await act()

      const expected = name === 'an adapter that joins' && how === 'rejects' ? 'adapter' : event
      await expect.poll(() => reports).toEqual([`${expected}: secret`])
      expect(server.io.stats().handlerErrors).toBe(1)
      expect((await send(server.port, 'GET', '/elsewhere')).body).toBe('app')
    },
  )
})

it('[SIO-50] without a hook a flood of failures writes some lines a second, and one that counts the rest', async () => {
  const lines = vi.spyOn(console, 'error').mockImplementation(() => {})
  try {
    server = await start()
    onConnection((socket, fail) => socket.on('event', fail))(server.io as Server, WAYS[0]![1])
    const socket = await joined()
    for (let n = 0; n < 1_000; n++) socket.ws.send('42["event"]')
    await expect.poll(() => server.io.stats().handlerErrors).toBe(1_000)
    await expect.poll(() => lines.mock.calls.map(([line]) => String(line)).filter((line) => line.includes('more handlers failed'))).not.toEqual([])

    expect(lines.mock.calls.length).toBeLessThan(100)
  } finally {
    lines.mockRestore()
  }
})

it('[SIO-29] an error that a middleware gives to `next` is a decision: the client gets it, and nothing is reported', async () => {
  server = await start({ onHandlerError: (error) => void reports.push(String(error)) })
  server.io.use((_socket, next) => next(Object.assign(new Error('not you'), { data: { code: 7 } })))
  server.io.engine.use((_req: unknown, _res: unknown, next: () => void) => next())
  expect(await (await join()).next()).toBe('44{"message":"not you","data":{"code":7}}')
  const client = await new PollingClient(server.port).connect()
  expect(client.open.status).toBe(200)

  expect(reports).toEqual([])
})
