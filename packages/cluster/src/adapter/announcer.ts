// Tells the other nodes which rooms have members here: what has changed once per turn, everything when a link comes up. Also confirms what
// others have told.
import type { Room } from 'tidewire'
import type { ClusterNode, Incarnation } from '../cluster-node.ts'
import { ADAPTER_FORMAT, MESSAGE, writeChanges } from '../wire/adapter-messages.ts'
import type { MessageWriter } from '../wire/bytes.ts'
import type { OwnNamespace } from './adapter-service.ts'
import { Confirmations } from './interest.ts'
import type { Peer } from './peer.ts'
import { ownerOf } from './targets.ts'

/** Not to be confirmed. */
export const NO_SEQUENCE = 0
/** Rooms in one message. */
const ROOMS_PER_MESSAGE = 1_000

export class Announcer {
  readonly #node: ClusterNode
  readonly #peers: ReadonlyMap<Incarnation, Peer>
  readonly #writer: MessageWriter
  readonly #confirmations = new Confirmations()
  readonly #touched = new Set<OwnNamespace>()
  readonly #toConfirm = new Map<Peer, number>()
  #isFlushScheduled = false

  constructor(node: ClusterNode, peers: ReadonlyMap<Incarnation, Peer>, writer: MessageWriter) {
    this.#node = node
    this.#peers = peers
    this.#writer = writer
  }

  /** The room may have got its first member, or lost its last one. */
  touch(own: OwnNamespace, room: Room): void {
    if (this.#isPrivate(room)) return
    own.interest.touch(room)
    this.#touched.add(own)
    this.#scheduleFlush()
  }

  /** Everyone knows where to find it without being told. */
  #isPrivate(room: Room): boolean {
    return ownerOf(room, this.#node, this.#peers) === this.#node.incarnation
  }

  /** When all live nodes know that these rooms have members here; undefined when they do. */
  whenKnown(own: OwnNamespace, rooms: Iterable<Room>): Promise<void> | undefined {
    if (this.#peers.size === 0) return undefined
    let known: Promise<void> | undefined
    for (const room of rooms) {
      if (this.#isPrivate(room)) continue
      const sequence = own.interest.announcementOf(room)
      if (sequence === undefined) return this.#confirmations.next
      known = this.#confirmations.of(sequence) ?? known
    }
    return known
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
      peer.post(this.#writer.start(MESSAGE.confirm).number(sequence).message)
    this.#toConfirm.clear()
    if (this.#touched.size > 0) this.#announce()
  }

  #announce(): void {
    const sequence = this.#confirmations.begin()
    const messages: { own: OwnNamespace; changes: Map<Room, boolean> }[] = []
    for (const own of this.#touched) {
      for (const changes of partsOf(own.interest.take(sequence))) messages.push({ own, changes })
    }
    this.#touched.clear()
    const last = messages.at(-1)
    for (const { own, changes } of messages) {
      const message = this.interestMessage(own, changes === last?.changes ? sequence : NO_SEQUENCE, changes)
      for (const peer of this.#peers.values()) peer.post(message)
    }
    const live = last === undefined ? [] : [...this.#peers.values()].filter((peer) => peer.isAlive)
    this.#confirmations.end(live.map(({ incarnation }) => incarnation))
  }

  namespaceMessage(own: OwnNamespace): Uint8Array {
    return this.#writer.start(MESSAGE.namespace).number(own.number).text(own.local.name).message
  }

  interestMessage(
    own: OwnNamespace,
    sequence: number,
    changes: ReadonlyMap<Room, boolean>,
    flags = 0,
  ): Uint8Array {
    const writer = this.#writer.start(MESSAGE.interest).number(own.number).number(sequence).byte(flags)
    return writeChanges(writer, changes).message
  }

  /** All that a node must be told that has nothing yet; made message by message, as the link has room. */
  snapshotOf(namespaces: Iterable<OwnNamespace>): Iterator<Uint8Array> {
    return this.#snapshot([...namespaces].map((own) => ({ own, rooms: own.interest.rooms })))
  }

  *#snapshot(namespaces: readonly { own: OwnNamespace; rooms: readonly Room[] }[]): Generator<Uint8Array> {
    yield this.#writer.start(MESSAGE.hello).number(ADAPTER_FORMAT).message
    for (const { own } of namespaces) yield this.namespaceMessage(own)
    for (const { own, rooms } of namespaces) {
      for (let at = 0; at < rooms.length; at += ROOMS_PER_MESSAGE) {
        const part = rooms.slice(at, at + ROOMS_PER_MESSAGE).map((room) => [room, true] as const)
        yield this.interestMessage(own, NO_SEQUENCE, new Map(part))
      }
    }
    yield this.#writer.start(MESSAGE.ready).message
  }

  // ---- from other nodes

  /** It has told of rooms, and waits to hear that this is known. */
  confirm(peer: Peer, sequence: number): void {
    this.#toConfirm.set(peer, sequence)
    this.#scheduleFlush()
  }

  handleConfirm(incarnation: Incarnation, sequence: number): void {
    this.#confirmations.confirm(incarnation, sequence)
  }

  /** It is suspect: nobody waits for it. */
  handleSuspect(incarnation: Incarnation): void {
    this.#confirmations.forget(incarnation)
  }

  handleGone(peer: Peer): void {
    this.#toConfirm.delete(peer)
    this.#confirmations.forget(peer.incarnation)
  }

  /** The namespace is no longer served here. */
  forget(own: OwnNamespace): void {
    this.#touched.delete(own)
  }
}

function* partsOf(changes: Map<Room, boolean>): Generator<Map<Room, boolean>> {
  if (changes.size === 0) return
  if (changes.size <= ROOMS_PER_MESSAGE) return yield changes
  const entries = [...changes]
  for (let at = 0; at < entries.length; at += ROOMS_PER_MESSAGE)
    yield new Map(entries.slice(at, at + ROOMS_PER_MESSAGE))
}
