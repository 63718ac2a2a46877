// The sockets of the IM's users, on namespace "/im": sign in by name, conversations, messages, marks, typing, presence.
// A user may have several windows; each user is a room, each conversation is a room.
import { createHash } from 'node:crypto'
import type { Namespace, Socket } from 'tidewire'
import type { Conversation, Message, Store } from './store.ts'

export const MAX_TEXT = 10_000
export const MAX_IMAGE_BYTES = 700_000
const NAME = /^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,31}$/u
const IMAGE_TYPES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp'])
const PAGE = 50

type Ack = (answer: unknown) => void
type ImSocket = Socket<any, any, any, { name: string }>

/** An error whose text is for the person at the window. */
class Refusal extends Error {}

const userRoom = (name: string): string => `user:${name}`
const conversationRoom = (id: string): string => `conversation:${id}`

export class Im {
  readonly #store: Store
  readonly #users: Namespace<any, any, any, any>

  constructor(users: Namespace<any, any, any, any>, store: Store) {
    this.#users = users
    this.#store = store
    users.use((socket, next) => {
      const name = String(socket.handshake.auth['name'] ?? '').trim()
      if (!NAME.test(name)) return next(new Error('A name has 1 to 32 letters, digits, spaces, dots, dashes or underscores'))
      socket.data.name = name
      next()
    })
    users.on('connection', (socket: ImSocket) => this.#welcome(socket))
  }

  #welcome(socket: ImSocket): void {
    const { name } = socket.data
    const isNew = this.#store.addUser(name)
    void socket.join(userRoom(name))
    for (const { id } of this.#store.conversationsOf(name)) void socket.join(conversationRoom(id))
    socket.broadcast.emit('presence', { user: name, online: true, isNew })
    socket.on('disconnect', () => {
      if (!this.isOnline(name)) this.#users.emit('presence', { user: name, online: false })
    })
    const on = (event: string, handler: (request: any) => unknown): void => {
      socket.on(event, (request: unknown, ack?: Ack) => {
        try {
          const answer = handler(request ?? {})
          ack?.({ ok: true, ...(answer as object) })
        } catch (error) {
          if (!(error instanceof Refusal)) throw error
          ack?.({ ok: false, error: error.message })
        }
      })
    }
    on('sync', (request) => this.#sync(name, request))
    on('send', (request) => this.#send(name, request))
    on('history', (request) => this.#history(name, request))
    on('create', (request) => this.#create(name, request))
    on('read', ({ conversation, seq }) => this.#mark(name, conversation, 'read', seq))
    on('delivered', ({ conversation, seq }) => this.#mark(name, conversation, 'delivered', seq))
    on('typing', ({ conversation, isTyping }) => {
      this.#assertMember(conversation, name)
      socket.to(conversationRoom(conversation)).volatile.emit('typing', { conversation, user: name, isTyping: isTyping === true })
    })
  }

  isOnline(name: string): boolean {
    return (this.#users.adapter.rooms.get(userRoom(name))?.size ?? 0) > 0
  }

  #assertMember(conversation: unknown, name: string): asserts conversation is string {
    if (typeof conversation !== 'string' || !this.#store.isMember(conversation, name)) {
      throw new Refusal('You are not in this conversation')
    }
  }

  /** Everything a window needs; with `known` (highest number per conversation) also what it has missed. */
  #sync(name: string, { known }: { known?: Record<string, number> }): object {
    const conversations = this.#store.conversationsOf(name)
    const missed: Record<string, Message[]> = {}
    for (const { id, lastSeq } of conversations) {
      const seen = known?.[id]
      if (Number.isSafeInteger(seen) && seen! < lastSeq) missed[id] = this.#store.since(id, seen!, 500)
    }
    return {
      me: name,
      users: this.#store.users().map((user) => ({ name: user, online: this.isOnline(user) })),
      conversations,
      missed,
    }
  }

  #history(name: string, { conversation, before }: { conversation?: unknown; before?: unknown }): object {
    this.#assertMember(conversation, name)
    return { messages: this.#store.history(conversation, typeof before === 'number' ? before : Infinity, PAGE) }
  }

  #create(name: string, { members, title, type }: { members?: unknown; title?: unknown; type?: unknown }): object {
    const others = (Array.isArray(members) ? members : []).map(String).filter((user) => user !== name)
    for (const user of others) if (!this.#store.hasUser(user)) throw new Refusal(`Nobody is called ${user.slice(0, 32)}`)
    if (type === 'direct') {
      if (others.length !== 1) throw new Refusal('A direct conversation has two members')
      return { conversation: this.openDirect(name, others[0]!) }
    }
    const text = String(title ?? '').trim().slice(0, 64)
    if (text === '') throw new Refusal('A group needs a title')
    const id = text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, '-').replaceAll(/^-+|-+$/g, '') || 'group'
    const known = this.#store.conversation(id)
    if (known !== undefined && !this.#store.isMember(id, name)) throw new Refusal(`There is a conversation called ${id} already`)
    return { conversation: this.#open(id, 'group', text, [name, ...others]) }
  }

  openDirect(a: string, b: string): Conversation {
    const pair = [a, b].toSorted()
    return this.#open(pair.join('~'), 'direct', pair.join(' ~ '), pair)
  }

  #open(id: string, type: Conversation['type'], title: string, members: readonly string[]): Conversation {
    const conversation = this.#store.openConversation(id, type, title, members)
    for (const { user } of conversation.members) this.#users.in(userRoom(user)).socketsJoin(conversationRoom(id))
    this.#users.to(conversationRoom(id)).emit('conversation', conversation)
    return conversation
  }

  #send(name: string, request: { conversation?: unknown; clientId?: unknown; content?: unknown; image?: unknown; mime?: unknown }): object {
    const { conversation, clientId, image, mime } = request
    this.#assertMember(conversation, name)
    if (typeof clientId !== 'string' || clientId === '' || clientId.length > 64) throw new Refusal('A message needs a clientId')
    const common = { conversation, clientId, from: name, time: Date.now() }
    if (image === undefined) {
      const content = String(request.content ?? '')
      if (content.trim() === '' || content.length > MAX_TEXT) throw new Refusal(`A message has 1 to ${MAX_TEXT} characters`)
      return { message: this.deliver({ ...common, type: 'text', content }) }
    }
    if (!Buffer.isBuffer(image) || typeof mime !== 'string' || !IMAGE_TYPES.has(mime)) throw new Refusal('An image is a PNG, JPEG, GIF or WebP')
    if (image.length > MAX_IMAGE_BYTES) throw new Refusal(`An image has at most ${MAX_IMAGE_BYTES / 1000} kB`)
    const id = createHash('sha256').update(image).digest('base64url').slice(0, 24)
    this.#store.addImage(id, mime, image)
    return { message: this.deliver({ ...common, type: 'image', content: id }) }
  }

  /** Stores a message and sends it to all windows of the conversation's members. Stored once, sent once, however often it comes. */
  deliver(message: Omit<Message, 'seq'>): Message {
    const { message: stored, isNew } = this.#store.append(message)
    if (isNew) {
      this.#store.mark(stored.conversation, stored.from, 'read', stored.seq)
      this.#store.mark(stored.conversation, stored.from, 'delivered', stored.seq)
      this.#users.to(conversationRoom(stored.conversation)).emit('message', stored)
    }
    return stored
  }

  #mark(name: string, conversation: unknown, kind: 'delivered' | 'read', seq: unknown): object {
    this.#assertMember(conversation, name)
    if (!Number.isSafeInteger(seq)) throw new Refusal('A mark needs a number')
    if (this.#store.mark(conversation, name, kind, seq as number)) {
      if (kind === 'read') this.#store.mark(conversation, name, 'delivered', seq as number)
      this.#users.to(conversationRoom(conversation)).emit('mark', { conversation, user: name, kind, seq })
    }
    return {}
  }
}
