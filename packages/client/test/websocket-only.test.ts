// The entry with nothing but WebSocket and revision 4, on real servers.
import * as entry from '@tidewire/client/websocket'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { nodePlatform } from '../src/platform/node.ts'
import { setPlatform } from '../src/platform/platform.ts'
import { websocketOnly } from '../src/platform/websocket-only.ts'
import { DEADLINE_MS, next, start } from './start.ts'
import type { Running } from './start.ts'

const cleanups: (() => unknown)[] = []
beforeEach(() => {
  setPlatform(websocketOnly)
  cleanups.push(() => setPlatform(nodePlatform))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(...args: Parameters<typeof start>): Promise<Running> {
  const server = await start(...args)
  cleanups.push(() => server.close())
  return server
}

function connect(url: string, options: object = {}): any {
  const client = entry.io(url, { forceNew: true, timeout: DEADLINE_MS, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options })
  cleanups.push(() => client.disconnect())
  return client
}

describe('WebSocket only', () => {
  it.each(['tidewire', '3.1.2', '4.8.4'] as const)('[CLI-37] exchanges events, binary data, acknowledgements and namespaces with %s', async (name) => {
    const server = await serve(name)
    server.io.on('connection', (socket: any) => socket.on('echo', (...args: any[]) => args.pop()(...args)))
    server.io.of('/admin').on('connection', (socket: any) => socket.emit('hello', { binary: Buffer.from([1, 2]) }))
    const client = connect(server.url)
    await next(client, 'connect')
    const admin = client.io.socket('/admin')
    const [{ binary }] = await next(admin, 'hello')

    expect(await client.emitWithAck('echo', '汉字')).toBe('汉字')
    expect([...new Uint8Array(Buffer.from(await client.emitWithAck('echo', Uint8Array.of(3, 4))))]).toEqual([3, 4])
    expect([...binary]).toEqual([1, 2])
    expect(client.io.engine).toMatchObject({ transport: { name: 'websocket' }, readyState: 'open', revision: 4 })
  })

  it('[CLI-37, CLI-10] tells how a connection ended, and comes back', async () => {
    const server = await serve('4.8.4')
    const client = connect(server.url)
    await next(client, 'connect')
    const gone = next(client, 'disconnect')
    for (const socket of server.io.sockets.sockets.values()) socket.conn.close()

    const [reason, { description }] = await gone
    expect([reason, description]).toEqual(['transport close', 'websocket connection closed'])
    await next(client, 'connect')
    const ended = next(client, 'disconnect')
    server.io.disconnectSockets()
    expect((await ended)[0]).toBe('io server disconnect')
  })

  it('[CLI-37, CLI-6] says why it cannot connect', async () => {
    const gone = await start('tidewire')
    await gone.close()
    const [unreachable] = await next(connect(gone.url, { reconnection: false }), 'connect_error')
    const silent = createServer(() => {}).on('upgrade', () => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      silent.close()
      silent.closeAllConnections()
    })
    const [late] = await next(connect(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`, { reconnection: false, timeout: 100 }), 'connect_error')

    expect(unreachable).toMatchObject({ message: 'websocket error', code: 'TW_ERR_UNREACHABLE', attempts: [{ transport: 'websocket', revision: 4 }], help: expect.stringContaining('check') })
    expect(late).toMatchObject({ message: 'timeout', code: 'TW_ERR_TIMEOUT' })
  })

  it('[CLI-37, CLI-22] closes when the heartbeat of the server stays away', async () => {
    const http = createServer()
    const wss = new WebSocketServer({ server: http })
    wss.on('connection', (ws) => {
      ws.send('0{"sid":"x","upgrades":[],"pingInterval":400,"pingTimeout":100,"maxPayload":1000}')
      ws.on('message', () => ws.send('40{"sid":"y"}'))
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      wss.close()
      http.close()
      http.closeAllConnections()
    })
    const client = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { reconnection: false })
    await next(client, 'connect')

    expect((await next(client, 'disconnect'))[0]).toBe('ping timeout')
  })

  it('[CLI-37, CLI-31] refuses what the server would not take, and answers pings', async () => {
    const server = await serve('4.8.4', { maxHttpBufferSize: 1000, pingInterval: 50, pingTimeout: 20_000 })
    const client = connect(server.url)
    await next(client, 'connect')
    await expect(client.emitWithAck('big', 'x'.repeat(2000))).rejects.toMatchObject({ code: 'TW_ERR_TOO_LARGE' })
    for (let count = 0; count < 5; count++) await next(client.io, 'ping')

    expect(client.connected).toBe(true)
  })

  it('[CLI-37] sends query and path as the full client does', async () => {
    const server = await serve('tidewire', { path: '/way/' })
    const seen = new Promise<string>((resolve) => server.io.engine.on('connection', (socket: any) => resolve(socket.request.url)))
    await next(connect(`${server.url}/?a=1`, { path: '/way', protocols: [] }), 'connect')

    expect(await seen).toBe('/way/?a=1&EIO=4&transport=websocket')
  })
})
