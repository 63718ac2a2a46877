// What the server would close the connection over is refused here, and who sent it hears of it.
import { io } from '@tidewire/client'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { browserPlatform } from '../src/platform/browser.ts'
import { nodePlatform } from '../src/platform/node.ts'
import { setPlatform } from '../src/platform/platform.ts'
import { DEADLINE_MS, next, start } from './start.ts'
import type { Running } from './start.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(...args: Parameters<typeof start>): Promise<Running> {
  const server = await start(...args)
  cleanups.push(() => server.close())
  server.io.on('connection', (socket: any) => socket.on('size', (value: any, ack: (size: number) => void) => ack(value.length)))
  return server
}

function connect(url: string, options: object = {}): any {
  const client = io(url, { forceNew: true, timeout: DEADLINE_MS, reconnection: false, ...options })
  cleanups.push(() => client.disconnect())
  return client
}

const LIMIT = 1000
const BIG = 'x'.repeat(2 * LIMIT)

describe.each(['polling', 'websocket'])('a limit of 1000 bytes on %s', (transport) => {
  it.each(['tidewire', '4.8.4'] as const)('[CLI-31] is kept, by promise, by callback with time-out and by event, and %s stays connected', async (name) => {
    const server = await serve(name, { maxHttpBufferSize: LIMIT })
    const client = connect(server.url, { transports: [transport] })
    await next(client, 'connect')
    const refused = { code: 'TW_ERR_TOO_LARGE', limit: LIMIT }

    await expect(client.emitWithAck('size', BIG)).rejects.toMatchObject(refused)
    expect(await new Promise((resolve) => client.timeout(DEADLINE_MS).emit('size', BIG, resolve))).toMatchObject(refused)
    const told = next(client, 'emit_error')
    client.emit('size', BIG)
    expect(await told).toEqual([expect.objectContaining(refused), ['size', BIG]])
    const alsoTold = next(client, 'emit_error')
    client.emit('size', BIG, () => {})
    expect((await alsoTold)[0]).toMatchObject(refused)
    expect([await client.emitWithAck('size', 'x'), client.acks]).toEqual([1, {}])
  })

  it('[CLI-31] counts bytes, not characters, and what base64 makes of binary data', async () => {
    const server = await serve('4.8.4', { maxHttpBufferSize: LIMIT })
    const client = connect(server.url, { transports: [transport] })
    await next(client, 'connect')
    // `42` + id + `["size","…"]`: the characters between are three bytes each.
    const overhead = Buffer.byteLength('420["size",""]')
    const fitting = '汉'.repeat(Math.floor((LIMIT - overhead) / 3))

    expect(await client.emitWithAck('size', fitting)).toBe(fitting.length)
    await expect(client.emitWithAck('size', `${fitting}汉`)).rejects.toMatchObject({ code: 'TW_ERR_TOO_LARGE' })
    const most = transport === 'polling' ? 747 : LIMIT
    expect(await client.emitWithAck('size', new Uint8Array(most))).toBe(most)
    await expect(client.emitWithAck('size', new Uint8Array(most + 3))).rejects.toMatchObject({ code: 'TW_ERR_TOO_LARGE' })
  })
})

describe('Blobs', () => {
  it.each(['polling', 'websocket'])('[CLI-36] go over %s in their place, and count with their size', async (transport) => {
    setPlatform(browserPlatform)
    cleanups.push(() => setPlatform(nodePlatform))
    const server = await serve('4.8.4', { maxHttpBufferSize: LIMIT })
    const got: unknown[] = []
    server.io.on('connection', (socket: any) => socket.on('part', (value: unknown) => got.push(String(value))))
    const client = connect(server.url, { transports: [transport] })
    await next(client, 'connect')
    for (const part of ['1', new Blob(['2']), '3', new Blob(['4']), '5']) client.emit('part', part)
    expect(await client.emitWithAck('size', '6')).toBe(1)

    expect(got).toEqual(['1', '2', '3', '4', '5'])
    await expect(client.emitWithAck('size', new Blob([BIG]))).rejects.toMatchObject({ code: 'TW_ERR_TOO_LARGE' })
  })
})

describe('refusal', () => {
  it('[CLI-31] meets events that waited for the connection, acknowledgements of the server, and retries only once', async () => {
    const server = await serve('4.8.4', { maxHttpBufferSize: LIMIT })
    const client = connect(server.url, { retries: 5, ackTimeout: 1000 })
    const waiting = client.emitWithAck('size', BIG)
    await expect(waiting).rejects.toMatchObject({ code: 'TW_ERR_TOO_LARGE' })
    client.on('ask', (answer: (value: string) => void) => answer(BIG))
    const told = next(client, 'emit_error')
    server.io.timeout(DEADLINE_MS).emit('ask', () => {})

    expect(await told).toEqual([expect.objectContaining({ code: 'TW_ERR_TOO_LARGE' }), [BIG]])
    expect(await client.emitWithAck('size', 'after')).toBe(5)
  })

  it('[CLI-31] is said on the console when nobody listens', async () => {
    const said = new Promise<unknown[]>((resolve) => {
      vi.spyOn(console, 'error').mockImplementation((...args) => resolve(args))
    })
    cleanups.push(() => vi.restoreAllMocks())
    const server = await serve('4.8.4', { maxHttpBufferSize: LIMIT })
    const client = connect(server.url)
    await next(client, 'connect')
    client.emit('size', BIG)

    expect(await said).toEqual([expect.objectContaining({ code: 'TW_ERR_TOO_LARGE' }), 'size'])
  })

  it('[CLI-31] does not happen to servers that say no limit', async () => {
    const server = await serve('2.5.1')
    const client = connect(server.url)
    await next(client, 'connect')

    expect(await client.emitWithAck('size', BIG)).toBe(BIG.length)
  })
})
