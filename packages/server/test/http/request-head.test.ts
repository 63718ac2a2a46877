// What our reader of request heads accepts, node:http reads in the same way: no request can mean one thing here and another there.
import fc from 'fast-check'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RequestFacts } from '../../src/engine/request-facts.ts'
import type { EngineRequest } from '../../src/engine/request-facts.ts'
import { readRequestHead } from '../../src/http/request-head.ts'
import type { RequestHead } from '../../src/http/request-head.ts'

const head = (...lines: string[]): Buffer => Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')

/** As an application finds them, much later. */
const rawHeadersOf = ({ text }: RequestHead): string[] =>
  new RequestFacts({ headText: text, socket: {} } as unknown as EngineRequest, false).request.rawHeaders

describe('the reader of request heads', () => {
  it('[HTTP-1] reads what a browser sends', () => {
    const bytes = head('POST /socket.io/?EIO=4&transport=polling&t=a-b_c.0 HTTP/1.1', 'Host: a.example:1', 'Content-Length: 2', 'Cookie: a=b; c="d"', 'X-Empty:')
    expect(readRequestHead(Buffer.concat([bytes, Buffer.from('40')]))).toEqual({
      method: 'POST',
      url: '/socket.io/?EIO=4&transport=polling&t=a-b_c.0',
      headers: { host: 'a.example:1', 'content-length': '2', cookie: 'a=b; c="d"', 'x-empty': '' },
      text: bytes.toString('latin1').slice(0, -4),
      byteLength: bytes.length,
      bodyBytes: 2,
      isUpgrade: false,
      isKeptAlive: true,
    })
    expect(readRequestHead(head('GET / HTTP/1.1', 'Host: a', 'Connection: close'))).toMatchObject({ isKeptAlive: false, bodyBytes: 0 })
    expect(readRequestHead(head('GET / HTTP/1.1', 'Host: a', 'Connection: keep-alive, Upgrade', 'Upgrade: WebSocket'))).toMatchObject({ isUpgrade: true })
  })

  it.each([
    ['an incomplete head', 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ['bare line feeds', 'GET / HTTP/1.1\nHost: a\n\n'],
    ['a bare line feed in a header', 'GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n'],
    ['a bare carriage return', 'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n'],
    ['a folded header', 'GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n'],
    ['a space before the colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
    ['HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n'],
    ['no host', 'GET / HTTP/1.1\r\nX: a\r\n\r\n'],
    ['a header twice', 'GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n'],
    ['chunked', 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['both lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['two lengths', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n'],
    ['a signed length', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n'],
    ['a GET with a body', 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n'],
    ['a POST without a length', 'POST / HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['Expect', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n'],
    ['another upgrade', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['an absolute target', 'GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
    ['bytes that are no ASCII', 'GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\r\n\r\n'],
    ['a zero byte', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n'],
    ['a head of 10 KB', `GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(10_000)}\r\n\r\n`],
    ['__proto__ as a header', 'GET / HTTP/1.1\r\nHost: a\r\n__proto__: b\r\n\r\n'],
  ])('[HTTP-1] leaves %s to node:http', (_what, text) => {
    expect(readRequestHead(Buffer.from(text, 'latin1'))).toBeUndefined()
  })
})

describe('beside node:http', () => {
  let server: Server
  let seen: ((req: IncomingMessage) => void) | undefined
  beforeAll(async () => {
    server = createServer((req, res) => {
      seen?.(req)
      res.end()
    })
    server.on('upgrade', (req: IncomingMessage, socket: Duplex) => {
      seen?.(req)
      socket.destroy()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
  })
  afterAll(() => {
    server.closeAllConnections()
    server.close()
  })

  async function readByNode(bytes: Buffer): Promise<IncomingMessage | undefined> {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('error', () => {})
    return new Promise((resolve) => {
      seen = (req) => {
        resolve(req)
        socket.destroy()
      }
      socket.on('close', () => resolve(undefined))
      socket.on('data', () => {})
      socket.write(bytes)
    })
  }

  const token = fc.oneof(
    fc.constantFrom('Host', 'host', 'Connection', 'Upgrade', 'Content-Length', 'Cookie', 'Transfer-Encoding', 'X', 'X-Y', 'set-cookie', 'Keep-Alive', 'Content-Type', 'a_b', 'Expect'),
    fc.string({ minLength: 1, maxLength: 5 }),
  )
  const value = fc.oneof(
    fc.constantFrom('', 'a', 'keep-alive', 'close', 'Upgrade', 'keep-alive, Upgrade', 'websocket', '0', '1', '01', '+1', '1, 1', 'chunked', ' a', 'a ', '\ta', 'a\tb', 'a\r\n b', 'a\nb'),
    fc.string({ maxLength: 8, unit: 'binary' }),
  )
  const target = fc.oneof(fc.constantFrom('/', '/a?b=c', '/%zz', '/a b', '//a', '/#x', '*', 'http://a/', '/a?b=c&d[]=1', '/é'), fc.string({ maxLength: 8 }).map((text) => `/${text}`))
  const line = fc.tuple(fc.constantFrom('GET', 'GET', 'GET', 'POST', 'get', 'PUT'), target, fc.constantFrom('HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'http/1.1', 'HTTP/2.0')).map((parts) => parts.join(' '))
  const header = fc.tuple(token, fc.constantFrom(': ', ':', ' : ', ':  '), value).map((parts) => parts.join(''))
  const request = fc
    .tuple(line, fc.array(header, { maxLength: 3 }), fc.boolean(), fc.constantFrom('\r\n', '\r\n', '\r\n', '\n'))
    .map(([first, headers, hasHost, eol]) => Buffer.from([first, ...(hasHost ? ['Host: a'] : []), ...headers].join(eol) + eol + eol, 'latin1'))

  it('[HTTP-1] every head that ours accepts is accepted there, with the same method, target and headers', async () => {
    let accepted = 0
    const property = fc.asyncProperty(request, async (bytes) => {
      const ours = readRequestHead(bytes)
      if (ours === undefined) return
      accepted++
      const theirs = await readByNode(bytes)
      expect(theirs).toBeDefined()
      expect({ method: ours.method, url: ours.url, headers: ours.headers, rawHeaders: rawHeadersOf(ours) }).toEqual({
        method: theirs!.method,
        url: theirs!.url,
        headers: { ...theirs!.headers },
        rawHeaders: theirs!.rawHeaders,
      })
      expect(ours.isUpgrade).toBe((theirs as IncomingMessage & { upgrade: boolean }).upgrade)
    })
    await fc.assert(property, { numRuns: 20_000 })
    expect(accepted).toBeGreaterThan(100)
  })
})
