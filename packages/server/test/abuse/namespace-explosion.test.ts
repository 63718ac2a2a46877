// Namespaces that a client asks for: how many it may be in, and what stays of those that nobody is in.
import { maskedFrame } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { polling, PollingClient, send, start } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
afterEach(() => server.close())

const connects = (count: number, prefix = 'dyn'): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, n) => maskedFrame(`40/${prefix}-${n},`)))

describe('a client that asks for many namespaces', () => {
  it('[SIO-35] is closed with the reason at the bound, its sockets leave, and others are served', async () => {
    server = await start()
    server.io.of(/^\/dyn-\d+$/)
    const flooder = await new RawWebSocket(server.port).join()
    const neighbour = await new RawWebSocket(server.port).join()
    flooder.socket.write(connects(20_000))

    expect(await flooder.end()).toEqual({
      code: 1008,
      reason: 'maxNamespaces: one client may be in 1000 namespaces',
    })
    await expect.poll(() => server.io.stats().sockets).toBe(1)
    neighbour.send('40/dyn-1,')
    await neighbour.until('40/dyn-1,{"sid"')
    expect(server.io.stats().limits.maxNamespaces).toBe(1)
  })

  it('[SIO-35] over polling is closed too', async () => {
    server = await start({ maxNamespaces: 3 })
    server.io.of(/^\/dyn-\d+$/)
    const client = await new PollingClient(server.port).connect()
    await client.post([0, 1, 2].map((n) => `40/dyn-${n},`).join('\x1e'))
    const answer = await client.get()
    expect(answer.body.split('\x1e')).toHaveLength(3)
    await client.post('40/dyn-3,')

    expect((await client.get()).body).toBe('1')
    expect((await send(server.port, 'GET', polling(4))).status).toBe(200)
  })

  it('[SIO-35] may be in as many as the option says, and in others after it has left some', async () => {
    server = await start({ maxNamespaces: 2 })
    server.io.of(/^\/dyn-\d+$/)
    const client = new RawWebSocket(server.port)
    client.send('40/dyn-0,')
    await client.until('40/dyn-0,{"sid"')
    client.send('40/dyn-1,')
    await client.until('40/dyn-1,{"sid"')
    client.send('41/dyn-0,')
    client.send('40/dyn-2,')
    await client.until('40/dyn-2,{"sid"')
  })

  it('[SIO-24, EIO-79] that do not exist is refused each time, in slices, and nothing is kept', async () => {
    server = await start()
    const flooder = await new RawWebSocket(server.port).join()
    const neighbour = await new RawWebSocket(server.port).join()
    server.io.sockets.sockets.forEach((socket) => socket.on('echo', (ack: () => void) => ack()))
    flooder.socket.write(connects(100_000, 'unknown'))
    await flooder.until('44/unknown-99,')
    neighbour.send('420["echo"]')
    await neighbour.until('430[]')

    expect(server.io.stats().connectErrors).toBeLessThan(50_000)
    await expect.poll(() => server.io.stats().connectErrors).toBe(100_000)
    expect(server.io.stats().namespaces).toBe(1)
  })
})

describe('namespaces of a family that nobody is in', () => {
  it('[SIO-31] stay up to the bound; then the one that has been empty longest goes', async () => {
    server = await start({ maxEmptyNamespaces: 2 })
    server.io.of(/^\/dyn-\d+$/)
    const client = await new RawWebSocket(server.port).join()
    for (const n of [0, 1, 2, 3]) {
      client.send(`40/dyn-${n},`)
      await client.until(`40/dyn-${n},{"sid"`)
    }
    expect(server.io._nsps.size).toBe(5)
    for (const n of [1, 0, 3]) client.send(`41/dyn-${n},`)

    await expect.poll(() => [...server.io._nsps.keys()]).toEqual(['/', '/dyn-0', '/dyn-2', '/dyn-3'])
    expect(server.io.stats().limits.maxEmptyNamespaces).toBe(1)
    client.received = Buffer.alloc(0)
    client.send('40/dyn-1,')
    await client.until('40/dyn-1,{"sid"')
    expect([...server.io._nsps.keys()]).toContain('/dyn-1')
  })

  it.each([true, false])('[SIO-31] sessions of clients that are away keep no more of them than that, cleanupEmptyChildNamespaces %s', async (cleanupEmptyChildNamespaces) => {
    server = await start({ maxEmptyNamespaces: 10, cleanupEmptyChildNamespaces, connectionStateRecovery: { maxDisconnectionDuration: 600_000 } })
    server.io.of(/^\/dyn-\d+$/)
    const client = await new RawWebSocket(server.port).join()
    client.socket.write(connects(500))
    await client.until('40/dyn-499,{"sid"')
    const [, pid] = /40\/dyn-499,\{"sid":"[^"]+","pid":"([^"]+)"/.exec(client.received.toString('latin1'))!
    client.socket.destroy()

    // "/" is the eleventh, and was there before.
    await expect.poll(() => server.io.stats().namespaces).toBe(11)
    expect(server.io.stats().limits.maxEmptyNamespaces).toBe(490)
    const again = new RawWebSocket(server.port)
    await again.until('"sid"')
    again.send(`40/dyn-499,{"pid":"${pid}"}`)
    await again.until(`"pid":"${pid}"`)
    expect(server.io.stats().namespaces).toBe(11)
  })

  it('[SIO-31] are bounded when a middleware has let nobody in', async () => {
    server = await start({ maxEmptyNamespaces: 10 })
    server.io.of(/^\/dyn-\d+$/).use((_socket, next) => next(new Error('no')))
    const client = await new RawWebSocket(server.port).join()
    client.socket.write(connects(500))
    await client.until('44/dyn-499,')

    expect(server.io._nsps.size).toBe(11)
    expect(server.io.stats().limits.maxEmptyNamespaces).toBe(490)
  })

  it('[SIO-31] that the application has asked for stay', async () => {
    server = await start({ maxEmptyNamespaces: 0 })
    server.io.of(/^\/dyn-\d+$/)
    const own = server.io.of('/dyn-7')
    const client = await new RawWebSocket(server.port).join()
    client.send('40/dyn-7,')
    await client.until('40/dyn-7,{"sid"')
    client.send('41/dyn-7,')
    client.send('40/dyn-8,')
    await client.until('40/dyn-8,{"sid"')

    expect(server.io.of('/dyn-7')).toBe(own)
  })

  it('[SIO-31] do not count while a client is on its way in', async () => {
    server = await start({ maxEmptyNamespaces: 0 })
    const waiting = Promise.withResolvers<() => void>()
    server.io.of(/^\/dyn-\d+$/).use((_socket, next) => waiting.resolve(next))
    const client = await new RawWebSocket(server.port).join()
    client.send('40/dyn-1,')
    const letIn = await waiting.promise
    expect([...server.io._nsps.keys()]).toEqual(['/', '/dyn-1'])
    letIn()
    await client.until('40/dyn-1,{"sid"')

    server.io.of('/dyn-1').emit('hello')
    await client.until('42/dyn-1,["hello"]')
  })

  it('[API-7] with cleanupEmptyChildNamespaces goes when its client has left before it was in', async () => {
    server = await start({ cleanupEmptyChildNamespaces: true })
    const waiting = Promise.withResolvers<() => void>()
    server.io.of(/^\/dyn-\d+$/).use((_socket, next) => waiting.resolve(next))
    const client = await new RawWebSocket(server.port).join()
    client.send('40/dyn-1,')
    const letIn = await waiting.promise
    client.socket.destroy()
    await expect.poll(() => server.io.stats().sessions.open).toBe(0)
    // Whatever the middleware says, and even if it says nothing.
    expect([...server.io._nsps.keys()]).toEqual(['/'])
    letIn()

    expect([...server.io._nsps.keys()]).toEqual(['/'])
  })
})
