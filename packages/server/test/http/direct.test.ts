// Connections served without node:http give what those served with it give, byte for byte but for the date, whatever is sent and however it
// is cut; and everything else on the server works as before (docs/decisions/0006).
import fc from 'fast-check'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server as HttpServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Server } from 'tidewire'

interface Started {
  io: Server
  http: HttpServer
  port: number
  /** Connections that node:http has been given. */
  seen: string[]
}

const running: Started[] = []
const sockets: Socket[] = []
const said = new WeakMap<Socket, Answers>()

async function start(directHttp: boolean): Promise<Started> {
  const seen: string[] = []
  const http = createServer((req, res) => {
    let bytes = 0
    req.on('data', (chunk: Buffer) => (bytes += chunk.length))
    req.on('end', () => res.end(`app ${req.method} ${req.url} ${bytes}`))
  })
  const [nodes] = http.listeners('connection') as ((socket: Socket) => void)[]
  http.removeAllListeners('connection')
  http.on('connection', function connectionListener(socket: Socket) {
    seen.push('a connection')
    nodes!.call(http, socket)
  })
  const io = new Server(http, { directHttp })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const started = { io, http, port: (http.address() as AddressInfo).port, seen }
  running.push(started)
  return started
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const { io, http } of running.splice(0)) {
    const closed = io.close()
    http.closeAllConnections()
    await closed
  }
})

function dial(port: number): Socket {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  socket.on('error', () => {})
  sockets.push(socket)
  said.set(socket, new Answers(socket))
  return socket
}

interface Answer {
  status: string
  headers: string[]
  body: string
}

/** What a connection has said, from its beginning: nothing is missed between two reads. */
class Answers {
  #text = ''
  #isClosed = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  /** The next one; the end of the connection is the last. */
  async next(): Promise<Answer> {
    for (;;) {
      const answer = this.#take()
      if (answer !== undefined) return answer
      if (this.#isClosed) return { status: 'closed', headers: [], body: this.#text }
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  #take(): Answer | undefined {
    const end = this.#text.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const [status = '', ...headers] = this.#text.slice(0, end).split('\r\n')
    const length = Number(headers.find((line) => /^content-length:/i.test(line))?.slice(15) ?? 0)
    if (this.#text.length < end + 4 + length) return undefined
    const body = this.#text.slice(end + 4, end + 4 + length).replace(/"sid":"[^"]+"/, '"sid":"*"')
    this.#text = this.#text.slice(end + 4 + length)
    return { status, headers: headers.filter((line) => !/^date:/i.test(line)).map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase())).toSorted(), body }
  }
}

/** Reads answers until there are `count`, or the connection ends. */
async function read(socket: Socket, count: number): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let left = count; left > 0;) {
    const answer = await said.get(socket)!.next()
    answers.push(answer)
    if (answer.status === 'closed') break
    if (!answer.status.includes(' 100 ')) left--
  }
  return answers
}

/** The server, in this process, has read what was written before. */
async function passTurns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const POLL = '/socket.io/?EIO=4&transport=polling'
const message = (first: string, headers: string[] = [], body = ''): string => [first, 'Host: a', ...headers, '', body].join('\r\n')

/** What a client may send: plain and odd, ours and the application's. */
const REQUESTS: Record<string, string> = {
  handshake: message(`GET ${POLL} HTTP/1.1`),
  'handshake of revision 3': message('GET /socket.io/?EIO=3&transport=polling&t=1 HTTP/1.1', ['Accept: */*', 'User-Agent: a b']),
  'unknown sid': message(`GET ${POLL}&sid=none HTTP/1.1`),
  'POST to an unknown sid': message(`POST ${POLL}&sid=none HTTP/1.1`, ['Content-Length: 2'], '40'),
  'POST without a body': message(`POST ${POLL}&sid=none HTTP/1.1`, ['Content-Length: 0']),
  'unknown transport': message('GET /socket.io/?EIO=4&transport=none HTTP/1.1'),
  'unknown revision': message('GET /socket.io/?EIO=9&transport=polling HTTP/1.1'),
  'handshake by POST': message(`POST ${POLL} HTTP/1.1`, ['Content-Length: 1'], '4'),
  'GET with a body': message(`GET ${POLL} HTTP/1.1`, ['Content-Length: 2'], '40'),
  chunked: message(`POST ${POLL}&sid=none HTTP/1.1`, ['Transfer-Encoding: chunked'], '2\r\n40\r\n0\r\n\r\n'),
  'both lengths': message(`POST ${POLL}&sid=none HTTP/1.1`, ['Content-Length: 3', 'Transfer-Encoding: chunked'], '0\r\n\r\n'),
  'two lengths': message(`POST ${POLL}&sid=none HTTP/1.1`, ['Content-Length: 3', 'Content-Length: 2'], '40'),
  'expect': message(`POST ${POLL}&sid=none HTTP/1.1`, ['Content-Length: 2', 'Expect: 100-continue'], '40'),
  PUT: message(`PUT ${POLL} HTTP/1.1`, ['Content-Length: 2'], '40'),
  OPTIONS: message(`OPTIONS ${POLL} HTTP/1.1`),
  'a folded header': message(`GET ${POLL} HTTP/1.1`, ['X: a', ' b']),
  'no host': `GET ${POLL} HTTP/1.1\r\n\r\n`,
  'HTTP/1.0': message(`GET ${POLL} HTTP/1.0`),
  'bare line feeds': `GET ${POLL} HTTP/1.1\nHost: a\n\n`,
  close: message(`GET ${POLL} HTTP/1.1`, ['Connection: close']),
  app: message('GET /hello HTTP/1.1'),
  'POST to the app': message('POST /hello HTTP/1.1', ['Content-Length: 5'], 'hello'),
  'chunked to the app': message('POST /hello HTTP/1.1', ['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
  'beside the path': message('GET /socket.io2/?EIO=4&transport=polling HTTP/1.1'),
  'below the path': message('GET /socket.io/more?EIO=4&transport=polling HTTP/1.1'),
  'an absolute target': message(`GET http://a${POLL} HTTP/1.1`),
  'upgrade without a key': message('GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', ['Connection: Upgrade', 'Upgrade: websocket']),
  'another upgrade': message(`GET ${POLL} HTTP/1.1`, ['Connection: Upgrade', 'Upgrade: h2c']),
  garbage: '\0\0\0\r\n\r\n',
}

describe('with and without node:http', () => {
  let pair: Started[]
  beforeEach(async () => {
    pair = [await start(true), await start(false)]
  })

  /** Sends one after the other, each cut at `cuts`, and gives what comes back until the connection ends. */
  async function converse(port: number, names: readonly string[], cuts: readonly number[]): Promise<Answer[]> {
    const socket = dial(port)
    await once(socket, 'connect')
    const all: Answer[] = []
    for (const name of names) {
      const text = REQUESTS[name]!
      const answers = read(socket, 1)
      let from = 0
      for (const cut of [...cuts.map((at) => at % text.length).toSorted((one, two) => one - two), text.length]) {
        if (cut > from && socket.writable) {
          await new Promise((resolve) => socket.write(text.slice(from, cut), 'latin1', resolve))
          if (cut < text.length) await passTurns()
        }
        from = Math.max(from, cut)
      }
      all.push(...(await answers))
      if (all.at(-1)!.status === 'closed') break
    }
    return all
  }

  /** Sends all at once. */
  async function pipeline(port: number, names: readonly string[]): Promise<Answer[]> {
    const socket = dial(port)
    const answers = read(socket, names.length)
    socket.write(names.map((name) => REQUESTS[name]!).join(''), 'latin1')
    return answers
  }

  const both = (talk: (port: number) => Promise<Answer[]>): Promise<Answer[][]> => Promise.all(pair.map(({ port }) => talk(port)))

  it.each(Object.keys(REQUESTS))('[HTTP-2] "%s", alone and after a request of ours, gets the same answer', async (name) => {
    for (const names of [[name], ['handshake', name], ['handshake', name, 'app']]) {
      const [direct, usual] = await both((port) => converse(port, names, []))
      expect(direct).toEqual(usual)
    }
  })

  it('[HTTP-2] a stream of requests gets the same answers, wherever it is cut', async () => {
    const names = fc.array(fc.constantFrom(...Object.keys(REQUESTS)), { minLength: 1, maxLength: 6 })
    const cuts = fc.array(fc.nat(1_000), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(names, cuts, async (chosen, at) => {
        const [direct, usual] = await both((port) => converse(port, chosen, at))
        expect(direct).toEqual(usual)
      }),
      { numRuns: 300 },
    )
  }, 60_000)

  it('[HTTP-2] requests that are sent ahead get the same answers, in order', async () => {
    // Only well-formed ones: before an end of the connection node:http loses answers that are on their way.
    const plain = ['handshake', 'unknown sid', 'POST to an unknown sid', 'unknown transport', 'app', 'POST to the app', 'chunked to the app', 'OPTIONS']
    await fc.assert(
      fc.asyncProperty(fc.array(fc.constantFrom(...plain), { minLength: 2, maxLength: 8 }), async (names) => {
        const [direct, usual] = await both((port) => pipeline(port, names))
        expect(direct).toEqual(usual)
      }),
      { numRuns: 100 },
    )
  }, 60_000)
})

describe('on a shared server', () => {
  const ask = async (socket: Socket, ...names: string[]): Promise<string[]> => {
    const statuses: string[] = []
    for (const name of names) {
      const answers = read(socket, 1)
      socket.write(REQUESTS[name]!, 'latin1')
      statuses.push((await answers)[0]!.body.slice(0, 9))
    }
    return statuses
  }

  it('[HTTP-2] a kept connection goes from the engine to the application and back', async () => {
    const { port } = await start(true)
    expect(await ask(dial(port), 'handshake', 'handshake', 'app', 'handshake', 'app')).toEqual(['0{"sid":"*', '0{"sid":"*', 'app GET /', '0{"sid":"*', 'app GET /'].map((text) => text.slice(0, 9)))
  })

  it('[HTTP-3] a listener for requests, a middleware or a header listener that comes later sees what it would have seen', async () => {
    const started = await start(true)
    const socket = dial(started.port)
    await ask(socket, 'handshake')
    expect(started.seen).toEqual([])
    const heard: string[] = []
    started.http.on('request', (req: IncomingMessage) => heard.push(req.method!))
    await ask(socket, 'handshake')
    expect(heard).toEqual(['GET'])

    // Or instead of ours, which it then calls.
    const wrapped = await start(true)
    const [inner] = wrapped.http.listeners('request') as ((req: IncomingMessage, res: unknown) => void)[]
    wrapped.http.removeAllListeners('request')
    wrapped.http.on('request', (req: IncomingMessage, res) => {
      heard.push('wrapped')
      inner!.call(wrapped.http, req, res)
    })
    await ask(dial(wrapped.port), 'handshake')
    expect(heard).toEqual(['GET', 'wrapped'])

    const upgrading = await start(true)
    upgrading.http.on('upgrade', () => heard.push('upgrade'))
    await ask(dial(upgrading.port), 'upgrade without a key')
    expect(heard).toEqual(['GET', 'wrapped', 'upgrade'])

    const other = await start(true)
    const kept = dial(other.port)
    await ask(kept, 'handshake')
    other.io.engine.use((_req, res, next) => {
      res.setHeader('x-middleware', 'yes')
      next()
    })
    const answers = read(kept, 1)
    kept.write(REQUESTS.handshake!)
    expect((await answers)[0]!.headers).toContain('x-middleware: yes')
  })

  it('[HTTP-3] closing the server ends connections that are idle, and answers polls that are held before it ends theirs', async () => {
    const { io, http, port } = await start(true)
    const [idle, busy] = [dial(port), dial(port)]
    await ask(idle, 'handshake')
    const opened = read(busy, 1)
    busy.write(REQUESTS.handshake!)
    const sid = Object.keys(io.engine.clients).at(-1)!
    expect((await opened)[0]!.status).toContain('200')
    const last = Object.keys(io.engine.clients).at(-1) ?? sid
    busy.write(message(`GET ${POLL}&sid=${last} HTTP/1.1`))
    const polled = read(busy, 1)
    await expect.poll(() => (io.engine.clients[last] as unknown as { transport: { writable: boolean } }).transport.writable).toBe(true)
    const ended = once(idle, 'close')
    const closed = once(http, 'close')
    void io.close()
    await ended
    expect((await polled)[0]!.body).toBe('1')
    await closed
  })

  it('[HTTP-3] a body that is late is left to the limits of node:http, and served when it comes', async () => {
    const { port, seen } = await start(true)
    const socket = dial(port)
    const text = REQUESTS['POST to an unknown sid']!
    socket.write(text.slice(0, -1))
    await expect.poll(() => seen).toEqual(['a connection'])
    const answers = read(socket, 1)
    socket.write(text.slice(-1))
    expect((await answers)[0]!.status).toContain('400')
  })

  it('[HTTP-3] bodies that are late at once are left to node:http over several turns', async () => {
    const { port, seen } = await start(true)
    const text = REQUESTS['POST to an unknown sid']!
    for (let i = 0; i < 100; i++) dial(port).write(text.slice(0, -1))
    let most = 0
    await new Promise<void>((resolve, reject) => {
      const deadline = performance.now() + 20_000
      const look = (before: number): void => {
        most = Math.max(most, seen.length - before)
        if (seen.length === 100) resolve()
        else if (performance.now() > deadline) reject(new Error(`${seen.length} were left to node:http`))
        else setImmediate(look, seen.length)
      }
      look(0)
    })
    expect(most).toBeLessThan(50)
  })

  it('[HTTP-3] connections that stay idle are closed after keepAliveTimeout', async () => {
    const { http, port } = await start(true)
    http.keepAliveTimeout = 1000
    const socket = dial(port)
    await ask(socket, 'handshake')
    await once(socket, 'close')
  })

  it('[HTTP-3] a client that sends on while its poll is held is made to wait', async () => {
    const { io, port } = await start(true)
    const socket = dial(port)
    await ask(socket, 'handshake')
    const before = process.memoryUsage().arrayBuffers
    const [sid] = Object.keys(io.engine.clients)
    socket.write(message(`GET ${POLL}&sid=${sid} HTTP/1.1`))
    const flood = Buffer.from(REQUESTS.app!.repeat(10_000))
    for (let i = 0; i < 100; i++) socket.write(flood)
    // The kernel's buffers fill: the server does not read.
    await expect.poll(() => socket.writableLength).toBeGreaterThan(20_000_000)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000_000)
  })

  it.each([true, false])('[HTTP-3] a client that has sent requests ahead and ends its half is answered first, directHttp %s', async (directHttp) => {
    const { port } = await start(directHttp)
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    sockets.push(socket)
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    const get = 'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n'
    socket.end(get.repeat(5))
    await once(socket, 'end')

    expect(text.match(/HTTP\/1\.1 200 OK/g)?.length).toBe(5)
  })

  it('[HTTP-3] a client that has ended its half is not handed to node:http', async () => {
    const { port } = await start(true)
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    sockets.push(socket)
    let text = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
    socket.end('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\nGET /other HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(socket, 'end')

    expect(text).toMatch(/^HTTP\/1\.1 200 OK/)
  })

  it('[HTTP-3] a client that is always ahead is read no further than it is answered', async () => {
    const { http, port } = await start(true)
    const accepted = once(http, 'connection') as Promise<[Socket]>
    const client = dial(port)
    const [socket] = await accepted
    const request = REQUESTS['unknown sid']!
    await ask(client, 'unknown sid')
    const answerBytes = socket.bytesWritten
    client.resume()
    const count = 50_000
    client.write(request.repeat(count))
    let most = 0
    await new Promise<void>((resolve, reject) => {
      const deadline = performance.now() + 20_000
      const look = (): void => {
        const answered = Math.round(socket.bytesWritten / answerBytes)
        most = Math.max(most, socket.bytesRead - answered * request.length)
        if (answered > count) resolve()
        else if (performance.now() > deadline) reject(new Error(`${answered} of ${count} were answered`))
        else setImmediate(look)
      }
      look()
    })
    expect(most).toBeLessThan(500_000)
  }, 45_000)

  it('[HTTP-2] nothing is served after the last answer of a connection', async () => {
    const { io, port } = await start(true)
    const socket = dial(port)
    const answer = read(socket, 1)
    socket.write(message(`GET ${POLL} HTTP/1.1`, ['Connection: close']))
    expect((await answer)[0]!.headers).toContain('connection: close')
    const served = io.stats().sessions.opened
    socket.write(REQUESTS.handshake!)
    // Another client is served after that has been read.
    await ask(dial(port), 'handshake', 'handshake')
    expect(io.stats().sessions.opened).toBe(served + 2)
  })
})
