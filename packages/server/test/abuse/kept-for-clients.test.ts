// What a message leaves behind on the server while its client is there: credentials, names of namespaces, packets that lack attachments. JSON of a
// megabyte may become twenty when it is parsed, and what is cut out of a text holds all of it.
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { PollingClient, start, websocket } from '../start.ts'
import type { Started } from '../start.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

let server: Started
const clients: RawWebSocket[] = []
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy()
  await server.close()
})

function dial(): RawWebSocket {
  const client = new RawWebSocket(server.port)
  clients.push(client)
  return client
}

const heapBytes = (): number => {
  collect()
  return process.memoryUsage().heapUsed
}

const MEGABYTE = 'x'.repeat(950_000)
/** 950 KB that take 18 MB as values. */
const EMPTY_OBJECTS = `[${'{},'.repeat(316_000)}{}]`

describe('credentials', () => {
  it('[SIO-22, EIO-79] in the query of a namespace, of a megabyte, hold nobody up, and no more than a thousand of them are read', async () => {
    server = await start()
    const auths: Record<string, unknown>[] = []
    server.io.of('/chat').on('connection', (socket) => auths.push(socket.handshake.auth))
    const client = new RawWebSocket(server.port, websocket(3))
    clients.push(client)
    await client.until('"sid"')
    const names = Array.from({ length: 190_000 }, (_, n) => n.toString(36)).join('&')
    // Of the processor: a machine that stands still, or does other work, is not meant.
    const spentMs = (): number => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1_000
    }
    let longest = 0
    let before = spentMs()
    const look = (): void => {
      const now = spentMs()
      longest = Math.max(longest, now - before)
      before = now
      if (auths.length === 0) setImmediate(look)
    }
    look()
    client.send(`40/chat?token=a%20b&token=c+d&__proto__=x&${names}`)
    await client.until('40/chat')

    expect(auths[0]).toMatchObject({ token: 'c d' })
    expect(Object.keys(auths[0]!)).toContain('__proto__')
    expect(Object.keys(auths[0]!)).toHaveLength(999)
    // It took four seconds and more.
    expect(longest).toBeLessThan(1_500)
  })

  it('[SIO-37] of one client above twice maxHttpBufferSize close it, with the reason; those of namespaces that it has left do not count', async () => {
    server = await start()
    server.io.of(/^\/dyn-\d+$/)
    const client = dial()
    for (const n of [0, 1, 2, 3]) {
      client.send(`40/dyn-${n},{"token":"${MEGABYTE}"}`)
      await client.until(`40/dyn-${n},{"sid"`)
      if (n < 2) client.send(`41/dyn-${n},`)
    }
    client.send(`40/dyn-4,{"token":"${MEGABYTE}"}`)

    expect(await client.end()).toEqual({
      code: 1008,
      reason: 'maxCredentialsBytes: what a client says to join its namespaces may have 2000000 bytes',
    })
    expect(server.io.stats().limits.maxCredentialsBytes).toBe(1)
  })

  it('[SIO-37] that a middleware has refused do not count', async () => {
    server = await start()
    server.io.use((_socket, next) => next(new Error('no')))
    const client = await new PollingClient(server.port).connect()
    for (let n = 0; n < 5; n++) {
      await client.post(`40{"token":"${MEGABYTE}"}`)
      expect((await client.get()).body).toBe('44{"message":"no"}')
    }
  })

  it('[SIO-37] of many clients are bounded all together by what they take when they are parsed; ordinary ones are let in all the same', async () => {
    server = await start()
    const before = heapBytes()
    const closed: RawWebSocket[] = []
    for (let n = 0; n < 25; n++) {
      const client = dial()
      await client.until('"sid"')
      client.send(`40{"values":${EMPTY_OBJECTS}}`)
      await expect.poll(() => client.isClosed || client.received.includes('40{"sid"')).toBe(true)
      if (client.isClosed) closed.push(client)
    }

    expect(closed.length).toBeGreaterThan(3)
    expect(await closed[0]!.end()).toEqual({
      code: 1008,
      reason: 'maxLargeCredentialsBytes: large credentials of clients fill the memory that there is for them',
    })
    expect(heapBytes() - before).toBeLessThan(450_000_000)
    const ordinary = dial()
    await ordinary.until('"sid"')
    ordinary.send(`40{"token":"${'x'.repeat(4_000)}"}`)
    await ordinary.until('40{"sid"')
    // Their place is free when they have gone.
    for (const { socket } of clients) if (socket !== ordinary.socket) socket.destroy()
    await expect.poll(() => server.io.stats().sessions.open).toBe(1)
    const next = dial()
    await next.until('"sid"')
    next.send(`40{"values":${EMPTY_OBJECTS}}`)
    await next.until('40{"sid"')
  })
})

describe('namespaces of a family that nobody is in', () => {
  it('[SIO-31] keep their names and nothing of the message in which they were asked for', async () => {
    server = await start()
    server.io.of(/^\/a-long-family-.+$/)
    const before = heapBytes()
    for (let n = 0; n < 60; n++) {
      const client = dial()
      client.send(`40/a-long-family-${n},{"token":"${MEGABYTE}"}`)
      await client.until(`-${n},{"sid"`)
      client.socket.destroy()
    }
    await expect.poll(() => server.io.stats().sessions.open).toBe(0)

    expect(server.io._nsps.size).toBe(61)
    expect(heapBytes() - before).toBeLessThan(30_000_000)
  })

  it('[SIO-31] are fewer when their names are long', async () => {
    server = await start({ maxEmptyNamespaces: 1_000 })
    server.io.of(/^\/long-.+$/)
    const client = await dial().join()
    for (let n = 0; n < 20; n++) {
      const name = `/long-${n}-${'n'.repeat(50_000)}`
      client.send(`40${name},`)
      await client.until(`40/long-${n}-`)
      client.send(`41${name},`)
    }
    // 195 for each and one.
    await expect.poll(() => server.io._nsps.size).toBe(6)
  })
})

describe('packets that lack attachments', () => {
  it('[SIO-32] take no more than they were long, and arrive whole', async () => {
    server = await start()
    const got = Promise.withResolvers<unknown[]>()
    server.io.on('connection', (socket) => socket.on('x', (...args: unknown[]) => got.resolve(args)))
    const before = heapBytes()
    for (let n = 0; n < 40; n++) {
      const client = await dial().join()
      client.send(`451-["x",{"_placeholder":true,"num":0},${EMPTY_OBJECTS}]`)
      await expect.poll(() => server.io.halfReceived.size).toBe(n + 1)
    }

    expect(heapBytes() - before).toBeLessThan(150_000_000)
    clients.at(-1)!.send(Buffer.from('bytes'), 2)
    const [bytes, values] = await got.promise
    expect(String(bytes)).toBe('bytes')
    expect((values as unknown[]).length).toBe(316_001)
  }, 30_000)
})
