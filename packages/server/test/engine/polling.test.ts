// Long-polling by literal requests.
import { createServer } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { createInterface } from 'node:readline'
import { gunzipSync, inflateSync } from 'node:zlib'
import { Server } from 'tidewire'
import { afterEach, describe, expect, it } from 'vitest'
import { PollingClient, polling, send, start } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
afterEach(() => server.close())

/** Reasons with which sockets of "/" are disconnected, in order. */
async function startWatched(options = {}): Promise<{ reasons: string[]; connected: Promise<any>; next: () => Promise<string> }> {
  server = await start(options)
  const reasons: string[] = []
  const waiting: ((reason: string) => void)[] = []
  const connected = new Promise<any>((resolve) => {
    server.io.on('connection', (socket) => {
      socket.on('disconnect', (reason) => {
        reasons.push(reason)
        waiting.shift()?.(reason)
      })
      socket.on('echo', (...args: any[]) => args.pop()(...args))
      resolve(socket)
    })
  })
  return { reasons, connected, next: () => new Promise((resolve) => (reasons.length > 0 ? resolve(reasons[0]!) : waiting.push(resolve))) }
}

async function joined(eio = 4, extra = ''): Promise<PollingClient> {
  const client = await new PollingClient(server.port, eio, extra).connect()
  if (eio === 4) {
    await client.post('40')
    await client.get()
  } else if (!client.open.body.includes('40')) await client.get()
  return client
}

describe('polling', () => {
  it('[EIO-21, EIO-22, EIO-23] opens a session whose id has twenty characters', async () => {
    server = await start()
    const clients = await Promise.all([new PollingClient(server.port).connect(), new PollingClient(server.port).connect()])

    for (const { open } of clients) expect(JSON.parse(open.body.slice(1))).toEqual({ sid: expect.stringMatching(/^[\w-]{20}$/), upgrades: ['websocket'], pingInterval: 25000, pingTimeout: 20000, maxPayload: 1000000 })
    expect(clients[0]!.sid.slice(0, 4)).toBe(clients[1]!.sid.slice(0, 4))
    expect(clients[0]!.sid).not.toBe(clients[1]!.sid)
  })

  it('[EIO-40] holds a GET until there is something to send, and answers a POST with ok', async () => {
    const { connected } = await startWatched()
    const client = await joined()
    const socket = await connected
    const held = client.get()
    const posted = await client.post('420["echo","x"]')
    expect(posted).toMatchObject({ status: 200, body: 'ok', headers: { 'content-type': 'text/html' } })
    expect((await held).body).toBe('430["x"]')

    const later = client.get()
    socket.emit('news', '汉字 😀')
    expect((await later).body).toBe('42["news","汉字 😀"]')
  })

  it('[EIO-41] answers a second GET with 400 and ends the session', async () => {
    const watched = await startWatched()
    const client = await joined()
    await watched.connected
    const [first, second] = await Promise.all([client.get(), client.get()])

    expect([first.status, second.status].toSorted()).toEqual([200, 400])
    expect([first, second].find(({ status }) => status === 200)!.body).toBe('1')
    expect(await watched.next()).toBe('transport error')
  })

  it('[EIO-43] answers a POST above the limit with 413 and keeps the session', async () => {
    await startWatched({ maxHttpBufferSize: 50 })
    const client = await joined()
    const tooLong = '4'.padEnd(51, 'x')
    expect((await client.post(tooLong)).status).toBe(413)
    expect((await client.post(tooLong, { 'Transfer-Encoding': 'chunked' })).status).toBe(413)

    const held = client.get()
    await client.post('421["echo"]')
    expect((await held).body).toBe('431[]')
  })

  it('[EIO-43] reads the rest of a POST above the limit, so that its sender is not reset before it has the answer', async () => {
    await startWatched()
    const client = await joined()
    const socket = connectTcp(server.port, '127.0.0.1')
    const answers = createInterface({ input: socket })[Symbol.asyncIterator]()
    const status = async (): Promise<string> => {
      for (;;) {
        const { value, done } = await answers.next()
        if (done === true) return 'ended'
        if (value.startsWith('HTTP/')) return value
      }
    }
    const head = (length: number): string => `POST ${client.path()} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`
    socket.write(head(2_000_000))
    expect(await status()).toContain('413')
    socket.write('x'.repeat(2_000_000))
    socket.write(`${head(1)}6`)
    expect(await status()).toContain('200')
    socket.destroy()
  })

  it.each(['', 'zzz', '9', '\x1e'])('[EIO-44] answers the malformed POST %j with ok and ends the session', async (body) => {
    const watched = await startWatched()
    const client = await joined()
    await watched.connected
    expect(await client.post(body)).toMatchObject({ status: 200, body: 'ok' })

    expect(await watched.next()).toBe('parse error')
    expect((await client.get()).body).toContain('"code":1')
  })

  it('[EIO-44] delivers the packets before an error', async () => {
    const { connected } = await startWatched()
    const client = await joined()
    const socket = await connected
    const events: string[] = []
    socket.onAny((event: string) => events.push(event))
    await client.post('42["a"]\x1e42["b"]\x1e9')

    expect(events).toEqual(['a', 'b'])
  })

  it('[EIO-45] ends the session when the client aborts its GET', async () => {
    const watched = await startWatched()
    const client = await joined()
    await watched.connected
    const abort = new AbortController()
    const held = client.get({ signal: abort.signal })
    // The GET is held once another request of the session has been answered.
    await client.post('3')
    abort.abort()
    await expect(held).rejects.toThrow()

    expect(await watched.next()).toBe('transport error')
  })

  it('[EIO-46] handles a POST of thousands of packets in order', async () => {
    const { connected } = await startWatched()
    const client = await joined()
    const socket = await connected
    const numbers: number[] = []
    socket.on('n', (n: number) => numbers.push(n))
    const count = 5000
    expect((await client.post(Array.from({ length: count }, (_, n) => `42["n",${n}]`).join('\x1e'))).body).toBe('ok')

    expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n))
  })

  it('[EIO-74] ends the session on a close packet, releasing the held GET', async () => {
    const watched = await startWatched()
    const client = await joined()
    await watched.connected
    const held = client.get()
    await client.post('1')

    expect((await held).status).toBe(200)
    expect(await watched.next()).toBe('transport close')
  })

  it('[EIO-73] tells a close by the server to the held GET', async () => {
    const { connected } = await startWatched()
    const client = await joined()
    const socket = await connected
    const held = client.get()
    socket.disconnect(true)
    const bodies = [(await held).body, (await client.get()).body].join('|')

    expect(bodies).toMatch(/^41\|(6\x1e)?1|^41\x1e1/)
  })

  it('[EIO-49] compresses answers from the threshold on', async () => {
    const { connected } = await startWatched({ httpCompression: { threshold: 100 } })
    const client = await joined()
    const socket = await connected
    const held = client.get({ headers: { 'Accept-Encoding': 'gzip' } })
    socket.emit('long', 'x'.repeat(500))
    const { headers, bytes } = await held

    expect(headers['content-encoding']).toBe('gzip')
    expect(bytes.length).toBeLessThan(100)
  })

  it.each([true, false])('[EIO-49] compresses as the options of zlib say, directHttp %s', async (directHttp) => {
    const { connected } = await startWatched({ directHttp, httpCompression: { threshold: 100, level: 0, info: true } })
    const client = await joined()
    const socket = await connected
    const held = client.get({ headers: { 'Accept-Encoding': 'deflate' } })
    socket.emit('long', 'x'.repeat(500))
    const { headers, bytes } = await held

    expect(headers['content-encoding']).toBe('deflate')
    expect(headers['content-length']).toBe(String(bytes.length))
    expect(inflateSync(bytes).toString()).toBe(`42["long","${'x'.repeat(500)}"]`)
    // Level 0 stores.
    expect(bytes.length).toBeGreaterThan(500)
  })

  it('[EIO-49] options that zlib does not take are refused at once', () => {
    expect(() => new Server(createServer(), { httpCompression: { windowBits: 99 } })).toThrow(/windowBits/)
  })

  it.each([true, false])('[EIO-49] answers that wait to be compressed reach all who still want them, directHttp %s', async (directHttp) => {
    const { next } = await startWatched({ directHttp })
    const clients = await Promise.all(Array.from({ length: 12 }, () => joined()))
    const leaving = new AbortController()
    const headers = { 'Accept-Encoding': 'gzip' }
    const gone = clients.pop()!.get({ headers, signal: leaving.signal }).catch((error: Error) => error.name)
    const held = clients.map((client) => client.get({ headers }))
    await expect.poll(() => [...server.io.sockets.sockets.values()].filter(({ conn }) => conn.transport.writable).length).toBe(12)
    server.io.emit('long', 'x'.repeat(900_000))
    leaving.abort()

    expect(await gone).toBe('AbortError')
    for (const { bytes } of await Promise.all(held)) expect(gunzipSync(bytes).length).toBe('42["long",""]'.length + 900_000)
    expect(await next()).toBe('transport error')
  })

  it.each([true, false])('[EIO-49] a small answer that is to be compressed does not wait behind large ones, and they come all the same, directHttp %s', async (directHttp) => {
    await startWatched({ directHttp })
    const clients = await Promise.all(Array.from({ length: 13 }, () => joined()))
    const done: string[] = []
    const held = clients.map(async (client) => {
      const { bytes } = await client.get({ headers: { 'Accept-Encoding': 'gzip' } })
      done.push(gunzipSync(bytes).length > 100_000 ? 'large' : 'small')
    })
    const sockets = [...server.io.sockets.sockets.values()]
    await expect.poll(() => sockets.filter(({ conn }) => conn.transport.writable).length).toBe(13)
    for (const socket of sockets.slice(1)) socket.emit('long', 'x'.repeat(900_000))
    sockets[0]!.emit('long', 'x'.repeat(2_000))
    await Promise.all(held)

    expect(done.length).toBe(13)
    // No more than three are at it already.
    expect(done.indexOf('small')).toBeLessThan(6)
  })

  it('[EIO-51] gives a Python client no more than 16 packets at once', async () => {
    const { connected } = await startWatched()
    const client = await new PollingClient(server.port).connect({ 'User-Agent': 'python-requests/2.32.3' })
    await client.post('40')
    await client.get()
    const socket = await connected
    for (let i = 0; i < 40; i++) socket.emit('n', i)
    const answers = [await client.get(), await client.get(), await client.get()].map(({ body }) => body.split('\u001e'))

    expect(answers.map(({ length }) => length)).toEqual([16, 16, 8])
    expect(answers.flat()).toEqual(Array.from({ length: 40 }, (_, i) => `42["n",${i}]`))
  })

  it('[EIO-26] refuses a sid under another revision', async () => {
    server = await start()
    const client = await new PollingClient(server.port).connect()

    expect(await send(server.port, 'GET', client.path(3))).toMatchObject({ status: 400, body: '{"code":3,"message":"Bad request"}' })
  })

  it.each(['PUT', 'DELETE', 'OPTIONS'])('[EIO-24] answers %s on a session with 500', async (method) => {
    server = await start()
    const client = await new PollingClient(server.port).connect()

    expect(await send(server.port, method, client.path())).toMatchObject({ status: 500, body: '' })
  })

  it('[EIO-75] ends a session whose client posts but never reads', async () => {
    const watched = await startWatched({ maxOutboxBytes: 10_000, maxHttpBufferSize: 10_000 })
    const client = await joined()
    const socket = await watched.connected
    for (let i = 0; i < 30 && watched.reasons.length === 0; i++) socket.emit('flood', 'x'.repeat(1000))

    expect(await watched.next()).toBe('transport error')
    expect((await client.get()).body).toContain('"code":1')
  })
})

describe('bodies in pieces', () => {
  /** A POST whose body is written piece by piece; `finish` sends the last one. */
  function slowPost(path: string, pieces: string[]): Promise<string> {
    return new Promise((resolve) => {
      const tcp = connectTcp(server.port, '127.0.0.1', () => {
        tcp.setNoDelay(true)
        tcp.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${Buffer.byteLength(pieces.join(''))}\r\n\r\n`)
        const bytes = Buffer.from(pieces.join(''))
        let at = 0
        const write = (): void => {
          if (at < bytes.length) tcp.write(bytes.subarray(at, ++at), () => setImmediate(write))
        }
        write()
      })
      let answer = ''
      tcp.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk)).on('close', () => resolve(answer)).on('error', () => resolve(answer))
    })
  }

  it('[EIO-12] gives the same packets when every byte comes alone', async () => {
    const { connected } = await startWatched()
    const client = await joined()
    const socket = await connected
    const heard = new Promise((resolve) => socket.on('say', (...args: unknown[]) => resolve(args)))
    expect(await slowPost(client.path(), ['42["say","汉字 😀",1]'])).toMatch(/ok$/)

    expect(await heard).toEqual(['汉字 😀', 1])
  })

  it('[EIO-42] ends the session on a second POST while one is being read', async () => {
    const watched = await startWatched()
    const client = await joined()
    await watched.connected
    const first = new Promise<void>((resolve) => {
      const tcp = connectTcp(server.port, '127.0.0.1', () => {
        tcp.write(`POST ${client.path()} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n4`)
      })
      tcp.on('error', () => {}).on('close', () => resolve())
    })
    // The first is being read once the server has seen its session's request count; a GET that is answered later is the fence.
    let second = await client.post('3')
    while (second.status === 200) second = await client.post('3')
    expect(second.status).toBe(400)

    expect(await watched.next()).toBe('transport error')
    await first
  })
})

describe('revision 3 over polling', () => {
  it('[EIO-8, EIO-10, SIO-21] writes ASCII alone to a client that takes text', async () => {
    const { connected } = await startWatched()
    const client = await joined(3, '&b64=1')
    const socket = await connected
    const held = client.get()
    socket.emit('é', Buffer.from([1]))
    const { body, headers } = await held

    expect(headers['content-type']).toBe('text/plain; charset=UTF-8')
    expect(body).toBe('51:451-["\\u00e9",{"_placeholder":true,"num":0}]6:b4AQ=='.replace(/^51/, String('451-["\\u00e9",{"_placeholder":true,"num":0}]'.length)))
  })

  it('[EIO-11] writes the binary form when there is binary', async () => {
    const { connected } = await startWatched()
    const client = await joined(3)
    const socket = await connected
    const held = client.get()
    socket.emit('b', Buffer.from([1, 2]))
    const { bytes, headers } = await held

    expect(headers['content-type']).toBe('application/octet-stream')
    expect(bytes.subarray(-6)).toEqual(Buffer.from([1, 3, 0xff, 4, 1, 2]))
  })

  it('[EIO-9] reads text that a 1.x client has encoded twice', async () => {
    const { connected } = await startWatched()
    const client = await joined(3, '&b64=1')
    const socket = await connected
    const heard = new Promise((resolve) => socket.on('say', resolve))
    const packet = Buffer.from('42["say","汉字 😀"]').toString('latin1')
    await client.post(`${packet.length}:${packet}`)

    expect(await heard).toBe('汉字 😀')
  })

  it('[EIO-71] answers a ping with a pong', async () => {
    await startWatched()
    const client = await joined(3)
    const held = client.get()
    await client.post('1:2')

    expect((await held).body).toBe('1:3')
  })

  it('[EIO-47] serves JSONP', async () => {
    const { connected } = await startWatched()
    const client = await joined(3, '&j=0')
    const socket = await connected
    expect(client.open.body).toMatch(/^___eio\[0\]\("\d+:0\{/)
    const heard = new Promise((resolve) => socket.on('say', resolve))
    const payload = '16:42["say","a\\\\nb"]'
    await client.post(`d=${encodeURIComponent(payload)}`, { 'Content-Type': 'application/x-www-form-urlencoded' })

    expect(await heard).toBe('a\nb')
  })

  it('[EIO-48] refuses JSONP to a page of another site', async () => {
    server = await start()
    for (const headers of [{ 'Sec-Fetch-Site': 'cross-site' }, { Referer: 'http://evil.test/page' }] as Record<string, string>[]) {
      expect(await send(server.port, 'GET', polling(3, '&j=0'), { headers })).toMatchObject({ status: 403, body: expect.stringContaining('cors') })
    }
    expect((await send(server.port, 'GET', polling(3, '&j=0'), { headers: { 'Sec-Fetch-Site': 'same-origin' } })).status).toBe(200)
  })

  it.each([{}, { directHttp: false }])('[EIO-48] refuses polls and posts of JSONP by a page of another site, %j', async (options) => {
    server = await start(options)
    const client = await joined(3, '&j=0')
    const evil = { 'Sec-Fetch-Site': 'cross-site', Referer: 'http://evil.test/page' }
    expect((await client.get({ headers: evil })).status).toBe(403)
    expect((await client.post('d=1:4', evil)).status).toBe(403)
    expect((await client.post('d=1:2')).status).toBe(200)
  })

  it('[EIO-48] serves JSONP to sites that `cors` allows, by their Referer, and to no others', async () => {
    const asked: unknown[] = []
    const origins = ['http://good.test', /^http:\/\/good\.test$/, (origin: unknown, done: (error: null, isAllowed: boolean) => void) => {
      asked.push(origin)
      setImmediate(done, null, origin === 'http://good.test')
    }]
    for (const origin of origins) {
      server = await start({ cors: { origin: origin as never } })
      const statuses: number[] = []
      for (const referer of ['http://good.test/page', 'http://evil.test/http://good.test', 'none']) {
        const headers = { 'Sec-Fetch-Site': 'cross-site', ...(referer === 'none' ? {} : { Referer: referer }) }
        statuses.push((await send(server.port, 'GET', polling(3, '&j=0'), { headers })).status)
      }
      expect(statuses).toEqual([200, 403, 403])
      await server.close()
    }
    expect(asked).toContain('http://good.test')
    server = await start({ cors: { origin: '*' } })
    expect((await send(server.port, 'GET', polling(3, '&j=0'), { headers: { 'Sec-Fetch-Site': 'cross-site' } })).status).toBe(200)
  })
})
