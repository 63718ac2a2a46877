// WebSockets of another make: `ws` with compression, and a class given as `wsEngine`.
import { createRequire } from 'node:module'
import { maskedFrame } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { DEADLINE_MS, PollingClient, start, websocket } from '../start.ts'
import type { Started } from '../start.ts'

const require = createRequire(new URL('../../../../interop/package.json', import.meta.url))
const CLIENTS: Record<string, any> = { '4.8.4': require('socket.io-client-4.8.4'), '2.5.0': require('socket.io-client-2.5.0') }

let server: Started
const clients: any[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect()
  await server.close()
})

function next(emitter: any, event: string): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}"`)), DEADLINE_MS)
    emitter.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}

const ENGINES = { 'perMessageDeflate: true': { perMessageDeflate: true }, 'wsEngine: ws.Server': { wsEngine: WebSocketServer } }
const CASES = Object.keys(ENGINES).flatMap((engine) =>
  ['4.8.4', '2.5.0'].flatMap((version) => [['websocket'], ['polling', 'websocket']].map((transports) => ({ engine, version, transports }))),
)

describe('WebSockets of another make', () => {
  it.each(CASES)('[WS-12] $engine serves client $version over $transports', async ({ engine, version, transports }) => {
    server = await start(ENGINES[engine as keyof typeof ENGINES])
    const connected = next(server.io, 'connection')
    const client = CLIENTS[version](server.url, { transports, forceNew: true, reconnection: false })
    clients.push(client)
    const [socket] = await connected
    socket.on('echo', (...args: any[]) => args.pop()(...args))
    if (transports.length === 2 && socket.conn.transport.name !== 'websocket') await next(socket.conn, 'upgrade')

    const answer = await new Promise<any[]>((resolve) => client.emit('echo', '汉字 '.repeat(1000), Buffer.from([1, 2]), (...args: any[]) => resolve(args)))
    const gone = next(client, 'disconnect')
    const told = next(socket, 'disconnect')
    client.emit('echo', 'x'.repeat(2_000_000), () => {})

    expect(answer).toEqual(['汉字 '.repeat(1000), Buffer.from([1, 2])])
    expect((await told)[0]).toBe('transport error')
    expect((await gone)[0]).toBe('transport close')
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it.each(Object.keys(ENGINES))('[WS-12, EIO-63] %s: probes without a pause, whose answers are not read, are answered only so far', { timeout: 5 * DEADLINE_MS }, async (engine) => {
    server = await start(ENGINES[engine as keyof typeof ENGINES])
    const { sid } = await new PollingClient(server.port).connect()
    const raw = new RawWebSocket(server.port, websocket(4, `&sid=${sid}`))
    await raw.until('101')
    raw.socket.pause()
    const probes = Buffer.concat(Array.from({ length: 20_000 }, () => maskedFrame('2probe')))
    const flood = (): void => {
      while (!raw.isClosed && raw.socket.write(probes));
    }
    raw.socket.on('drain', flood)
    flood()

    await expect.poll(() => server.io.stats().limits.pongBytes, { timeout: 4 * DEADLINE_MS }).toBeGreaterThan(0)
    raw.socket.removeListener('drain', flood)
    raw.socket.destroy()
  })

  it('[WS-12, SIO-33] closes with a reason that is cut to what fits', async () => {
    server = await start({ perMessageDeflate: true })
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}${websocket(4)}`)
    await next(ws, 'message')
    const closed = next(ws, 'close')
    ws.send(`42{"汉字":"${'汉字'.repeat(40)}"}`)
    const [code, reason] = await closed

    expect(code).toBe(1008)
    expect(String(reason)).toMatch(/^Malformed Socket\.IO packet: .*汉字$/)
    expect(reason.length).toBeLessThanOrEqual(123)
  })

  it('[WS-12] negotiates compression when it is switched on, and carries cookies and headers', async () => {
    server = await start({ perMessageDeflate: { threshold: 10 }, cookie: true })
    server.io.engine.on('headers', (headers: Record<string, string>) => {
      headers['x-test'] = 'yes'
    })
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}${websocket(4)}`)
    const [response] = await next(ws, 'upgrade')
    const [open] = await next(ws, 'message')

    expect(String(open)).toMatch(/^0\{"sid"/)
    expect(response.headers).toMatchObject({ 'x-test': 'yes', 'set-cookie': [expect.stringMatching(/^io=/)] })
    expect(response.headers['sec-websocket-extensions']).toContain('permessage-deflate')
    const closed = next(ws, 'close')
    await server.close()
    await closed
  })

  it.each(Object.keys(ENGINES))('[WS-12, SIO-62] a refusal whose reason is longer than a close frame ends one session of %s, and not the process', async (engine) => {
    server = await start(ENGINES[engine as keyof typeof ENGINES])
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}${websocket(4)}`)
    await next(ws, 'message')
    const closed = next(ws, 'close')
    ws.send(`42["sink", ${'汉'.repeat(200)}`)
    const [code, reason] = await closed

    expect(code).toBe(1008)
    expect(reason.length).toBeGreaterThan(60)
    expect(reason.length).toBeLessThanOrEqual(123)
    expect(String(reason)).not.toContain('\ufffd')
  })

  it('[WS-12] what a WebSocket class throws on closing is not the end of the process', async () => {
    class Throwing extends WebSocket {
      override close(): void {
        throw new RangeError('no')
      }
    }
    server = await start({ wsEngine: class extends WebSocketServer { constructor(options: object) { super({ ...options, WebSocket: Throwing as never }) } } })
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}${websocket(4)}`)
    await next(ws, 'message')
    const closed = next(ws, 'close')
    ws.send('9')
    await closed

    expect(server.io.engine.clientsCount).toBe(0)
  })
})
