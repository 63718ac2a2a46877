// Questions to all nodes while one of them is stopped or killed, over a real Redis: what is known comes back in time, and who is missing is
// named. Another node sends its rooms' broadcasts to it meanwhile, and they arrive when it goes on.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { startRedis } from '@tidewire/testkit/daemon'
import type { Daemon } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { Server } from 'tidewire'
import { ClusterNodeProcess } from '../src/cluster-nodes.ts'

const require = createRequire(import.meta.url)
const { io: connectClient } = require('socket.io-client-4.8.4')
const { skip } = await provisionOrSkip('redis')
process.env['TIDEWIRE_CLUSTER_SECRET'] = 'of this test'

let redis: Daemon
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function connected(url: string): Promise<any> {
  const socket = connectClient(url, { transports: ['websocket'], forceNew: true })
  cleanups.push(() => socket.disconnect())
  await once(socket, 'connect')
  return socket
}

const busUrl = (): string => `redis://127.0.0.1:${redis.port}`

async function serve(): Promise<{ io: Server; url: string }> {
  const http = createServer()
  const io = new Server(http, { cluster: busUrl() })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  cleanups.push(async () => {
    const closed = io.close()
    http.closeAllConnections()
    await closed
  })
  await io.cluster!.ready()
  return { io, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}

async function start(): Promise<{ io: Server; node: ClusterNodeProcess; far: any; near: any }> {
  const { io, url } = await serve()
  const node = await ClusterNodeProcess.start(busUrl())
  cleanups.push(async () => {
    if (node.child.exitCode !== null || node.child.signalCode !== null) return
    const exited = once(node.child, 'exit')
    node.signal('SIGKILL')
    await exited
  })
  const near = await connected(url)
  const far = await connected(node.url)
  const deadline = Date.now() + 40_000
  while ((await io.fetchSockets()).length < 2) if (Date.now() > deadline) throw new Error('the nodes do not find each other')
  return { io, node, far, near }
}

async function timed<T>(work: Promise<T>): Promise<[T, number]> {
  const began = performance.now()
  const result = await work
  return [result, performance.now() - began]
}

describe.skipIf(skip !== undefined)('cluster queries', () => {
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(() => redis?.stop())

  it('[CLU-87, CLU-88, CLU-89] a stopped node holds nobody up, and gets its broadcasts when it goes on', async () => {
    const { io, node, far, near } = await start()
    const missing = [{ incarnation: node.incarnation, name: `node ${node.port}` }]
    const news: unknown[] = []
    far.on('news', (n: number) => news.push(n))
    near.on('ask', (answer: (text: string) => void) => answer('near'))
    node.signal('SIGSTOP')

    const [found, fetchMs] = await timed(io.fetchSockets())
    for (let n = 0; n < 100; n++) io.emit('news', n)
    const [error, askMs] = await timed(
      io
        .timeout(60_000)
        .emitWithAck('ask')
        .catch((reason: unknown) => reason),
    )
    const [later, laterMs] = await timed(io.fetchSockets())

    expect(found.map(({ id }) => id)).toEqual([near.id])
    expect((found as { missingNodes?: unknown }).missingNodes).toEqual(missing)
    // A second without a word, and the loaded machine.
    expect(fetchMs).toBeLessThan(15_000)
    // Until it is suspect.
    expect([error.message, error.responses, error.missingNodes]).toEqual(['operation has timed out', ['near'], missing])
    expect(askMs).toBeLessThan(30_000)
    expect([later.length, (later as { missingNodes?: unknown }).missingNodes]).toEqual([1, missing])
    // Nobody is waited for, which would take a second.
    expect(laterMs).toBeLessThan(950)

    node.signal('SIGCONT')
    const deadline = Date.now() + 40_000
    while (news.length < 100 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(news).toEqual(Array.from({ length: 100 }, (_, n) => n))
  })

  it('[CLU-84] 2,000 joins, each followed at once by a broadcast from another node: all arrive, awaited in a known room and not awaited in a new one', async () => {
    const [first, second, third] = [await serve(), await serve(), await serve()]
    const client = await connected(second.url)
    const other = await connected(third.url)
    const socket = second.io.sockets.sockets.get(client.id)!
    const elsewhere = third.io.sockets.sockets.get(other.id)!
    await elsewhere.join(Array.from({ length: 1_000 }, (_, n) => `known ${n}`))
    const got: number[] = []
    client.on('n', (n: number) => got.push(n))
    const fence = once(client, 'fence')

    for (let n = 0; n < 2_000; n++) {
      const room = n % 2 === 0 ? `known ${n / 2}` : `new ${n}`
      const joined = socket.join(room)
      if (n % 2 === 0) await joined
      first.io.to(room).emit('n', n)
    }
    first.io.emit('fence')
    await fence

    expect(got).toEqual(Array.from({ length: 2_000 }, (_, n) => n))
  })

  it('[CLU-87, CLU-88] a killed node is known to be dead, and not waited for', async () => {
    const { io, node, near } = await start()
    near.on('ask', (answer: (text: string) => void) => answer('near'))
    const asked = timed(
      io
        .timeout(60_000)
        .emitWithAck('ask')
        .catch((reason: unknown) => reason),
    )
    node.signal('SIGKILL')

    const [error, askMs] = await asked
    const gone = Date.now() + 40_000
    while ((await io.of('/').adapter.serverCount()) > 1 && Date.now() < gone) await new Promise((resolve) => setTimeout(resolve, 20))
    const [found, fetchMs] = await timed(io.fetchSockets())

    // It may have answered before it died: nobody of its clients does.
    expect([error.responses, error.missingNodes.length]).toEqual([['near'], 1])
    expect(askMs).toBeLessThan(40_000)
    expect([found.length, fetchMs < 950]).toEqual([1, true])
  })
})
