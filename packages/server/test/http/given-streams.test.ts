// Streams that the application gives to its HTTP server instead of connections: tunnels, multiplexers, TLS over either. And what code of the
// application may do with the stream under a session: listen, wrap its methods, hold it.
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { Socket as NetSocket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { maskedFrame, upgradeRequest } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { Server } from 'tidewire'
import type { Socket } from 'tidewire'
import { tls } from '../../../client/test/start-tls.ts'
import { start, websocket } from '../start.ts'

let stop: () => unknown = () => {}
afterEach(() => stop())

const UPGRADE = upgradeRequest(websocket(4))

/** The queue of chunks behind a stream that waits to be asked for each, as Node documents it. */
class Source {
  readonly #stream: Duplex
  readonly #queue: Buffer[] = []
  #isAsked = false

  constructor(stream: Duplex) {
    this.#stream = stream
  }

  ask(): void {
    this.#isAsked = true
    setImmediate(() => this.#give())
  }

  add(chunk: Buffer): void {
    this.#queue.push(chunk)
    this.#give()
  }

  #give(): void {
    const chunk = this.#isAsked ? this.#queue.shift() : undefined
    if (chunk === undefined) return
    this.#isAsked = false
    this.#stream.push(chunk)
  }
}

interface Given {
  readonly stream: Duplex
  readonly source: Source
}

class OwnSocket extends NetSocket {
  readonly source: Source = new Source(this)

  constructor() {
    super()
    // Node writes several chunks at once where it can.
    Object.defineProperty(this, '_writev', { value: undefined })
  }

  override _read(): void {
    this.source.ask()
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: () => void): void {
    this.emit('written', typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk)
    done()
  }
}

const MAKERS: Record<string, () => Given> = {
  'a Duplex': () => {
    const stream: Duplex = new Duplex({
      read: () => source.ask(),
      write(chunk, _encoding, done) {
        stream.emit('written', chunk)
        done()
      },
    })
    const source = new Source(stream)
    return { stream, source }
  },
  'a class that extends net.Socket': () => {
    const stream = new OwnSocket()
    return { stream, source: stream.source }
  },
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `42["n",${n},"${'x'.repeat(n % 300)}"]`)

function collect(io: Server, count: number): Promise<number[]> {
  return new Promise((resolve) => {
    const got: number[] = []
    io.on('connection', (socket: Socket) => socket.on('n', (n: number) => got.push(n) === count && resolve(got)))
  })
}

/** Gives the server one stream; `got` resolves when `count` numbers have come by it. */
function give(http: HttpServer, make: () => Given) {
  const io = new Server(http)
  stop = () => io.close()
  const count = 3_000
  const got = collect(io, count)
  const { stream, source } = make()
  http.emit('connection', stream)
  return { got, stream, source, count }
}

describe.each(Object.entries(MAKERS))('a server that is given %s', (_name, make) => {
  it('[HTTP-5] reads all of it, in order, what came with the request as well', async () => {
    const http = createHttpServer()
    const { got, source, count } = give(http, make)
    source.add(Buffer.concat([Buffer.from(UPGRADE), maskedFrame('40'), maskedFrame('42["n",0,""]')]))
    for (const text of numbered(count).slice(1)) source.add(maskedFrame(text))

    expect(await got).toEqual(Array.from({ length: count }, (_, n) => n))
  })

  it('[HTTP-5] reads all of it through TLS', async () => {
    const http = createHttpsServer(tls.server)
    const { got, stream, source, count } = give(http, make)
    // The other end of the stream.
    const far = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        source.add(chunk)
        done()
      },
    })
    stream.on('written', (chunk: Buffer) => far.push(chunk))
    const client = connectTls({ socket: far, rejectUnauthorized: false })
    await once(client, 'secureConnect')
    client.resume()
    client.write(Buffer.concat([Buffer.from(UPGRADE), maskedFrame('40')]))
    for (const text of numbered(count)) client.write(maskedFrame(text))

    expect(await got).toEqual(Array.from({ length: count }, (_, n) => n))
  })
})

describe('the stream under a session', () => {
  it('[HTTP-5] may be listened to, held, wrapped and let go of by the application: nothing is lost or out of order', async () => {
    const server = await start()
    stop = () => server.close()
    const count = 4_000
    const got = collect(server.io, count)
    let heard = 0
    let pushed = 0
    server.io.on('connection', (socket) => {
      const stream = socket.request.socket
      const inner = stream.push
      const listener = (chunk: Buffer): void => void (heard += chunk.length)
      socket.on('n', (n: number) => {
        if (n === 500) stream.on('data', listener)
        if (n === 1_000) stream.removeListener('data', listener)
        if (n === 1_500) {
          stream.push = function push(this: NetSocket, ...args: Parameters<typeof inner>) {
            pushed++
            return Reflect.apply(inner, this, args)
          }
        }
        if (n === 2_500) {
          stream.pause()
          setImmediate(() => stream.resume())
        }
        if (n % 97 === 0) {
          stream.pause()
          setTimeout(() => stream.resume(), 1)
        }
      })
    })
    const client = await new RawWebSocket(server.port).join()
    for (const text of numbered(count)) {
      if (!client.socket.write(maskedFrame(text))) await once(client.socket, 'drain')
      if (text.length % 50 === 0) await new Promise(setImmediate)
    }

    expect(await got).toEqual(Array.from({ length: count }, (_, n) => n))
    expect(heard).toBeGreaterThan(0)
    expect(pushed).toBeGreaterThan(0)
    client.socket.destroy()
  })
})
