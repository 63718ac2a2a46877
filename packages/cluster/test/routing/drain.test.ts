// A node that drains and holds WebSockets of other nodes' sessions: these close in order too, and no new ones come.
import { afterEach, expect, it } from 'vitest'
import { PollingClient, WireSocket, send, websocket } from '../../../server/test/start.ts'
import { startCluster } from './round-robin.ts'
import type { TestCluster } from './round-robin.ts'

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
