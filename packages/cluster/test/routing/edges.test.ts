// What an edge does beyond passing on: heartbeats, back-pressure, one message for many, and the coming and going of its node.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { Server } from 'tidewire'
import type { Socket } from 'tidewire'
import { InProcessHub } from '@tidewire/cluster'
import type { Bus } from '@tidewire/cluster'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { PollingClient, WireSocket, polling, send, websocket } from '../../../server/test/start.ts'
import { startNode } from './round-robin.ts'
import type { TestNode } from './round-robin.ts'

let nodes: TestNode[] = []
afterEach(async () => {
  await Promise.all(nodes.map((node) => stop(node)))
  nodes = []
})

async function stop({ io, http }: TestNode): Promise<void> {
  const closed = io.close()
  http.closeAllConnections()
  await closed
}

/** An owner and an edge. */
async function startTwo(
  options: object = {},
  onNode?: (io: Server) => void,
  busOf: (hub: InProcessHub) => Bus = (hub) => hub.createBus(),
): Promise<{ owner: TestNode; edge: TestNode }> {
  const hub = new InProcessHub()
  const owner = await startNode(hub.createBus(), options, onNode)
  const edge = await startNode(busOf(hub), options, onNode)
  nodes.push(owner, edge)
  await Promise.all(nodes.map(({ io }) => io.cluster!.ready()))
  return { owner, edge }
}

const SESSION = { 3: '', 4: '40' } as const

/** A session of the owner whose WebSocket is on the edge. */
async function upgraded(owner: TestNode, edge: TestNode, eio: 3 | 4 = 4): Promise<WireSocket> {
  const client = await new PollingClient(owner.port, eio).connect()
  if (SESSION[eio] !== '') await client.post(SESSION[eio])
  for (let isJoined = client.open.body.endsWith('2:40'); !isJoined;) {
    const packets = (await client.get()).body.split('\u001e')
    // On a machine that is busy the first ping may come before the upgrade.
    if (packets.includes('2')) await client.post('3')
    isJoined = packets.some((packet) => packet.includes('40'))
  }
  const socket = new WireSocket(edge.port, client.path().replace('polling', 'websocket'))
  await once(socket.ws, 'open')
  socket.ws.send('5')
  return socket
}

async function joined(owner: TestNode): Promise<PollingClient> {
  const client = await new PollingClient(owner.port).connect()
  await client.post('40')
  await client.get()
  return client
}

const connectionOf = (io: Server): Promise<Socket> => new Promise((resolve) => io.once('connection', resolve))
const endOf = (socket: Socket): Promise<string> =>
  new Promise((resolve) => socket.once('disconnect', resolve))

describe('an edge', () => {
  for (const eio of [3, 4] as const) {
    it(`[CLU-49] keeps the heartbeat of an EIO${eio} session`, async () => {
      const { owner, edge } = await startTwo({ pingInterval: 200, pingTimeout: 60_000 })
      const socket = await upgraded(owner, edge, eio)
      const [theirs, ours] = eio === 4 ? ['2', '3'] : ['3', '2']
      for (let i = 0; i < 5; i++) {
        // An EIO3 client pings by itself.
        if (eio === 3) socket.ws.send(ours)
        expect(await socket.next()).toBe(theirs)
        if (eio === 4) socket.ws.send(ours)
      }
    })

    it(`[CLU-49] ends an EIO${eio} session whose client is silent`, async () => {
      // Time enough for the upgrade on a machine that is busy.
      const { owner, edge } = await startTwo({ pingInterval: 1_000, pingTimeout: 2_000 })
      const connected = connectionOf(owner.io)
      const socket = await upgraded(owner, edge, eio)
      expect(await endOf(await connected)).toBe('ping timeout')
      await socket.end()
    })
  }

  it('[API-24] counts the limits that clients hit here for sessions of another node, and slices what they send', async () => {
    const heard: number[] = []
    const { owner, edge } = await startTwo({}, (io) => void io.on('connection', (socket) => socket.on('n', (n: number) => heard.push(n))))
    const socket = await upgraded(owner, edge)
    for (let n = 0; n < 2_000; n++) socket.ws.send(`42["n",${n}]`)
    await expect.poll(() => heard.length).toBe(2_000)
    socket.ws.send('x'.repeat(1_000_001))
    const { code, reason } = await socket.end()
    const client = await new PollingClient(owner.port).connect()
    expect((await send(edge.port, 'POST', client.path(), { body: 'x'.repeat(1_000_001) })).status).toBe(413)

    expect(heard).toEqual(Array.from({ length: 2_000 }, (_, n) => n))
    expect({ code, reason }).toMatchObject({ code: 1009, reason: expect.stringContaining('expected at most 1000000') })
    expect(edge.io.stats().limits.maxHttpBufferSize).toBe(2)
    expect(edge.io.stats().limits.packetsPerTurn).toBeGreaterThan(0)
  })

  it('[CLU-50] holds a slow reader to the bound of its outbox, and serves others on the same link meanwhile', async () => {
    const { owner, edge } = await startTwo({ maxHttpBufferSize: 1e6 }, (io) =>
      io.on('connection', (socket) => socket.on('echo', (value, ack) => ack(value))),
    )
    const connected = connectionOf(owner.io)
    const slow = await upgraded(owner, edge)
    const slowSocket = await connected
    const end = endOf(slowSocket)
    const quick = await upgraded(owner, edge)
    slow.ws.pause()
    const block = 'x'.repeat(50_000)
    let sent = 0
    while (slowSocket.connected) {
      slowSocket.emit('block', block)
      sent += block.length
      if (sent > 100e6) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await end).toBe('transport error')
    // What the kernels of both ends take, the window, the outbox; far from all that was offered to a reader without bounds.
    expect(sent).toBeLessThan(50e6)
    quick.ws.send('421["echo","alive"]')
    expect(await quick.next()).toBe('431["alive"]')
    slow.ws.terminate()
  })

  it('[CLU-49] a session that moved to it with a ping open is closed in time, though its client reads nothing and says that it lives', async () => {
    const { owner, edge } = await startTwo({ pingInterval: 300, pingTimeout: 2_000, maxOutboxBytes: 100e6 })
    const connected = connectionOf(owner.io)
    const client = await joined(owner)
    const serverSocket = await connected
    expect((await client.get()).body).toBe('2')
    const socket = new WireSocket(edge.port, client.path().replace('polling', 'websocket'))
    await once(socket.ws, 'open')
    const upgrade = new Promise((resolve) => serverSocket.conn.once('upgrade', resolve))
    socket.ws.send('5')
    await upgrade
    socket.ws.pause()
    for (let n = 0; n < 40; n++) serverSocket.emit('block', 'x'.repeat(1e6))
    serverSocket.disconnect(true)
    const alive = setInterval(() => socket.ws.send('3'), 50)
    try {
      await expect.poll(() => owner.io.engine.clientsCount, { timeout: 12_000 }).toBe(0)
    } finally {
      clearInterval(alive)
      socket.ws.terminate()
    }
  })

  it('[CLU-50] stops reading a client before its owner has handled what it has sent, and loses nothing', async () => {
    const received: number[] = []
    let bus!: PausableBus
    const { owner, edge } = await startTwo(
      {},
      (io) =>
        io.on('connection', (socket) => {
          socket.on('n', (n: number) => received.push(n))
          socket.on('echo', (ack: () => void) => ack())
        }),
      (hub) => (bus = new PausableBus(hub.createBus())),
    )
    const connected = connectionOf(owner.io)
    const socket = await upgraded(owner, edge)
    await connected
    bus.pause()
    const filler = 'x'.repeat(1_000)
    const count = 30_000
    for (let n = 0; n < count; n++) socket.ws.send(`42["n",${n},"${filler}"]`)
    // 30 MB were offered; the edge takes a burst, and what was read with it.
    while (edge.io.cluster!.stats()!['queuedBytes']! < 32_000) await new Promise((resolve) => setImmediate(resolve))
    // Without a bound it would read further while it serves a client of its own.
    const local = new WireSocket(edge.port, websocket(4))
    await local.next()
    local.ws.send('40')
    await local.next()
    for (let n = 0; n < 200; n++) {
      local.ws.send(`42${n}["echo"]`)
      expect(await local.next()).toBe(`43${n}[]`)
    }
    local.ws.terminate()
    expect(edge.io.cluster!.stats()!['queuedBytes']).toBeLessThan(300_000)
    expect(socket.ws.bufferedAmount).toBeGreaterThan(5e6)
    bus.resume()
    await expect.poll(() => received.length, { timeout: 40_000 }).toBe(count)
    expect(received).toEqual(Array.from({ length: count }, (_, n) => n))
  }, 60_000)

  it.each([['alone', false], ['among workers', true]])('[CLU-41] loses nothing that a client sends before it has its 101, on a node %s', async (_where, isWorker) => {
    let bus!: PausableBus
    const { owner, edge } = await startTwo({}, undefined, (hub) => (bus = new PausableBus(hub.createBus())))
    // A worker asks its primary first, which takes it to the owner unless it cannot.
    if (isWorker) (edge.io.engine as unknown as { handOver: () => boolean }).handOver = () => false
    const client = await joined(owner)
    const polled = client.get()
    bus.pause()
    const early = new RawWebSocket(edge.port, client.path().replace('polling', 'websocket'))
    await expect.poll(() => edge.io.cluster!.stats()!['queuedBytes']).toBeGreaterThan(0)
    early.send('2probe')
    // The edge has read that by the time that it serves somebody else.
    await new RawWebSocket(edge.port).join().then(({ socket }) => socket.destroy())
    bus.resume()
    await early.until('3probe')
    await polled
    early.send('5')
    early.socket.destroy()
  })

  it('[CLU-50] stops reading clients while the link is full, and loses nothing', async () => {
    const received = new Map<number, number[]>()
    let bus!: PausableBus
    const { owner, edge } = await startTwo(
      {},
      (io) =>
        io.on('connection', (socket) =>
          socket.on('n', (client: number, n: number) => received.set(client, [...(received.get(client) ?? []), n])),
        ),
      (hub) => (bus = new PausableBus(hub.createBus())),
    )
    const clients: WireSocket[] = []
    for (let i = 0; i < 50; i++) clients.push(await upgraded(owner, edge))
    await expect.poll(() => owner.io.sockets.sockets.size).toBe(clients.length)
    bus.pause()
    const filler = 'x'.repeat(100_000)
    for (const [i, { ws }] of clients.entries()) for (let n = 0; n < 6; n++) ws.send(`42["n",${i},${n},"${filler}"]`)
    // 30 MB were offered; the edge takes the link's share of 4 MiB, and of each client what it had read.
    while (edge.io.cluster!.stats()!['queuedBytes']! < 4e6)
      await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(edge.io.cluster!.stats()!['queuedBytes']).toBeLessThan(12e6)
    bus.resume()
    await expect.poll(() => [...received.values()].flat().length, { timeout: 40_000 }).toBe(6 * clients.length)
    for (const numbers of received.values()) expect(numbers).toEqual([0, 1, 2, 3, 4, 5])
  }, 60_000)

  it('[CLU-50] lets polls wait while the link to them is full', async () => {
    const hub = new InProcessHub()
    const bus = new PausableBus(hub.createBus())
    const owner = await startNode(bus)
    const edge = await startNode(hub.createBus())
    nodes.push(owner, edge)
    await Promise.all(nodes.map(({ io }) => io.cluster!.ready()))
    const clients = await Promise.all(Array.from({ length: 30 }, () => joined(owner)))
    const polls = clients.map((client) => send(edge.port, 'GET', client.path()))
    // Each POST is answered after the poll of its client has reached the owner.
    await Promise.all(clients.map((client) => send(edge.port, 'POST', client.path(), { body: '6' })))
    bus.pause()
    const text = 'x'.repeat(900_000)
    for (const socket of owner.io.sockets.sockets.values()) socket.emit('large', text)
    while (owner.io.cluster!.stats()!['queuedBytes']! < 4e6)
      await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(owner.io.cluster!.stats()!['queuedBytes']).toBeLessThan(8e6)
    bus.resume()
    for (const poll of polls) expect((await poll).body).toBe(`42["large","${text}"]`)
  })

  it('[CLU-50] reads the bodies of POSTs when the link has room for them', async () => {
    const sizes: number[] = []
    let bus!: PausableBus
    const { owner, edge } = await startTwo(
      {},
      (io) => io.on('connection', (socket) => socket.on('large', (text: string) => sizes.push(text.length))),
      (hub) => (bus = new PausableBus(hub.createBus())),
    )
    const clients = await Promise.all(Array.from({ length: 30 }, () => joined(owner)))
    bus.pause()
    const body = `42["large","${'x'.repeat(900_000)}"]`
    const posts = clients.map((client) => send(edge.port, 'POST', client.path(), { body }))
    while (edge.io.cluster!.stats()!['queuedBytes']! < 4e6)
      await new Promise((resolve) => setImmediate(resolve))
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(edge.io.cluster!.stats()!['queuedBytes']).toBeLessThan(8e6)
    bus.resume()
    for (const post of posts) expect((await post).body).toBe('ok')
    expect(sizes).toEqual(clients.map(() => 900_000))
  })

  it('[CLU-42] forgets a POST whose client has gone before the answer', async () => {
    let bus!: PausableBus
    const { owner, edge } = await startTwo({}, undefined, (hub) => (bus = new PausableBus(hub.createBus())))
    const client = await joined(owner)
    bus.pause()
    const abort = new AbortController()
    const gone = send(edge.port, 'POST', client.path(), { body: '42["x"]', signal: abort.signal }).catch(
      () => 'gone',
    )
    const held = (await once(edge.http, 'connection'))[0] as NodeJS.EventEmitter
    while (edge.io.cluster!.stats()!['queuedBytes'] === 0)
      await new Promise((resolve) => setImmediate(resolve))
    const closed = once(held, 'close')
    abort.abort()
    expect(await gone).toBe('gone')
    await closed
    bus.resume()
    // The link keeps order: when this is answered, that has been.
    expect((await send(edge.port, 'POST', client.path(), { body: '6' })).body).toBe('ok')
    const lost: unknown[] = []
    for (const { io } of nodes) io.cluster!.on('sessions-lost', (what) => lost.push(what))
    const left = once(edge.io.cluster!, 'leave')
    await stop(owner)
    await left
    expect(lost).toEqual([])
  })

  it('[CLU-51] gets what goes to many of its WebSockets once', async () => {
    const { owner, edge } = await startTwo()
    const sockets: WireSocket[] = []
    for (let i = 0; i < 30; i++) sockets.push(await upgraded(owner, edge))
    const hasMoved = (): boolean =>
      [...owner.io.sockets.sockets.values()].every(({ conn }) => conn.transport.name === 'websocket')
    while (!hasMoved()) await new Promise((resolve) => setImmediate(resolve))
    const before = owner.io.cluster!.stats()!['bytesSent']!
    const text = 'x'.repeat(20_000)
    owner.io.local.emit('many', text)
    for (const socket of sockets) expect(await socket.next()).toBe(`42["many","${text}"]`)
    expect(owner.io.cluster!.stats()!['bytesSent']! - before).toBeLessThan(2 * text.length)
  })

  it('[CLU-46] answers the polls that it holds when it leaves, and closes its WebSockets', async () => {
    const { owner, edge } = await startTwo()
    const client = await new PollingClient(owner.port).connect()
    await client.post('40')
    await client.get()
    const connected = connectionOf(owner.io)
    const socket = await upgraded(owner, edge)
    const end = endOf(await connected)
    const held = send(edge.port, 'GET', client.path())
    expect((await send(edge.port, 'POST', client.path(), { body: '6' })).body).toBe('ok')
    const closed = edge.io.close()
    expect((await held).body).toBe('6')
    await socket.end()
    expect(await end).toBe('transport close')
    await closed
    // Its session goes on by way of the owner.
    const next = client.get()
    owner.io.local.emit('here')
    expect((await next).body).toBe('42["here"]')
  })

  it('[CLU-47] ends what it served for an owner that leaves', async () => {
    const { owner, edge } = await startTwo()
    const client = await new PollingClient(owner.port).connect()
    const socket = await upgraded(owner, edge)
    const left = once(edge.io.cluster!, 'leave')
    await stop(owner)
    await socket.end()
    await left
    const refused = await send(edge.port, 'GET', client.path())
    expect([refused.status, JSON.parse(refused.body)]).toEqual([
      400,
      {
        code: 1,
        message: 'Session ID unknown',
        hint: expect.stringContaining('has left the cluster or died'),
      },
    ])
  })
})

describe('an edge with WebSockets of another make', () => {
  it('[CLU-41] takes the frames of the owner apart again', async () => {
    const { owner, edge } = await startTwo({ perMessageDeflate: true }, (io) =>
      io.on('connection', (socket) => socket.on('echo', (text, bytes) => socket.emit('echo', text, bytes))),
    )
    const socket = await upgraded(owner, edge)
    const text = '汉字'.repeat(2_000)
    for (let i = 0; i < 3; i++) {
      socket.ws.send(`451-["echo","${text}",{"_placeholder":true,"num":0}]`)
      socket.ws.send(Buffer.from([1, 2, i]))
    }
    for (let i = 0; i < 3; i++) {
      expect(await socket.next()).toBe(`451-["echo","${text}",{"_placeholder":true,"num":0}]`)
      expect([...((await socket.next()) as Buffer)]).toEqual([1, 2, i])
    }
    const end = endOf([...owner.io.sockets.sockets.values()][0]!)
    socket.ws.close()
    expect(await end).toBe('transport close')
  })
})

describe('joining', () => {
  it('[CLU-52] lets requests wait until the node has joined', async () => {
    const hub = new InProcessHub()
    const bus = new PausableBus(hub.createBus())
    bus.pause()
    const node = await startNode(bus, {})
    nodes.push(node)
    let isAnswered = false
    const early = send(node.port, 'GET', polling(4)).finally(() => (isAnswered = true))
    await once(node.http, 'connection')
    const late = send(node.port, 'GET', polling(4))
    await once(node.http, 'connection')
    expect(isAnswered).toBe(false)
    bus.resume()
    expect((await early).body).toContain('"sid"')
    expect((await late).body).toContain('"sid"')
  })

  it('[CLU-52] refuses with 503 and the cause when it cannot join', async () => {
    const http = createServer()
    const io = new Server(http, { cluster: 'carrier-pigeon://loft' })
    nodes.push({ io, http, port: 0 })
    const told = once(io.cluster!, 'error')
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    const { status, body } = await send((http.address() as { port: number }).port, 'GET', polling(4))
    expect([status, JSON.parse(body).hint]).toEqual([
      503,
      expect.stringContaining('has not joined its cluster: a cluster cannot be made from "carrier-pigeon:"'),
    ])
    expect((await told)[0]).toMatchObject({ code: 'TW_ERR_CLUSTER_OPTION' })
  })

  it('[CLU-53] takes ids of the application that begin with the incarnation, and refuses others', async () => {
    const { owner, edge } = await startTwo()
    owner.io.engine.generateId = () => `${owner.io.cluster!.incarnation}-mine-${Math.random()}`
    const client = await new PollingClient(owner.port).connect()
    expect(client.open.body).toContain('-mine-')
    const sid = /"sid":"([^"]+)"/.exec(client.open.body)![1]!
    expect((await send(edge.port, 'POST', polling(4, `&sid=${sid}`), { body: '40' })).body).toBe('ok')
    owner.io.engine.generateId = () => 'not-mine'
    const refused = await send(owner.port, 'GET', polling(4))
    expect([refused.status, JSON.parse(refused.body)]).toEqual([
      400,
      {
        code: 3,
        message: 'Bad request',
        hint: expect.stringContaining('must begin with io.cluster.incarnation'),
      },
    ])
  })
})

/** Holds back what its node publishes. */
class PausableBus implements Bus {
  readonly #bus: Bus
  #held: (readonly [string, Uint8Array])[] | undefined

  constructor(bus: Bus) {
    this.#bus = bus
  }
  get name(): string {
    return this.#bus.name
  }
  get capabilities(): Bus['capabilities'] {
    return this.#bus.capabilities
  }
  pause(): void {
    this.#held = []
  }
  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const [subject, bytes] of held) this.#bus.publish(subject, bytes)
  }
  publish(subject: string, bytes: Uint8Array): void {
    if (this.#held === undefined) this.#bus.publish(subject, bytes)
    else this.#held.push([subject, bytes])
  }
  connect(): Promise<void> {
    return this.#bus.connect()
  }
  subscribe(...args: Parameters<Bus['subscribe']>): ReturnType<Bus['subscribe']> {
    return this.#bus.subscribe(...args)
  }
  onState(...args: Parameters<Bus['onState']>): void {
    this.#bus.onState(...args)
  }
  close(): Promise<void> {
    return this.#bus.close()
  }
}
