// Which rooms have members on this node, and who knows it. In: rooms that may have got their first member or lost their last. Out: the
// difference to what was told before, once per turn, and a promise that is kept when every live node has confirmed it.
import type { Room } from 'tidewire'
import type { Incarnation } from '../cluster-node.ts'

/** Asks whether a room is wanted here now. */
type IsWanted = (room: Room) => boolean

/** One namespace of this node. */
export class OwnInterest {
  /** What the others have been told, with the number of the announcement. */
  readonly #announced = new Map<Room, number>()
  readonly #touched = new Set<Room>()
  readonly #isWanted: IsWanted

  constructor(isWanted: IsWanted) {
    this.#isWanted = isWanted
  }

  /** True when it is the first since the last `take`. */
  touch(room: Room): boolean {
    this.#touched.add(room)
    return this.#touched.size === 1
  }

  /** The announcement that told of this room; undefined when none has. */
  announcementOf(room: Room): number | undefined {
    return this.#announced.get(room)
  }

  /** The changes since the last call, which become announcement `sequence`. */
  take(sequence: number): Map<Room, boolean> {
    const changes = new Map<Room, boolean>()
    for (const room of this.#touched) {
      const isWanted = this.#isWanted(room)
      if (isWanted === this.#announced.has(room)) continue
      if (isWanted) this.#announced.set(room, sequence)
      else this.#announced.delete(room)
      changes.set(room, isWanted)
    }
    this.#touched.clear()
    return changes
  }

  get rooms(): Room[] {
    return [...this.#announced.keys()]
  }
}

interface Announcement {
  readonly sequence: number
  readonly waitingFor: Set<Incarnation>
  readonly isConfirmed: Promise<void>
  readonly resolve: () => void
}

/** Announcements under way, oldest first. */
export class Confirmations {
  #next: Announcement | undefined
  #underWay: Announcement[] = []
  #sequence = 0

  /** The promise of the announcement that will be made at the end of the turn. */
  get next(): Promise<void> {
    return (this.#next ??= createAnnouncement(this.#sequence + 1)).isConfirmed
  }

  /** The promise of an announcement that has been made; undefined when everyone has confirmed it. */
  of(sequence: number): Promise<void> | undefined {
    return this.#underWay.find((announcement) => announcement.sequence >= sequence)?.isConfirmed
  }

  get sequence(): number {
    return this.#sequence
  }

  /** Makes the announcement: gives its number. */
  begin(): number {
    return ++this.#sequence
  }

  /** Who has been told; nobody: it is confirmed. */
  end(told: Iterable<Incarnation>): void {
    const announcement = this.#next ?? createAnnouncement(this.#sequence)
    this.#next = undefined
    for (const incarnation of told) announcement.waitingFor.add(incarnation)
    this.#underWay.push(announcement)
    this.#settle()
  }

  confirm(incarnation: Incarnation, sequence: number): void {
    for (const announcement of this.#underWay) {
      if (announcement.sequence > sequence) break
      announcement.waitingFor.delete(incarnation)
    }
    this.#settle()
  }

  /** It is suspect or gone: nobody waits for it. */
  forget(incarnation: Incarnation): void {
    this.confirm(incarnation, Infinity)
  }

  /** In the order in which they were made: a later one is not confirmed before an earlier one. */
  #settle(): void {
    while (this.#underWay[0]?.waitingFor.size === 0) this.#underWay.shift()!.resolve()
  }
}

function createAnnouncement(sequence: number): Announcement {
  let resolve!: () => void
  const isConfirmed = new Promise<void>((resolvePromise) => {
    resolve = resolvePromise
  })
  return { sequence, waitingFor: new Set(), isConfirmed, resolve }
}

/** Rooms of which nodes have said that they have no members: the oldest make room. */
export class AbsentRooms {
  readonly #nodesByRoom = new Map<Room, Set<Incarnation>>()
  readonly #maxRooms: number

  constructor(maxRooms: number) {
    this.#maxRooms = maxRooms
  }

  has(room: Room, incarnation: Incarnation): boolean {
    return this.#nodesByRoom.get(room)?.has(incarnation) === true
  }

  add(room: Room, incarnation: Incarnation): void {
    let nodes = this.#nodesByRoom.get(room)
    if (nodes === undefined) {
      this.#nodesByRoom.set(room, (nodes = new Set()))
      if (this.#nodesByRoom.size > this.#maxRooms) {
        for (const oldest of this.#nodesByRoom.keys()) {
          this.#nodesByRoom.delete(oldest)
          break
        }
      }
    }
    nodes.add(incarnation)
  }

  delete(room: Room, incarnation: Incarnation): void {
    const nodes = this.#nodesByRoom.get(room)
    if (nodes?.delete(incarnation) === true && nodes.size === 0) this.#nodesByRoom.delete(room)
  }

  forget(incarnation: Incarnation): void {
    for (const [room, nodes] of this.#nodesByRoom)
      if (nodes.delete(incarnation) && nodes.size === 0) this.#nodesByRoom.delete(room)
  }
}
