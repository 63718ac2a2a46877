// WebTransport on the server, by literal bytes over in-memory sessions: handshake, upgrade, messages, and every way it can fail.
import { sessionPair } from '@tidewire/testkit/webtransport'
import type { SessionEnd } from '@tidewire/testkit/webtransport'
import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { PollingClient, start } from '../start.ts'
import type { Started } from '../start.ts'

const WITH = { transports: ['polling', 'websocket', 'webtransport'] as const }

let server: Started
afterEach(() => server.close())

/** A frame of less than 65,536 bytes, by hand. */
function frame(body: string | Buffer, isBinary = typeof body !== 'string'): Buffer {
  const bytes = Buffer.from(body as string)
  const bit = isBinary ? 128 : 0
  return Buffer.concat([
    Buffer.from(
      bytes.length < 126 ? [bit | bytes.length] : [bit | 126, bytes.length >> 8, bytes.length & 255],
    ),
    bytes,
  ])
}

/** The client's end of a stream: what it reads, frame by frame. */
class StreamClient {
  readonly session: SessionEnd
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  #rest = Buffer.alloc(0)

  private constructor(
    session: SessionEnd,
    stream: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
  ) {
    this.session = session
    this.#writer = stream.writable.getWriter()
    this.#reader = stream.readable.getReader()
    this.#writer.closed.catch(() => {})
  }

  static async open(chunkBytes?: number): Promise<StreamClient> {
    const pair = sessionPair(chunkBytes)
    void server.io.engine.onWebTransportSession(pair.server)
    return new StreamClient(pair.client, await pair.client.createBidirectionalStream())
  }

  /** With the session opened and the namespace joined. */
  static async connect(): Promise<StreamClient> {
    const client = await StreamClient.open()
    client.send(frame('0'))
    await client.next()
    client.send(frame('40'))
    await client.next()
    return client
  }

  send(bytes: Buffer): void {
    this.#writer.write(bytes).catch(() => {})
  }

  end(): Promise<void> {
    return this.#writer.close()
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#rest.length < length) {
      const { done, value } = await this.#reader.read()
      if (done) throw new Error(`the stream has ended after ${this.#rest.toString('latin1')}`)
      this.#rest = Buffer.concat([this.#rest, value])
    }
    const taken = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    return taken
  }

  async next(): Promise<string | Buffer> {
    const first = (await this.#take(1))[0]!
    const short = first & 127
    const length =
      short < 126
        ? short
        : short === 126
          ? (await this.#take(2)).readUInt16BE()
          : Number((await this.#take(8)).readBigUInt64BE())
    const body = await this.#take(length)
    return first > 127 ? body : body.toString()
  }
}

describe('a new session', () => {
  it('[EIO-93] is opened by an open packet without data, and offers no upgrade', async () => {
    server = await start(WITH)
    const client = await StreamClient.open()
    const connection = once(server.io as never, 'connection') as Promise<[any]>
    client.send(frame('0'))

    expect(JSON.parse(((await client.next()) as string).slice(1))).toEqual({
      sid: expect.stringMatching(/^[\w-]{20}$/),
      upgrades: [],
      pingInterval: 25000,
      pingTimeout: 20000,
      maxPayload: 1000000,
    })
    client.send(frame('40'))
    expect(await client.next()).toMatch(/^40\{"sid":"[\w-]{20}"\}$/)
    const [socket] = await connection
    expect({
      transport: socket.conn.transport.name,
      protocol: socket.conn.protocol,
      headers: socket.handshake.headers,
      query: socket.handshake.query,
      isSecure: socket.handshake.secure,
      address: socket.handshake.address,
      requestHeaders: socket.request.headers,
    }).toEqual({
      transport: 'webtransport',
      protocol: 4,
      headers: {},
      query: {},
      isSecure: true,
      address: '',
      requestHeaders: {},
    })
    expect(server.io.engine.clientsCount).toBe(1)
  })

  it('[EIO-93] is served without the transport in the options too, as officially', async () => {
    server = await start()
    const client = await StreamClient.open()
    client.send(frame('0'))

    expect(await client.next()).toMatch(/^0\{/)
  })

  it('[EIO-90] carries text, binary and acknowledgements, whatever the network cuts', async () => {
    server = await start(WITH)
    server.io.on('connection', (socket) => socket.on('echo', (...args: any[]) => args.pop()(...args)))
    const client = await StreamClient.open(7)
    client.send(frame('0'))
    await client.next()
    client.send(frame('40'))
    await client.next()
    const large = Buffer.alloc(60_000, 'tide')
    client.send(Buffer.concat([frame('451-0["echo","é",{"_placeholder":true,"num":0}]'), frame(large)]))

    expect(await client.next()).toBe('461-0["é",{"_placeholder":true,"num":0}]')
    expect(await client.next()).toEqual(large)
  })

  it('[EIO-79] many that send at once, and take long together, leave others their turns', async () => {
    server = await start(WITH)
    let handled = 0
    server.io.on('connection', (socket) =>
      socket.on('slow', () => {
        handled++
        const end = performance.now() + 1
        while (performance.now() < end);
      }),
    )
    const clients = await Promise.all(Array.from({ length: 40 }, () => StreamClient.connect()))
    const perTurn: number[] = []
    const frames = Buffer.concat(Array.from({ length: 25 }, () => frame(`42["slow","${'x'.repeat(60)}"]`)))
    for (const client of clients) client.send(frames)
    let before = 0
    do {
      await nextTurn()
      perTurn.push(handled - before)
      before = handled
    } while (before < 1_000)

    expect(Math.max(...perTurn)).toBeLessThan(200)
  })

  it('[EIO-70] is pinged by the server, and closed when it does not answer', async () => {
    server = await start({ ...WITH, pingInterval: 300, pingTimeout: 100 })
    const client = await StreamClient.connect()
    const socket = [...server.io.sockets.sockets.values()][0]!
    const disconnected = once(socket as never, 'disconnect')

    expect(await client.next()).toBe('2')
    expect((await disconnected)[0]).toBe('ping timeout')
    await client.session.closed
  })

  it('[EIO-76] is closed by the server, what was sent last included', async () => {
    server = await start(WITH)
    const client = await StreamClient.connect()
    const socket = [...server.io.sockets.sockets.values()][0]!
    socket.emit('last', 'x'.repeat(100_000))
    socket.disconnect(true)

    expect(((await client.next()) as string).length).toBe(100_000 + '42["last",""]'.length)
    expect(await client.next()).toBe('41')
    await client.session.closed
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it.each([
    ['closes the session', 'transport close', (client: StreamClient) => client.session.close()],
    ['ends the stream', 'transport close', (client: StreamClient) => void client.end()],
    ['is lost', 'transport error', (client: StreamClient) => client.session.fail()],
  ])('[EIO-97] ends when the client %s: "%s"', async (_how, reason, end) => {
    server = await start(WITH)
    const client = await StreamClient.connect()
    const disconnected = once([...server.io.sockets.sockets.values()][0] as never, 'disconnect')
    end(client)

    expect((await disconnected)[0]).toBe(reason)
    expect(server.io.engine.clientsCount).toBe(0)
    expect(client.session.isClosed).toBe(true)
  })

  it('[EIO-91] ends with "parse error" at a frame above the limit, before its bytes are there', async () => {
    server = await start({ ...WITH, maxHttpBufferSize: 1000 })
    const client = await StreamClient.connect()
    const disconnected = once([...server.io.sockets.sockets.values()][0] as never, 'disconnect')
    client.send(Buffer.from([126, 0x03, 0xe9]))

    expect((await disconnected)[0]).toBe('parse error')
    await client.session.closed
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[EIO-75] that does not read is closed once its outbox is full', async () => {
    server = await start({ ...WITH, maxHttpBufferSize: 10_000, maxOutboxBytes: 10_000 })
    const client = await StreamClient.connect()
    const socket = [...server.io.sockets.sockets.values()][0]!
    const disconnected = once(socket as never, 'disconnect')
    const timer = setInterval(() => socket.emit('flood', Buffer.alloc(5_000)), 1)

    expect(await disconnected).toEqual([
      'transport error',
      expect.objectContaining({ message: expect.stringContaining('slow consumer') }),
    ])
    clearInterval(timer)
    await client.session.closed
  })
})

describe('an upgrade', () => {
  it('[EIO-94] is offered on polling to v4 clients alone', async () => {
    server = await start(WITH)
    const upgradesOf = (client: PollingClient): string[] =>
      JSON.parse(/\{.*\}/.exec(client.open.body)![0]).upgrades

    expect(upgradesOf(await new PollingClient(server.port, 4).connect())).toEqual([
      'websocket',
      'webtransport',
    ])
    expect(upgradesOf(await new PollingClient(server.port, 3).connect())).toEqual(['websocket'])
    expect(['polling', 'websocket', 'webtransport'].map((name) => server.io.engine.upgrades(name))).toEqual([
      ['websocket', 'webtransport'],
      [],
      [],
    ])
  })

  it('[EIO-60, EIO-61, EIO-94] moves a polling session, in order, none lost', async () => {
    server = await start(WITH)
    const polling = await new PollingClient(server.port, 4).connect()
    await polling.post('40')
    await polling.get()
    const socket = [...server.io.sockets.sockets.values()][0]!
    const held = polling.get()
    const client = await StreamClient.open()
    client.send(frame(`0{"sid":"${polling.sid}"}`))
    client.send(frame('2probe'))

    expect(await client.next()).toBe('3probe')
    expect((await held).body).toBe('6')
    socket.emit('queued', 1)
    expect((await polling.get()).body).toBe('42["queued",1]')
    socket.emit('queued', 2)
    client.send(frame('5'))
    socket.emit('queued', 3)
    expect([await client.next(), await client.next()]).toEqual(['42["queued",2]', '42["queued",3]'])
    expect({ transport: socket.conn.transport.name, count: server.io.engine.clientsCount }).toEqual({
      transport: 'webtransport',
      count: 1,
    })
    expect((await polling.get()).status).toBe(400)
  })

  it('[EIO-62] is broken off by anything but a probe, and the session stays on polling', async () => {
    server = await start(WITH)
    const polling = await new PollingClient(server.port, 4).connect()
    const client = await StreamClient.open()
    client.send(frame(`0{"sid":"${polling.sid}"}`))
    client.send(frame('42["too early"]'))
    await client.session.closed

    const held = polling.get()
    expect((await polling.post('40')).status).toBe(200)
    expect((await held).body).toMatch(/^40/)
  })

  it('[EIO-63] that does not finish within `upgradeTimeout` is closed; the session stays on polling', async () => {
    server = await start({ ...WITH, upgradeTimeout: 500 })
    const polling = await new PollingClient(server.port, 4).connect()
    const client = await StreamClient.open()
    client.send(frame(`0{"sid":"${polling.sid}"}`))
    client.send(frame('2probe'))
    expect(await client.next()).toBe('3probe')
    await client.session.closed

    // The next one may try.
    const second = await StreamClient.open()
    second.send(frame(`0{"sid":"${polling.sid}"}`))
    second.send(frame('2probe'))
    expect(await second.next()).toBe('3probe')
    expect(server.io.engine.clientsCount).toBe(1)
  })
})

describe('what is refused', () => {
  async function refusalOf(first: Buffer): Promise<string | undefined> {
    const client = await StreamClient.open()
    client.send(first)
    return (await client.session.closed).reason
  }

  it.each([
    ['an unknown session', frame('0{"sid":"nobody"}'), 'unknown session'],
    ['an inherited name as session', frame('0{"sid":"__proto__"}'), 'unknown session'],
    ['data that is no JSON', frame('0{"sid"'), 'unknown session'],
    ['data without a session', frame('0{}'), 'unknown session'],
    ['null for data', frame('0null'), 'unknown session'],
    ['a message first', frame('40'), 'first packet'],
    ['a probe first', frame('2probe'), 'first packet'],
    ['binary first', frame(Buffer.from([0x30])), 'first packet'],
    ['a frame of nothing', Buffer.from([0]), 'length 0'],
    ['a frame that is too large', Buffer.from([127, 0, 0, 0, 1, 0, 0, 0, 0]), 'too large'],
    ['no packet', frame('9'), 'Malformed'],
  ])('[EIO-95] %s closes the session with a reason, and leaves nothing', async (_what, first, reason) => {
    // Longer than is waited for the timers to be gone.
    server = await start({ ...WITH, upgradeTimeout: 120_000 })
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()

    expect(await refusalOf(first)).toContain(reason)
    expect(server.io.engine.clientsCount).toBe(0)
    // Timers of others in this process come and go; one that is left of this stays.
    await expect.poll(timers).toBeLessThanOrEqual(before)
  })

  it('[EIO-95] a second packet before the first is answered closes the session, and none is opened later', async () => {
    server = await start(WITH)
    let answer!: (id: string) => void
    server.io.engine.generateId = () => new Promise<string>((resolve) => (answer = resolve))
    expect(await refusalOf(Buffer.concat([frame('0'), frame('40')]))).toContain('before the open packet')
    answer('a'.repeat(20))
    await new Promise(setImmediate)
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[EIO-95] the session of a v3 client, or one that is probing or upgraded, is not taken over', async () => {
    server = await start(WITH)
    const old = await new PollingClient(server.port, 3).connect()
    expect(await refusalOf(frame(`0{"sid":"${old.sid}"}`))).toContain('unknown session')
    const polling = await new PollingClient(server.port, 4).connect()
    const client = await StreamClient.open()
    client.send(frame(`0{"sid":"${polling.sid}"}`))
    client.send(frame('2probe'))
    await client.next()
    expect(await refusalOf(frame(`0{"sid":"${polling.sid}"}`))).toBe('Bad request')
    client.send(frame('5'))
    client.send(frame('40'))
    await client.next()
    expect(await refusalOf(frame(`0{"sid":"${polling.sid}"}`))).toBe('Bad request')
    expect(server.io.engine.clientsCount).toBe(2)
  })

  it('[EIO-96] a session whose stream does not come, or says nothing, is closed after `upgradeTimeout`', async () => {
    server = await start({ ...WITH, upgradeTimeout: 40 })
    const { client, server: end } = sessionPair()
    await Promise.all([
      server.io.engine.onWebTransportSession(end),
      client.closed.then(({ reason }) => expect(reason).toContain('upgradeTimeout')),
    ])
    const silent = await StreamClient.open()
    expect((await silent.session.closed).reason).toContain('upgradeTimeout')
    const half = await StreamClient.open()
    half.send(frame('0').subarray(0, 1))
    expect((await half.session.closed).reason).toContain('upgradeTimeout')
    const unready = sessionPair(1200, new Promise(() => {}))
    void server.io.engine.onWebTransportSession(unready.server)
    expect((await unready.client.closed).reason).toContain('upgradeTimeout')
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[EIO-96] a session that fails before it is ready, or without a stream, harms nobody', async () => {
    server = await start(WITH)
    const failed = sessionPair(1200, Promise.reject(new Error('no QUIC')))
    await server.io.engine.onWebTransportSession(failed.server)
    expect(failed.server.isClosed).toBe(true)
    const gone = sessionPair()
    const accepted = server.io.engine.onWebTransportSession(gone.server)
    gone.client.fail()
    await accepted
    const client = await StreamClient.connect()
    client.send(frame('3'))
    expect(server.io.engine.clientsCount).toBe(1)
  })

  it('[EIO-95] nothing is served with middlewares of the engine, or by a server that is closed', async () => {
    server = await start(WITH)
    server.io.engine.use((_req: unknown, _res: unknown, next: () => void) => next())
    const { client, server: end } = sessionPair()
    await server.io.engine.onWebTransportSession(end)
    expect((await client.closed).reason).toContain('middlewares')
    await server.close()
    server = await start(WITH)
    server.io.engine.close()
    expect(await refusalOf(frame('0'))).toContain('shutting down')
  })
})
