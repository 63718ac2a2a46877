// The matrix "our client on every server": one test per server, transport and row. One process per server and transport serves all rows; the row
// "restart" has one of its own. What the servers do is said in ../servers/README.md.
import { io } from '@tidewire/client'
import type { Socket } from '@tidewire/client'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { serverSpecs, startProgram } from '../src/server-programs.ts'
import type { RunningServer, ServerSpec } from '../src/server-programs.ts'
import { writeServerTable } from '../src/server-table.ts'
import type { ServerCell } from '../src/server-table.ts'

const DEADLINE_MS = 30_000
const TRANSPORTS = {
  polling: ['polling'],
  websocket: ['websocket'],
  upgrade: ['polling', 'websocket'],
} as const
const TEXT = 'héllo € 汉字 😀 \u2028 "quoted" \\ back'
const BYTES = Buffer.from(Array.from({ length: 256 }, (_, index) => index))

type Mode = keyof typeof TRANSPORTS

interface Meeting {
  spec: ServerSpec
  server: RunningServer
  mode: Mode
}

const open: Socket[] = []

/** Connects, and waits for the transport that the mode is about. */
async function meet({ server, mode, spec }: Meeting, nsp = ''): Promise<Socket> {
  const socket = io(server.url + nsp, {
    transports: TRANSPORTS[mode],
    forceNew: true,
    reconnectionDelay: 100,
    reconnectionDelayMax: 300,
  })
  open.push(socket)
  const refused = new Promise<never>((_, reject) => socket.once('connect_error', reject))
  await Promise.race([next(socket, 'connect'), refused])
  const engine = socket.io.engine!
  if (mode === 'upgrade' && engine.transport.name !== 'websocket')
    await within(new Promise<void>((resolve) => engine.once('upgrade', () => resolve())), 'the upgrade')
  expect(engine.transport.name).toBe(mode === 'polling' ? 'polling' : 'websocket')
  expect(engine.revision).toBe(spec.revision)
  return socket
}

const next = (socket: Socket, event: string): Promise<unknown[]> =>
  within(new Promise((resolve) => socket.once(event, (...args: unknown[]) => resolve(args))), `"${event}"`)

const ask = (socket: Socket, event: string, ...args: unknown[]): Promise<unknown> =>
  within(new Promise((resolve) => socket.emit(event, ...args, resolve)), `the ack of "${event}"`)

/** Has the server ask, answers with what it asked, and checks what reached it. */
async function answer(socket: Socket, event: string, value: unknown): Promise<void> {
  socket.once('question', (asked: unknown, done: (value: unknown) => void) => {
    expect(asked).toEqual(value)
    done(asked)
  })
  const answered = next(socket, 'answered')
  socket.emit(event, value)
  expect(await answered).toEqual([value])
}

const rows: Record<string, { rule: string; says: string; run: (meeting: Meeting) => Promise<void> }> = {
  connect: {
    rule: 'CLI-1, CLI-2, CLI-20',
    says: 'connects without being told the revision',
    run: async (meeting) => {
      const socket = await meet(meeting)
      expect(socket.connected).toBe(true)
      expect(socket.id).toEqual(expect.any(String))
    },
  },
  namespace: {
    rule: 'CLI-4',
    says: 'joins a custom namespace',
    run: async (meeting) => {
      const socket = await meet(meeting, '/custom')
      expect(await ask(socket, 'echo', 'in custom')).toBe('in custom')
    },
  },
  event: {
    rule: 'SIO-40',
    says: 'exchanges events of every JSON type',
    run: async (meeting) => {
      const socket = await meet(meeting)
      for (const value of [TEXT, 42, -1.5, true, [1, [2, 'three']], { a: { b: [{}] }, [TEXT]: TEXT }]) {
        const seen = next(socket, 'event')
        socket.emit('event', value)
        expect(await seen).toEqual([value])
      }
    },
  },
  ack: {
    rule: 'SIO-41, CLI-4',
    says: 'acknowledges both ways with emoji and Chinese text',
    run: async (meeting) => {
      const socket = await meet(meeting)
      expect(await ask(socket, 'echo', TEXT)).toBe(TEXT)
      await answer(socket, 'ask-me', TEXT)
    },
  },
  binary: {
    rule: 'SIO-2',
    says: 'exchanges binary in events and acks',
    run: async (meeting) => {
      const socket = await meet(meeting)
      const seen = next(socket, 'event')
      socket.emit('event-binary', BYTES)
      expect(await seen).toEqual([BYTES])
      expect(await ask(socket, 'echo-binary', BYTES)).toEqual(BYTES)
      await answer(socket, 'ask-me-binary', BYTES)
    },
  },
  room: {
    rule: 'SIO-47',
    says: 'gets the broadcasts of its room and no others',
    run: async (meeting) => {
      const [first, second, outside] = [await meet(meeting), await meet(meeting), await meet(meeting)]
      for (const socket of [first, second]) expect(await ask(socket, 'join', 'harbour')).toBe('harbour')
      const strayed: unknown[] = []
      outside.on('news', (value: unknown) => strayed.push(value))
      const seen = [next(first, 'news'), next(second, 'news')]
      outside.emit('publish', 'harbour', TEXT)
      expect(await Promise.all(seen)).toEqual([[TEXT], [TEXT]])
      // What the outsider must not get would be before this answer.
      await ask(outside, 'echo', 'fence')
      expect(strayed).toEqual([])
    },
  },
  'server disconnect': {
    rule: 'CLI-10',
    says: 'learns that the server disconnected it and stays away',
    run: async (meeting) => {
      const socket = await meet(meeting)
      const gone = next(socket, 'disconnect')
      socket.emit('kick')
      const [reason] = await gone
      if (meeting.spec.mayCutOff === true && reason === 'transport error') return
      expect(reason).toBe('io server disconnect')
      expect(socket.active).toBe(false)
    },
  },
  restart: {
    rule: 'CLI-10, CLI-11',
    says: 'reconnects by itself after a restart of the server on the same port',
    run: async (meeting) => {
      let server = await startProgram(meeting.spec)
      try {
        const socket = await meet({ ...meeting, server })
        expect(await ask(socket, 'echo', TEXT)).toBe(TEXT)
        const gone = next(socket, 'disconnect')
        await server.stop()
        await gone
        server = await startProgram(meeting.spec, server.port)
        if (!socket.connected) await next(socket, 'connect')
        expect(await ask(socket, 'echo', TEXT)).toBe(TEXT)
        socket.disconnect()
      } finally {
        await server.stop()
      }
    },
  },
}

const cells: ServerCell[] = []

for (const spec of serverSpecs) {
  for (const mode of spec.modes) {
    // A server of its own for each mode: the client remembers what it found out about a URL.
    describe(`${spec.label}, ${mode}`, () => {
      let server: RunningServer
      beforeAll(async () => {
        server = await startProgram(spec)
      })
      afterAll(() => server?.stop())
      afterEach(() => {
        for (const socket of open.splice(0)) socket.disconnect()
      })
      for (const [row, { rule, says, run }] of Object.entries(rows)) {
        const limitation = spec.limitations[`${mode} ${row}`]
        const declare = limitation === undefined ? it : it.fails
        declare(`[${rule}] the client on ${spec.label} over ${mode} ${says}`, async () => {
          const cell: ServerCell = { server: spec.label, mode, row, state: limitation ?? 'failed' }
          cells.push(cell)
          await run({ spec, server, mode })
          cell.state = 'ok'
        })
      }
    })
  }
}

afterAll(() =>
  writeServerTable(
    Object.keys(rows),
    cells,
    serverSpecs.reduce((sum, spec) => sum + spec.modes.length, 0) * Object.keys(rows).length,
    serverSpecs.flatMap(({ leftOut }) => leftOut ?? []),
  ),
)

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const abort = new AbortController()
  const late = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error(`waited ${DEADLINE_MS} ms for ${what}`)), DEADLINE_MS)
    abort.signal.addEventListener('abort', () => clearTimeout(timer))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    abort.abort()
  }
}
