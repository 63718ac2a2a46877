// WebTransport between clients and servers of both makes, over in-memory sessions: our client and our server, our client and the official
// server, the official client and our server. The network cuts everything into pieces of 1,200 bytes.
import { installWebTransport } from '@tidewire/testkit/webtransport'
import type { Accepted, FakeNetwork, SessionEnd } from '@tidewire/testkit/webtransport'
import { createRequire } from 'node:module'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { io as ours } from '@tidewire/client'
import * as client from '@tidewire/client'
import { DEADLINE_MS, next, start } from './start.ts'
import type { Running, ServerName } from './start.ts'

const require = createRequire(new URL('../../../interop/package.json', import.meta.url))
const official = (require('socket.io-client-4.8.4') as { io: typeof ours }).io

let network: FakeNetwork
let server: Running
let sessions: (Accepted & { session: SessionEnd })[]
let opened: any[]
/** With an official peer. */
let isLenient = false

beforeEach(() => {
  network = installWebTransport()
  sessions = []
  opened = []
})
afterEach(async () => {
  for (const socket of opened) socket.disconnect()
  await server.close()
  network.uninstall()
})

async function serve(name: ServerName, options: object = {}): Promise<void> {
  server = await start(name, { transports: ['polling', 'websocket', 'webtransport'], ...options })
  network.listen(server.port, (session, accepted) => {
    sessions.push({ ...accepted, session })
    session.isLenient = isLenient
    void server.io.engine.onWebTransportSession(session)
  })
  server.io.on('connection', (socket: any) => {
    socket.on('echo', (...args: any[]) => args.pop()(...args))
    socket.on('bye', () => socket.disconnect(true))
  })
}

function open(io: typeof ours, options: object): any {
  const socket = io(server.url, { forceNew: true, reconnection: false, ...options })
  opened.push(socket)
  return socket
}

/** Both ends, joined. */
async function connect(io: typeof ours, options: object): Promise<{ here: any; there: any }> {
  const connection = next(server.io, 'connection')
  const here = open(io, options)
  const [[there]] = await Promise.all([connection, next(here, 'connect')])
  return { here, there }
}

/** What the session has moved to, once it has. */
async function upgraded(there: any): Promise<string> {
  if (there.conn.transport.name === 'polling') await next(there.conn, 'upgrade')
  return there.conn.transport.name as string
}

const WEBTRANSPORT = { transports: ['webtransport'] }

describe.each([
  ['our client on our server', ours, 'tidewire'],
  ['our client on the official server', ours, '4.8.4'],
  ['the official client on our server', official, 'tidewire'],
] as [string, typeof ours, ServerName][])('%s', (_pair, io, name) => {
  beforeEach(() => void (isLenient = io === official || name === '4.8.4'))

  it('[CLI-40] opens a session of its own', async () => {
    await serve(name)
    const { here, there } = await connect(io, {
      ...WEBTRANSPORT,
      path: '/socket.io',
      query: { a: 'b' },
      transportOptions: { webtransport: { serverCertificateHashes: [] } },
    })

    expect([here.io.engine.transport.name, there.conn.transport.name]).toEqual([
      'webtransport',
      'webtransport',
    ])
    expect(sessions.map(({ url, options }) => ({ url, options }))).toEqual([
      { url: `https://127.0.0.1:${server.port}/socket.io/`, options: { serverCertificateHashes: [] } },
    ])
  })

  it('[EIO-90, CLI-40] carries text, binary, what is large, and acknowledgements', async () => {
    await serve(name)
    const { here, there } = await connect(io, WEBTRANSPORT)
    const large = Buffer.alloc(300_000, 'tide')

    expect(await here.emitWithAck('echo', 'é😀', { nested: [Buffer.from([1, 2, 3])] })).toBe('é😀')
    const answered = new Promise<any[]>((resolve) =>
      here.emit('echo', large, 'x'.repeat(70_000), (...args: any[]) => resolve(args)),
    )
    const [bytes, text] = await answered
    expect(Buffer.from(bytes).equals(large)).toBe(true)
    expect(text).toBe('x'.repeat(70_000))
    here.on('ask', (data: Uint8Array, done: (data: Uint8Array) => void) => done(data))
    expect(
      Buffer.from(await there.timeout(DEADLINE_MS).emitWithAck('ask', Buffer.from([7]))).equals(Buffer.from([7])),
    ).toBe(true)
    const order: number[] = []
    here.on('count', (n: number) => order.push(n))
    const last = next(here, 'last')
    for (let n = 0; n < 500; n++) there.emit('count', n)
    there.emit('last')
    await last
    expect(order).toEqual(Array.from({ length: 500 }, (_, n) => n))
  })

  it('[EIO-94, CLI-41] moves from polling to it, in order, nothing lost', async () => {
    await serve(name)
    // Some are sent before the upgrade, some while it goes on, some after it.
    server.io.once('connection', (socket: any) => {
      for (let n = 0; n < 20; n++) socket.emit('n', n)
    })
    const connection = next(server.io, 'connection')
    const here = open(io, { transports: ['polling', 'webtransport'] })
    const got: number[] = []
    here.on('n', (n: number) => got.push(n))
    const finished = next(here, 'end')
    const [there] = await connection
    for (let n = 20; n < 30; n++) there.emit('n', n)
    await upgraded(there)
    for (let n = 30; n < 40; n++) there.emit('n', n)
    there.emit('end')
    await finished

    expect(got).toEqual(Array.from({ length: 40 }, (_, n) => n))
    expect([here.io.engine.transport.name, there.conn.transport.name]).toEqual([
      'webtransport',
      'webtransport',
    ])
    expect(await here.emitWithAck('echo', Buffer.from([1]))).toBeDefined()
  })

  it('[EIO-97, CLI-40] is closed by the client', async () => {
    await serve(name)
    const { here, there } = await connect(io, WEBTRANSPORT)
    const gone = next(there, 'disconnect')
    here.disconnect()

    expect((await gone)[0]).toMatch(/^(client namespace disconnect|transport close)$/)
    await sessions[0]!.session.closed
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[EIO-76, CLI-40] is closed by the server', async () => {
    await serve(name)
    const { here } = await connect(io, WEBTRANSPORT)
    const gone = next(here, 'disconnect')
    here.emit('bye')

    expect((await gone)[0]).toMatch(/^(io server disconnect|transport close)$/)
    await sessions[0]!.client.closed
    expect(server.io.engine.clientsCount).toBe(0)
  })

  // The official server leaves the rejection of a lost connection unhandled, and its session open.
  it.skipIf(name === '4.8.4')('[EIO-97, CLI-40] is lost on the way', async () => {
    await serve(name)
    const { here, there } = await connect(io, WEBTRANSPORT)
    const ends = Promise.all([next(here, 'disconnect'), next(there, 'disconnect')])
    sessions[0]!.session.fail()

    const reasons = (await ends).map(([reason]) => reason)
    expect(reasons[0]).toBe('transport error')
    expect(reasons[1]).toMatch(/^transport (error|close)$/)
    expect(server.io.engine.clientsCount).toBe(0)
  })
})

describe('our client', () => {
  beforeEach(() => void (isLenient = false))

  it('[CLI-41] prefers it to WebSocket where both sides have it', async () => {
    await serve('tidewire')
    const { here, there } = await connect(ours, {})

    expect(await upgraded(there)).toBe('webtransport')
    expect(await here.emitWithAck('echo', 1)).toBe(1)
  })

  it('[CLI-42] upgrades to WebSocket when WebTransport is not offered, when it is refused, and when its network is silent', async () => {
    await serve('tidewire', { transports: ['polling', 'websocket'] })
    expect(await upgraded((await connect(ours, {})).there)).toBe('websocket')
    expect(sessions).toEqual([])
    await server.close()

    await serve('tidewire')
    network.listen(server.port, (session) => session.close())
    expect(await upgraded((await connect(ours, {})).there)).toBe('websocket')
    await server.close()

    server = await start('tidewire', { transports: ['polling', 'websocket', 'webtransport'] })
    expect(await upgraded((await connect(ours, {})).there)).toBe('websocket')
  })

  it('[CLI-43] says that it has no transport where the runtime has no WebTransport, and goes on with the others', async () => {
    await serve('tidewire')
    network.uninstall()
    expect((await next(open(ours, WEBTRANSPORT), 'connect_error'))[0].message).toContain(
      'No transports available',
    )
    const { there } = await connect(ours, { transports: ['webtransport', 'polling'], upgrade: false })
    expect(there.conn.transport.name).toBe('polling')
  })

  it('[CLI-40] reports why a session could not be opened, and reconnects after one was lost', async () => {
    await serve('tidewire')
    const { port } = server
    network.listen(port, (session) => session.fail(new Error('no QUIC here')))
    const [error] = await next(open(ours, WEBTRANSPORT), 'connect_error')
    expect(error.description ?? error.cause ?? error).toMatchObject({
      message: expect.stringMatching(/no QUIC here|webtransport error|closed/),
    })
    await server.close()

    await serve('tidewire')
    const { here } = await connect(ours, { ...WEBTRANSPORT, reconnection: true, reconnectionDelay: 10 })
    const again = next(here, 'connect')
    sessions[0]!.session.fail()
    await again
    expect(sessions).toHaveLength(2)
  })

  it('[CLI-40] exports the class, which may be given as transport', async () => {
    await serve('tidewire')
    const { there } = await connect(ours, { transports: [(client as any).WebTransport] })

    expect(there.conn.transport.name).toBe('webtransport')
  })
})
