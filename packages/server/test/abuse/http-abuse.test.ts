// Requests that are slow, many, large or somebody else's: each is refused or bounded, and others are served.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Server, Socket } from 'node:net'
import { maskedFrame, upgradeRequest } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { polling, PollingClient, send, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
const sockets: Socket[] = []
const wires: WireSocket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const { ws } of wires.splice(0)) ws.terminate()
  await server.close()
})

interface Dialled {
  socket: Socket
  text: string
  isClosed: boolean
}

function dial(request: string): Dialled {
  const socket = connect(server.port, '127.0.0.1')
  sockets.push(socket)
  const dialled = { socket, text: '', isClosed: false }
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => (dialled.text += chunk.toString('latin1')))
  socket.on('close', () => (dialled.isClosed = true))
  socket.write(request)
  return dialled
}

function wire(path: string, headers?: Record<string, string>): WireSocket {
  const socket = new WireSocket(server.port, path, headers)
  wires.push(socket)
  return socket
}

/** Somebody else is served as ever. */
async function expectService(): Promise<void> {
  const client = await new PollingClient(server.port).connect()
  expect((await client.post('40')).body).toBe('ok')
  expect((await client.get()).body).toMatch(/^40\{/)
}

describe('slow requests', () => {
  it('[EIO-42, EIO-78] a thousand bodies that do not end, all for one session, end it; their connections are cut off', async () => {
    server = await start()
    const client = await new PollingClient(server.port).connect()
    const slow = Array.from({ length: 1_000 }, () =>
      dial(`POST ${client.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n42`),
    )

    await expect.poll(() => server.io.stats().sessions.open).toBe(0)
    await expectService()
    await expect.poll(() => slow.filter(({ isClosed }) => !isClosed).length).toBe(0)
    expect(slow.filter(({ text }) => text.startsWith('HTTP/1.1 400')).length).toBeGreaterThan(900)
  })

  it('[EIO-71, EIO-78] a body that does not end does not keep its session alive', async () => {
    server = await start({ pingInterval: 300, pingTimeout: 300 })
    const client = await new PollingClient(server.port).connect()
    const slow = dial(
      `POST ${client.path()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n4\r\n`,
    )
    const drip = setInterval(() => slow.socket.write('1\r\n2\r\n'), 50)
    await expect.poll(() => slow.isClosed).toBe(true)
    clearInterval(drip)

    expect(server.io.stats()).toMatchObject({
      sessions: { open: 0, closed: { 'ping timeout': 1 } },
      limits: { pingTimeout: 1 },
    })
  })

  it('[EIO-70] handshakes without a request afterwards are gone after their heartbeat', async () => {
    server = await start({ pingInterval: 300, pingTimeout: 300 })
    await Promise.all(Array.from({ length: 300 }, () => send(server.port, 'GET', polling(4))))
    expect(server.io.stats().sessions.opened).toBe(300)

    await expect.poll(() => server.io.stats().sessions.open).toBe(0)
    expect(server.io.stats().limits.pingTimeout).toBe(300)
  })

  it('[EIO-70] messages that are never finished, in one frame or in fragments, end with the heartbeat of their session', async () => {
    server = await start({ pingInterval: 1_000, pingTimeout: 300 })
    const clients = await Promise.all(Array.from({ length: 40 }, () => new RawWebSocket(server.port).join()))
    const half = maskedFrame('x'.repeat(500_000)).subarray(0, 400_000)
    for (const [index, { socket }] of clients.entries()) socket.write(index % 2 === 0 ? half : maskedFrame('x'.repeat(400_000), 1, false))
    await expect.poll(() => server.io.stats().sessions.open).toBe(0)

    expect(server.io.stats()).toMatchObject({ limits: { pingTimeout: 40 }, sessions: { closed: { 'ping timeout': 40 } } })
    await expectService()
  })

  it('[EIO-83] handshakes that wait for `allowRequest` at the same time do not all get the last place', async () => {
    const decisions: ((error: undefined, isAllowed: boolean) => void)[] = []
    server = await start({ maxSessions: 2, allowRequest: (_req, decide) => void decisions.push(decide) })
    const asked = Array.from({ length: 3 }, () => send(server.port, 'GET', polling(4)))
    const upgrading = new WireSocket(server.port, websocket(4))
    await expect.poll(() => decisions.length).toBe(4)
    for (const decide of decisions) decide(undefined, true)

    const polls = (await Promise.all(asked)).map(({ status }) => status)
    await upgrading.until('an answer', () => upgrading.refused !== undefined || upgrading.messages.length > 0)
    expect([...polls, upgrading.refused?.status ?? 200].toSorted()).toEqual([200, 200, 503, 503])
    expect(server.io.engine.clientsCount).toBe(2)
  })

  it('[EIO-76] a handshake that `allowRequest` lets in while the server closes opens no session', async () => {
    let decide: ((error: undefined, isAllowed: boolean) => void) | undefined
    server = await start({ allowRequest: (_req, decided) => void (decide = decided) })
    const asked = send(server.port, 'GET', polling(4))
    await expect.poll(() => decide).toBeDefined()
    const closed = server.io.close()
    decide!(undefined, true)

    expect(await asked).toMatchObject({ status: 503, body: expect.stringContaining('shutting down') })
    expect(server.io.engine.clientsCount).toBe(0)
    await closed
  })

  it('[EIO-83] handshakes above `maxSessions` are refused with 503 and the reason, and served again when there is room', async () => {
    server = await start({ maxSessions: 2 })
    const first = await new RawWebSocket(server.port).join()
    const second = await new PollingClient(server.port).connect()
    const refused = await send(server.port, 'GET', polling(4))
    expect(refused).toMatchObject({ status: 503, body: expect.stringContaining('maxSessions') })
    expect((await wire(websocket(4)).refusal()).status).toBe(503)
    expect((await second.post('40')).body).toBe('ok')
    expect(server.io.stats()).toMatchObject({ limits: { maxSessions: 2 }, refusals: { SERVER_FULL: 2 } })
    first.socket.destroy()
    await expect.poll(() => server.io.stats().sessions.open).toBe(1)

    expect((await send(server.port, 'GET', polling(4))).status).toBe(200)
  })

  it('[WS-9] WebSockets that are kept open after the close frame are cut off, those that go on sending too', async () => {
    server = await start()
    const http = server.io.httpServer as Server
    const upgrade = upgradeRequest(websocket(4))
    const open = async (): Promise<Socket> => {
      const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
      sockets.push(socket)
      socket.on('error', () => {}).write(upgrade)
      await once(socket, 'data')
      return socket.resume()
    }
    const count = (): Promise<number> => new Promise((resolve) => http.getConnections((_error, connections) => resolve(connections)))
    const [closing, closed] = [await open(), await open()]
    // Not those of sockets, which see the silence.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const dripping = setInterval(() => void (closed.writable && closed.write(maskedFrame('2'))), 500)
    try {
      closing.write(maskedFrame(Buffer.from([3, 232]), 8))
      closed.write(maskedFrame('nonsense'))
      await expect.poll(() => server.io.engine.clientsCount).toBe(0)
      expect(await count()).toBe(2)
      await expect.poll(count, { interval: 50 }).toBe(1)
      vi.advanceTimersByTime(30_000)
      await expect.poll(count, { interval: 50 }).toBe(0)
    } finally {
      clearInterval(dripping)
      vi.useRealTimers()
    }
  })

  it('[SIO-25] WebSockets that join no namespace are closed with the reason', async () => {
    server = await start({ connectTimeout: 200 })
    const idle = Array.from({ length: 200 }, () => new RawWebSocket(server.port))

    expect(await idle[0]!.end()).toEqual({
      code: 1008,
      reason: 'connectTimeout: no namespace was joined in time',
    })
    await expect.poll(() => server.io.stats().limits.connectTimeout).toBe(200)
    await expectService()
  })
})

describe('large requests', () => {
  it.each([
    ['1,500 headers', 'x: y\r\n'.repeat(1_500)],
    ['a header of 60 KB', `x: ${'y'.repeat(60_000)}\r\n`],
    ['headers of 15 KB on a URL of 8 KB', `x: ${'y'.repeat(15_000)}\r\n`],
  ])(
    '[HTTP-4] %s, plain and on an upgrade, are answered by node:http, and nobody else notices',
    async (_what, headers) => {
      server = await start()
      const query = `/socket.io/?EIO=4&transport=polling&x=${'z'.repeat(8_000)}`
      const plain = dial(`GET ${query} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`)
      const upgrade = dial(upgradeRequest(query.replace('polling', 'websocket'), headers))
      await expect.poll(() => [plain.text.slice(9, 12), upgrade.text.slice(9, 12)]).toEqual(['431', '431'])
      await expectService()
    },
  )

  it('[EIO-43, WS-6] a message above the limit is told to its sender: 413 on polling, 1009 with the reason on WebSocket, both counted', async () => {
    server = await start({ maxHttpBufferSize: 1_000 })
    const client = await new PollingClient(server.port).connect()
    expect((await client.post('4'.repeat(1_001))).status).toBe(413)
    expect((await client.post(Buffer.alloc(200_000, '4'))).status).toBe(413)
    const chunked = dial(
      `POST ${client.path()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'4'.repeat(2_000)}\r\n0\r\n\r\n`,
    )
    await expect.poll(() => chunked.text).toMatch(/^HTTP\/1.1 413/)
    expect((await client.post('40')).body).toBe('ok')
    const socket = await new RawWebSocket(server.port).join()
    socket.send('4'.repeat(1_001))

    expect(await socket.end()).toEqual({
      code: 1009,
      reason: 'WebSocket message too large; got 1001 bytes, expected at most 1000',
    })
    expect(server.io.stats().limits.maxHttpBufferSize).toBe(4)
  })

  it('[WS-7] a flood of tiny fragments closes with 1009 and is counted', async () => {
    server = await start()
    const socket = await new RawWebSocket(server.port).join()
    socket.socket.write(
      Buffer.concat([
        maskedFrame('4', 1, false),
        ...Array.from({ length: 80_000 }, () => maskedFrame('x', 0, false)),
      ]),
    )

    expect(await socket.end()).toMatchObject({
      code: 1009,
      reason: expect.stringContaining('Too many WebSocket fragments'),
    })
    expect(server.io.stats().limits.maxFragments).toBe(1)
  })

  it('[WS-12] a message that inflates above the limit closes with 1009 and is counted; many that stay below it leave others their turns', async () => {
    server = await start({ perMessageDeflate: true })
    const { WebSocket } = await import('ws')
    const bomb = (size: number): Promise<number> =>
      new Promise((resolve) => {
        const ws = new WebSocket(`ws://127.0.0.1:${server.port}${websocket(4)}`, {
          perMessageDeflate: { threshold: 0 },
        })
        ws.on('open', () => {
          ws.send('40')
          ws.send(`42["bomb","${'x'.repeat(size)}"]`)
          if (size < 1e6) ws.send('42["bye"]')
        })
        ws.on('close', resolve)
        ws.on('error', () => {})
      })
    server.io.on('connection', (socket) => socket.on('bye', () => socket.disconnect(true)))
    const codes = Promise.all([bomb(5_000_000), ...Array.from({ length: 20 }, () => bomb(990_000))])
    await expectService()

    expect(await codes).toEqual([1009, ...Array.from({ length: 20 }, () => 1005)])
    expect(server.io.stats().limits.maxHttpBufferSize).toBe(1)
  })
})

describe('what clients do not read', () => {
  it.each([3, 4])(
    '[EIO-72, EIO-75] a client of revision %i that reads nothing and sends pongs and pings is closed when its outbox is full',
    async (eio) => {
      server = await start({ maxOutboxBytes: 100_000 })
      const closed = Promise.withResolvers<{ reason: string; detail: string }>()
      server.io.on('connection', (socket) =>
        socket.on('disconnect', (reason, detail) => closed.resolve({ reason, detail: String(detail) })),
      )
      const client = new RawWebSocket(server.port, websocket(eio))
      sockets.push(client.socket)
      if (eio === 4) await client.join()
      else await client.until('40')
      client.socket.pause()
      const noise = setInterval(() => client.send(eio === 4 ? '3' : '2'), 5)
      const feed = setInterval(() => server.io.emit('news', 'x'.repeat(50_000)), 1)
      const { reason, detail } = await closed.promise
      clearInterval(noise)
      clearInterval(feed)

      expect(reason).toBe('transport error')
      expect(detail).toMatch(
        /slow consumer: \d+ bytes wait for a client that does not read, more than maxOutboxBytes \(100000\)/,
      )
      expect(server.io.stats().limits.maxOutboxBytes).toBe(1)
    },
  )

  it('[EIO-70, EIO-72] pongs that nobody asked for are no sign of life', async () => {
    server = await start({ pingInterval: 300, pingTimeout: 300 })
    const client = await new RawWebSocket(server.port).join()
    sockets.push(client.socket)
    // They stop when the ping comes, which is not answered.
    const noise = setInterval(() => client.received.includes(Buffer.from([0x81, 1, 0x32])) || client.send('3'), 20)
    await client.end()
    clearInterval(noise)

    expect(server.io.stats().limits.pingTimeout).toBe(1)
  })

  it('[EIO-75] a poll whose answer is not read is bounded with its session', async () => {
    server = await start({ maxOutboxBytes: 100_000 })
    const client = await new PollingClient(server.port).connect()
    await client.post('40')
    await client.get()
    const [socket] = server.io.sockets.sockets.values()
    const poll = dial(`GET ${client.path()} HTTP/1.1\r\nHost: x\r\n\r\n`)
    poll.socket.pause()
    const feed = setInterval(() => socket!.emit('news', 'x'.repeat(90_000)), 1)
    await expect.poll(() => server.io.stats().limits.maxOutboxBytes).toBe(1)
    clearInterval(feed)

    expect(server.io.stats().sessions.open).toBe(0)
  })
})

describe('what is somebody else’s', () => {
  it('[EIO-26, EIO-41] a session whose id was guessed wrong is not found, and an overlapping poll ends the session rather than share it', async () => {
    server = await start()
    const victim = await new PollingClient(server.port).connect()
    await victim.post('40')
    await victim.get()
    expect((await send(server.port, 'GET', polling(4, `&sid=${victim.sid.slice(0, 19)}${victim.sid.endsWith('x') ? 'y' : 'x'}`))).status).toBe(400)
    const held = victim.get()
    await expect.poll(() => [...server.io.engine.sessions][0]!.transport.writable).toBe(true)
    const thief = await send(server.port, 'GET', victim.path())

    expect(thief).toMatchObject({ status: 400, body: '' })
    expect((await held).body).toBe('1')
    expect(server.io.stats().sessions.open).toBe(0)
  })

  it('[EIO-80, EIO-81] a page of another origin neither opens a session with the user’s cookies nor takes one over', async () => {
    server = await start({ cors: { origin: 'http://good.example' } })
    const victim = await new PollingClient(server.port).connect()
    const evil = { Origin: 'http://evil.example' }

    expect((await send(server.port, 'GET', polling(4), { headers: evil })).status).toBe(403)
    expect((await send(server.port, 'POST', victim.path(), { headers: evil, body: '40' })).status).toBe(403)
    expect((await send(server.port, 'GET', victim.path(), { headers: evil })).status).toBe(403)
    expect(await wire(websocket(4, `&sid=${victim.sid}`), evil).refusal()).toMatchObject({ status: 403 })
    expect(await wire(websocket(4), evil).refusal()).toMatchObject({
      status: 403,
      body: expect.stringContaining('cors.origin'),
    })
    expect(server.io.stats()).toMatchObject({ sessions: { open: 1 }, refusals: { ORIGIN_NOT_ALLOWED: 5 } })
    expect((await victim.post('40')).body).toBe('ok')
  })

  it('[EIO-81] without cors a WebSocket of another origin that carries cookies is refused, upgrade or not', async () => {
    server = await start()
    const victim = await new PollingClient(server.port).connect()
    const evil = { Origin: 'http://evil.example', Cookie: 'session=1' }

    expect((await wire(websocket(4), evil).refusal()).status).toBe(403)
    expect((await wire(websocket(4, `&sid=${victim.sid}`), evil).refusal()).status).toBe(403)
    expect(server.io.stats().refusals).toEqual({ WEBSOCKET_CROSS_ORIGIN: 2 })
  })

  it('[EIO-47, EIO-48] JSONP gives no page of another site a session or the messages of one, and runs no script of the caller', async () => {
    server = await start()
    const jsonp = polling(3, '&j=0')
    expect(
      (await send(server.port, 'GET', jsonp, { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status,
    ).toBe(403)
    expect(
      (await send(server.port, 'GET', jsonp, { headers: { Referer: 'http://evil.example/' } })).status,
    ).toBe(403)
    const own = await send(server.port, 'GET', polling(3, '&j=0);alert(1);('), {
      headers: { 'Sec-Fetch-Site': 'same-origin' },
    })

    expect(own.body).toMatch(/^___eio\[01\]\("/)
    expect(own.headers['x-content-type-options']).toBe('nosniff')
    expect(server.io.stats().refusals).toEqual({ JSONP_CROSS_SITE: 2 })
  })
})

describe('nonsense in HTTP', () => {
  it('[EIO-24] closes or refuses, never more', async () => {
    server = await start()
    for (const path of [
      '/socket.io/?EIO=4&transport=__proto__',
      '/socket.io/?EIO=4&transport=constructor',
      '/socket.io/?EIO=4&transport[]=polling',
      '/socket.io/?EIO=4&transport=polling&sid=__proto__',
      `/socket.io/?EIO=4&transport=polling&sid=${'x'.repeat(7_000)}`,
    ]) {
      expect((await send(server.port, 'GET', path)).status, path).toBe(400)
    }
    // GHSA-273r-mgr4-v34f: a frame with reserved bits right behind the handshake; GHSA-r7qp-cfhv-p84w: a connection that breaks in the middle of it.
    const early = dial(`${upgradeRequest(websocket(4))}\xf1\x80\0\0\0\0`)
    await once(early.socket, 'close')
    for (const cut of [
      `GET ${websocket(4)} HTTP/1.1\r\nUpg`,
      `POST ${polling(4)} HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc`,
      '\x16\x03\x01\x02\x00\x01\x00',
      'GET ',
    ]) {
      dial(cut).socket.resetAndDestroy()
    }
    await expectService()
  })
})
