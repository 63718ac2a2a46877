// When a session has joined and left its rooms, counted in events of the log, so that what is replayed is what it missed: nothing from before it
// joined, and all that was sent until it left. Holds only changes that an event which is still kept may precede.
import type { Room } from '../adapter/adapter.ts'

interface Change {
  readonly room: Room
  /** The latest event before the change. */
  readonly seq: number
  readonly isMember: boolean
}

/** A client that changes its rooms faster than this within the age of the log is taken to have been in them from earlier on. */
const MAX_CHANGES = 1_000

export class RoomHistory {
  #changes: Change[] = []

  /** `oldest`: the first event that is still kept. */
  add(change: Change, oldest: number): void {
    if (this.#changes.length > 0 && (this.#changes[0]!.seq < oldest || this.#changes.length >= MAX_CHANGES)) {
      this.#changes = this.#changes.filter(({ seq }) => seq >= oldest).slice(-MAX_CHANGES / 2)
    }
    this.#changes.push(change)
  }

  /** Rooms that it has left or joined. */
  *rooms(): Iterable<Room> {
    for (const { room } of this.#changes) yield room
  }

  /** Whether it was in `room` when event `seq` was sent, from whether it is now. */
  wasIn(room: Room, seq: number, isNow: boolean): boolean {
    for (const change of this.#changes) {
      if (change.room === room && change.seq >= seq) return !change.isMember
    }
    return isNow
  }
}
