// One node of a cluster: wires bus, membership and links together and shows them to the services above as a ClusterNode. First form: it
// trusts the bus to lose nothing (true in one process), and knows a member by its greeting and its goodbye.
import type { Bus } from './bus.ts'
import type {
  ClusterNode,
  ClusterService,
  Incarnation,
  Member,
  NodeInfo,
  SendResult,
  ServiceId,
} from './cluster-node.ts'
import { resolveOptions } from './options.ts'
import type { ClusterNodeOptions, ResolvedOptions } from './options.ts'

type Greeting = { kind: 'hello' | 'answer' | 'bye'; from: Incarnation; boot: string; info: NodeInfo }

export function createClusterNode(bus: Bus, options: ClusterNodeOptions = {}): ClusterNode {
  return new Node(bus, resolveOptions(options))
}

class Node implements ClusterNode {
  incarnation: Incarnation
  readonly members: Map<Incarnation, Member> = new Map()
  readonly #bus: Bus
  readonly #options: ResolvedOptions
  readonly #services = new Map<ServiceId, ClusterService>()
  readonly #gone = new Set<Incarnation>()
  readonly #boot = Math.random().toString(36).slice(2)
  #state: 'new' | 'joining' | 'serving' | 'closed' = 'new'

  constructor(bus: Bus, options: ResolvedOptions) {
    this.#bus = bus
    this.#options = options
    this.incarnation = options.incarnation
  }

  register(id: ServiceId, service: ClusterService): void {
    this.#services.set(id, service)
  }

  async start(): Promise<void> {
    this.#state = 'joining'
    await this.#bus.connect()
    await this.#bus.subscribe(`${this.#options.prefix}.hello`, (bytes) => this.#handleGreeting(bytes))
    await this.#bus.subscribe(`${this.#options.prefix}.n.${this.incarnation}`, (bytes) =>
      this.#handleFrame(bytes),
    )
    this.#greet('hello')
    await new Promise<void>((resolve) => this.#options.clock.after(50, resolve))
    this.#state = 'serving'
  }

  send(to: Incarnation, service: ServiceId, bytes: Uint8Array): SendResult {
    if (!this.members.has(to)) return 'down'
    const frame = new Uint8Array(5 + bytes.length)
    frame.set(Buffer.from(this.incarnation, 'latin1'))
    frame[4] = service
    frame.set(bytes, 5)
    this.#bus.publish(`${this.#options.prefix}.n.${to}`, frame)
    return 'sent'
  }

  sendToAll(to: Iterable<Incarnation>, service: ServiceId, bytes: Uint8Array): void {
    for (const incarnation of to) this.send(incarnation, service, bytes)
  }

  isGone(incarnation: Incarnation): boolean {
    return this.#gone.has(incarnation)
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#greet('bye')
    await new Promise<void>((resolve) => this.#options.clock.endOfTurn(resolve))
    await this.#bus.close()
  }

  #handleFrame(bytes: Uint8Array): void {
    const from = Buffer.from(bytes.buffer, bytes.byteOffset, 4).toString('latin1')
    if (this.members.has(from))
      this.#services.get(bytes[4] as ServiceId)?.handleMessage(from, bytes.subarray(5))
  }

  #handleGreeting(bytes: Uint8Array): void {
    const { kind, from, boot, info } = JSON.parse(Buffer.from(bytes).toString()) as Greeting
    if (boot === this.#boot || this.#state === 'closed') return
    if (kind === 'bye') {
      if (!this.members.delete(from)) return
      this.#gone.add(from)
      for (const service of this.#services.values()) service.handleLinkDown(from, 'left')
      return
    }
    if (kind === 'hello') this.#greet('answer')
    if (this.members.has(from)) return
    const member: Member = { incarnation: from, state: 'alive', info }
    this.members.set(from, member)
    for (const service of this.#services.values()) service.handleLinkUp(member)
  }

  #greet(kind: Greeting['kind']): void {
    const { name, address, sessions } = this.#options
    const info: NodeInfo = { name, address, sessions: sessions(), version: '0.1.0', format: 1 }
    const greeting: Greeting = { kind, from: this.incarnation, boot: this.#boot, info }
    this.#bus.publish(`${this.#options.prefix}.hello`, Buffer.from(JSON.stringify(greeting)))
  }
}
