// Servers in one process that are nodes of one cluster over the in-process bus, and clients of them that speak plain Socket.IO.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { PacketType, SocketPacketDecoder, encodeSocketPacket } from '@tidewire/protocol'
import { Adapter, Server, SessionAwareAdapter } from 'tidewire'
import type { ServerOptions } from 'tidewire'
import { WebSocket } from 'ws'
import { AdapterService } from '../../src/adapter/adapter-service.ts'
import type { AdapterServiceOptions } from '../../src/adapter/adapter-service.ts'
import { createClusterAdapter } from '../../src/adapter/cluster-adapter.ts'
import type {
  ClusterNode,
  ClusterService,
  Incarnation,
  SendResult,
  ServiceId,
} from '../../src/cluster-node.ts'
import { InProcessHub } from '../../src/drivers/in-process.ts'
import { createClusterNode } from '../../src/node.ts'

/** A node whose traffic a test can count, hold and cut. */
export class TestNode implements ClusterNode {
  readonly inner: ClusterNode
  service!: ClusterService
  /** Messages to each node, by kind. */
  readonly sent: { to: Incarnation; kind: number }[] = []
  /** What comes is kept until `release`. */
  isHeld = false
  #held: (() => void)[] = []

  constructor(inner: ClusterNode) {
    this.inner = inner
  }
  get incarnation(): Incarnation {
    return this.inner.incarnation
  }
  get members(): ClusterNode['members'] {
    return this.inner.members
  }
  register(id: ServiceId, service: ClusterService): void {
    this.service = service
    this.inner.register(id, {
      handleMessage: (from, bytes) => {
        const copy = new Uint8Array(bytes)
        if (this.isHeld) this.#held.push(() => service.handleMessage(from, copy))
        else service.handleMessage(from, bytes)
      },
      handleLinkUp: (member) => service.handleLinkUp(member),
      handleLinkDown: (incarnation, end) => service.handleLinkDown(incarnation, end),
      handleMemberState: (member) => service.handleMemberState(member),
      handleDrain: (incarnation) => service.handleDrain(incarnation),
    })
  }
  start(): Promise<void> {
    return this.inner.start()
  }
  send(to: Incarnation, service: ServiceId, bytes: Uint8Array): SendResult {
    this.sent.push({ to, kind: bytes[0]! })
    return this.inner.send(to, service, bytes)
  }
  sendToAll(to: Iterable<Incarnation>, service: ServiceId, bytes: Uint8Array): void {
    for (const incarnation of to) this.send(incarnation, service, bytes)
  }
  whenHandled(by: Incarnation, action: () => void): void {
    this.inner.whenHandled(by, action)
  }
  isGone(incarnation: Incarnation): boolean {
    return this.inner.isGone(incarnation)
  }
  stats(): ReturnType<ClusterNode['stats']> {
    return this.inner.stats()
  }
  close(): Promise<void> {
    return this.inner.close()
  }
  release(): void {
    this.isHeld = false
    for (const handle of this.#held.splice(0)) handle()
  }
}

export interface TestServer {
  readonly io: Server
  readonly port: number
  readonly node: TestNode
  readonly service: AdapterService
  close(): Promise<void>
}

export const INCARNATIONS = ['aaaa', 'bbbb', 'cccc'] as const

async function startNode(
  hub: InProcessHub,
  incarnation: string,
  options: Partial<ServerOptions>,
  serviceOptions: AdapterServiceOptions,
): Promise<TestServer> {
  const node = new TestNode(createClusterNode(hub.createBus(), { incarnation, name: `node ${incarnation}` }))
  const service = new AdapterService(node, serviceOptions)
  const http = createServer()
  const adapter = createClusterAdapter(
    service,
    options.connectionStateRecovery === undefined ? Adapter : SessionAwareAdapter,
  )
  const io = new Server(http, { ...options, adapter })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  await node.start()
  return {
    io,
    node,
    service,
    port: (http.address() as AddressInfo).port,
    async close() {
      const closed = io.close()
      http.closeAllConnections()
      await closed
      await node.close()
    },
  }
}

export class Cluster {
  readonly hub = new InProcessHub()
  readonly servers: TestServer[] = []
  readonly clients: Client[] = []

  static async start(
    count: number,
    options: Partial<ServerOptions> = {},
    serviceOptions: AdapterServiceOptions = {},
  ): Promise<Cluster> {
    const cluster = new Cluster()
    cluster.servers.push(
      ...(await Promise.all(
        INCARNATIONS.slice(0, count).map((incarnation) =>
          startNode(cluster.hub, incarnation, options, serviceOptions),
        ),
      )),
    )
    await cluster.settle()
    return cluster
  }

  /** One more node. */
  async join(incarnation: Incarnation, options: Partial<ServerOptions> = {}): Promise<void> {
    this.servers.push(await startNode(this.hub, incarnation, options, {}))
    await this.settle()
  }

  get io(): Server[] {
    return this.servers.map(({ io }) => io)
  }

  /** Everything that is on its way has arrived: each node has asked all others and been answered. */
  async settle(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      await Promise.all(
        this.servers.map(async ({ io }) => {
          for (;;) {
            const found = await io.of('/').adapter.sockets(new Set())
            const count = await io.of('/').adapter.serverCount()
            if (!('missingNodes' in found) && count === this.servers.length) return
          }
        }),
      )
    }
  }

  /** A client in a namespace of that server. */
  async connect(server: number, nsp = '/', auth?: object): Promise<Client> {
    const client = new Client(this.servers[server]!.port, nsp, auth)
    this.clients.push(client)
    await client.connected
    return client
  }

  async close(): Promise<void> {
    for (const client of this.clients) client.ws.terminate()
    await Promise.all(this.servers.map((server) => server.close()))
  }
}

type Answer = (...args: any[]) => unknown

export class Client {
  readonly ws: WebSocket
  /** Events in the order of their arrival. */
  readonly events: any[][] = []
  readonly connected: Promise<void>
  id = ''
  pid = ''
  readonly #nsp: string
  readonly #decoder = new SocketPacketDecoder({ revision: 5 })
  readonly #answers = new Map<string, Answer>()
  #isConnected = false
  #isDisconnected = false
  #wake: (() => void)[] = []

  constructor(port: number, nsp: string, auth?: object) {
    this.#nsp = nsp
    this.ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`, {
      perMessageDeflate: false,
    })
    this.ws.on('error', () => {})
    this.ws.on('message', (data, isBinary) =>
      this.#receive(isBinary ? (data as Buffer) : (data as Buffer).toString(), auth),
    )
    this.ws.on('close', () => {
      this.#isDisconnected = true
      this.#notify()
    })
    this.connected = this.until('the connection', () => this.#isConnected)
  }

  /** Calls `answer` for the acknowledgement of that event. */
  answer(event: string, answer: Answer): void {
    this.#answers.set(event, answer)
  }

  send(...data: unknown[]): void {
    const [text, ...attachments] = encodeSocketPacket({ type: PacketType.EVENT, nsp: this.#nsp, data })
    this.ws.send(`4${text}`)
    for (const attachment of attachments) this.ws.send(attachment)
  }

  #receive(data: string | Buffer, auth: object | undefined): void {
    if (typeof data === 'string') {
      if (data.startsWith('0'))
        return this.ws.send(
          `40${this.#nsp === '/' ? '' : `${this.#nsp},`}${auth === undefined ? '' : JSON.stringify(auth)}`,
        )
      if (data === '2') return this.ws.send('3')
      if (!data.startsWith('4')) return
    }
    const packet = this.#decoder.add(typeof data === 'string' ? data.slice(1) : data)
    if (packet === undefined) return
    if (packet.type === PacketType.CONNECT) {
      this.id = packet.data.sid
      this.pid = packet.data.pid
      this.#isConnected = true
    } else if (packet.type === PacketType.DISCONNECT) this.#isDisconnected = true
    else this.#handleEvent(packet.data, packet.id)
    this.#notify()
  }

  #handleEvent(data: any[], id: number | undefined): void {
    this.events.push(data)
    const answer = this.#answers.get(data[0])
    if (id === undefined || answer === undefined) return
    const [text] = encodeSocketPacket({
      type: PacketType.ACK,
      nsp: this.#nsp,
      id,
      data: [answer(...data.slice(1))],
    })
    this.ws.send(`4${text}`)
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  async until(what: string, isReached: () => boolean, withinMs = 20_000): Promise<void> {
    let isOver = false
    const timer = setTimeout(() => {
      isOver = true
      this.#notify()
    }, withinMs)
    while (!isReached()) {
      if (isOver) throw new Error(`${what} did not happen; got ${JSON.stringify(this.events)}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    clearTimeout(timer)
  }

  /** The first event of that name, also an earlier one. */
  async event(name: string): Promise<any[]> {
    await this.until(`the event ${name}`, () => this.events.some(([event]) => event === name))
    return this.events.find(([event]) => event === name)!
  }

  /** The names of what has come before the event `fence`. */
  async before(fence: string): Promise<unknown[]> {
    await this.event(fence)
    return this.events
      .slice(
        0,
        this.events.findIndex(([event]) => event === fence),
      )
      .map(([event]) => event)
  }

  async disconnected(): Promise<void> {
    await this.until('the end', () => this.#isDisconnected)
  }
}
