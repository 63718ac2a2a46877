// One client, told nothing, on servers of four generations and ours.
import { io, Manager } from '@tidewire/client'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { isRevisionRefused, isUnaskedConnect, revisionOfBody } from '../src/engine/negotiation.ts'
import { createIo, DEADLINE_MS, next, SERVERS, start } from './start.ts'
import type { Running } from './start.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(...args: Parameters<typeof start>): Promise<Running> {
  const server = await start(...args)
  cleanups.push(() => server.close())
  return server
}

function connect(url: string, options: object = {}): any {
  const client = io(url, { forceNew: true, timeout: DEADLINE_MS, reconnection: false, ...options })
  cleanups.push(() => client.disconnect())
  return client
}

const TRANSPORTS = [['polling'], ['websocket'], ['polling', 'websocket']]
const CELLS = SERVERS.flatMap((server) => TRANSPORTS.flatMap((transports) => [0, 300].map((delay) => ({ server, transports, delay }))))

describe('negotiation', () => {
  it.each(CELLS)('[CLI-1, CLI-2, CLI-4] talks to $server over $transports, its middleware taking $delay ms', async ({ server: name, transports, delay }) => {
    const server = await serve(name)
    if (delay > 0) server.io.use((_socket: unknown, done: () => void) => setTimeout(done, delay))
    server.io.on('connection', (socket: any) => {
      socket.on('echo', (...args: any[]) => args.pop()(...args))
      socket.on('ask', () => socket.emit('question', '汉字 😀', (answer: unknown) => socket.emit('answered', answer)))
    })
    server.io.of('/custom').on('connection', (socket: any) => socket.on('echo', (value: unknown, ack: (value: unknown) => void) => ack(value)))
    const client = connect(server.url, { transports })
    client.on('question', (text: string, ack: (answer: unknown) => void) => ack(text))
    await next(client, 'connect')

    expect(await client.emitWithAck('echo', '汉字 é 😀')).toBe('汉字 é 😀')
    expect(Buffer.from(await client.emitWithAck('echo', Buffer.from([0, 255])))).toEqual(Buffer.from([0, 255]))
    const answered = next(client, 'answered')
    client.emit('ask')
    expect(await answered).toEqual(['汉字 😀'])
    const custom = client.io.socket('/custom')
    await next(custom, 'connect')
    expect(await custom.emitWithAck('echo', 'é')).toBe('é')
    custom.disconnect()
    expect(client.io.engine.revision).toBe(/^[12]\./.test(name) ? 3 : 4)
  })

  it('[CLI-3] asks again for revision 3 when 4 is refused as unsupported, over both transports', async () => {
    for (const transports of TRANSPORTS) {
      const http = createServer()
      // The listeners are replaced below, so every request has to go through them.
      createIo('tidewire', http)
      for (const event of ['request', 'upgrade'] as const) {
        const [serveIt] = http.listeners(event)
        http.removeAllListeners(event)
        http.on(event, (req: any, target: any, head: any) => {
          if (!/EIO=4/.test(req.url)) return Reflect.apply(serveIt as Function, http, [req, target, head])
          // As python-engineio 3.x does.
          if (event === 'request') target.writeHead(400, { 'Content-Type': 'text/plain' }).end('"The client is using an unsupported version of the Socket.IO or Engine.IO protocols"')
          else target.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
        })
      }
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
      cleanups.push(() => {
        http.close()
        http.closeAllConnections()
      })
      const client = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { transports })
      await next(client, 'connect')

      expect(client.io.engine.revision).toBe(3)
    }
  })

  it('[CLI-5] asks first for what it knows, and does not negotiate a pinned revision', async () => {
    const server = await serve('2.5.1')
    const asked: string[] = []
    server.http.prependListener('request', (req) => !req.url!.includes('sid=') && asked.push(/EIO=(\d)/.exec(req.url!)![1]!))
    const transports = ['polling']
    await next(connect(server.url, { transports }), 'connect')
    expect(asked[0]).toBe('4')
    asked.length = 0
    await next(connect(server.url, { transports }), 'connect')
    expect(asked[0]).toBe('3')
    const other = await serve('4.8.4')
    const client = connect(other.url, { transports, protocolVersion: 3 })
    const [error] = await next(client, 'connect_error')

    expect(error.attempts).toHaveLength(1)
    expect(error).toMatchObject({ code: 'TW_ERR_INCOMPATIBLE', attempts: [{ transport: 'polling', revision: 3, status: 400 }] })
  })

  it('[CLI-6] says why it cannot connect, what it tried and what to do', async () => {
    const gone = await start('tidewire')
    await gone.close()
    const [unreachable] = await next(connect(gone.url), 'connect_error')
    expect(unreachable).toMatchObject({ code: 'TW_ERR_UNREACHABLE', help: expect.stringContaining('check the URL'), attempts: [{ transport: 'polling', revision: 4 }] })
    const refusing = await serve('tidewire', { allowRequest: (_req: unknown, fn: (error: string, ok: boolean) => void) => fn('not you', false) })
    for (const transports of [['polling'], ['websocket']]) {
      const [refused] = await next(connect(refusing.url, { transports }), 'connect_error')
      expect(refused).toMatchObject({ code: 'TW_ERR_REFUSED', attempts: [expect.objectContaining({ status: 403 })] })
    }
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      silent.close()
      silent.closeAllConnections()
    })
    const [late] = await next(connect(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, { timeout: 100 }), 'connect_error')

    expect(late).toMatchObject({ message: 'timeout', code: 'TW_ERR_TIMEOUT' })
  })

  it('[CLI-6] says that a server is none of Socket.IO', async () => {
    const http = createServer((_req, res) => res.end('<html>'))
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      http.close()
      http.closeAllConnections()
    })
    const [error] = await next(connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`), 'connect_error')

    expect(error).toMatchObject({ code: 'TW_ERR_INCOMPATIBLE' })
  })

  it.each([
    ['0{"sid":"x"}', 4],
    ['97:0{"sid":"x"}2:40', 3],
    [Uint8Array.from([0, 9, 7, 255, 48]), 3],
    ['<html>', undefined],
    ['', undefined],
    ['1:6', undefined],
    ['Unauthorized', undefined],
  ] as const)('[CLI-1] tells the revision of the body %j', (body, revision) => {
    expect(revisionOfBody(body)).toBe(revision)
  })

  it('[CLI-2, CLI-3] tells unasked packets and refusals apart', () => {
    expect(['0', '0{"sid":"x"}', '4"no"', '4{"message":"no"}', '2["x"]'].map(isUnaskedConnect)).toEqual([true, false, true, false, false])
    expect(isRevisionRefused(400, '{"code":5,"message":"Unsupported protocol version"}')).toBe(true)
    expect(isRevisionRefused(400, '{"code":1,"message":"Session ID unknown"}')).toBe(false)
    expect(isRevisionRefused(403, undefined)).toBe(false)
    expect(isRevisionRefused(403, 'not you')).toBe(false)
    expect(isRevisionRefused(403, '')).toBe(true)
    expect(isRevisionRefused(400, undefined)).toBe(true)
  })

  it('[CLI-13] shares one connection between the namespaces of a server', async () => {
    const server = await serve('tidewire')
    server.io.of('/a')
    const root = io(server.url)
    const a = io(`${server.url}/a`)
    cleanups.push(() => root.disconnect(), () => a.disconnect())
    await Promise.all([next(root, 'connect'), next(a, 'connect')])

    expect(a.io).toBe(root.io)
    expect(a.io).toBeInstanceOf(Manager)
    expect(server.io.engine.clientsCount).toBe(1)
    const other = connect(server.url, { forceNew: true })
    expect(other.io).not.toBe(root.io)
  })
})
