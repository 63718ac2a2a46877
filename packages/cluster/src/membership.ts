// Who is in the cluster: hellos of the others in, members found, suspected and lost out. A member is suspect when it has been silent for
// three seconds, and dead when it has been silent for ten in which the bus worked (its own greetings came back), or by proof. A node that
// was taken for dead and is heard again is a member again, with a new link. Incarnations of the gone are remembered, within a bound.
import { ProtocolError, TidewireError, clusterCodec } from '@tidewire/protocol'
import type { Incarnation, LinkEnd, Member, MemberState, NodeInfo } from './cluster-node.ts'
import type { ClusterLimits } from './limits.ts'
import type { NodeTime } from './node-time.ts'

const { commonFormat, decodeHello } = clusterCodec
type Hello = clusterCodec.Hello

interface Peer {
  readonly boot: string
  readonly format: number
  member: Member
  count: number
  heardAt: number
  heardAtBus: number
}

interface Gone {
  readonly boot: string
  readonly count: number
  /** The lowest number that a new link of it may have. */
  readonly minLink: number
  readonly hasLeft: boolean
}

export interface MembershipHost {
  readonly incarnation: Incarnation
  /** Random per boot: tells two nodes with one incarnation apart. */
  readonly boot: string
  readonly limits: ClusterLimits
  readonly time: NodeTime
  readonly formats: { readonly min: number; readonly max: number }
  /** To everyone. */
  greet(kind: clusterCodec.HelloKind): void
  /** To one: an answer, or the claim that the incarnation of boot `boot` is taken. */
  greetOne(to: Incarnation, kind: 'answer' | 'taken', boot: string): void
  handleFound(member: Member, format: number, minLink: number, reason: clusterCodec.LinkReason): void
  /** Returns the lowest number that a new link of it may have. */
  handleLost(incarnation: Incarnation, end: LinkEnd): number
  /** alive <-> suspect. */
  handleMemberState(member: Member): void
  /** It told something new about itself. */
  handleMemberInfo(member: Member): void
  handleError(error: TidewireError): void
}

export class Membership {
  readonly #host: MembershipHost
  readonly #peers = new Map<Incarnation, Peer>()
  readonly #gone = new Map<Incarnation, Gone>()
  /** Boots that were refused: one report each. */
  readonly #reported = new Set<string>()
  #state: 'joining' | 'serving' | 'left' = 'joining'
  #isTaken = false
  /** Hellos that came before this node had its incarnation for sure. */
  #early: Hello[] = []
  /** Nodes that were joining at the same time. */
  readonly #joiners = new Set<Incarnation>()
  #handleEcho: (() => void) | undefined
  #echoAt = -Infinity
  #beatAt = -Infinity

  constructor(host: MembershipHost) {
    this.#host = host
  }

  /** Every member found, and those that are about to be one. */
  get incarnations(): Iterable<Incarnation> {
    return new Set([...this.#peers.keys(), ...this.#joiners])
  }

  memberOf(incarnation: Incarnation): Member | undefined {
    return this.#peers.get(incarnation)?.member
  }

  isGone(incarnation: Incarnation): boolean {
    return this.#gone.has(incarnation)
  }

  /** True while what this node says comes back to it. */
  get isBusWorking(): boolean {
    return this.#host.time.loopNow() - this.#echoAt < 2.5 * this.#host.limits.beatMs
  }

  /** Silent for long enough while the bus worked: it had the time to come back to a bus that was away. */
  isInDoubt(incarnation: Incarnation): boolean {
    const peer = this.#peers.get(incarnation)
    if (peer?.member.state !== 'suspect') return false
    return this.#host.time.busNow() - peer.heardAtBus >= this.#host.limits.suspectMs
  }

  /** Asks whether the incarnation is free. `handleEcho` is called when the bus has carried the question to everyone. */
  join(handleEcho: () => void): void {
    this.#isTaken = false
    this.#early = []
    this.#handleEcho = handleEcho
    this.#host.greet('join')
  }

  /** After the question was carried, and the others have had time to object. False: another incarnation has to be drawn. */
  settle(): boolean {
    if (this.#isTaken) return false
    this.#state = 'serving'
    this.#greet('beat')
    for (const hello of this.#early) this.#handlePresence(hello)
    this.#early = []
    return true
  }

  leave(): void {
    this.#state = 'left'
    this.#host.greet('bye')
  }

  /** Asks everyone to be heard now: after a stall of this process or of the bus. */
  query(): void {
    if (this.#state === 'serving') this.#greet('query')
  }

  /** Anything of this member that could be read. */
  hear(incarnation: Incarnation): boolean {
    const peer = this.#peers.get(incarnation)
    if (peer === undefined) return false
    peer.heardAt = this.#host.time.loopNow()
    peer.heardAtBus = this.#host.time.busNow()
    if (peer.member.state === 'suspect') this.#setState(peer, 'alive')
    return true
  }

  handleHello(bytes: Uint8Array): void {
    let hello: Hello
    try {
      hello = decodeHello(bytes)
    } catch (error) {
      if (error instanceof ProtocolError) this.#host.handleError(error)
      return
    }
    if (this.#state === 'left') return
    if (hello.boot === this.#host.boot) this.#handleOwn(hello)
    else if (hello.incarnation === this.#host.incarnation) this.#handleNamesake(hello)
    else this.#handleOther(hello)
  }

  /** Beats, and looks for silence. */
  tick(): void {
    if (this.#state !== 'serving') {
      if (this.#state === 'joining' && this.#handleEcho !== undefined) this.#host.greet('join')
      return
    }
    const { limits, time } = this.#host
    if (time.loopNow() - this.#beatAt >= limits.beatMs) this.#greet('beat')
    for (const [incarnation, peer] of this.#peers) {
      if (time.busNow() - peer.heardAtBus >= limits.deadMs) this.lose(incarnation, 'dead')
      else if (peer.member.state === 'alive' && time.loopNow() - peer.heardAt >= limits.suspectMs)
        this.#setState(peer, 'suspect')
    }
  }

  /** A member is gone: it said so, or was silent, or there is proof. */
  lose(incarnation: Incarnation, end: 'left' | 'dead'): void {
    const peer = this.#peers.get(incarnation)
    if (peer === undefined) return
    this.#peers.delete(incarnation)
    // Before the services are told: they ask.
    this.#remember(incarnation, {
      boot: peer.boot,
      count: peer.count,
      minLink: Infinity,
      hasLeft: end === 'left',
    })
    const minLink = this.#host.handleLost(incarnation, end)
    this.#remember(incarnation, { boot: peer.boot, count: peer.count, minLink, hasLeft: end === 'left' })
  }

  #greet(kind: 'beat' | 'query'): void {
    this.#beatAt = this.#host.time.loopNow()
    this.#host.greet(kind)
  }

  #handleOwn(hello: Hello): void {
    // Redrawn meanwhile.
    if (hello.incarnation !== this.#host.incarnation) return
    if (hello.kind === 'taken') {
      this.#isTaken = true
      return
    }
    this.#echoAt = this.#host.time.loopNow()
    if (hello.kind !== 'join') return
    const handleEcho = this.#handleEcho
    this.#handleEcho = undefined
    handleEcho?.()
  }

  /** Another node has this one's incarnation, or says that somebody has. */
  #handleNamesake(hello: Hello): void {
    if (this.#state === 'joining') {
      this.#isTaken = true
      return
    }
    if (hello.kind === 'join') this.#host.greetOne(hello.incarnation, 'taken', hello.boot)
    else if (hello.kind !== 'taken') {
      this.#report(
        hello.boot,
        'TW_ERR_CLUSTER_INCARNATION',
        `node "${hello.info.name}" has the incarnation ${hello.incarnation} of this one: restart one of them`,
      )
    }
  }

  #handleOther(hello: Hello): void {
    const { incarnation, boot, count, kind } = hello
    // It is for the boot that it names: ours went to #handleOwn.
    if (kind === 'taken') return
    const known = this.#peers.get(incarnation) ?? this.#gone.get(incarnation)
    if (known !== undefined && known.boot !== boot) {
      if (kind === 'join') {
        this.#host.greetOne(incarnation, 'taken', boot)
        return
      }
      if (this.#peers.has(incarnation)) {
        this.#report(
          boot,
          'TW_ERR_CLUSTER_INCARNATION',
          `two nodes have the incarnation ${incarnation}: restart "${hello.info.name}"`,
        )
        return
      }
      this.#gone.delete(incarnation)
    } else if (known !== undefined && count <= known.count) return
    if (kind === 'join') {
      if (this.#state === 'serving') this.#host.greetOne(incarnation, 'answer', boot)
      else this.#joiners.add(incarnation)
      return
    }
    if (kind === 'bye') {
      this.#joiners.delete(incarnation)
      this.#setCount(incarnation, count)
      this.lose(incarnation, 'left')
      return
    }
    if (this.#state === 'joining') this.#early.push(hello)
    else this.#handlePresence(hello)
    if (kind === 'query' && this.#state === 'serving') this.#host.greetOne(incarnation, 'answer', boot)
  }

  /** A hello of a node that serves. */
  #handlePresence(hello: Hello): void {
    const { incarnation, boot, count, info } = hello
    const peer = this.#peers.get(incarnation)
    if (peer !== undefined) {
      peer.count = Math.max(peer.count, count)
      const before = peer.member.info
      if (before.sessions !== info.sessions || before.address !== info.address) {
        peer.member = { ...peer.member, info: { ...info, format: hello.format.max } }
        this.#host.handleMemberInfo(peer.member)
      }
      this.hear(incarnation)
      return
    }
    this.#joiners.delete(incarnation)
    const gone = this.#gone.get(incarnation)
    if (gone?.hasLeft === true) return
    const format = commonFormat(this.#host.formats, hello.format)
    if (format === undefined) {
      this.#report(boot, 'TW_ERR_CLUSTER_FORMAT', refusal(hello, this.#host.formats))
      return
    }
    this.#gone.delete(incarnation)
    const nodeInfo: NodeInfo = { ...info, format: hello.format.max }
    const member: Member = { incarnation, state: 'alive', info: nodeInfo }
    const { time } = this.#host
    this.#peers.set(incarnation, {
      boot,
      format,
      member,
      count,
      heardAt: time.loopNow(),
      heardAtBus: time.busNow(),
    })
    this.#host.handleFound(member, format, gone?.minLink ?? 1, gone === undefined ? 'none' : 'dead')
  }

  #setState(peer: Peer, state: MemberState): void {
    peer.member = { ...peer.member, state }
    this.#host.handleMemberState(peer.member)
  }

  #setCount(incarnation: Incarnation, count: number): void {
    const peer = this.#peers.get(incarnation)
    if (peer !== undefined) peer.count = count
  }

  #remember(incarnation: Incarnation, gone: Gone): void {
    this.#gone.delete(incarnation)
    this.#gone.set(incarnation, gone)
    if (this.#gone.size > this.#host.limits.maxGone) this.#gone.delete(this.#gone.keys().next().value!)
  }

  #report(boot: string, code: string, message: string): void {
    if (this.#reported.has(boot)) return
    if (this.#reported.size >= 1_000) this.#reported.clear()
    this.#reported.add(boot)
    this.#host.handleError(new TidewireError(code, message))
  }
}

function refusal(hello: Hello, own: { min: number; max: number }): string {
  const theirs =
    hello.format.min === hello.format.max
      ? `${hello.format.min}`
      : `${hello.format.min} to ${hello.format.max}`
  const ours = own.min === own.max ? `${own.min}` : `${own.min} to ${own.max}`
  return (
    `node "${hello.info.name}" (tidewire ${hello.info.version}) speaks bus format ${theirs}, this one ${ours}: they form no cluster. ` +
    `Upgrade the older one, through a release that speaks both`
  )
}
