// The recent events of one namespace, for clients that come back. In: each recoverable broadcast, encoded. Out: what a session has missed,
// found through an index by room, so that a reconnection costs what it replays and not what everyone else was sent. Bounded in bytes and age.
import type { Room } from '../adapter/adapter.ts'
import type { EncodedPacket } from '../broadcast/encoded.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'

export interface LoggedEvent {
  readonly seq: number
  readonly encoded: EncodedPacket
  /** Empty: the whole namespace. */
  readonly rooms: readonly Room[]
  readonly except: ReadonlySet<Room> | undefined
  readonly at: number
  readonly bytes: number
  /** As it is on its way to clients that have come back: those of the same time share it, and nobody else holds it. */
  replayed?: readonly WeakRef<OutgoingMessage>[]
}

/** What an entry costs beside its bytes: the objects and its places in the index, measured on Node 24. */
const ENTRY_BYTES = 400
const COMPACT_FROM = 64

/** A queue that can be searched: entries enter at the end in the order of `seq` and leave at the front. */
class Lane {
  #entries: (LoggedEvent | undefined)[] = []
  #head = 0

  get isEmpty(): boolean {
    return this.#head === this.#entries.length
  }

  get first(): LoggedEvent | undefined {
    return this.#entries[this.#head]
  }

  push(event: LoggedEvent): void {
    this.#entries.push(event)
  }

  shift(): void {
    // What has left is let go at once: a room may wait long for the next compaction, and there may be many rooms.
    this.#entries[this.#head++] = undefined
    if (this.#head < COMPACT_FROM || this.#head * 2 < this.#entries.length) return
    this.#entries = this.#entries.slice(this.#head)
    this.#head = 0
  }

  /** Appends to `into` what came after `seq`. */
  collect(seq: number, into: LoggedEvent[]): void {
    let low = this.#head
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.seq <= seq) low = middle + 1
      else high = middle
    }
    for (; low < this.#entries.length; low++) into.push(this.#entries[low]!)
  }
}

export class EventLog {
  readonly #maxBytes: number
  readonly #maxAgeMs: number
  readonly #all = new Lane()
  /** Events for the whole namespace. */
  readonly #toEveryone = new Lane()
  readonly #byRoom = new Map<Room, Lane>()
  #bytes = 0
  #seq = 0
  #truncated = 0
  #truncatedAt = -Infinity

  constructor(limits: { maxBytes: number; maxAgeMs: number }) {
    this.#maxBytes = limits.maxBytes
    this.#maxAgeMs = limits.maxAgeMs
  }

  /** The number of the latest event. */
  get seq(): number {
    return this.#seq
  }

  /** The number of the latest event that had to go because of `maxBytes`: what came before it cannot be replayed. */
  get truncated(): number {
    return this.#truncated
  }

  /** When that event was sent. */
  get truncatedAt(): number {
    return this.#truncatedAt
  }

  /** The number of the first event that is still kept. */
  get oldest(): number {
    return this.#all.first?.seq ?? this.#seq + 1
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The number that the next event will have; taken before it is encoded, because it travels with it. */
  next(): number {
    return ++this.#seq
  }

  append(event: LoggedEvent): void {
    this.#all.push(event)
    if (event.rooms.length === 0) this.#toEveryone.push(event)
    else for (const room of event.rooms) this.#laneOf(room).push(event)
    this.#bytes += event.bytes + ENTRY_BYTES
    while (this.#bytes > this.#maxBytes) {
      const { seq, at } = this.#all.first!
      this.#truncated = seq
      this.#truncatedAt = at
      this.#evict()
    }
    this.forget(event.at)
  }

  /** Drops what no session can need any more. */
  forget(now: number): void {
    for (let { first } = this.#all; first !== undefined && now - first.at > this.#maxAgeMs; { first } = this.#all) this.#evict()
  }

  clear(): void {
    while (!this.#all.isEmpty) this.#evict()
  }

  /** What a socket that has been in `rooms`, in each of them when `wasIn` says so, was sent after `seq`: in order, each once. */
  since(seq: number, rooms: ReadonlySet<Room>, wasIn: (room: Room, seq: number) => boolean = (room) => rooms.has(room)): LoggedEvent[] {
    const found: LoggedEvent[] = []
    this.#toEveryone.collect(seq, found)
    for (const room of rooms) this.#byRoom.get(room)?.collect(seq, found)
    found.sort((a, b) => a.seq - b.seq)
    return found.filter((event, index) => event !== found[index - 1] && isFor(event, wasIn))
  }

  #laneOf(room: Room): Lane {
    let lane = this.#byRoom.get(room)
    if (lane === undefined) this.#byRoom.set(room, (lane = new Lane()))
    return lane
  }

  /** The oldest event is the first of every lane that holds it. */
  #evict(): void {
    const event = this.#all.first!
    this.#all.shift()
    this.#bytes -= event.bytes + ENTRY_BYTES
    if (event.rooms.length === 0) return this.#toEveryone.shift()
    for (const room of event.rooms) {
      const lane = this.#byRoom.get(room)!
      lane.shift()
      if (lane.isEmpty) this.#byRoom.delete(room)
    }
  }
}

/** The messages of an event for a client of revision 5 that has missed it. */
export function replayOf(event: LoggedEvent): readonly OutgoingMessage[] {
  const shared = event.replayed?.map((reference) => reference.deref())
  if (shared?.every((message) => message !== undefined)) return shared
  const messages = event.encoded.toKeep().messages(5)
  event.replayed = messages.map((message) => new WeakRef(message))
  return messages
}

function isFor({ rooms, except, seq }: LoggedEvent, wasIn: (room: Room, seq: number) => boolean): boolean {
  if (except !== undefined) for (const room of except) if (wasIn(room, seq)) return false
  return rooms.length === 0 || rooms.some((room) => wasIn(room, seq))
}
