// What this browser knows of the chat: conversations, their messages, what is still to be sent, who is here, who types.
// No DOM, no network: `connection.ts` feeds it, `view.ts` shows it. Messages are identified by conversation and sequence
// number; an own message before the server has it, by its client id. Whatever arrives twice is kept once.
import type { ChatMessage, ConversationSummary, Member } from '../src/store.ts'
import type { Sync } from '../src/sockets.ts'

export interface Pending {
  clientId: string
  conversation: string
  text: string
  time: number
  state: 'sending' | 'failed'
  /** Why it failed. */
  error?: string
  image?: { bytes: Uint8Array; preview: string }
}

export interface Room extends ConversationSummary {
  /** In the order of sequence numbers; a tail of the conversation, as far as loaded. */
  messages: ChatMessage[]
  /** No older messages exist than those loaded. */
  isComplete: boolean
  isLoaded: boolean
  typing: Map<string, number>
}

export type DeliveryState = 'sent' | 'delivered' | 'read'

export class Model {
  me = ''
  readonly rooms = new Map<string, Room>()
  readonly users = new Map<string, boolean>()
  pending: Pending[] = []
  open: string | undefined
  /** The last sequence number without a gap before it, per conversation: where to continue after an absence. */
  lastSeqs(): Record<string, number> {
    const last: Record<string, number> = {}
    for (const room of this.rooms.values()) if (room.isLoaded) last[room.id] = room.messages.at(-1)?.seq ?? 0
    return last
  }

  applySync(sync: Sync): void {
    this.me = sync.me
    this.users.clear()
    for (const { name, online } of sync.users) this.users.set(name, online)
    const ids = new Set(sync.conversations.map(({ id }) => id))
    for (const id of this.rooms.keys()) if (!ids.has(id)) this.rooms.delete(id)
    for (const summary of sync.conversations) {
      this.addRoom(summary)
      const missed = sync.missed[summary.id]
      if (missed === undefined) continue
      const room = this.rooms.get(summary.id)!
      if (missed.hasGap) {
        // What lies between is fetched when the user scrolls up to it.
        room.messages = []
        room.isComplete = false
      }
      for (const message of missed.messages) this.#insert(room, message)
    }
  }

  addRoom(summary: ConversationSummary): Room {
    const known = this.rooms.get(summary.id)
    const room: Room = known ?? {
      ...summary,
      messages: [],
      isComplete: false,
      isLoaded: false,
      typing: new Map(),
    }
    room.members = summary.members
    room.lastSeq = Math.max(summary.lastSeq, known?.lastSeq ?? 0)
    room.unread = summary.unread
    if (summary.last !== undefined && summary.last.seq >= (room.last?.seq ?? 0)) room.last = summary.last
    this.rooms.set(room.id, room)
    return room
  }

  /** A message of now. Returns false when the room lacks messages before it: then the caller fetches those. */
  receive(message: ChatMessage): boolean {
    const room = this.rooms.get(message.conversation)
    if (room === undefined) return false
    this.#settle(message)
    room.typing.delete(message.from)
    if (message.seq > room.lastSeq) {
      room.lastSeq = message.seq
      room.last = message
      if (message.from !== this.me) room.unread++
    }
    // A room that was never opened is loaded when it is.
    if (!room.isLoaded) return true
    const isNext = message.seq <= (room.messages.at(-1)?.seq ?? 0) + 1
    if (isNext) this.#insert(room, message)
    return isNext
  }

  /** A page of history. */
  insertAll(id: string, messages: readonly ChatMessage[]): void {
    const room = this.rooms.get(id)
    if (room === undefined) return
    for (const message of messages) {
      this.#settle(message)
      this.#insert(room, message)
    }
    const newest = room.messages.at(-1)
    if (newest !== undefined && newest.seq > room.lastSeq) room.lastSeq = newest.seq
    if (newest !== undefined && newest.seq >= (room.last?.seq ?? 0)) room.last = newest
    room.isLoaded = true
    if (room.messages[0] === undefined || room.messages[0].seq === 1) room.isComplete = true
  }

  applyMarks(id: string, marks: Member): void {
    const room = this.rooms.get(id)
    const member = room?.members.find(({ name }) => name === marks.name)
    if (room === undefined || member === undefined) return
    member.delivered = Math.max(member.delivered, marks.delivered)
    member.read = Math.max(member.read, marks.read)
    // Read here, or on another device of mine.
    if (marks.name === this.me && member.read >= room.lastSeq) room.unread = 0
  }

  /** Forgets the pending twin of a message that the server has. */
  #settle(message: ChatMessage): void {
    if (message.from !== this.me || message.clientId === undefined) return
    this.pending = this.pending.filter(
      ({ clientId, conversation }) => clientId !== message.clientId || conversation !== message.conversation,
    )
  }

  #insert(room: Room, message: ChatMessage): void {
    this.#settle(message)
    const { messages } = room
    let at = messages.length
    while (at > 0 && messages[at - 1]!.seq >= message.seq) at--
    if (messages[at]?.seq === message.seq) return
    messages.splice(at, 0, message)
  }

  /** Rooms with the last spoken first. */
  sortedRooms(): Room[] {
    return [...this.rooms.values()].toSorted(
      (a, b) => (b.last?.time ?? Infinity) - (a.last?.time ?? Infinity) || a.id.localeCompare(b.id),
    )
  }

  titleOf(room: Room): string {
    if (room.type === 'group') return room.title
    return room.members.find(({ name }) => name !== this.me)?.name ?? room.id
  }

  isOnline(name: string): boolean {
    return this.users.get(name) ?? false
  }

  /** How far an own message has come with the others, and how many of them have read it. */
  delivery(room: Room, seq: number): { state: DeliveryState; readers: number; others: number } {
    const others = room.members.filter(({ name }) => name !== this.me)
    const readers = others.filter(({ read }) => read >= seq).length
    const received = others.filter(({ delivered }) => delivered >= seq).length
    const state =
      others.length > 0 && readers === others.length
        ? 'read'
        : others.length > 0 && received === others.length
          ? 'delivered'
          : 'sent'
    return { state, readers, others: others.length }
  }
}
