// What this node knows of one other: the namespaces that it serves, the rooms that have members there, and what waits for room on the link
// to it. Lives from handleLinkUp to handleLinkDown.
import type { Room } from 'tidewire'
import type { ClusterNode, Incarnation, Member } from '../cluster-node.ts'
import { SERVICE } from '../cluster-node.ts'

export class PeerNamespace {
  readonly name: string
  readonly #rooms = new Set<Room>()
  /** Too many rooms to remember: it is sent everything. */
  #isWildcard = false
  /** Rooms that its sockets were told to join, until it says what has become of it. */
  readonly #expected = new Map<Room, number>()

  constructor(name: string) {
    this.name = name
  }

  /** True when it may have members: what is known, and what is under way. */
  has(room: Room): boolean {
    return this.#isWildcard || this.#rooms.has(room) || (this.#expected.size > 0 && this.#expected.has(room))
  }

  set(room: Room, hasMembers: boolean, maxRooms: number): void {
    if (this.#isWildcard) return
    if (!hasMembers) {
      this.#rooms.delete(room)
      return
    }
    this.#rooms.add(room)
    if (this.#rooms.size <= maxRooms) return
    this.#isWildcard = true
    this.#rooms.clear()
  }

  expect(room: Room): void {
    this.#expected.set(room, (this.#expected.get(room) ?? 0) + 1)
  }

  settle(room: Room): void {
    const count = this.#expected.get(room)
    if (count === undefined) return
    if (count > 1) this.#expected.set(room, count - 1)
    else this.#expected.delete(room)
  }
}

/** Messages that are made when there is room for them: a long list does not wait in memory. */
type Supply = Iterator<Uint8Array>

export class Peer {
  readonly incarnation: Incarnation
  member: Member
  /** What it serves, by name and by its number. */
  readonly namespaces: Map<string, PeerNamespace> = new Map()
  readonly byNumber: Map<number, PeerNamespace> = new Map()
  /** Namespaces that it has said it does not serve. */
  readonly notServed: Set<string> = new Set()
  /** It has told all its namespaces and rooms. Until then it is sent everything. */
  isReady = false
  /** Broadcasts that found no room, until they are reported. */
  lost = 0
  readonly #node: ClusterNode
  readonly #maxQueueBytes: number
  #queue: (Uint8Array | Supply)[] = []
  #queueBytes = 0
  #isFull = false

  constructor(member: Member, node: ClusterNode, maxQueueBytes: number) {
    this.member = member
    this.incarnation = member.incarnation
    this.#node = node
    this.#maxQueueBytes = maxQueueBytes
  }

  get isAlive(): boolean {
    return this.member.state === 'alive'
  }

  get isCongested(): boolean {
    return this.#isFull || this.#queue.length > 0
  }

  get queuedBytes(): number {
    return this.#queueBytes
  }

  /** Behind all that waits. `canBeLost` gives way when the queue is full; the rest has twice its room. False: it was dropped. */
  post(message: Uint8Array, canBeLost: boolean = false): boolean {
    if (!this.isCongested) return this.#send(message)
    if (this.#queueBytes + message.length > (canBeLost ? 1 : 2) * this.#maxQueueBytes) return false
    this.#queue.push(new Uint8Array(message))
    this.#queueBytes += message.length
    return true
  }

  supply(messages: Supply): void {
    this.#queue.push(messages)
    if (!this.#isFull) this.drain()
  }

  /** The link has room. */
  drain(): void {
    this.#isFull = false
    let taken = 0
    while (taken < this.#queue.length && !this.#isFull) {
      const first = this.#queue[taken]!
      if (first instanceof Uint8Array) {
        taken++
        this.#queueBytes -= first.length
        this.#sendLate(first)
        continue
      }
      const next = first.next()
      if (next.done === true) taken++
      else this.#send(next.value)
    }
    this.#queue.splice(0, taken)
  }

  /** Whoever has posted it is not there any more to be told that it is too large for the link. */
  #sendLate(message: Uint8Array): void {
    try {
      this.#send(message)
    } catch {
      this.lost++
    }
  }

  #send(message: Uint8Array): boolean {
    const result = this.#node.send(this.incarnation, SERVICE.adapter, message)
    if (result === 'full') this.#isFull = true
    return result !== 'down'
  }
}
