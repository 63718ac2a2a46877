// The matrix "every client on our server": one test per client, transport and row, against the server with no option set. One process
// per client and transport serves all rows, each row on connections of its own. Results are kept for the table (client-table.ts).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Socket } from 'tidewire'
import { ClientProcess, DEADLINE_MS } from './client-process.ts'
import type { ClientSpec } from './client-specs.ts'
import { writeTable } from './client-table.ts'
import type { Cell } from './client-table.ts'
import { startServer as startOwnServer } from './server-under-test.ts'
import type { ServerUnderTest } from './server-under-test.ts'

export const TRANSPORTS = {
  polling: ['polling'],
  websocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
} as const
export type TransportMode = keyof typeof TRANSPORTS

const AFTER_THE_FIRST = ['namespace', 'event', 'ack', 'binary', 'room', 'server disconnect', 'restart', 'crash']
const RUST_LIMITS: Readonly<Record<string, string>> = {
  ack: 'rust_socketio 0.6.0 has no call that answers an event of the server.',
  binary: 'rust_socketio 0.6.0 sends and receives either values or one binary, not both in one event.',
  room: 'rust_socketio 0.6.0 sends and receives either values or one binary, not both in one event.',
}
/** Cells that cannot be green because of the client itself: `label mode row` and the reason, shown in the table. */
const LIMITATIONS: Readonly<Record<string, string>> = Object.fromEntries([
  ...AFTER_THE_FIRST.map((row) => [
    `Go zishang520/socket.io 3.0.0 polling ${row}`,
    'The second connection of a process over polling does not finish its handshake, on socket.io 4.8.4 as well.',
  ]),
  ...['polling', 'websocket', 'upgrade'].flatMap((mode) =>
    Object.entries(RUST_LIMITS).map(([row, reason]) => [`Rust rust_socketio 0.6.0 ${mode} ${row}`, reason]),
  ),
])
/** Cells where the client itself loses a race now and then (it does so on the official server too): one success of several proves them. */
const RACES: Readonly<Record<string, string>> = Object.fromEntries(
  ['4.6.1', '5.18.1'].map((version) => [
    `python-socketio ${version} polling restart`,
    'About one time in three the client does not try to reconnect when a close packet meets its own closing, on socket.io 4.8.4 as well; the cell asks for one success of ten.',
  ]),
)
const RACE_ATTEMPTS = 10

/** How long such a cell may show that it is still red. */
const LIMITED_DEADLINE_MS = 3_000

const TEXT = 'héllo € 汉字 😀 \u2028 "quoted" \\ back'
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

type StartServer = (port?: number) => Promise<ServerUnderTest>

interface Meeting {
  startServer: StartServer
  client: ClientProcess
  server: ServerUnderTest
  mode: TransportMode
  spec: ClientSpec
  /** Connections of the row that runs: closed when it ends. OkHttp runs five requests to a host at once and queues the others. */
  names: string[]
  deadlineMs: number
}

/** Opens a connection and returns both ends of it, on the transport the mode is about. */
async function meet(
  { client, server, mode, names }: Meeting,
  nsp = '/',
): Promise<{ name: string; socket: Socket }> {
  const connected = new Promise<Socket>((resolve) => server.io.of(nsp).once('connection', resolve))
  const name = client.connect({ url: server.url, transports: TRANSPORTS[mode], nsp })
  names.push(name)
  await client.next(name, 'connect')
  const socket = await within(connected, 'the server to see the client')
  const { conn } = socket
  if (mode === 'upgrade' && conn.transport.name !== 'websocket') {
    await within(new Promise((resolve) => conn.once('upgrade', resolve as () => void)), 'the upgrade')
  }
  // The server sees the end of the upgrade before the client has finished it.
  if (mode === 'upgrade') await client.emitWithAck(name, 'echo')
  return { name, socket }
}

const nextOf = (socket: Socket, event: string): Promise<unknown[]> =>
  within(
    new Promise((resolve) => socket.once(event, (...args: unknown[]) => resolve(args))),
    `"${event}" at the server`,
  )

const rows: Record<string, { rule: string; says: string; run: (meeting: Meeting) => Promise<void> }> = {
  connect: {
    rule: 'EIO-20',
    says: 'connects',
    run: async (meeting) => {
      const { socket } = await meet(meeting)
      expect(socket.conn.transport.name).toBe(meeting.mode === 'polling' ? 'polling' : 'websocket')
      expect(socket.conn.protocol).toBe(meeting.spec.revision)
    },
  },
  namespace: {
    rule: 'SIO-20',
    says: 'joins a custom namespace',
    run: async (meeting) => {
      const { name, socket } = await meet(meeting, '/custom')
      expect(socket.nsp.name).toBe('/custom')
      expect(await meeting.client.emitWithAck(name, 'echo', 'in custom')).toEqual(['in custom'])
      socket.emit('event', 'from custom')
      expect(await meeting.client.next(name, 'event')).toEqual(['from custom'])
    },
  },
  event: {
    rule: 'SIO-40',
    says: 'exchanges events with arguments of every JSON type',
    run: async (meeting) => {
      const { client } = meeting
      const { name, socket } = await meet(meeting)
      const args = [TEXT, 42, -1.5, true, null, [1, [2, 'three']], { a: { b: [{}] }, [TEXT]: TEXT }]
      const seen = nextOf(socket, 'event')
      client.emit(name, 'event', ...args)
      expect(await seen).toEqual(args)
      socket.emit('event', ...args)
      expect(await client.next(name, 'event')).toEqual(args)
    },
  },
  ack: {
    rule: 'SIO-41, EIO-9',
    says: 'acknowledges both ways with emoji and Chinese text',
    run: async (meeting) => {
      const { client } = meeting
      const { name, socket } = await meet(meeting)
      const seen = nextOf(socket, 'echo')
      const answered = client.emitWithAck(name, 'echo', TEXT, 1)
      expect((await seen).slice(0, 2)).toEqual([TEXT, 1])
      expect(await answered).toEqual([TEXT, 1])
      const back = new Promise<unknown[]>((resolve) =>
        socket.emit('question', TEXT, 2, (...answer: unknown[]) => resolve(answer)),
      )
      expect(await client.next(name, 'question')).toEqual([TEXT, 2])
      expect(await within(back, 'the ack of the client')).toEqual([TEXT, 2])
    },
  },
  binary: {
    rule: 'SIO-2',
    says: 'exchanges binary in events and acks',
    run: async (meeting) => {
      const { client } = meeting
      const { name, socket } = await meet(meeting)
      const args = [BYTES, { text: TEXT, deep: [BYTES.subarray(0, 3), 7] }]
      const seen = nextOf(socket, 'event')
      client.emit(name, 'event', ...args)
      expect(await seen).toEqual(args)
      socket.emit('event', ...args)
      expect(await client.next(name, 'event')).toEqual(args)
      expect(await client.emitWithAck(name, 'echo', ...args)).toEqual(args)
      const back = new Promise<unknown[]>((resolve) =>
        socket.emit('question', BYTES, (...answer: unknown[]) => resolve(answer)),
      )
      expect(await client.next(name, 'question')).toEqual([BYTES])
      expect(await within(back, 'the ack of the client')).toEqual([BYTES])
    },
  },
  room: {
    rule: 'SIO-47',
    says: 'gets the broadcasts of its room and no others',
    run: async (meeting) => {
      const { client, server } = meeting
      const [first, second, outside] = [await meet(meeting), await meet(meeting), await meet(meeting)]
      for (const { name } of [first, second]) await client.emitWithAck(name, 'join', 'harbour')
      server.io.to('harbour').emit('news', TEXT, BYTES)
      // What the outsider must not get would be before this fence.
      server.io.emit('fence')
      for (const { name } of [first, second]) expect(await client.next(name, 'news')).toEqual([TEXT, BYTES])
      await client.next(outside.name, 'fence')
      expect(client.unread(outside.name)).not.toContain('news')
    },
  },
  'server disconnect': {
    rule: 'SIO-60',
    says: 'learns that the server disconnected it',
    run: async (meeting) => {
      const { client } = meeting
      const { name, socket } = await meet(meeting)
      const gone = nextOf(socket, 'disconnect')
      client.emit(name, 'bye')
      expect((await gone)[0]).toBe('server namespace disconnect')
      await client.next(name, 'disconnect')
    },
  },
  restart: {
    rule: 'EIO-76',
    says: 'reconnects by itself after a restart of the server on the same port',
    run: (meeting) => comeBack(meeting, (server) => server.close()),
  },
  crash: {
    rule: 'EIO-27',
    says: 'reconnects by itself after a crash of the server',
    run: (meeting) => comeBack(meeting, (server) => server.crash()),
  },
}

async function comeBack(meeting: Meeting, end: (server: ServerUnderTest) => Promise<void>): Promise<void> {
  const { client, deadlineMs, startServer } = meeting
  const before = await startServer()
  let after: ServerUnderTest | undefined
  try {
    const { name } = await meet({ ...meeting, server: before })
    expect(await client.emitWithAck(name, 'echo', TEXT)).toEqual([TEXT])
    await end(before)
    after = await startServer(before.port)
    await client.next(name, 'disconnect', deadlineMs)
    await client.next(name, 'connect', deadlineMs)
    expect(await client.emitWithAck(name, 'echo', TEXT)).toEqual([TEXT])
  } finally {
    await after?.close()
  }
}

/** Declares the tests of these clients. `skip` is the reason why they cannot run on this machine. */
export function declareMatrix(
  file: string,
  specs: readonly ClientSpec[],
  skip?: string,
  startServer: StartServer = startOwnServer,
): void {
  const cells: Cell[] = []
  for (const spec of specs) {
    for (const mode of Object.keys(TRANSPORTS) as TransportMode[]) {
      describe.skipIf(skip !== undefined)(`${spec.label}, ${mode}`, () => {
        const meeting = { spec, mode, startServer } as Meeting
        beforeAll(async () => {
          const [command, ...args] = await spec.command()
          ;[meeting.server, meeting.client] = [await startServer(), await ClientProcess.start(command, args)]
        })
        afterAll(async () => {
          await meeting.client?.stop()
          await meeting.server?.close()
        })
        for (const [row, { rule, says, run }] of Object.entries(rows)) {
          const limitation = LIMITATIONS[`${spec.label} ${mode} ${row}`]
          const declare = limitation === undefined ? it : it.fails
          declare(`[${rule}] ${spec.label} over ${mode} ${says}`, async () => {
            const cell: Cell = { client: spec.label, mode, row, state: limitation ?? 'failed' }
            cells.push(cell)
            const race = RACES[`${spec.label} ${mode} ${row}`]
            const deadlineMs =
              limitation === undefined && race === undefined ? 2 * DEADLINE_MS : LIMITED_DEADLINE_MS
            for (let attempt = 1; cell.state !== 'ok'; attempt++) {
              const names: string[] = []
              try {
                await run({ ...meeting, names, deadlineMs })
                cell.state = 'ok'
                if (race !== undefined) cell.note = race
              } catch (error) {
                if (race === undefined || attempt === RACE_ATTEMPTS) throw error
              } finally {
                for (const name of names) meeting.client.disconnect(name)
              }
            }
          })
        }
      })
    }
  }
  afterAll(() => writeTable(file, Object.keys(rows), cells))
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${DEADLINE_MS} ms for ${what}`)), DEADLINE_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
