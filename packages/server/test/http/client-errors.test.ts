// What node:http refuses before anybody sees a request: counted, and answered exactly as without us.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { Server as HttpServer, ServerOptions } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RawConnection } from '@tidewire/testkit/raw-connection'
import { afterEach, expect, it } from 'vitest'
import { Server } from 'tidewire'
import { polling } from '../start.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

const SOON: ServerOptions = { connectionsCheckingInterval: 50, headersTimeout: 100, requestTimeout: 100 }

async function listening(options: ServerOptions = {}): Promise<HttpServer> {
  const http = createServer(options)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  cleanups.push(() => {
    http.closeAllConnections()
    http.close()
  })
  return http
}

/** What the server says to these bytes until it ends the connection. */
async function said(http: HttpServer, bytes: string): Promise<string> {
  const connection = await RawConnection.open({ port: (http.address() as AddressInfo).port })
  connection.socket.write(bytes)
  await connection.closed()
  return connection.rest
}

const GET = `GET ${polling(4)} HTTP/1.1\r\nHost: a\r\n`
const CASES: { what: string; name: string; bytes: string; options?: ServerOptions; starts: string }[] = [
  { what: 'headers that are too long', name: 'HTTP_HEADER_OVERFLOW', bytes: `${GET}X: ${'x'.repeat(20_000)}\r\n\r\n`, starts: 'HTTP/1.1 431 ' },
  { what: 'bytes that are no request', name: 'HTTP_PARSE_ERROR', bytes: 'HELO mail\r\n\r\n', starts: 'HTTP/1.1 400 ' },
  { what: 'a header that is none', name: 'HTTP_PARSE_ERROR', bytes: `${GET}no header\r\n\r\n`, starts: 'HTTP/1.1 400 ' },
  { what: 'a head that stays away', name: 'HTTP_REQUEST_TIMEOUT', bytes: GET, options: SOON, starts: 'HTTP/1.1 408 ' },
]

it.each(CASES)('[API-27] $what: $name is counted and published, and the answer is that of node:http', async ({ name, bytes, options, starts }) => {
  const http = await listening(options)
  const listeners = http.listenerCount('clientError')
  const io = new Server(http)
  cleanups.push(() => io.close())
  const heard: any[] = []
  const hear = (message: unknown): unknown => heard.push(message)
  subscribe('tidewire:refusal', hear)
  cleanups.push(() => unsubscribe('tidewire:refusal', hear))
  const answer = await said(http, bytes)

  expect(answer).toBe(await said(await listening(options), bytes))
  expect(answer.startsWith(starts)).toBe(true)
  expect(io.stats().refusals).toEqual({ [name]: 1 })
  expect(heard).toEqual([expect.objectContaining({ name, code: 3, request: undefined, context: { name, error: expect.any(Error) } })])
  expect(http.listenerCount('clientError')).toBe(listeners)
})

it('[API-27] a "clientError" listener of the application answers as it likes, and what it gets is counted too', async () => {
  const http = await listening()
  const io = new Server(http)
  const other = new Server(http, { path: '/other' })
  cleanups.push(() => io.close(), () => other.close())
  http.on('clientError', (error: NodeJS.ErrnoException, socket) => socket.end(`HTTP/1.1 499 ${error.code}\r\n\r\n`))

  expect(await said(http, 'HELO mail\r\n\r\n')).toBe('HTTP/1.1 499 HPE_INVALID_METHOD\r\n\r\n')
  expect(io.stats().refusals).toEqual({ HTTP_PARSE_ERROR: 1 })
  expect(other.stats().refusals).toEqual({ HTTP_PARSE_ERROR: 1 })
})

it('[API-27] a client that resets its connection is refused nothing', async () => {
  const http = await listening()
  const io = new Server(http, { directHttp: false })
  cleanups.push(() => io.close())
  const told = once(http, 'clientError')
  const accepted = once(http, 'connection')
  const connection = await RawConnection.open({ port: (http.address() as AddressInfo).port })
  connection.socket.write(GET)
  await accepted
  connection.socket.resetAndDestroy()

  expect((await told)[0]).toMatchObject({ code: 'ECONNRESET' })
  expect(io.stats().refusals).toEqual({})
})

it('[API-27] what the application puts in the place of `emit`, before or after, is called as ever', async () => {
  const http = await listening()
  const events: string[] = []
  const wrap = (by: string): void => {
    const { emit } = http
    http.emit = function (this: HttpServer, ...args: any[]) {
      if (args[0] === 'clientError') events.push(by)
      return Reflect.apply(emit, this, args)
    } as typeof emit
  }
  wrap('before')
  const io = new Server(http)
  cleanups.push(() => io.close())
  wrap('after')
  await said(http, 'HELO mail\r\n\r\n')

  expect(events).toEqual(['after', 'before'])
  expect(io.stats().refusals).toEqual({ HTTP_PARSE_ERROR: 1 })
})

it('[API-27] events of the server go through what the prototype has at the time', async () => {
  const http = await listening()
  const io = new Server(http)
  cleanups.push(() => io.close())
  const seen: string[] = []
  const { emit } = EventEmitter.prototype
  EventEmitter.prototype.emit = function (this: EventEmitter, ...args: any[]) {
    if (this === http) seen.push(args[0])
    return Reflect.apply(emit, this, args)
  } as typeof emit
  cleanups.push(() => (EventEmitter.prototype.emit = emit))
  await said(http, `GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nHELO`.replace('GET /x', 'HELO /x'))

  expect(seen).toContain('clientError')
})
