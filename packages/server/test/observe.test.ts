// What operators see: counters, channels and pressure, as docs/observability.md says.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { readFileSync } from 'node:fs'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { polling, PollingClient, send, start, websocket, WireSocket } from './start.ts'
import type { Started } from './start.ts'
import { CHANNELS } from '../src/observe/channels.ts'

let server: Started
const sockets: WireSocket[] = []
afterEach(async () => {
  for (const { ws } of sockets.splice(0)) ws.terminate()
  await server.close()
})

async function open(eio = 4): Promise<WireSocket> {
  const socket = new WireSocket(server.port, websocket(eio))
  sockets.push(socket)
  await socket.next()
  return socket
}

const text = readFileSync(new URL('../../../docs/observability.md', import.meta.url), 'utf8')

describe('io.stats()', () => {
  it('[API-24] counts what is open, by transport and revision, what has passed and why sessions have closed', async () => {
    server = await start()
    server.io.on('connection', (socket) => {
      void socket.join('room')
      socket.on('echo', (ack: (answer: string) => void) => ack('four'))
    })
    const client = await new PollingClient(server.port).connect()
    await client.post('40')
    await client.get()
    const old = await open(3)
    const socket = await open()
    socket.ws.send('40')
    await socket.next()
    socket.ws.send('420["echo"]')
    await socket.next()

    const before = server.io.stats()
    expect(before).toMatchObject({
      sessions: {
        open: 3,
        byTransport: { polling: 1, websocket: 2, webtransport: 0 },
        byRevision: { 3: 1, 4: 2 },
        opened: 3,
        closed: {},
      },
      sockets: 3,
      namespaces: 1,
      rooms: 1,
      outbox: { bytes: 0, sessions: 0, maxPressure: 0 },
      connectErrors: 0,
      handlerErrors: 0,
      refusals: {},
    })
    expect(before.traffic.packetsIn).toBe(3)
    // `0` twice, `20["echo"]` without its digit each.
    expect(before.traffic.bytesIn).toBe('0'.length * 2 + '20["echo"]'.length)
    expect(before.traffic.packetsOut).toBeGreaterThanOrEqual(7)
    expect(before.traffic.bytesOut).toBeGreaterThan(300)

    socket.ws.send('40/none,')
    await socket.next()
    old.ws.close()
    socket.ws.send('4x')
    await socket.end()
    await expect
      .poll(() => server.io.stats().sessions.closed)
      .toEqual({ 'transport close': 1, 'forced close': 1 })
    expect(server.io.stats()).toMatchObject({
      sessions: { open: 1, opened: 3 },
      sockets: 1,
      connectErrors: 1,
    })
  })

  it('[API-24] counts refusals by name, whichever way they came', async () => {
    server = await start()
    await send(server.port, 'GET', polling(4, '&sid=nobody'))
    await send(server.port, 'GET', '/socket.io/?EIO=4&transport=none')
    await send(server.port, 'PUT', polling(4))
    const cross = new WireSocket(server.port, websocket(4), {
      Origin: 'http://elsewhere.example',
      Cookie: 'a=b',
    })
    sockets.push(cross)
    await cross.refusal()

    expect(server.io.stats().refusals).toEqual({
      UNKNOWN_SID: 1,
      UNKNOWN_TRANSPORT: 1,
      BAD_HANDSHAKE_METHOD: 1,
      WEBSOCKET_CROSS_ORIGIN: 1,
    })
  })

  it('[API-24] has every field that the document names, and no other', async () => {
    server = await start()
    const stats = server.io.stats()
    const names = Object.entries(stats).flatMap(([name, value]) =>
      ['sessions', 'outbox', 'traffic'].includes(name)
        ? Object.keys(value as object).map((inner) => `${name}.${inner}`)
        : [name],
    )
    const section = text.slice(text.indexOf('| field |'), text.indexOf('What to watch'))
    const documented = [...section.matchAll(/^\| ([^|]+) \|/gm)].slice(1).flatMap(([, cell]) => {
      const found = [...cell!.matchAll(/`([\w.]+)`/g)].map(([, name]) => name!)
      const group = found[0]?.split('.')[0]
      return found.map((name) => (name.startsWith('.') ? `${group}${name}` : name))
    })

    expect(documented.toSorted()).toEqual(names.toSorted())
  })
})

describe('diagnostics channels', () => {
  it('[API-25] tell of sessions, sockets, refusals, limits and errors of handlers, in this order', async () => {
    server = await start({ onHandlerError: () => {} })
    const heard: [string, Record<string, unknown>][] = []
    const listeners = Object.values(CHANNELS).map((channel) => {
      const listener = (message: unknown): void =>
        void heard.push([channel.name, message as Record<string, unknown>])
      subscribe(channel.name, listener)
      return () => unsubscribe(channel.name, listener)
    })
    try {
      server.io.on('connection', (socket) => {
        socket.on('fail', () => {
          throw new Error('late')
        })
      })
      await send(server.port, 'GET', polling(4, '&sid=nobody'))
      const socket = await open()
      socket.ws.send('40')
      await socket.next()
      socket.ws.send('420["fail"]')
      await socket.next()
      socket.ws.send(`42["deep",${'['.repeat(5_000)}${']'.repeat(5_000)}]`)
      await socket.end()
    } finally {
      for (const stop of listeners) stop()
    }

    expect(heard.map(([name]) => name)).toEqual([
      'tidewire:refusal',
      'tidewire:session:open',
      'tidewire:socket:connect',
      'tidewire:handler:error',
      'tidewire:limit',
      'tidewire:session:close',
      'tidewire:socket:disconnect',
    ])
    expect(heard.map(([, message]) => message)).toMatchObject([
      { name: 'UNKNOWN_SID', code: 1, request: { method: 'GET' } },
      { session: { protocol: 4 } },
      { socket: { nsp: { name: '/' } } },
      { error: { message: 'late' }, event: 'fail' },
      { limit: 'maxDepth' },
      { reason: 'forced close' },
      { reason: 'forced close' },
    ])
  })

  it('[API-25] are the ones that the document lists', () => {
    const documented = [...text.matchAll(/^\| `(tidewire:[\w:]+)` \|/gm)].map(([, name]) => name)
    expect(documented.toSorted()).toEqual(
      Object.values(CHANNELS)
        .map(({ name }) => name)
        .toSorted(),
    )
    server = { close: async () => {} } as Started
  })
})

describe('pressure', () => {
  it('[API-26] rises while a client does not read, and `drained` resolves when it has read all', async () => {
    server = await start({ maxOutboxBytes: 4_000_000 })
    const client = await new RawWebSocket(server.port).join()
    const [socket] = server.io.sockets.sockets.values()
    expect(socket!.pressure).toBe(0)
    client.socket.pause()
    // The kernel takes some of it; what it does not take waits.
    const fill = async (): Promise<void> => {
      for (let i = 0; i < 1_000 && socket!.pressure < 0.5; i++) {
        socket!.emit('chunk', 'x'.repeat(100_000))
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await fill()
    expect(socket!.pressure).toBeGreaterThanOrEqual(0.5)
    expect(server.io.stats().outbox).toMatchObject({ sessions: 1, maxPressure: socket!.pressure })
    socket!.volatile.emit('lost')
    expect(server.io.stats().volatileDropped).toBe(1)
    const drained = socket!.drained()
    client.received = Buffer.alloc(0)
    client.socket.resume()
    await drained

    expect(socket!.pressure).toBe(0)
    expect(socket!.connected).toBe(true)
    await socket!.drained()
  })

  it('[API-26] `drained` may be awaited by many at once, and settles for all when the session closes', async () => {
    server = await start()
    const client = await new PollingClient(server.port).connect()
    await client.post('40')
    await client.get()
    const [socket] = server.io.sockets.sockets.values()
    const warnings: string[] = []
    const warn = (warning: Error): void => void warnings.push(warning.name)
    process.on('warning', warn)
    socket!.emit('a')
    const many = Array.from({ length: 50 }, () => socket!.drained().then(() => socket!.pressure))
    const listeners = (socket!.conn as unknown as { listenerCount(event: string): number }).listenerCount('drain')
    expect((await client.get()).body).toBe('42["a"]')
    expect(await Promise.all(many)).toEqual(many.map(() => 0))
    expect((socket!.conn as unknown as { listenerCount(event: string): number }).listenerCount('drain')).toBe(0)

    // Closing waits for what is to be fetched yet, and so do they; then for none of it.
    socket!.emit('b')
    socket!.disconnect(true)
    let settled = 0
    const rest = Array.from({ length: 50 }, () => socket!.drained().then(() => settled++))
    await new Promise((resolve) => setImmediate(resolve))
    expect(settled).toBe(0)
    socket!.conn.close(true)
    await client.get()
    await Promise.all(rest)
    // Warnings are told in a later turn.
    await new Promise((resolve) => setImmediate(resolve))
    process.off('warning', warn)
    expect(warnings).toEqual([])
    expect(listeners).toBe(1)
    await socket!.drained()
  })

  it('[API-26] `drained` resolves when the client has gone', async () => {
    server = await start()
    const client = await new PollingClient(server.port).connect()
    await client.post('40')
    await client.get()
    const [socket] = server.io.sockets.sockets.values()
    socket!.emit('never read')
    const drained = socket!.drained()
    socket!.conn.close(true)
    await drained

    expect(socket!.connected).toBe(false)
  })
})
