// WebSocket and the upgrade to it, by literal frames.
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import type { Socket as ServerSocket } from 'tidewire'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { PollingClient, send, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

/** Engine.IO's `2` and `3` as frames of the server. */
const [PING, PONG] = ['2', '3'].map((packet) => Buffer.from(`\x81\x01${packet}`, 'latin1')) as [Buffer, Buffer]

let server: Started
const sockets: WireSocket[] = []
afterEach(async () => {
  for (const { ws } of sockets.splice(0)) ws.terminate()
  await server.close()
})

function open(path: string, headers?: Record<string, string>): WireSocket {
  const socket = new WireSocket(server.port, path, headers)
  sockets.push(socket)
  return socket
}

async function joined(eio: number): Promise<WireSocket> {
  const socket = open(websocket(eio))
  await socket.next()
  if (eio === 4) socket.ws.send('40')
  await socket.next()
  return socket
}

/** An HTTP request by hand; gives all that comes back until the server closes. */
function raw(request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const tcp = connectTcp(server.port, '127.0.0.1', () => tcp.write(request))
    let answer = ''
    tcp.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk)).on('end', () => resolve(answer)).on('error', reject)
  })
}

describe('websocket', () => {
  it('[EIO-21, EIO-23, SIO-20] opens a session and joins a namespace', async () => {
    server = await start()
    const socket = open(websocket(4))
    expect(JSON.parse(String(await socket.next()).slice(1))).toEqual({ sid: expect.stringMatching(/^[\w-]{20}$/), upgrades: [], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000 })
    socket.ws.send('40')

    expect(await socket.next()).toMatch(/^40\{"sid":"[\w-]{20}"\}$/)
  })

  it('[EIO-3, EIO-4] frames binary as its revision does', async () => {
    server = await start()
    server.io.on('connection', (socket) => socket.on('echo', (bytes: Buffer) => socket.emit('back', bytes)))
    for (const eio of [3, 4]) {
      const socket = await joined(eio)
      socket.ws.send('451-["echo",{"_placeholder":true,"num":0}]')
      socket.ws.send(eio === 3 ? Buffer.from([4, 1, 2]) : Buffer.from([1, 2]))
      expect(await socket.next()).toBe('451-["back",{"_placeholder":true,"num":0}]')
      expect(await socket.next()).toEqual(eio === 3 ? Buffer.from([4, 1, 2]) : Buffer.from([1, 2]))
    }
  })

  it('[EIO-3] frames texts of every length and alphabet, for one recipient and for many', async () => {
    server = await start()
    const alphabets = ['a', 'ÿ', 'é', '€', '😀', '\ud800']
    server.io.on('connection', (socket) => {
      void socket.join('room')
      socket.on('one', (text: string) => socket.emit('x', text))
      socket.on('many', (text: string) => server.io.to('room').emit('x', text))
    })
    const both = [await joined(4), await joined(4)] as const
    const texts = Array.from({ length: 150 }, (_, length) => alphabets[length % alphabets.length]!.repeat(length))
    texts.push('b'.repeat(0xfffe), 'b'.repeat(0x10000))
    for (const text of texts) {
      both[0].ws.send(`42${JSON.stringify(['one', text])}`)
      both[0].ws.send(`42${JSON.stringify(['many', text])}`)
      const expected = `42${JSON.stringify(['x', text])}`
      expect(await both[0].next()).toBe(expected)
      expect(await both[0].next()).toBe(expected)
      expect(await both[1].next()).toBe(expected)
    }
  })

  it.each([4, 3])('[EIO-3, EIO-4] frames what leaves in one turn in order, own and shared, text and binary, in revision %d', async (eio) => {
    server = await start()
    const bytes = Buffer.alloc(1024, 7)
    server.io.on('connection', (socket) => {
      void socket.join('room')
      socket.on('go', () => {
        socket.emit('own', 'é'.repeat(80))
        server.io.to('room').emit('both', 1)
        socket.emit('own', bytes, Buffer.alloc(0))
        server.io.to('room').emit('both', bytes)
        socket.emit('own', 'x'.repeat(70_000))
      })
    })
    const [one, other] = [await joined(eio), await joined(eio)]
    one.ws.send('42["go"]')
    const attachment = (data: Buffer): Buffer => (eio === 3 ? Buffer.concat([Buffer.from([4]), data]) : data)
    const both = ['42["both",1]', '451-["both",{"_placeholder":true,"num":0}]', attachment(bytes)]
    const expected = [
      `42["own","${'é'.repeat(80)}"]`,
      both[0],
      '452-["own",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
      attachment(bytes),
      attachment(Buffer.alloc(0)),
      both[1],
      both[2],
      `42["own","${'x'.repeat(70_000)}"]`,
    ]
    for (const message of expected) expect(await one.next()).toEqual(message)
    for (const message of both) expect(await other.next()).toEqual(message)
  })

  it('lets listeners of the application see what a connection reads', async () => {
    server = await start()
    let seen = 0
    server.io.on('connection', (socket) => {
      ;(socket.request.socket as Socket).on('data', (chunk: Buffer) => (seen += chunk.length))
      socket.on('echo', (text: string) => socket.emit('back', text, seen))
    })
    const socket = await joined(4)
    for (const text of ['one', 'two', 'three']) {
      const before = seen
      socket.ws.send(`42["echo","${text}"]`)
      expect(await socket.next()).toMatch(new RegExp(`^42\\["back","${text}",\\d+\\]$`))
      // Two bytes of header, and four of the mask.
      expect(seen - before).toBe(`42["echo","${text}"]`.length + 6)
    }
  })

  it.each([
    ['an unsupported revision', '/socket.io/?EIO=9&transport=websocket', 400, 'Unsupported protocol version'],
    ['an unknown sid', websocket(4, '&sid=nope'), 400, 'Session ID unknown'],
    ['an unknown transport', '/socket.io/?EIO=4&transport=bogus', 400, 'Transport unknown'],
    ['transport=polling', '/socket.io/?EIO=4&transport=polling', 400, 'Bad request'],
  ])('[EIO-25] answers %s in HTTP, before any 101', async (_what, path, status, text) => {
    server = await start()
    const { status: got, body } = await open(path).refusal()

    expect(got).toBe(status)
    expect(body).toContain(text)
  })

  it('[EIO-25] tells a switched-off revision what to do', async () => {
    server = await start({ allowEIO3: false })

    expect((await open(websocket(3)).refusal()).body).toContain('allowEIO3')
  })

  it('[EIO-28] refuses with the text of allowRequest', async () => {
    server = await start({ allowRequest: (_req, fn) => fn('nope', false) })

    expect(await open(websocket(4)).refusal()).toEqual({ status: 403, body: 'nope' })
    expect(await send(server.port, 'GET', '/socket.io/?EIO=4&transport=polling')).toMatchObject({ status: 403, body: '{"code":4,"message":"nope"}' })
  })

  it('[WS-10] answers an upgrade without a valid key or version in HTTP', async () => {
    server = await start()
    const request = (headers: string): string => `GET ${websocket(4)} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${headers}\r\n`

    expect(await raw(request('Sec-WebSocket-Version: 13\r\n'))).toMatch(/^HTTP\/1\.1 400 /)
    expect(await raw(request('Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n'))).toMatch(/^HTTP\/1\.1 400 /)
    expect(await raw(request('Sec-WebSocket-Version: 7\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'))).toMatch(/^HTTP\/1\.1 426 /)
  })

  it.each([['9'], [''], ['2']])('[EIO-70] closes on the packet %j', async (packet) => {
    server = await start()
    const socket = await joined(4)
    socket.ws.send(packet)

    // Officially 1005, without a reason.
    expect(await socket.end()).toMatchObject({ code: 1008, reason: expect.stringMatching(/packet|heartbeat/) })
  })

  it('[EIO-74, EIO-72] ignores a close packet and a pong that nobody asked for', async () => {
    server = await start()
    server.io.on('connection', (socket) => socket.on('fence', (ack: () => void) => ack()))
    const socket = await joined(4)
    for (const packet of ['1', '3', '420["fence"]']) socket.ws.send(packet)

    expect(await socket.next()).toBe('430[]')
  })

  it('[WS-6, EIO-75] closes with 1009 on a message above the limit', async () => {
    server = await start({ maxHttpBufferSize: 50 })
    const reason = new Promise((resolve) => server.io.on('connection', (socket) => socket.on('disconnect', resolve)))
    const socket = await joined(4)
    socket.ws.send(`42["${'x'.repeat(60)}"]`)

    expect((await socket.end()).code).toBe(1009)
    expect(await reason).toBe('transport error')
  })

  it('[WS-5] closes with 1007 on text that is not UTF-8', async () => {
    server = await start()
    const socket = await joined(4)
    socket.ws.send(Buffer.from([0xc3, 0x28]), { binary: false })

    expect((await socket.end()).code).toBe(1007)
  })

  it('[EIO-73] closes with a close frame alone', async () => {
    server = await start()
    server.io.on('connection', (socket) => socket.on('bye', () => socket.disconnect(true)))
    const socket = await joined(4)
    socket.ws.send('42["bye"]')

    expect(await socket.next()).toBe('41')
    expect((await socket.end()).code).toBe(1005)
    expect(socket.messages).toEqual([])
  })

  it('[EIO-65, SIO-40] writes what a turn sends in order', async () => {
    server = await start()
    server.io.on('connection', (socket) => {
      for (let n = 0; n < 100; n++) socket.emit('n', n)
    })
    const socket = await joined(4)
    const got: (string | Buffer)[] = []
    while (got.length < 100) got.push(await socket.next())

    expect(got).toEqual(Array.from({ length: 100 }, (_, n) => `42["n",${n}]`))
  })

  it('[EIO-75] ends a session whose client does not read', async () => {
    server = await start({ maxOutboxBytes: 100_000, maxHttpBufferSize: 100_000 })
    const socket = open(websocket(4))
    await socket.next()
    const gone = new Promise((resolve) => {
      server.io.on('connection', (peer) => {
        peer.on('disconnect', (reason, description) => resolve([reason, String(description)]))
        const flood = (): void => {
          if (!peer.connected) return
          peer.emit('flood', 'x'.repeat(50_000))
          setImmediate(flood)
        }
        flood()
      })
    })
    socket.ws.pause()
    socket.ws.send('40')

    expect(await gone).toEqual(['transport error', expect.stringContaining('slow consumer')])
  })
})

describe('upgrade', () => {
  /** A client of "/" whose probe has its answer, and whose poll has been released. */
  async function probing(): Promise<{ client: PollingClient; probe: WireSocket; socket: ServerSocket }> {
    server = await start()
    const connected = new Promise<ServerSocket>((resolve) => server.io.on('connection', resolve))
    const client = await new PollingClient(server.port).connect()
    await client.post('40')
    await client.get()
    const probe = open(websocket(4, `&sid=${client.sid}`))
    await probe.until('the open', () => probe.ws.readyState === 1)
    const held = client.get()
    probe.ws.send('2probe')
    expect(await probe.next()).toBe('3probe')
    expect((await held).body).toBe('6')
    return { client, probe, socket: await connected }
  }

  it('[EIO-60, EIO-61] moves to WebSocket without losing or reordering what is sent meanwhile', async () => {
    const { client, probe, socket } = await probing()
    const emit = (n: number): boolean => socket.emit('n', n)
    emit(1)
    expect((await client.get()).body).toBe('42["n",1]')
    emit(2)
    probe.ws.send('5')
    expect(await probe.next()).toBe('42["n",2]')
    emit(3)
    expect(await probe.next()).toBe('42["n",3]')

    expect(await client.get()).toMatchObject({ status: 400, body: '{"code":3,"message":"Bad request"}' })
  })

  it('[EIO-62] upgrades on 5 without a probe, and closes only the probing socket on anything else', async () => {
    server = await start()
    const client = await new PollingClient(server.port).connect()
    await client.post('40')
    const wrong = open(websocket(4, `&sid=${client.sid}`))
    await wrong.until('the open', () => wrong.ws.readyState === 1)
    wrong.ws.send('4x')
    await wrong.end()
    const right = open(websocket(4, `&sid=${client.sid}`))
    await right.until('the open', () => right.ws.readyState === 1)
    right.ws.send('5')

    expect(await right.next()).toMatch(/^40\{/)
  })

  it('[EIO-63] gives up a probe that does not finish', async () => {
    server = await start({ upgradeTimeout: 50 })
    const client = await new PollingClient(server.port).connect()
    const probe = open(websocket(4, `&sid=${client.sid}`))
    await probe.end()

    expect((await client.post('40')).body).toBe('ok')
  })

  it.each(['disconnect', 'drain'] as const)('[EIO-68] a client that says `5` while the server closes its session (%s) gets what was sent, and the end', async (how) => {
    const { probe, socket } = await probing()
    const reasons: string[] = []
    socket.conn.on('close', (reason) => reasons.push(reason))
    socket.emit('bye')
    const drained = how === 'drain' ? server.io.drain({ spread: 0, timeout: 60_000 }) : socket.disconnect(true)
    probe.ws.send('5')

    expect(await probe.next()).toBe('42["bye"]')
    if (how === 'disconnect') expect(await probe.next()).toBe('41')
    await probe.end()
    await drained
    expect(reasons).toEqual([how === 'drain' ? 'server shutting down' : 'forced close'])
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[EIO-68] a client that polls on while the server closes its session is told so by polling', async () => {
    const { client, probe, socket } = await probing()
    socket.disconnect(true)

    expect((await client.get()).body).toBe('41')
    expect((await client.get()).body).toBe('1')
    await probe.end()
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[EIO-64] refuses a second probe', async () => {
    server = await start()
    const client = await new PollingClient(server.port).connect()
    const probe = open(websocket(4, `&sid=${client.sid}`))
    await probe.until('the open', () => probe.ws.readyState === 1)

    expect((await open(websocket(4, `&sid=${client.sid}`)).refusal()).status).toBe(400)
  })
})

describe('heartbeat', () => {
  it('[EIO-70] pings a v4 client that answers again and again', async () => {
    server = await start({ pingInterval: 60, pingTimeout: 20_000 })
    const socket = await joined(4)
    for (let i = 0; i < 3; i++) {
      expect(await socket.next()).toBe('2')
      socket.ws.send('3')
    }
  })

  it('[EIO-70] closes a v4 session when no pong comes', async () => {
    server = await start({ pingInterval: 300, pingTimeout: 60 })
    const reason = new Promise((resolve) => server.io.on('connection', (socket) => socket.on('disconnect', resolve)))
    const socket = await joined(4)
    await socket.end()

    expect(socket.messages).toEqual(['2'])
    expect(await reason).toBe('ping timeout')
  })

  it('[EIO-71] closes a v3 session that is silent, and keeps one that pings', async () => {
    server = await start({ pingInterval: 300, pingTimeout: 100 })
    const reason = new Promise((resolve) => server.io.on('connection', (socket) => socket.on('disconnect', resolve)))
    const socket = await joined(3)
    for (let i = 0; i < 3; i++) {
      socket.ws.send('2')
      expect(await socket.next()).toBe('3')
    }
    await socket.end()

    expect(await reason).toBe('ping timeout')
  })

  it('[EIO-70, EIO-71] a server that stood still reads what came meanwhile before it calls a client silent', async () => {
    server = await start({ pingInterval: 200, pingTimeout: 200 })
    const [current, old] = [await new RawWebSocket(server.port).join(), new RawWebSocket(server.port, websocket(3))]
    try {
      await old.until('40')
      await current.until(PING)
      current.received = Buffer.alloc(0)
      // Both are in the kernel before the process stands still, for longer than both may be silent.
      current.send('3')
      old.send('2')
      const until = performance.now() + 1_000
      while (performance.now() < until);

      await old.until(PONG)
      await current.until(PING)
    } finally {
      for (const { socket } of [current, old]) socket.destroy()
    }
  })

  it('[EIO-76] closes all sessions when the server closes', async () => {
    server = await start()
    const reason = new Promise((resolve) => server.io.on('connection', (socket) => socket.on('disconnect', resolve)))
    const socket = await joined(4)
    const closed = server.close()
    await socket.end()
    await closed

    expect(await reason).toBe('server shutting down')
  })
})

describe('the end of a WebSocket', () => {
  it('[WS-9] the connection is ended when the client has answered the close frame, and at once when it was closed for what it did', async () => {
    server = await start()
    const client = await new RawWebSocket(server.port).join()
    const other = await new RawWebSocket(server.port).join()
    let hasEnded = false
    client.socket.on('end', () => (hasEnded = true))
    server.io.disconnectSockets(true)
    while (!client.received.includes(Buffer.from([0x88, 0]))) await once(client.socket, 'data')
    // A client that comes later is served before anything else happens to this one.
    await new RawWebSocket(server.port).join()
    expect(hasEnded).toBe(false)
    const ended = once(client.socket, 'end')
    client.send('', 8)
    await ended

    other.socket.destroy()
    const hostile = await new RawWebSocket(server.port).join()
    hostile.send('42{}')
    expect((await hostile.end()).code).toBe(1008)
  })
})

describe('origins', () => {
  const EVIL = { Origin: 'http://evil.test' }

  it('[EIO-81] refuses a cross-origin WebSocket that carries cookies, and serves one that does not', async () => {
    server = await start()
    const refusal = await open(websocket(4), { ...EVIL, Cookie: 'session=1' }).refusal()
    expect(refusal).toMatchObject({ status: 403, body: expect.stringContaining('cors') })

    expect(await open(websocket(4), EVIL).next()).toMatch(/^0\{/)
    expect(await open(websocket(4), { Origin: `http://127.0.0.1:${server.port}`, Cookie: 'session=1' }).next()).toMatch(/^0\{/)
  })

  it('[EIO-80] checks a present Origin on every transport when cors is set, and answers preflights', async () => {
    server = await start({ cors: { origin: 'http://good.test', credentials: true } })
    expect((await open(websocket(4), EVIL).refusal()).status).toBe(403)
    expect((await send(server.port, 'GET', '/socket.io/?EIO=4&transport=polling', { headers: EVIL })).status).toBe(403)
    expect(await open(websocket(4), { Origin: 'http://good.test' }).next()).toMatch(/^0\{/)
    const preflight = await send(server.port, 'OPTIONS', '/socket.io/?EIO=4&transport=polling', { headers: { Origin: 'http://good.test', 'Access-Control-Request-Headers': 'x-a' } })

    expect(preflight).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': 'http://good.test', 'access-control-allow-credentials': 'true', 'access-control-allow-headers': 'x-a' } })
  })

  it('[EIO-80, EIO-81] serves the pages of its own site always, also behind a proxy that names the host or a browser that says so', async () => {
    const own = (port: number): Record<string, string>[] => [
      { Origin: `http://127.0.0.1:${port}` },
      { Origin: 'https://chat.test', Host: 'chat.test' },
      { Origin: 'https://chat.test', Host: 'CHAT.test:443' },
      { Origin: 'https://chat.test', Host: 'backend', 'X-Forwarded-Host': 'chat.test' },
      { Origin: 'https://chat.test', Host: 'backend', 'X-Forwarded-Host': 'chat.test, inner.test' },
      { Origin: 'https://chat.test', Host: 'backend', 'Sec-Fetch-Site': 'same-origin' },
    ]
    for (const cors of [undefined, { origin: 'http://good.test' }, { origin: false }]) {
      server = await start(cors === undefined ? {} : { cors })
      for (const headers of own(server.port)) {
        expect(await open(websocket(4), { ...headers, Cookie: 'session=1' }).next()).toMatch(/^0\{/)
        expect((await send(server.port, 'GET', '/socket.io/?EIO=4&transport=polling', { headers })).status).toBe(200)
      }
      for (const headers of [EVIL, { Origin: 'null' }, { Origin: 'http://chat.test.evil.test', Host: 'chat.test' }, { ...EVIL, 'Sec-Fetch-Site': 'same-site' }]) {
        expect((await open(websocket(4), { ...headers, Cookie: 'session=1' }).refusal()).status).toBe(403)
      }
      await server.close()
    }
    server = await start()
  })

  it('[EIO-82] sets the cookie on the handshake only', async () => {
    server = await start({ cookie: true })
    const client = await new PollingClient(server.port).connect()
    expect(client.open.headers['set-cookie']).toEqual([`io=${client.sid}; Path=/; HttpOnly; SameSite=Lax`])

    expect((await client.post('40')).headers['set-cookie']).toBeUndefined()
  })

  it('[EIO-30, EIO-29] runs engine middleware for every request, its headers on the 101 too, and leaves other paths alone', async () => {
    server = await start()
    const seen: string[] = []
    server.io.engine.use((req, res, next) => {
      seen.push(req.url!.replace(/^.*transport=(\w+).*$/, '$1'))
      res.setHeader('X-Seen', 'yes')
      next()
    })
    expect((await send(server.port, 'GET', '/socket.io/?EIO=4&transport=polling')).headers['x-seen']).toBe('yes')
    const socket = open(websocket(4))
    const headers = new Promise<any>((resolve) => socket.ws.on('upgrade', (res) => resolve(res.headers)))
    expect((await headers)['x-seen']).toBe('yes')
    expect(await send(server.port, 'GET', '/else')).toMatchObject({ status: 404, body: 'app' })

    expect(seen).toEqual(['polling', 'websocket'])
  })
})
