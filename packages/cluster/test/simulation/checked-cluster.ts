// Nodes over the simulated network whose services check what a link promises: inside one life of a link every message of the other side's
// same life arrives, in order, once; lives do not mix; and a node that stood still handles nothing of a life that ended meanwhile.
import { SERVICE } from '../../src/cluster-node.ts'
import type { ClusterNode, ClusterService, LinkEnd } from '../../src/cluster-node.ts'
import type { ClusterNodeOptions } from '../../src/options.ts'
import { createClusterNode } from '../../src/node.ts'
import type { SimulatedHost, SimulatedNetwork } from './simulated-network.ts'

interface Life {
  /** How often the link to this peer came up here. */
  number: number
  isUp: boolean
  endedAt: number
  sent: number
  isFull: boolean
  /** The other side's number of this life, from its messages. */
  peerLife: number
  received: number
}

const HEADER = 8

export class CheckedNode implements ClusterService {
  readonly node: ClusterNode
  readonly host: SimulatedHost
  readonly lives: Map<string, Life> = new Map()
  readonly ends: Map<LinkEnd, number> = new Map()
  received = 0
  isClosed = false
  resumedAt = 0
  readonly #cluster: CheckedCluster

  constructor(cluster: CheckedCluster, host: SimulatedHost, options: ClusterNodeOptions) {
    this.#cluster = cluster
    this.host = host
    this.node = createClusterNode(host, { clock: host, onError: () => {}, ...options })
    this.node.register(SERVICE.adapter, this)
  }

  /** Sends a message of `size` bytes unless the link is down or full. */
  sendTo(peer: string, size: number): void {
    const life = this.lives.get(peer)
    if (life === undefined || !life.isUp || life.isFull) return
    const bytes = Buffer.alloc(Math.max(size, HEADER), life.sent & 0xff)
    bytes.writeUInt32BE(life.number, 0)
    bytes.writeUInt32BE(life.sent + 1, 4)
    const result = this.node.send(peer, SERVICE.adapter, bytes)
    if (result === 'down') this.#fail(`send to ${peer} says "down" while the link is up`)
    life.sent++
    life.isFull = result === 'full'
  }

  handleMessage(from: string, bytes: Uint8Array): void {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const [peerLife, index] = [view.readUInt32BE(0), view.readUInt32BE(4)]
    const life = this.lives.get(from)
    this.received++
    if (life === undefined || !life.isUp) return this.#fail(`a message of ${from} without a link`)
    if (life.received === 0 && peerLife <= life.peerLife)
      this.#fail(`a life of ${from} comes back: ${peerLife} after ${life.peerLife}`)
    if (life.received > 0 && peerLife !== life.peerLife)
      this.#fail(`lives of ${from} mix: ${peerLife} in ${life.peerLife}`)
    if (index !== life.received + 1) this.#fail(`message ${index} of ${from} after ${life.received}`)
    if (view.length > HEADER && view[view.length - 1] !== ((index - 1) & 0xff))
      this.#fail(`message ${index} of ${from} is damaged`)
    life.peerLife = peerLife
    life.received = index
    const theirs = this.#cluster.nodes.get(from)?.lives.get(this.node.incarnation)
    const hasEndedThere = theirs !== undefined && (theirs.number > peerLife || !theirs.isUp)
    if (hasEndedThere && theirs.endedAt < this.resumedAt)
      this.#fail(`a message of ${from} from a life that ended while this node stood still`)
  }

  handleLinkUp({ incarnation }: { incarnation: string }): void {
    const before = this.lives.get(incarnation)
    if (before?.isUp === true) this.#fail(`${incarnation} is up twice`)
    this.lives.set(incarnation, {
      number: (before?.number ?? 0) + 1,
      isUp: true,
      endedAt: before?.endedAt ?? -1,
      sent: 0,
      isFull: false,
      peerLife: before?.peerLife ?? 0,
      received: 0,
    })
  }

  handleLinkDown(incarnation: string, end: LinkEnd): void {
    const life = this.lives.get(incarnation)
    if (life?.isUp !== true) return this.#fail(`${incarnation} is down twice`)
    life.isUp = false
    life.endedAt = this.host.now()
    this.ends.set(end, (this.ends.get(end) ?? 0) + 1)
    if (this.node.isGone(incarnation) !== (end === 'dead' || end === 'left'))
      this.#fail(`isGone(${incarnation}) is wrong after "${end}"`)
  }

  handleMemberState(): void {}

  handleDrain(incarnation: string): void {
    const life = this.lives.get(incarnation)
    if (life === undefined || !life.isFull) return this.#fail(`${incarnation} drains and was not full`)
    life.isFull = false
  }

  #fail(what: string): void {
    this.#cluster.failures.push(`${this.host.now().toFixed(0)} ms, node ${this.node.incarnation}: ${what}`)
  }
}

export class CheckedCluster {
  readonly nodes: Map<string, CheckedNode> = new Map()
  readonly failures: string[] = []
  readonly network: SimulatedNetwork

  constructor(network: SimulatedNetwork) {
    this.network = network
  }

  get living(): CheckedNode[] {
    return [...this.nodes.values()].filter((node) => !node.isClosed && !node.host.isDead)
  }

  /** Starts a node; virtual time goes on meanwhile. */
  async add(options: ClusterNodeOptions = {}): Promise<CheckedNode> {
    const number = this.nodes.size.toString(36).padStart(4, '0')
    const checked = new CheckedNode(this, this.network.createHost(), { incarnation: number, ...options })
    this.nodes.set(checked.node.incarnation, checked)
    await this.#runUntil(checked.node.start())
    return checked
  }

  async close(checked: CheckedNode): Promise<void> {
    checked.isClosed = true
    await this.#runUntil(checked.node.close())
  }

  async #runUntil(promise: Promise<void>): Promise<void> {
    const state = { isDone: false }
    void promise.then(() => (state.isDone = true))
    while (!state.isDone) await this.network.run(this.network.now + 20, true)
  }

  /** After the network has healed: everyone has a link to everyone, and what was sent on it has arrived. */
  checkSettled(): void {
    const { living } = this
    for (const a of living) {
      for (const b of living) {
        if (a === b) continue
        const [there, here] = [a.lives.get(b.node.incarnation), b.lives.get(a.node.incarnation)]
        if (there?.isUp !== true)
          this.failures.push(`${a.node.incarnation} has no link to ${b.node.incarnation} at the end`)
        else if (here?.isUp === true && here.received !== there.sent) {
          this.failures.push(
            `${b.node.incarnation} has ${here.received} of the ${there.sent} messages of ${a.node.incarnation}`,
          )
        }
      }
      if (a.node.stats().queuedBytes !== 0)
        this.failures.push(`${a.node.incarnation} still keeps ${a.node.stats().queuedBytes} bytes`)
      if (a.node.members.size !== living.length - 1)
        this.failures.push(`${a.node.incarnation} has ${a.node.members.size} members`)
    }
  }
}
