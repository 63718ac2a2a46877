// One node of a cluster: wires bus, membership and links together and shows them to the services above as a ClusterNode. All that comes
// from the bus enters here, where a stall of this process is noticed before anything stale is handled.
import { randomBytes } from 'node:crypto'
import { ProtocolError, TidewireError, clusterCodec } from '@tidewire/protocol'
import type { Bus, BusSubscription } from './bus.ts'
import type {
  ClusterNode,
  ClusterService,
  ClusterStats,
  Incarnation,
  LinkEnd,
  Member,
  SendResult,
  ServiceId,
} from './cluster-node.ts'
import { Links } from './links.ts'
import type { LinksHost } from './links.ts'
import { Mac } from './mac.ts'
import { Membership } from './membership.ts'
import type { MembershipHost } from './membership.ts'
import { NodeTime } from './node-time.ts'
import { resolveOptions } from './options.ts'
import type { ClusterNodeOptions, ResolvedOptions } from './options.ts'
import { RELEASE } from './release.ts'

const { encodeHello, isHello, readFrame } = clusterCodec

/** Drawing an incarnation that is taken this often means that something else is wrong. */
const MAX_DRAWS = 16

/**
 * A node on a bus, for those who put the parts together themselves; services register before `start`. @throws TidewireError
 * TW_ERR_CLUSTER_SECRET, TW_ERR_CLUSTER_OPTION
 */
export function createClusterNode(bus: Bus, options: ClusterNodeOptions = {}): ClusterNode {
  return new Node(bus, resolveOptions(bus, options))
}

class Node implements ClusterNode, LinksHost, MembershipHost {
  incarnation: Incarnation
  readonly members: Map<Incarnation, Member> = new Map()
  readonly boot: string = randomBytes(8).toString('hex')
  readonly limits: ResolvedOptions['limits']
  readonly clock: ResolvedOptions['clock']
  readonly formats: ResolvedOptions['formats']
  readonly time: NodeTime
  readonly mac: Mac | undefined
  readonly #bus: Bus
  readonly #options: ResolvedOptions
  readonly #services = new Map<number, ClusterService>()
  readonly #membership: Membership
  readonly #links: Links
  /** Members in doubt: how often in a row the bus knew nobody who listens for them. */
  readonly #proofs = new Map<Incarnation, number>()
  #state: 'new' | 'joining' | 'serving' | 'closed' = 'new'
  #own: BusSubscription | undefined
  #cancelTick: (() => void) | undefined
  #helloCount = 0
  #probe = 0
  #refused = 0
  #hasReportedRefusal = false
  #handleStep: (() => void) | undefined
  #closing: Promise<void> | undefined

  constructor(bus: Bus, options: ResolvedOptions) {
    this.#bus = bus
    this.#options = options
    this.incarnation = options.incarnation
    this.limits = options.limits
    this.clock = options.clock
    this.formats = options.formats
    this.time = new NodeTime(options.clock, options.limits)
    this.mac = options.secret === undefined ? undefined : new Mac(options.secret)
    this.#membership = new Membership(this)
    this.#links = new Links(this)
  }

  register(id: ServiceId, service: ClusterService): void {
    if (this.#state !== 'new')
      throw new TidewireError('TW_ERR_CLUSTER_STATE', 'a service is registered before the node starts')
    this.#services.set(id, service)
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TidewireError('TW_ERR_CLUSTER_STATE', 'a cluster node starts once')
    this.#state = 'joining'
    this.#bus.onState((state, cause) => this.#handleBusState(state, cause))
    await this.#bus.connect()
    await this.#bus.subscribe(`${this.#options.prefix}.hello`, (bytes) => this.#handleBytes(bytes))
    this.time.tick(false)
    this.#cancelTick = this.clock.every(this.limits.tickMs, () => this.#tick())
    for (let draws = 1; !(await this.#settle()); draws++) {
      if (draws === MAX_DRAWS)
        throw new TidewireError(
          'TW_ERR_CLUSTER_INCARNATION',
          `${MAX_DRAWS} incarnations drawn in a row are taken: do two clusters share the prefix "${this.#options.prefix}"?`,
        )
      this.incarnation = this.#options.redraw()
    }
    if (this.#isClosed) return
    this.#state = 'serving'
    const deadline = this.time.loopNow() + this.limits.suspectMs
    while (
      !this.#isClosed &&
      !this.#links.areUp(this.#membership.incarnations) &&
      this.time.loopNow() < deadline
    )
      await this.#nextStep()
  }

  send(to: Incarnation, service: ServiceId, bytes: Uint8Array): SendResult {
    this.#checkSize(bytes)
    return this.#links.send(to, service, bytes)
  }

  whenHandled(by: Incarnation, action: () => void): void {
    this.#links.whenHandled(by, () => this.#guard(action))
  }

  sendToAll(to: Iterable<Incarnation>, service: ServiceId, bytes: Uint8Array): void {
    this.#checkSize(bytes)
    for (const incarnation of to) this.#links.send(incarnation, service, bytes)
  }

  isGone(incarnation: Incarnation): boolean {
    return this.#membership.isGone(incarnation)
  }

  stats(): ClusterStats {
    return {
      ...this.#links.counts,
      queuedBytes: this.#links.queued.total,
      refused: this.#refused,
      members: this.members.size,
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const wasServing = this.#state === 'serving'
    if (wasServing) {
      this.#links.flush()
      const deadline = this.time.loopNow() + this.limits.closeMs
      while (!this.#links.areIdle && this.time.loopNow() < deadline) await this.#nextStep()
      this.#membership.leave()
    }
    this.#state = 'closed'
    this.#handleStep?.()
    this.#cancelTick?.()
    this.#links.close()
    this.members.clear()
    await this.#bus.close()
  }

  // ---- from the bus

  #handleBytes(bytes: Uint8Array): void {
    // Empty: the driver of another node asks whether this one listens.
    if (this.#isClosed || bytes.length === 0) return
    if (this.time.hasStalled()) this.#handleStall()
    try {
      if (isHello(bytes)) this.#handleHello(bytes)
      else this.#handleFrame(bytes)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.#refuse(error)
    }
    this.#handleStep?.()
  }

  #handleHello(bytes: Uint8Array): void {
    if (!this.#isAuthentic(bytes, clusterCodec.hasHelloMac(bytes))) return
    this.#membership.handleHello(bytes)
  }

  #handleFrame(bytes: Uint8Array): void {
    const frame = readFrame(bytes)
    if (frame.to !== this.incarnation || !this.#isAuthentic(bytes, frame.hasMac)) return
    if (this.#membership.hear(frame.from)) this.#links.receive(frame, bytes)
  }

  #isAuthentic(bytes: Uint8Array, hasMac: boolean): boolean {
    if (this.mac === undefined ? !hasMac : hasMac && this.mac.isValid(bytes)) return true
    this.#refuse(
      new TidewireError(
        'TW_ERR_CLUSTER_SECRET',
        `a bus message was refused because its code is ${hasMac ? 'not that of the cluster secret' : 'missing'}: give all nodes of the cluster the same secret, and other clusters on this broker another prefix`,
      ),
    )
    return false
  }

  /** Counted each time, reported once. */
  #refuse(error: TidewireError): void {
    this.#refused++
    if (this.#hasReportedRefusal) return
    this.#hasReportedRefusal = true
    this.handleError(error)
  }

  #handleBusState(state: 'up' | 'down', cause: unknown): void {
    if (this.#isClosed) return
    if (state === 'down') {
      this.handleError(
        new TidewireError(
          'TW_ERR_BUS_DOWN',
          `the bus (${this.#bus.name}) is down: local traffic goes on, the rest waits`,
          { cause, retryable: true },
        ),
      )
    } else if (this.#state === 'serving') {
      this.#membership.query()
      this.#links.handleBusUp()
    }
  }

  /** This process stood still for seconds: others may have taken it for dead, and what waits to be read may be from before. */
  #handleStall(): void {
    this.#probe = (this.#probe + 1) >>> 0
    this.#membership.query()
    this.#links.ask(this.#probe)
  }

  // ---- time

  #tick(): void {
    if (this.time.hasStalled()) this.#handleStall()
    this.time.tick(this.#membership.isBusWorking)
    this.#membership.tick()
    this.#links.tick()
    this.#prove()
    this.#handleStep?.()
  }

  /** A silent member for whom nobody listens any more is dead before its time is over. */
  #prove(): void {
    if (this.#bus.hasSubscriber === undefined) return
    for (const incarnation of this.members.keys()) {
      if (this.#membership.isInDoubt(incarnation)) void this.#proveOne(incarnation)
      else this.#proofs.delete(incarnation)
    }
  }

  async #proveOne(incarnation: Incarnation): Promise<void> {
    const hasSubscriber = await this.#bus.hasSubscriber!(this.#subjectOf(incarnation)).catch(() => undefined)
    if (this.#isClosed || !this.#membership.isInDoubt(incarnation)) return
    const proofs = hasSubscriber === false ? (this.#proofs.get(incarnation) ?? 0) + 1 : 0
    this.#proofs.set(incarnation, proofs)
    if (proofs >= 2) this.#membership.lose(incarnation, 'dead')
  }

  async #settle(): Promise<boolean> {
    await this.#own?.unsubscribe()
    this.#own = await this.#bus.subscribe(this.#subjectOf(this.incarnation), (bytes) =>
      this.#handleBytes(bytes),
    )
    await new Promise<void>((resolve) => {
      this.#handleStep = () => this.#isClosed && resolve()
      this.#membership.join(() => this.clock.after(this.limits.settleMs, resolve))
    })
    this.#handleStep = undefined
    return this.#isClosed || this.#membership.settle()
  }

  /** The next message or tick. */
  #nextStep(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#handleStep
      this.#handleStep = () => {
        this.#handleStep = undefined
        before?.()
        resolve()
      }
    })
  }

  get #isClosed(): boolean {
    return this.#state === 'closed'
  }

  // ---- what links and membership ask of their node

  /** Some engines tell it when they are connected. */
  get maxPayloadBytes(): number {
    return this.#bus.capabilities.maxPayloadBytes
  }

  publish(to: Incarnation, bytes: Uint8Array): void {
    this.#bus.publish(this.#subjectOf(to), bytes)
  }

  deliver(from: Incarnation, service: number, bytes: Uint8Array): void {
    const handler = this.#services.get(service)
    if (handler !== undefined) this.#guard(() => handler.handleMessage(from, bytes))
  }

  handleLinkUp(peer: Incarnation): void {
    const member = this.#membership.memberOf(peer)
    if (member === undefined) return
    this.members.set(peer, member)
    for (const service of this.#services.values()) this.#guard(() => service.handleLinkUp(member))
  }

  handleLinkDown(peer: Incarnation, end: LinkEnd): void {
    if (end !== 'hole' && end !== 'fenced') this.members.delete(peer)
    for (const service of this.#services.values()) this.#guard(() => service.handleLinkDown(peer, end))
  }

  handleDrain(peer: Incarnation): void {
    for (const service of this.#services.values()) this.#guard(() => service.handleDrain(peer))
  }

  greet(kind: clusterCodec.HelloKind): void {
    this.#bus.publish(`${this.#options.prefix}.hello`, this.#hello(kind, this.incarnation, this.boot))
  }

  greetOne(to: Incarnation, kind: 'answer' | 'taken', boot: string): void {
    const hello =
      kind === 'taken' ? this.#hello(kind, to, boot) : this.#hello(kind, this.incarnation, this.boot)
    this.#bus.publish(this.#subjectOf(to), hello)
  }

  handleFound(member: Member, format: number, minLink: number, reason: clusterCodec.LinkReason): void {
    this.#links.begin(member.incarnation, format, minLink, reason)
  }

  handleLost(incarnation: Incarnation, end: LinkEnd): number {
    const minLink = this.#links.end(incarnation, end)
    this.members.delete(incarnation)
    this.#proofs.delete(incarnation)
    return minLink
  }

  handleMemberState(member: Member): void {
    if (!this.members.has(member.incarnation)) return
    this.members.set(member.incarnation, member)
    // Between two lives of its link services do not know it.
    if (!this.#links.areUp([member.incarnation])) return
    for (const service of this.#services.values()) this.#guard(() => service.handleMemberState(member))
  }

  handleMemberInfo(member: Member): void {
    if (this.members.has(member.incarnation)) this.members.set(member.incarnation, member)
  }

  handleError(error: TidewireError): void {
    try {
      this.#options.onError(error)
    } catch {
      process.emitWarning(error)
    }
  }

  #hello(kind: clusterCodec.HelloKind, incarnation: Incarnation, boot: string): Uint8Array {
    const { name, address, sessions } = this.#options
    const info = { name, version: RELEASE, address, sessions: sessions() }
    const bytes = encodeHello(
      { kind, format: this.formats, incarnation, boot, count: ++this.#helloCount, info },
      this.mac !== undefined,
    )
    this.mac?.sign(bytes)
    return bytes
  }

  #subjectOf(incarnation: Incarnation): string {
    return `${this.#options.prefix}.n.${incarnation}`
  }

  /** A defect in a service must not break the link, nor end the process: what follows still gets its turn. */
  #guard(call: () => void): void {
    try {
      call()
    } catch (cause) {
      this.handleError(
        new TidewireError('TW_ERR_CLUSTER_SERVICE', `a service of the cluster failed: ${String(cause)}`, {
          cause,
        }),
      )
    }
  }

  #checkSize(bytes: Uint8Array): void {
    if (bytes.length <= this.limits.maxMessageBytes) return
    throw new TidewireError(
      'TW_ERR_CLUSTER_MESSAGE',
      `a message of ${bytes.length} bytes is larger than one node may send another (${this.limits.maxMessageBytes}): raise limits.maxMessageBytes on all nodes`,
    )
  }
}
