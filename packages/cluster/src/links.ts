// All links of a node, one living per member: gives them numbers, begins the next life when one ends, and gathers what they have to send
// at the end of a turn of the event loop (one frame a peer) and their lone acknowledgements on one timer.
import { clusterCodec } from '@tidewire/protocol'
import type { ClusterClock } from './clock.ts'
import type { Incarnation, LinkEnd, SendResult } from './cluster-node.ts'
import type { ClusterLimits } from './limits.ts'
import { Link } from './link.ts'
import type { LinkHost } from './link.ts'
import { QueuedBytes } from './link-outbox.ts'
import type { Mac } from './mac.ts'
import type { NodeTime } from './node-time.ts'

const { writeFrame } = clusterCodec

export interface LinksHost {
  readonly incarnation: Incarnation
  readonly limits: ClusterLimits
  readonly clock: ClusterClock
  readonly time: NodeTime
  readonly mac: Mac | undefined
  readonly maxPayloadBytes: number
  publish(to: Incarnation, bytes: Uint8Array): void
  deliver(from: Incarnation, service: number, bytes: Uint8Array): void
  handleLinkUp(peer: Incarnation): void
  handleLinkDown(peer: Incarnation, end: LinkEnd): void
  handleDrain(peer: Incarnation): void
}

export interface LinkCounts {
  framesSent: number
  framesReceived: number
  bytesSent: number
  bytesReceived: number
  holes: number
}

export class Links implements LinkHost {
  readonly queued: QueuedBytes = new QueuedBytes()
  readonly counts: LinkCounts = { framesSent: 0, framesReceived: 0, bytesSent: 0, bytesReceived: 0, holes: 0 }
  readonly hasMac: boolean
  readonly limits: ClusterLimits
  readonly #host: LinksHost
  readonly #links = new Map<Incarnation, Link>()
  readonly #formats = new Map<Incarnation, number>()
  #lastNumber = 0
  #dirty: Link[] = []
  #ackLater: Link[] = []
  #cancelAck: (() => void) | undefined

  constructor(host: LinksHost) {
    this.#host = host
    this.limits = host.limits
    this.hasMac = host.mac !== undefined
  }

  get incarnation(): Incarnation {
    return this.#host.incarnation
  }

  get frameBytes(): number {
    return Math.min(this.limits.maxFrameBytes, this.#host.maxPayloadBytes)
  }

  get shareBytes(): number {
    return Math.max(this.limits.windowBytes / Math.max(1, this.#links.size), this.limits.minShareBytes)
  }

  /** A member was found, or came back after it had been taken for dead. */
  begin(peer: Incarnation, format: number, minPeerNumber: number, reason: clusterCodec.LinkReason): void {
    this.#formats.set(peer, format)
    const link = new Link(this, { peer, format, number: ++this.#lastNumber, minPeerNumber, reason })
    this.#links.set(peer, link)
    link.open()
  }

  /** The member is gone. Returns the lowest number that a later link of it may have. */
  end(peer: Incarnation, end: LinkEnd): number {
    const link = this.#links.get(peer)
    if (link === undefined) return 1
    const wasUp = link.isUp
    link.end()
    this.#links.delete(peer)
    this.#formats.delete(peer)
    if (wasUp) this.#host.handleLinkDown(peer, end)
    return link.nextPeerNumber
  }

  restart(link: Link, end: LinkEnd): void {
    if (this.#links.get(link.peer) !== link) return
    const format = this.#formats.get(link.peer)!
    if (link.isUp && end === 'hole') this.counts.holes++
    // One that never was up has nothing to tell but what its predecessor had.
    const reason = link.isUp ? 'hole' : link.reason
    const minPeerNumber = this.end(link.peer, end)
    // A listener of the end may have closed the node, or the member may have gone.
    if (!this.#links.has(link.peer)) this.begin(link.peer, format, minPeerNumber, reason)
  }

  send(to: Incarnation, service: number, bytes: Uint8Array): SendResult {
    return this.#links.get(to)?.send(service, bytes) ?? 'down'
  }

  whenHandled(by: Incarnation, action: () => void): void {
    this.#links.get(by)?.whenHandled(action)
  }

  /** A frame of a member for this node; checked, MAC included. */
  receive(frame: clusterCodec.Frame, bytes: Uint8Array): void {
    this.counts.framesReceived++
    this.counts.bytesReceived += bytes.length
    const link = this.#links.get(frame.from)
    link?.receive(frame, bytes)
    // It ended the link by beginning the next one: that one takes it.
    const next = this.#links.get(frame.from)
    if (next !== link && frame.kind === 'open') next?.receive(frame, bytes)
  }

  tick(): void {
    for (const link of this.#links.values()) {
      if (link.isExpired) this.restart(link, 'hole')
      else link.tick()
    }
  }

  handleBusUp(): void {
    for (const link of this.#links.values()) link.handleBusUp()
  }

  /** This process stood still: nothing is handled before each peer has said that it still knows its link. */
  ask(probe: number): void {
    for (const link of this.#links.values()) link.ask(probe)
  }

  get areIdle(): boolean {
    for (const link of this.#links.values()) if (link.isUp && !link.isIdle) return false
    return true
  }

  areUp(peers: Iterable<Incarnation>): boolean {
    for (const peer of peers) if (this.#links.get(peer)?.isUp !== true) return false
    return true
  }

  close(): void {
    this.#cancelAck?.()
    for (const link of this.#links.values()) link.end()
    this.#links.clear()
  }

  // ---- what a link asks of its node

  loopNow(): number {
    return this.#host.time.loopNow()
  }

  busNow(): number {
    return this.#host.time.busNow()
  }

  publish(frame: clusterCodec.Frame, bytes: Uint8Array): void {
    writeFrame(bytes, frame)
    this.#host.mac?.sign(bytes)
    this.counts.framesSent++
    this.counts.bytesSent += bytes.length
    this.#host.publish(frame.to, bytes)
  }

  deliver(from: Incarnation, service: number, bytes: Uint8Array): void {
    this.#host.deliver(from, service, bytes)
  }

  handleUp(link: Link): void {
    this.#host.handleLinkUp(link.peer)
  }

  handleDrain(link: Link): void {
    this.#host.handleDrain(link.peer)
  }

  scheduleFlush(link: Link): void {
    if (link.isDirty) return
    link.isDirty = true
    if (this.#dirty.push(link) === 1) this.#host.clock.endOfTurn(() => this.flush())
  }

  scheduleAck(link: Link): void {
    if (link.isAckPlanned) return
    link.isAckPlanned = true
    this.#ackLater.push(link)
    this.#cancelAck ??= this.#host.clock.after(this.limits.ackMs, () => {
      this.#cancelAck = undefined
      const links = this.#ackLater
      this.#ackLater = []
      for (const due of links) {
        due.isAckPlanned = false
        // Sends nothing when the acknowledgement has left with a frame meanwhile.
        due.flush()
      }
    })
  }

  flush(): void {
    const links = this.#dirty
    this.#dirty = []
    for (const link of links) {
      link.isDirty = false
      link.flush()
    }
  }
}
