// A node that drains and holds WebSockets of other nodes' sessions: these close in order too, and no new ones come.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { PollingClient, WireSocket, send, websocket } from '../../../server/test/start.ts'
import { startCluster } from './round-robin.ts'
import type { TestCluster, TestNode } from './round-robin.ts'

let cluster: TestCluster
afterEach(() => cluster.close())

async function openPolling(port: number): Promise<PollingClient> {
  const client = await new PollingClient(port).connect()
  await client.post('40')
  expect((await client.get()).body).toMatch(/^40/)
  return client
}

it('[API-16] sessions whose WebSocket is here are closed by their owner, with all that waits for them', async () => {
  cluster = await startCluster(2)
  const [owner, edge] = cluster.nodes as [any, any]
  const reasons: string[] = []
  owner.io.on('connection', (socket: any) =>
    socket.on('disconnect', (reason: string) => reasons.push(reason)),
  )
  const polling = await openPolling(owner.port)
  const parked = polling.get()
  const ws = new WireSocket(edge.port, websocket(4, `&sid=${polling.sid}`))
  await new Promise((resolve) => ws.ws.once('open', resolve))
  ws.ws.send('2probe')
  expect(await ws.next()).toBe('3probe')
  await parked
  ws.ws.send('5')
  ws.ws.send('42["upgraded"]')
  await new Promise((resolve) => owner.io.sockets.sockets.values().next().value.on('upgraded', resolve))
  expect(edge.io.engine.relayedWebSockets).toHaveLength(1)

  for (let n = 0; n < 100; n++) owner.io.emit('n', n)
  const drained = edge.io.drain({ spread: 0 })
  await ws.end()

  expect(ws.messages).toEqual(Array.from({ length: 100 }, (_, n) => `42["n",${n}]`))
  expect(await drained).toEqual({ sessions: 1, closed: 1, cut: 0 })
  expect(reasons).toEqual(['forced close'])
})

it('[EIO-98] OkHttp, which takes no notice of a close frame, is let go by the end of its connection, on another node too', async () => {
  cluster = await startCluster(2)
  const [owner, edge] = cluster.nodes as [any, any]
  const polling = await openPolling(owner.port)
  const ws = new WireSocket(edge.port, websocket(4, `&sid=${polling.sid}`), {
    'user-agent': 'okhttp/3.12.12',
  })
  await new Promise((resolve) => ws.ws.once('open', resolve))
  ws.ws.send('2probe')
  expect(await ws.next()).toBe('3probe')
  ws.ws.send('5')
  ws.ws.send('42["upgraded"]')
  await new Promise((resolve) => owner.io.sockets.sockets.values().next().value.on('upgraded', resolve))

  const drained = edge.io.drain({ spread: 0 })

  // No close frame came.
  expect(await ws.end()).toEqual({ code: 1006, reason: '' })
  expect(await drained).toEqual({ sessions: 1, closed: 1, cut: 0 })
})

it('[API-16] upgrades of other sessions are refused, their polls are served', async () => {
  cluster = await startCluster(2)
  const [owner, edge] = cluster.nodes as [any, any]
  const polling = await openPolling(owner.port)
  await edge.io.drain()

  const ws = new WireSocket(edge.port, websocket(4, `&sid=${polling.sid}`))
  const posted = await send(edge.port, 'POST', polling.path(), { body: '42["x"]' })

  expect((await ws.refusal()).status).toBe(503)
  expect(posted.status).toBe(200)
})

/** A connection that the server has and on which nothing has been sent; `ask` sends a request and gives the status. */
async function connected({ http, port }: TestNode): Promise<(request: string) => Promise<number>> {
  const accepted = once(http, 'connection')
  const socket = connect(port, '127.0.0.1')
  await Promise.all([accepted, once(socket, 'connect')])
  return async (request) => {
    socket.write(request)
    const [answer] = await once(socket, 'data')
    return Number(/^HTTP\/1.1 (\d+)/.exec(String(answer))![1])
  }
}

it('[CLU-55] what is on its way to a node that closes is served, or told to try another node; nobody else comes', async () => {
  cluster = await startCluster(2)
  const [owner, edge] = cluster.nodes as [TestNode, TestNode]
  const polling = await openPolling(owner.port)
  const [posting, opening, getting] = [await connected(edge), await connected(edge), await connected(edge)]
  const received = new Promise((resolve) => owner.io.sockets.sockets.values().next().value!.on('x', resolve))

  const closing = edge.io.close()
  await turn()
  const late = once(connect(edge.port, '127.0.0.1'), 'connect').catch((error: Error) => error)

  expect(
    await posting(
      `POST ${polling.path()} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n42["x",1]`,
    ),
  ).toBe(200)
  expect(await received).toBe(1)
  // Nothing waits for it: it is answered all the same, so that its client asks another node.
  expect(await getting(`GET ${polling.path()} HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe(200)
  expect(await opening('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n')).toBe(503)
  expect(await late).toMatchObject({ code: 'ECONNREFUSED' })
  await closing
})
