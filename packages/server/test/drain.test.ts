// The orderly end of a node, by literal wire: what clients of each revision and transport get, and what balancers are told.
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, expect, it, vi } from 'vitest'
import { PollingClient, WireSocket, polling, send, start, websocket } from './start.ts'
import type { Started } from './start.ts'

let server: Started
afterEach(() => server.close())

function reasons(): string[] {
  const list: string[] = []
  server.io.on('connection', (socket) => {
    socket.on('disconnect', (reason) => list.push(reason))
  })
  return list
}

async function openSocket(eio: number): Promise<WireSocket> {
  const ws = new WireSocket(server.port, websocket(eio))
  await ws.next()
  if (eio === 4) ws.ws.send('40')
  expect(String(await ws.next())).toMatch(/^40/)
  return ws
}

async function openPolling(eio: number): Promise<PollingClient> {
  const client = await new PollingClient(server.port, eio).connect()
  if (eio === 4) await client.post('40')
  // Revision 3 has the CONNECT in the handshake's answer.
  if (eio === 4) await client.get()
  return client
}

it.each([3, 4])('[API-16] EIO=%i: what waits for a client is fetched before its session closes', async (eio) => {
  server = await start({ health: true })
  const seen = reasons()
  const ws = await openSocket(eio)
  const parked = await openPolling(eio)
  const away = await openPolling(eio)
  const poll = parked.get()
  await server.io.fetchSockets()

  server.io.emit('last', 'words')
  const drained = server.io.drain({ spread: 0 })

  expect(await ws.next()).toBe('42["last","words"]')
  await ws.end()
  expect((await poll).body).toContain('42["last","words"]')
  expect((await away.get()).body).toContain('42["last","words"]')
  // Then the close: a packet for those who poll.
  for (const client of [parked, away]) expect((await client.get()).body).toBe(eio === 4 ? '1' : '1:1')
  expect(await drained).toEqual({ sessions: 3, closed: 3, cut: 0 })
  expect(seen).toEqual(['server shutting down', 'server shutting down', 'server shutting down'])
})

it.each([3, 4])('[EIO-99] EIO=%i: a Python client that polls is refused at a shutdown, so that it comes back', async (eio) => {
  server = await start()
  const seen = reasons()
  const agent = { 'user-agent': 'python-requests/2.32.3' }
  const [parked, away] = [await new PollingClient(server.port, eio).connect(agent), await new PollingClient(server.port, eio).connect(agent)]
  for (const client of eio === 4 ? [parked, away] : []) {
    await client.post('40', agent)
    await client.get({ headers: agent })
  }
  const poll = parked.get({ headers: agent })
  await server.io.fetchSockets()

  server.io.emit('last', 'words')
  const drained = server.io.drain({ spread: 0 })

  expect((await poll).body).toContain('42["last","words"]')
  expect((await away.get({ headers: agent })).body).toContain('42["last","words"]')
  for (const client of [parked, away]) expect((await client.get({ headers: agent })).status).toBe(400)
  expect(await drained).toEqual({ sessions: 2, closed: 2, cut: 0 })
  expect(seen).toEqual(['server shutting down', 'server shutting down'])
})

it('[API-16] refuses new sessions with 503 and a closed connection, and serves those that there are', async () => {
  server = await start()
  // The first goes at once, the last when the time is over.
  const first = await openSocket(4)
  const client = await openPolling(4)
  const parked = client.get()
  let isOver = false
  const drained = server.io.drain({ spread: 60_000, timeout: 60_000 }).finally(() => {
    isOver = true
  })
  await first.end()

  const refused = await send(server.port, 'GET', polling(4))
  const ws = new WireSocket(server.port, websocket(4))
  server.io.emit('still', 'served')

  expect([refused.status, refused.headers['connection'], JSON.parse(refused.body)]).toEqual([
    503,
    'close',
    { code: 3, message: 'Bad request', hint: 'this node is being shut down and takes no new sessions; try again' },
  ])
  expect((await ws.refusal()).status).toBe(503)
  expect((await parked).body).toBe('42["still","served"]')
  expect([isOver, server.io.readiness]).toEqual([false, 'draining'])
  await server.io.close()
  expect(await drained).toEqual({ sessions: 2, closed: 2, cut: 0 })
})

it('[API-16] cuts what is left when the time is over', async () => {
  server = await start()
  const seen = reasons()
  await openPolling(4)

  expect(await server.io.drain({ spread: 0, timeout: 50 })).toEqual({ sessions: 1, closed: 0, cut: 1 })
  expect(seen).toEqual(['server shutting down'])
})

it('[API-16] closes the sessions one after the other', async () => {
  server = await start()
  const closed: number[] = []
  const clients = await Promise.all(Array.from({ length: 10 }, () => openSocket(4)))
  for (const [index, client] of clients.entries()) client.ws.on('close', () => closed.push(index))
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  try {
    const drained = server.io.drain({ spread: 400 })
    for (let count = 1; count <= 10; count++) {
      await vi.advanceTimersByTimeAsync(40)
      while (closed.length < count) await new Promise((resolve) => setImmediate(resolve))
      expect(closed.length).toBe(count)
    }
    await vi.advanceTimersByTimeAsync(40)
    expect(await drained).toEqual({ sessions: 10, closed: 10, cut: 0 })
  } finally {
    vi.useRealTimers()
  }
})

it('[API-17] the health endpoint says 200 while new clients are welcome, and 503 when not', async () => {
  server = await start({ health: true })
  const health = (method = 'GET') => send(server.port, method, '/socket.io/health')
  const client = await openPolling(4)

  expect([(await health()).status, JSON.parse((await health()).body)]).toEqual([200, { status: 'ready', sessions: 1 }])
  expect([(await health('HEAD')).status, (await health('HEAD')).body]).toEqual([200, ''])
  expect((await health('POST')).status).toBe(405)
  const drained = server.io.drain({ notice: 60_000, spread: 0 })
  // Told before anything else changes.
  expect([(await health()).status, JSON.parse((await health()).body)]).toEqual([503, { status: 'draining', sessions: 1 }])
  expect((await send(server.port, 'GET', polling(4))).status).toBe(200)
  expect((await client.post('42["x"]')).status).toBe(200)
  void drained
})

it('[API-17] may have a path of its own, and is off by default', async () => {
  server = await start({ health: '/healthz' })
  expect((await send(server.port, 'GET', '/healthz?x')).status).toBe(200)
  expect((await send(server.port, 'GET', '/healthzz')).body).toBe('app')
  expect((await send(server.port, 'GET', '/socket.io/health')).status).toBe(400)
  await server.close()

  server = await start()
  expect((await send(server.port, 'GET', '/socket.io/health')).status).toBe(400)
})

it.each([3, 4])('[EIO-76] EIO=%i: what is sent in the turn of io.close() comes before the end', async (eio) => {
  server = await start()
  const socket = await openSocket(eio)
  const polling = await openPolling(eio)
  const sockets = (): unknown[] => [...server.io.sockets.sockets.values()].filter(({ conn }) => conn.transport.writable)
  const held = polling.get()
  await expect.poll(() => sockets().length).toBe(2)
  server.io.emit('last', 'words')
  const closed = server.io.close()

  expect(String(await socket.next())).toBe('42["last","words"]')
  expect((await held).body).toContain('42["last","words"]')
  await socket.end()
  await closed
})

it('[API-10] io.close() resolves, with a callback or without, when the last connection has ended', async () => {
  for (const callback of [[], [() => {}]]) {
    server = await start()
    const raw = await new RawWebSocket(server.port).join()
    // It does not answer the close frame before it reads on.
    raw.socket.pause()
    let isClosed = false
    const closed = server.io.close(...callback).then(() => (isClosed = true))
    // A connection of the time after the call is refused, and that takes longer than a close that waits for nothing.
    await expect(send(server.port, 'GET', polling(4))).rejects.toThrow()
    await new Promise((resolve) => setImmediate(resolve))

    expect(isClosed).toBe(false)
    raw.socket.destroy()
    await closed
  }
})
