// All namespaces of one server on the links of its node. Out: what adapters send goes to the nodes that it concerns, each once. In: what
// other nodes send goes to the adapter of its namespace. Also tells interest and keeps what the others have told.
import type { PacketBody } from '@tidewire/protocol'
import type { BroadcastOptions, Room } from 'tidewire'
import { systemClock } from '../clock.ts'
import type { ClusterClock } from '../clock.ts'
import type { ClusterNode, ClusterService, Incarnation, LinkEnd, Member } from '../cluster-node.ts'
import { SERVICE } from '../cluster-node.ts'
import {
  ADAPTER_FORMAT,
  INTEREST_FLAG,
  MESSAGE,
  readChanges,
  readSelection,
  writeChanges,
  writeSelection,
} from '../wire/adapter-messages.ts'
import { MessageReader, MessageWriter, malformed } from '../wire/bytes.ts'
import { Answers } from './answers.ts'
import { AbsentRooms, Confirmations, OwnInterest } from './interest.ts'
import { Peer, PeerNamespace } from './peer.ts'
import type { Request } from './request.ts'

export interface AdapterServiceOptions {
  /** A node that says nothing for so long does not hold up `fetchSockets` and `allSockets`. Default 1000. */
  readonly queryTimeoutMs?: number
  /** How long other nodes may take to answer `serverSideEmit`. Default 5000. */
  readonly answerTimeoutMs?: number
  /** Bytes that wait for one node while its link has no room; what comes on top is dropped and told as "gap". Default 16 MiB. */
  readonly maxQueueBytes?: number
  /** Rooms that are remembered of one node and namespace; above it is sent everything. Default 1000000. */
  readonly maxRoomsPerNode?: number
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
  readonly incarnation: Incarnation
  readonly name: string
  /** `queue full`: so many were dropped here. Else the end of the link: what was under way in both directions. */
  readonly reason: 'queue full' | LinkEnd
  readonly messages?: number
}

export interface OwnNamespace {
  readonly number: number
  readonly local: LocalNamespace
  readonly interest: OwnInterest
  readonly absent: AbsentRooms
}

const MAX_ABSENT_ROOMS = 10_000
/** Rooms in one message. */
const ROOMS_PER_MESSAGE = 1_000
const NO_SEQUENCE = 0
const ID_LENGTH = 20
const INCARNATION_LENGTH = 4

export class AdapterService implements ClusterService {
  readonly node: ClusterNode
  readonly options: Required<AdapterServiceOptions>
  readonly peers: Map<Incarnation, Peer> = new Map()
  readonly writer: MessageWriter = new MessageWriter()
  /** Questions of this node that are under way. */
  readonly requests: Map<
    number,
    { readonly request: Request; handle(peer: Peer, kind: number, reader: MessageReader): void }
  > = new Map()
  readonly #namespaces = new Map<string, OwnNamespace>()
  readonly #confirmations = new Confirmations()
  readonly #touched = new Set<OwnNamespace>()
  readonly #toConfirm = new Map<Peer, number>()
  readonly #answers = new Answers(this)
  #lastNumber = 0
  #lastRequest = 0
  #isFlushScheduled = false

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
    node.register(SERVICE.adapter, this)
  }

  /** The number of a new question. 0 is none. */
  nextRequest(): number {
    return ++this.#lastRequest
  }

  // ---- namespaces of this node

  add(local: LocalNamespace): OwnNamespace {
    const own: OwnNamespace = {
      number: ++this.#lastNumber,
      local,
      interest: new OwnInterest((room) => local.isWanted(room)),
      absent: new AbsentRooms(MAX_ABSENT_ROOMS),
    }
    this.#namespaces.set(local.name, own)
    for (const peer of this.peers.values()) peer.post(this.#namespaceMessage(own))
    return own
  }

  remove(own: OwnNamespace): void {
    if (this.#namespaces.get(own.local.name) !== own) return
    this.#namespaces.delete(own.local.name)
    this.#touched.delete(own)
    const message = this.writer.start(MESSAGE.namespaceEnd).number(own.number).message
    for (const peer of this.peers.values()) peer.post(message)
  }

  /** Live nodes that serve it, without this one. */
  serversOf(own: OwnNamespace): Peer[] {
    return [...this.peers.values()].filter((peer) => peer.isAlive && peer.namespaces.has(own.local.name))
  }

  // ---- interest of this node

  /** The room may have got its first member, or lost its last one. */
  touch(own: OwnNamespace, room: Room): void {
    if (this.ownerOf(room) === this.node.incarnation) return
    own.interest.touch(room)
    this.#touched.add(own)
    this.#scheduleFlush()
  }

  /** When all live nodes know that these rooms have members here; undefined when they do. */
  whenKnown(own: OwnNamespace, rooms: Iterable<Room>): Promise<void> | undefined {
    if (this.peers.size === 0) return undefined
    let known: Promise<void> | undefined
    for (const room of rooms) {
      if (this.ownerOf(room) === this.node.incarnation) continue
      const sequence = own.interest.announcementOf(room)
      if (sequence === undefined) return this.#confirmations.next
      known = this.#confirmations.of(sequence) ?? known
    }
    return known
  }

  /** The node that a socket's own room belongs to, as far as it is or was a member. */
  ownerOf(room: Room): Incarnation | undefined {
    const { length } = room
    // Revision 4: "/namespace#id".
    if (length !== ID_LENGTH && (length < ID_LENGTH + 1 || room.charCodeAt(length - ID_LENGTH - 1) !== 0x23))
      return undefined
    const owner = room.slice(length - ID_LENGTH, length - ID_LENGTH + INCARNATION_LENGTH)
    return owner === this.node.incarnation || this.peers.has(owner) || this.node.isGone(owner)
      ? owner
      : undefined
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    queueMicrotask(() => this.flush())
  }

  /** Tells what has changed, and confirms what was told. */
  flush(): void {
    this.#isFlushScheduled = false
    for (const [peer, sequence] of this.#toConfirm)
      peer.post(this.writer.start(MESSAGE.confirm).number(sequence).message)
    this.#toConfirm.clear()
    if (this.#touched.size === 0) return
    const sequence = this.#confirmations.begin()
    const messages: { own: OwnNamespace; changes: Map<Room, boolean> }[] = []
    for (const own of this.#touched) {
      for (const changes of partsOf(own.interest.take(sequence))) messages.push({ own, changes })
    }
    this.#touched.clear()
    const last = messages.at(-1)
    for (const { own, changes } of messages) {
      const message = this.#interestMessage(own, changes === last?.changes ? sequence : NO_SEQUENCE, changes)
      for (const peer of this.peers.values()) peer.post(message)
    }
    this.#confirmations.end(
      last === undefined
        ? []
        : [...this.peers.values()].filter((peer) => peer.isAlive).map((peer) => peer.incarnation),
    )
  }

  #namespaceMessage(own: OwnNamespace): Uint8Array {
    return this.writer.start(MESSAGE.namespace).number(own.number).text(own.local.name).message
  }

  #interestMessage(own: OwnNamespace, sequence: number, changes: Map<Room, boolean>, flags = 0): Uint8Array {
    return writeChanges(
      this.writer.start(MESSAGE.interest).number(own.number).number(sequence).byte(flags),
      changes,
    ).message
  }

  *#snapshot(): Generator<Uint8Array, undefined> {
    yield this.writer.start(MESSAGE.hello).number(ADAPTER_FORMAT).message
    const namespaces = [...this.#namespaces.values()].map((own) => ({ own, rooms: own.interest.rooms }))
    for (const { own } of namespaces) yield this.#namespaceMessage(own)
    for (const { own, rooms } of namespaces) {
      for (let at = 0; at < rooms.length; at += ROOMS_PER_MESSAGE) {
        const part = rooms.slice(at, at + ROOMS_PER_MESSAGE).map((room) => [room, true] as const)
        yield this.#interestMessage(own, NO_SEQUENCE, new Map(part))
      }
    }
    yield this.writer.start(MESSAGE.ready).message
    return undefined
  }

  // ---- to other nodes

  /** The nodes that a selection concerns, each once. `isFlood`: some only because nothing is known of a room. */
  targetsOf(own: OwnNamespace, { rooms, flags }: BroadcastOptions): { peers: Peer[]; isFlood: boolean } {
    const peers: Peer[] = []
    if (flags?.local === true || this.peers.size === 0) return { peers, isFlood: false }
    const { name } = own.local
    const unknown = rooms.size === 0 ? [] : this.#unknownRooms(own, rooms)
    let isFlood = false
    for (const peer of this.peers.values()) {
      const served = peer.namespaces.get(name)
      if (served === undefined) {
        if (!peer.isReady || !peer.notServed.has(name)) peers.push(peer)
      } else if (rooms.size === 0 || !peer.isReady || this.#concerns(peer, served, rooms)) peers.push(peer)
      else if (unknown.some((room) => !own.absent.has(room, peer.incarnation))) {
        peers.push(peer)
        isFlood = true
      }
    }
    return { peers, isFlood }
  }

  #concerns(peer: Peer, served: PeerNamespace, rooms: ReadonlySet<Room>): boolean {
    for (const room of rooms) if (served.has(room) || this.ownerOf(room) === peer.incarnation) return true
    return false
  }

  /** Rooms that no other node has told of: a join may be under way. A socket's own room has one place where it can be. */
  #unknownRooms(own: OwnNamespace, rooms: ReadonlySet<Room>): Room[] {
    const unknown: Room[] = []
    for (const room of rooms) {
      if (this.ownerOf(room) !== undefined) continue
      let isKnown = false
      for (const peer of this.peers.values()) {
        if (peer.namespaces.get(own.local.name)?.has(room) === true) {
          isKnown = true
          break
        }
      }
      if (!isKnown) unknown.push(room)
    }
    return unknown
  }

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
        return this.#confirmations.confirm(peer.incarnation, reader.number())
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
    if (sequence === NO_SEQUENCE) return
    this.#toConfirm.set(peer, sequence)
    this.#scheduleFlush()
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
    this.flush()
    const state = new Map(
      rooms.map((room) => [room, own.interest.announcementOf(room) !== undefined] as const),
    )
    peer.post(this.#interestMessage(own, NO_SEQUENCE, state, INTEREST_FLAG.isAnswer))
  }

  // ---- members

  handleLinkUp(member: Member): void {
    const peer = new Peer(member, this.node, this.options.maxQueueBytes)
    this.peers.set(member.incarnation, peer)
    peer.supply(this.#snapshot())
  }

  handleLinkDown(incarnation: Incarnation, end: LinkEnd): void {
    const peer = this.peers.get(incarnation)
    if (peer === undefined) return
    this.peers.delete(incarnation)
    this.#toConfirm.delete(peer)
    this.#confirmations.forget(incarnation)
    for (const own of this.#namespaces.values()) own.absent.forget(incarnation)
    for (const { request } of [...this.requests.values()]) request.lose(incarnation)
    if (end !== 'left') this.#tellGap(peer, end)
  }

  handleMemberState(member: Member): void {
    const peer = this.peers.get(member.incarnation)
    if (peer === undefined) return
    peer.member = member
    if (peer.isAlive) return
    this.#confirmations.forget(member.incarnation)
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

function* partsOf(changes: Map<Room, boolean>): Generator<Map<Room, boolean>> {
  if (changes.size === 0) return
  if (changes.size <= ROOMS_PER_MESSAGE) return yield changes
  const entries = [...changes]
  for (let at = 0; at < entries.length; at += ROOMS_PER_MESSAGE)
    yield new Map(entries.slice(at, at + ROOMS_PER_MESSAGE))
}
