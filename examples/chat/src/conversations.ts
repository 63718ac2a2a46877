// The rules of the chat, above the store and below the ways in (sockets, HTTP, Kafka): who may be called what, which
// conversations there are, who may write and read where. Every change is stored first and then told to `events`.
// Requests it refuses are `ChatError`s with a code and a sentence the user can read.
import { randomBytes } from 'node:crypto'
import { MAX_IMAGE_BYTES, MAX_MEMBERS, MAX_TEXT_LENGTH } from './limits.ts'
import type { ChatMessage, ChatStore, Conversation, ConversationSummary, Member } from './store.ts'

export type ChatErrorCode =
  | 'BAD_REQUEST'
  | 'BAD_NAME'
  | 'UNKNOWN_CONVERSATION'
  | 'NOT_A_MEMBER'
  | 'TEXT_TOO_LONG'
  | 'IMAGE_TOO_LARGE'
  | 'NOT_AN_IMAGE'

export class ChatError extends Error {
  override name = 'ChatError'
  readonly code: ChatErrorCode

  constructor(code: ChatErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** What others are told of; called after the change is stored. */
export interface ChatEvents {
  created(conversation: Conversation): void
  posted(message: ChatMessage): void
  marked(conversation: string, member: Member): void
}

export interface OutgoingMessage {
  from: string
  conversation: string
  text?: string
  image?: Uint8Array
  clientId?: string
}

const NAME = /^[\p{L}\p{N}](?:[\p{L}\p{N}_. -]{0,30}[\p{L}\p{N}])?$/u

export class Conversations {
  readonly #store: ChatStore
  readonly #events: ChatEvents

  constructor(store: ChatStore, events: ChatEvents) {
    this.#store = store
    this.#events = events
  }

  /** The name as it is kept, or a refusal. */
  static checkName(name: unknown): string {
    const normal = typeof name === 'string' ? name.normalize('NFC').trim() : ''
    if (!NAME.test(normal)) {
      throw new ChatError(
        'BAD_NAME',
        'A name has 1 to 32 letters or digits; spaces, dots, hyphens and underscores may stand inside.',
      )
    }
    return normal
  }

  signIn(name: unknown): string {
    const user = Conversations.checkName(name)
    this.#store.addUser(user)
    return user
  }

  /** The conversation of two; made when they have none. Its id is the same whoever begins. */
  openDirect(user: string, other: string): Conversation {
    if (user === other) throw new ChatError('BAD_REQUEST', 'A direct conversation needs somebody else.')
    const pair = [user, other].toSorted()
    const id = `direct:${pair.join('+')}`
    return this.#store.conversation(id) ?? this.#create(id, 'direct', '', pair)
  }

  /** A new group. Its id is made of the title, so that a back end can be told where to push. */
  createGroup(user: string, title: unknown, members: unknown): Conversation {
    const name = typeof title === 'string' ? title.normalize('NFC').trim() : ''
    if (name === '' || name.length > 60)
      throw new ChatError('BAD_REQUEST', 'A group has a title of 1 to 60 characters.')
    if (!Array.isArray(members)) throw new ChatError('BAD_REQUEST', 'members must be a list of names.')
    const names = new Set([user, ...members.map((member) => Conversations.checkName(member))])
    if (names.size > MAX_MEMBERS)
      throw new ChatError('BAD_REQUEST', `A group has at most ${MAX_MEMBERS} members.`)
    return this.#create(this.#freeId(name), 'group', name, [...names])
  }

  /** A message of a signed-in user. */
  send({ from, conversation: id, text = '', image, clientId }: OutgoingMessage): ChatMessage {
    const conversation = this.#memberOf(id, from)
    if (typeof text !== 'string') throw new ChatError('BAD_REQUEST', 'text must be a string.')
    if (text.length > MAX_TEXT_LENGTH) {
      throw new ChatError(
        'TEXT_TOO_LONG',
        `A message has at most ${MAX_TEXT_LENGTH} characters; this one has ${text.length}.`,
      )
    }
    if (clientId !== undefined && (typeof clientId !== 'string' || clientId === '' || clientId.length > 64)) {
      throw new ChatError('BAD_REQUEST', 'clientId must be a string of 1 to 64 characters.')
    }
    if (text.trim() === '' && image === undefined) throw new ChatError('BAD_REQUEST', 'The message is empty.')
    const { message, isNew } = this.#store.append({
      conversation: conversation.id,
      from,
      text,
      time: Date.now(),
      ...(clientId === undefined
        ? {}
        : { clientId, dedupeKey: `send/${conversation.id}/${from}/${clientId}` }),
      ...(image === undefined ? {} : { image: checkImage(image) }),
    })
    if (isNew) this.#events.posted(message)
    return message
  }

  /** A message from a back end; its sender need not be a member, or a user at all. */
  post(draft: {
    conversation: string
    from: string
    text: string
    time: number
    pushType: string
    dedupeKey?: string
  }): { message: ChatMessage; isNew: boolean } {
    const result = this.#store.append(draft)
    if (result.isNew) this.#events.posted(result.message)
    return result
  }

  /** Where a push goes: the conversation with this id, or else the direct one of `from` and the user `to`. */
  resolve(from: string, to: string): Conversation | undefined {
    const conversation = this.#store.conversation(to)
    if (conversation !== undefined) return conversation
    if (!this.#store.hasUser(to) || from === to || !NAME.test(from)) return undefined
    return this.openDirect(from, to)
  }

  history(
    user: string,
    id: unknown,
    page: { before?: unknown; after?: unknown; limit?: unknown },
  ): ChatMessage[] {
    const conversation = this.#memberOf(id, user)
    const limit = Math.min(isCount(page.limit) && page.limit > 0 ? page.limit : 50, 200)
    return this.#store.messages(conversation.id, {
      limit,
      ...(isCount(page.before) ? { before: page.before } : {}),
      ...(isCount(page.after) ? { after: page.after } : {}),
    })
  }

  mark(user: string, id: unknown, marks: { delivered?: unknown; read?: unknown }): void {
    const conversation = this.#memberOf(id, user)
    const member = this.#store.mark(conversation.id, user, {
      ...(isCount(marks.delivered) ? { delivered: marks.delivered } : {}),
      ...(isCount(marks.read) ? { read: marks.read } : {}),
    })
    if (member !== undefined) this.#events.marked(conversation.id, member)
  }

  isMember(user: string, id: unknown): boolean {
    return typeof id === 'string' && isIn(this.#store.conversation(id), user)
  }

  listOf(user: string): ConversationSummary[] {
    return this.#store.conversationsOf(user)
  }

  summary(id: string, user: string): ConversationSummary | undefined {
    return this.#store.summary(id, user)
  }

  #memberOf(id: unknown, user: string): Conversation {
    const conversation = typeof id === 'string' ? this.#store.conversation(id) : undefined
    if (conversation === undefined) {
      throw new ChatError('UNKNOWN_CONVERSATION', `There is no conversation ${JSON.stringify(id)}.`)
    }
    if (!isIn(conversation, user))
      throw new ChatError('NOT_A_MEMBER', `${user} is not in ${conversation.id}.`)
    return conversation
  }

  #create(id: string, type: 'direct' | 'group', title: string, members: readonly string[]): Conversation {
    this.#store.addConversation(id, type, title, members)
    const conversation = this.#store.conversation(id)!
    this.#events.created(conversation)
    return conversation
  }

  #freeId(title: string): string {
    const base =
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
        .replaceAll(/^-|-$/g, '') || 'group'
    for (let n = 1; ; n++) {
      const id = n === 1 ? base : `${base}-${n}`
      // An id must not be a user's name either: a push could mean both.
      if (this.#store.conversation(id) === undefined && !this.#store.hasUser(id)) return id
    }
  }
}

function isIn(conversation: Conversation | undefined, user: string): boolean {
  return conversation?.members.some((member) => member.name === user) ?? false
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Believes the first bytes, not the sender: what is served later as an image is one. */
function checkImage(bytes: unknown): { id: string; mediaType: string; bytes: Uint8Array } {
  if (!(bytes instanceof Uint8Array)) throw new ChatError('BAD_REQUEST', 'image must be binary.')
  if (bytes.length > MAX_IMAGE_BYTES) {
    const size = (bytes.length / 1048576).toFixed(1)
    throw new ChatError(
      'IMAGE_TOO_LARGE',
      `An image has at most ${MAX_IMAGE_BYTES / 1048576} MB; this one has ${size} MB.`,
    )
  }
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1')
  const mediaType = head.startsWith('\x89PNG\r\n\x1a\n')
    ? 'image/png'
    : head.startsWith('\xff\xd8\xff')
      ? 'image/jpeg'
      : /^GIF8[79]a/.test(head)
        ? 'image/gif'
        : head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP'
          ? 'image/webp'
          : undefined
  if (mediaType === undefined)
    throw new ChatError('NOT_AN_IMAGE', 'Only PNG, JPEG, GIF and WebP images can be sent.')
  return { id: randomBytes(16).toString('base64url'), mediaType, bytes }
}
