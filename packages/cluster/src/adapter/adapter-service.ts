// All namespaces of one server on the links of its node. Out: what adapters send goes to the nodes that it concerns, each once. In: what
// other nodes send goes to the adapter of its namespace. Also tells interest and keeps what the others have told.
import type { PacketBody } from '@tidewire/protocol'
import type { BroadcastOptions, Room } from 'tidewire'
import { systemClock } from '../clock.ts'
import type { ClusterClock } from '../clock.ts'
import type { ClusterNode, ClusterService, Incarnation, LinkEnd, Member } from '../cluster-node.ts'
import { SERVICE } from '../cluster-node.ts'
import {
  INTEREST_FLAG,
  MESSAGE,
  readChanges,
  readSelection,
  writeSelection,
} from '../wire/adapter-messages.ts'
import { MessageReader, MessageWriter, malformed } from '../wire/bytes.ts'
import { Answers } from './answers.ts'
import { Announcer, NO_SEQUENCE } from './announcer.ts'
import { AbsentRooms, OwnInterest } from './interest.ts'
import { Peer, PeerNamespace } from './peer.ts'
import type { Request } from './request.ts'
import { targetsOf } from './targets.ts'
import type { Targets } from './targets.ts'

/** How it asks and reports. */
export interface AdapterServiceOptions {
  /** A node that says nothing for so long does not hold up `fetchSockets` and `allSockets`. Default 1000. */
  readonly queryTimeoutMs?: number
  /** How long other nodes may take to answer `serverSideEmit`. Default 5000. */
  readonly answerTimeoutMs?: number
  /** Bytes that wait for one node while its link has no room; what comes on top is dropped and told as "gap". Default 16 MiB. */
  readonly maxQueueBytes?: number
  /** Rooms that are remembered of one node and namespace; above it is sent everything. Default 1000000. */
  readonly maxRoomsPerNode?: number
  /** Replaced by tests. */
  readonly clock?: ClusterClock
  /** What goes wrong and needs no action of the code. Default: a process warning. */
  readonly onError?: (error: unknown) => void
}

/** What a namespace's adapter does with what other nodes ask of it. */
export interface LocalNamespace {
  readonly name: string
  /** The room has members, or clients that are away and may come back. */
  isWanted(room: Room): boolean
  receiveBroadcast(body: PacketBody, options: BroadcastOptions): void
  receiveBroadcastWithAck(
    body: PacketBody,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: unknown[]) => void,
  ): void
  socketsHere(options: BroadcastOptions): Promise<any[]>
  joinHere(options: BroadcastOptions, rooms: Room[]): void
  leaveHere(options: BroadcastOptions, rooms: Room[]): void
  disconnectHere(options: BroadcastOptions, close: boolean): void
  receiveServerSideEmit(args: unknown[]): void
  reportError(error: unknown): void
  tellGap(gap: Gap): void
}

/** Broadcasts between this node and another one were lost. */
export interface Gap {
  /** Of the node whose messages are missing. */
  readonly incarnation: Incarnation
  /** Its name, for people. */
  readonly name: string
  /** `queue full`: so many were dropped here. Else the end of the link: what was under way in both directions. */
  readonly reason: 'queue full' | LinkEnd
  /** How many, as far as it is known. */
  readonly messages?: number
}

export interface OwnNamespace {
  readonly number: number
  readonly local: LocalNamespace
  readonly interest: OwnInterest
  readonly absent: AbsentRooms
}

const MAX_ABSENT_ROOMS = 10_000

/**
 * Rooms over nodes: one for each cluster node, shared by the adapters of its namespaces. `prepareCluster` makes one; for those who put the
 * parts together themselves.
 */
export class AdapterService implements ClusterService {
  /** The node whose links it uses. */
  readonly node: ClusterNode
  /** The options with their defaults. @internal */
  readonly options: Required<AdapterServiceOptions>
  /** What is known of the other nodes. @internal */
  readonly peers: Map<Incarnation, Peer> = new Map()
  /** One for all messages. @internal */
  readonly writer: MessageWriter = new MessageWriter()
  /** Questions of this node that are under way. */
  readonly requests: Map<
    number,
    { readonly request: Request; handle(peer: Peer, kind: number, reader: MessageReader): void }
  > = new Map()
  readonly #namespaces = new Map<string, OwnNamespace>()
  /** Tells the others which rooms have members here. @internal */
  readonly announcer: Announcer
  readonly #answers = new Answers(this)
  #lastNumber = 0
  #lastRequest = 0

  constructor(node: ClusterNode, options: AdapterServiceOptions = {}) {
    this.node = node
    this.options = {
      queryTimeoutMs: 1_000,
      answerTimeoutMs: 5_000,
      maxQueueBytes: 16 * 1024 * 1024,
      maxRoomsPerNode: 1_000_000,
      clock: systemClock,
      onError: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
      ...options,
    }
    this.announcer = new Announcer(node, this.peers, this.writer)
    node.register(SERVICE.adapter, this)
  }

  /** The number of a new question. 0 is none. */
  nextRequest(): number {
    return ++this.#lastRequest
  }

  // ---- namespaces of this node

  /** Takes a namespace in and tells the others. @internal */
  add(local: LocalNamespace): OwnNamespace {
    const own: OwnNamespace = {
      number: ++this.#lastNumber,
      local,
      interest: new OwnInterest((room) => local.isWanted(room)),
      absent: new AbsentRooms(MAX_ABSENT_ROOMS),
    }
    this.#namespaces.set(local.name, own)
    for (const peer of this.peers.values()) peer.post(this.announcer.namespaceMessage(own))
    return own
  }

  /** Lets a namespace go and tells the others. @internal */
  remove(own: OwnNamespace): void {
    if (this.#namespaces.get(own.local.name) !== own) return
    this.#namespaces.delete(own.local.name)
    this.announcer.forget(own)
    const message = this.writer.start(MESSAGE.namespaceEnd).number(own.number).message
    for (const peer of this.peers.values()) peer.post(message)
  }

  /** Live nodes that serve it, without this one. */
  serversOf(own: OwnNamespace): Peer[] {
    return [...this.peers.values()].filter((peer) => peer.isAlive && peer.namespaces.has(own.local.name))
  }

  // ---- to other nodes

  /** Which nodes an event has to reach. @internal */
  targetsOf(own: OwnNamespace, options: BroadcastOptions): Targets {
    return targetsOf(own.local.name, own.absent, options, this.node, this.peers)
  }

  /** Sends an event to them. @internal */
  broadcast(
    own: OwnNamespace,
    peers: readonly Peer[],
    isFlood: boolean,
    body: PacketBody,
    options: BroadcastOptions,
  ): void {
    const isVolatile = options.flags?.volatile === true
    const message = writeSelection(
      this.writer.start(MESSAGE.broadcast).number(own.number),
      options,
      isFlood,
    ).body(body).message
    for (const peer of peers) {
      if (isVolatile && peer.isCongested) continue
      if (!peer.post(message, true)) peer.lost++
    }
  }

  /** Makes sockets of other nodes join or leave rooms, or disconnects them. */
  command(
    own: OwnNamespace,
    kind: 'join' | 'leave' | 'disconnect',
    options: BroadcastOptions,
    argument: ReadonlySet<Room> | boolean,
  ): void {
    const { peers, isFlood } = this.targetsOf(own, options)
    if (peers.length === 0) return
    const writer = writeSelection(this.writer.start(MESSAGE[kind]).number(own.number), options, isFlood)
    const { message } = typeof argument === 'boolean' ? writer.byte(argument ? 1 : 0) : writer.texts(argument)
    for (const peer of peers) {
      if (!peer.post(message)) peer.lost++
      else if (kind === 'join')
        for (const room of argument as ReadonlySet<Room>) peer.namespaces.get(own.local.name)?.expect(room)
    }
  }

  // ---- from other nodes

  handleMessage(from: Incarnation, bytes: Uint8Array): void {
    const peer = this.peers.get(from)
    if (peer === undefined) return
    try {
      this.#dispatch(peer, new MessageReader(bytes))
    } catch (error) {
      this.options.onError(error)
    }
  }

  #dispatch(peer: Peer, reader: MessageReader): void {
    const kind = reader.byte()
    switch (kind) {
      case MESSAGE.hello:
        return
      case MESSAGE.namespace:
        return this.#handleNamespace(peer, reader.number(), reader.text())
      case MESSAGE.namespaceEnd:
        return this.#handleNamespaceEnd(peer, reader.number())
      case MESSAGE.interest:
        return this.#handleInterest(peer, reader)
      case MESSAGE.ready:
        peer.isReady = true
        return
      case MESSAGE.confirm:
        return this.announcer.handleConfirm(peer.incarnation, reader.number())
      case MESSAGE.absent:
        return this.#handleAbsent(peer, reader.number(), reader.texts())
      case MESSAGE.count:
      case MESSAGE.ack:
      case MESSAGE.sockets:
      case MESSAGE.ids:
      case MESSAGE.serverSideAnswer:
        return this.#handleAnswer(peer, kind, reader)
      case MESSAGE.ask:
      case MESSAGE.fetch:
      case MESSAGE.fetchIds:
      case MESSAGE.serverSideEmit: {
        const request = reader.number()
        return this.#answers.handle(peer, kind, request, this.#namespaceOf(peer, reader.number()), reader)
      }
      case MESSAGE.broadcast:
      case MESSAGE.join:
      case MESSAGE.leave:
      case MESSAGE.disconnect:
        return this.#handleCommand(peer, kind, reader)
    }
    // Later releases may say more.
  }

  #handleNamespace(peer: Peer, number: number, name: string): void {
    if (peer.byNumber.has(number)) return
    const served = new PeerNamespace(name)
    peer.namespaces.set(name, served)
    peer.byNumber.set(number, served)
    peer.notServed.delete(name)
  }

  #handleNamespaceEnd(peer: Peer, number: number): void {
    const served = peer.byNumber.get(number)
    if (served === undefined) return
    peer.byNumber.delete(number)
    if (peer.namespaces.get(served.name) === served) peer.namespaces.delete(served.name)
  }

  #handleInterest(peer: Peer, reader: MessageReader): void {
    const served = peer.byNumber.get(reader.number())
    const sequence = reader.number()
    const isAnswer = (reader.byte() & INTEREST_FLAG.isAnswer) !== 0
    const own = served === undefined ? undefined : this.#namespaces.get(served.name)
    readChanges(reader, (room, hasMembers) => {
      served?.set(room, hasMembers, this.options.maxRoomsPerNode)
      if (isAnswer) served?.settle(room)
      if (hasMembers) own?.absent.delete(room, peer.incarnation)
      else own?.absent.add(room, peer.incarnation)
    })
    if (sequence !== NO_SEQUENCE) this.announcer.confirm(peer, sequence)
  }

  #handleAbsent(peer: Peer, number: number, rooms: readonly Room[]): void {
    for (const own of this.#namespaces.values()) {
      if (own.number !== number) continue
      if (rooms.length === 0 && !peer.namespaces.has(own.local.name)) peer.notServed.add(own.local.name)
      for (const room of rooms) own.absent.add(room, peer.incarnation)
      return
    }
  }

  #handleAnswer(peer: Peer, kind: number, reader: MessageReader): void {
    const asked = this.requests.get(reader.number())
    if (asked?.request.isWaitingFor(peer.incarnation) === true) asked.handle(peer, kind, reader)
  }

  /** The namespace that another node names by its number; it is told when it is not served here. */
  #namespaceOf(peer: Peer, number: number): OwnNamespace | undefined {
    const served = peer.byNumber.get(number)
    if (served === undefined) throw malformed(`namespace ${number} was not announced`)
    const own = this.#namespaces.get(served.name)
    if (own === undefined) peer.post(this.writer.start(MESSAGE.absent).number(number).number(0).message)
    return own
  }

  #handleCommand(peer: Peer, kind: number, reader: MessageReader): void {
    const number = reader.number()
    const own = this.#namespaceOf(peer, number)
    if (own === undefined) return
    const { options, isFlood } = readSelection(reader)
    if (isFlood) this.#tellAbsent(peer, number, own, options.rooms)
    const { local } = own
    switch (kind) {
      case MESSAGE.broadcast:
        return local.receiveBroadcast(reader.body(), options)
      case MESSAGE.join:
        return this.#handleJoin(peer, own, options, reader.texts())
      case MESSAGE.leave:
        return local.leaveHere(options, reader.texts())
      case MESSAGE.disconnect:
        return local.disconnectHere(options, reader.byte() === 1)
    }
  }

  #tellAbsent(peer: Peer, number: number, own: OwnNamespace, rooms: ReadonlySet<Room>): void {
    const absent = new Set([...rooms].filter((room) => !own.local.isWanted(room)))
    if (absent.size > 0) peer.post(this.writer.start(MESSAGE.absent).number(number).texts(absent).message)
  }

  /** Who has made them join goes by what he expects until he hears what has become of it. */
  #handleJoin(peer: Peer, own: OwnNamespace, options: BroadcastOptions, rooms: Room[]): void {
    own.local.joinHere(options, rooms)
    this.announcer.flush()
    const state = new Map(
      rooms.map((room) => [room, own.interest.announcementOf(room) !== undefined] as const),
    )
    peer.post(this.announcer.interestMessage(own, NO_SEQUENCE, state, INTEREST_FLAG.isAnswer))
  }

  // ---- members

  handleLinkUp(member: Member): void {
    const peer = new Peer(member, this.node, this.options.maxQueueBytes)
    this.peers.set(member.incarnation, peer)
    peer.supply(this.announcer.snapshotOf(this.#namespaces.values()))
  }

  handleLinkDown(incarnation: Incarnation, end: LinkEnd): void {
    const peer = this.peers.get(incarnation)
    if (peer === undefined) return
    this.peers.delete(incarnation)
    this.announcer.handleGone(peer)
    for (const own of this.#namespaces.values()) own.absent.forget(incarnation)
    for (const { request } of [...this.requests.values()]) request.lose(incarnation)
    if (end !== 'left') this.#tellGap(peer, end)
  }

  handleMemberState(member: Member): void {
    const peer = this.peers.get(member.incarnation)
    if (peer === undefined) return
    peer.member = member
    if (peer.isAlive) return
    this.announcer.handleSuspect(member.incarnation)
    for (const { request } of [...this.requests.values()]) request.lose(member.incarnation)
  }

  handleDrain(incarnation: Incarnation): void {
    const peer = this.peers.get(incarnation)
    if (peer === undefined) return
    peer.drain()
    if (peer.lost > 0 && !peer.isCongested) this.#tellGap(peer, 'queue full')
  }

  #tellGap(peer: Peer, reason: Gap['reason']): void {
    const { incarnation, lost, member } = peer
    peer.lost = 0
    const gap: Gap = {
      incarnation,
      name: member.info.name,
      reason,
      ...(reason === 'queue full' ? { messages: lost } : {}),
    }
    for (const { local } of this.#namespaces.values()) local.tellGap(gap)
  }
}
