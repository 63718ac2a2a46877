// Nodes that are killed and paused, on a real Redis: what their sessions and the clients of other nodes see of it. Clients speak literal wire,
// so that it is known which request is on which node.
import { once } from 'node:events'
import { afterEach, beforeAll, afterAll, describe, expect, it } from 'vitest'
import { startNginx } from '@tidewire/testkit/balancer'
import { freePort, startRedis } from '@tidewire/testkit/daemon'
import type { Daemon } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { PollingClient, WireSocket, send } from '../../packages/server/test/start.ts'
import { ClientProcess } from '../src/client-process.ts'
import { javaClients, javascriptClients } from '../src/client-specs.ts'
import { ClusterNodeProcess, roundRobin } from '../src/cluster-nodes.ts'

const nginxNeeded = await provisionOrSkip('nginx')
const redisNeeded = await provisionOrSkip('redis')
const unavailable = nginxNeeded.skip ?? redisNeeded.skip
const java = await provisionOrSkip('java')
const reconnecting = [...javascriptClients, ...(java.skip === undefined ? javaClients.slice(1) : [])]

/** Beyond the 10 s after which a silent node is dead. */
const DEATH_MS = 20_000

describe.skipIf(unavailable !== undefined)('nodes that fail', () => {
  let redis: Daemon
  let nginx: Daemon | undefined
  let nodes: ClusterNodeProcess[] = []
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => redis?.stop())
  afterEach(async () => {
    for (const node of nodes) {
      try {
        node.signal('SIGCONT')
      } catch {
        // It was killed.
      }
    }
    await Promise.all(nodes.map((node) => node.stop()))
    await nginx?.stop()
    nginx = undefined
    nodes = []
  })

  async function startNodes(prefix: string, count = 2): Promise<void> {
    const bus = { bus: `redis://127.0.0.1:${redis.port}`, prefix }
    nodes = await Promise.all(Array.from({ length: count }, () => ClusterNodeProcess.start(bus)))
  }

  /** A joined session whose owner is the first node. */
  async function join(): Promise<PollingClient> {
    const client = await new PollingClient(nodes[0]!.port).connect()
    expect((await client.post('40')).body).toBe('ok')
    expect((await client.get()).body).toContain('40{')
    return client
  }

  /** The same session by way of the second node. */
  const elsewhere = (
    client: PollingClient,
    method: string,
    query = '',
    body?: string,
  ): ReturnType<typeof send> =>
    send(nodes[1]!.port, method, client.path() + query, body === undefined ? {} : { body })

  async function upgradeElsewhere(client: PollingClient): Promise<WireSocket> {
    const socket = new WireSocket(nodes[1]!.port, client.path().replace('polling', 'websocket'))
    await once(socket.ws, 'open')
    socket.ws.send('2probe')
    expect(await socket.next()).toBe('3probe')
    socket.ws.send('5')
    socket.ws.send('420["echo","moved"]')
    expect(await socket.next()).toBe('430["moved"]')
    return socket
  }

  it('[CLU-43] a poll that is held by a killed node goes on at once, when nginx repeats it', async () => {
    await startNodes('edge-kill')
    nginx = await startNginx(roundRobin(nodes.map(({ port }) => port)))
    // One nginx worker goes strictly round: handshake 0, CONNECT 1, its answer 0, the held poll 1.
    const client = await new PollingClient(nginx.port).connect()
    expect(client.sid.startsWith(nodes[0]!.incarnation)).toBe(true)
    await client.post('40')
    await client.get()
    const held = send(nginx.port, 'GET', `${client.path()}&t=held`)
    // Fenced by the owner: the POST takes the link after the poll.
    expect((await elsewhere(client, 'POST', '', '420["echo","fence"]')).body).toBe('ok')
    expect((await held).body).toBe('430["fence"]')
    // The fence went by another port, so the next of nginx is the owner, and then the other one.
    const next = send(nginx.port, 'GET', `${client.path()}&t=two`)
    expect((await elsewhere(client, 'POST', '', '421["echo","fence"]')).body).toBe('ok')
    expect((await next).body).toBe('431["fence"]')
    const again = send(nginx.port, 'GET', `${client.path()}&t=three`)
    // Empty but for the proof that the poll is there.
    expect((await elsewhere(client, 'POST', '', '6')).body).toBe('ok')
    nodes[1]!.signal('SIGKILL')
    await once(nodes[1]!.child, 'exit')
    const startedAt = performance.now()
    const said = send(nodes[0]!.port, 'POST', client.path(), { body: '422["echo","after"]' })
    expect((await again).body).toBe('432["after"]')
    // Not after the ten seconds that it takes to be called dead.
    expect(performance.now() - startedAt).toBeLessThan(8_000)
    expect((await said).body).toBe('ok')
    // It was there: the owner had it on the link that is dead now. So may be the POST, if its node died before it could report the answer.
    const lost = await nodes[0]!.until('the death is noticed', ({ event }) => event === 'sessions-lost')
    expect([1, 2]).toContain(lost['remote'])
    expect(nodes[0]!.count('disconnect')).toBe(0)
  }, 180_000)

  it('[CLU-43] a poll without a stamp, held by a killed node, goes on when the node is known to be dead', async () => {
    await startNodes('edge-kill-java')
    const client = await join()
    const held = elsewhere(client, 'GET').catch((error: Error) => error.message)
    expect((await elsewhere(client, 'POST', '', '6')).body).toBe('ok')
    nodes[1]!.signal('SIGKILL')
    await held
    const repeated = send(nodes[0]!.port, 'GET', client.path())
    expect((await send(nodes[0]!.port, 'POST', client.path(), { body: '420["echo","after"]' })).body).toBe(
      'ok',
    )
    expect((await repeated).body).toBe('430["after"]')
    expect(nodes[0]!.count('disconnect')).toBe(0)
  }, 180_000)

  it.each([
    ['killed and started again', true],
    ['paused', false],
  ])(
    '[CLU-54] a broker that is %s for seconds ends no session that is relayed over it, and loses nothing',
    async (_what, isKilled) => {
      const own = await startRedis()
      let again: Daemon | undefined
      try {
        const bus = { bus: `redis://127.0.0.1:${own.port}`, prefix: 'outage' }
        nodes = await Promise.all([ClusterNodeProcess.start(bus), ClusterNodeProcess.start(bus)])
        const [socket, polling] = [await upgradeElsewhere(await join()), await join()]
        process.kill(own.child.pid!, isKilled ? 'SIGKILL' : 'SIGSTOP')
        const count = 200
        for (let i = 0; i < count; i++) socket.ws.send(`42${i}["echo",${i}]`)
        // Local traffic goes on meanwhile.
        expect(
          (await send(nodes[0]!.port, 'POST', polling.path(), { body: '427["echo","local"]' })).body,
        ).toBe('ok')
        expect((await polling.get()).body).toBe('437["local"]')
        const held = elsewhere(polling, 'GET')
        await new Promise((resolve) => setTimeout(resolve, 5_000))
        if (isKilled) again = await startRedis({ port: own.port })
        else process.kill(own.child.pid!, 'SIGCONT')
        for (let i = 0; i < count; i++) {
          await socket.until(`answer ${i}`, () => socket.messages.length > 0, DEATH_MS)
          expect(socket.messages.shift()).toBe(`43${i}[${i}]`)
        }
        expect((await elsewhere(polling, 'POST', '', '428["echo","over"]')).body).toBe('ok')
        expect((await held).body).toBe('438["over"]')
        for (const node of nodes)
          expect([node.count('disconnect'), node.count('sessions-lost')]).toEqual([0, 0])
      } finally {
        await Promise.all(nodes.map((node) => node.stop()))
        await own.stop()
        await again?.stop()
      }
    },
    180_000,
  )

  it('[CLU-52] a node that starts before its broker joins when it is there, and serves what has waited', async () => {
    const port = await freePort()
    const node = await ClusterNodeProcess.spawn(`redis://127.0.0.1:${port}`)
    nodes = [node]
    await node.until('it cannot join', ({ event }) => event === 'error')
    const early = new PollingClient(node.port).connect()
    const late = await startRedis({ port })
    try {
      expect((await early).open.status).toBe(200)
      expect((await new PollingClient(node.port).connect()).open.status).toBe(200)
    } finally {
      await Promise.all(nodes.map((node) => node.stop()))
      await late.stop()
    }
  }, 180_000)

  it('[CLU-47] a killed owner: its sessions on other nodes end with a reason, later requests are told why, one event says it', async () => {
    await startNodes('owner-kill')
    const [polling, upgraded] = [await join(), await join()]
    const socket = await upgradeElsewhere(upgraded)
    const held = elsewhere(polling, 'GET')
    expect((await elsewhere(polling, 'POST', '', '6')).body).toBe('ok')
    nodes[0]!.signal('SIGKILL')
    await socket.until('the close', () => socket.closed !== undefined, DEATH_MS)
    expect(socket.closed).toEqual({ code: 1001, reason: 'node lost' })
    const refused = await held
    expect([refused.status, JSON.parse(refused.body)]).toEqual([
      400,
      {
        code: 1,
        message: 'Session ID unknown',
        hint: expect.stringContaining(`node ${nodes[0]!.port}) is dead`),
      },
    ])
    const startedAt = performance.now()
    for (let i = 0; i < 20; i++)
      expect(JSON.parse((await elsewhere(polling, 'GET')).body)).toMatchObject({
        code: 1,
        hint: expect.stringContaining('has left the cluster or died'),
      })
    // None of the twenty waits for anybody.
    expect(performance.now() - startedAt).toBeLessThan(20_000)
    expect(nodes[1]!.said.filter(({ event }) => event === 'sessions-lost')).toEqual([
      expect.objectContaining({ end: 'dead', relayed: 2, remote: 0 }),
    ])
    expect(nodes[1]!.count('leave')).toBe(1)
  }, 180_000)

  it('[CLU-47] real clients notice a killed node by themselves, reconnect once to those that live, and are served', async () => {
    await startNodes('node-kill', 3)
    nginx = await startNginx(roundRobin(nodes.map(({ port }) => port)))
    const url = `http://127.0.0.1:${nginx.port}`
    const clients: ClientProcess[] = []
    try {
      const visitors: { label: string; client: ClientProcess; name: string }[] = []
      for (const spec of reconnecting) {
        const [command, ...args] = await spec.command()
        const client = await ClientProcess.start(command, args)
        clients.push(client)
        for (const transports of [['polling', 'websocket'], ['polling']]) {
          const name = client.connect({ url, transports })
          visitors.push({ label: `${spec.label} ${transports[0]!}${transports[1] ?? ''}`, client, name })
          await client.next(name, 'connect', 20_000)
          expect(await client.emitWithAck(name, 'echo', 'before')).toEqual(['before'])
        }
      }
      nodes[1]!.signal('SIGKILL')
      await once(nodes[1]!.child, 'exit')
      await Promise.all(
        [nodes[0]!, nodes[2]!].map((node) =>
          node.until('the death is noticed', ({ event }) => event === 'leave', DEATH_MS),
        ),
      )
      for (const { label, client, name } of visitors) {
        const answer = await client
          .emitWithAck(name, 'echo', 'after')
          .catch(() => client.emitWithAck(name, 'echo', 'after'))
        const disconnects = client.unread(name).filter((event) => event === 'disconnect').length
        expect({ label, answer, isCalm: disconnects <= 1 }).toEqual({
          label,
          answer: ['after'],
          isCalm: true,
        })
      }
    } finally {
      await Promise.all(clients.map((client) => client.stop()))
    }
  }, 120_000)

  it('[CLU-48] a paused owner is fenced when it comes back: nothing stale is delivered, its own clients stay', async () => {
    await startNodes('owner-pause')
    const socket = await upgradeElsewhere(await join())
    const own = await join()
    // Many are on their way when it stops.
    socket.ws.send('42["tell me",200000]')
    await socket.until('the first of them', () => socket.messages.length > 0, 10_000)
    nodes[0]!.signal('SIGSTOP')
    await nodes[1]!.until('the death is noticed', ({ event }) => event === 'leave', DEATH_MS)
    await socket.until('the close', () => socket.closed !== undefined, 5_000)
    const seen = socket.messages.length
    // In order from the first, without a hole.
    expect(socket.messages.map((message) => String(message))).toEqual(
      Array.from({ length: seen }, (_, i) => `42["event",${i}]`),
    )
    nodes[0]!.signal('SIGCONT')
    await nodes[0]!.until(
      'the session has ended there',
      ({ event, sid, reason }) => event === 'disconnect' && sid !== own.sid && reason === 'transport close',
      DEATH_MS,
    )
    await nodes[1]!.until(
      'it is back',
      ({ event, name }) => event === 'join' && name === `node ${nodes[0]!.port}`,
      DEATH_MS,
    )
    // Its own client has been there all the time, and is served through both nodes again.
    expect((await send(nodes[0]!.port, 'POST', own.path(), { body: '420["echo","still"]' })).body).toBe('ok')
    expect((await elsewhere(own, 'GET')).body).toBe('430["still"]')
    expect(socket.messages.length).toBe(seen)
    expect(nodes[0]!.said.filter(({ event, sid }) => event === 'disconnect' && sid === own.sid)).toEqual([])
  }, 180_000)
})
