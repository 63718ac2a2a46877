// The wire between the page and the server. Connects, asks for what was missed after every connect, sends what is pending
// in order, one at a time, and again after a reconnect: the client id makes a repeated message one.
import { io } from '@tidewire/client'
import type { Socket } from '@tidewire/client'
import type { ChatMessage, ConversationSummary, Member } from '../src/store.ts'
import type { Sync } from '../src/sockets.ts'
import { t } from './i18n.ts'
import type { Model, Pending } from './model.ts'

export type Status = 'connecting' | 'online' | 'offline' | 'refused'

export interface ConnectionHandler {
  changed(): void
  status(status: Status, why: string): void
}

type Answer<T> = ({ ok: true } & T) | { ok: false; error: string; message: string }

const ANSWER_MS = 10_000
const PAGE = 50
const TYPING_SHOWN_MS = 4_000
const RETURN_MS = 300

export class Refusal extends Error {
  override name = 'Refusal'
}

export class Connection {
  readonly #model: Model
  readonly #handler: ConnectionHandler
  readonly #socket: Socket
  #isSynced = false
  /** Counts connects: what was asked in an earlier one says nothing about this one. */
  #session = 0
  #flushing = -1
  #isClosed = false

  constructor(model: Model, name: string, handler: ConnectionHandler) {
    this.#model = model
    this.#handler = handler
    this.#socket = io('/im', {
      auth: { name },
      reconnectionDelay: 300,
      reconnectionDelayMax: 3_000,
      timeout: 8_000,
      forceNew: true,
    })
    this.#listen()
    // A phone that wakes up, or a network that is back, does not wait for the next attempt.
    addEventListener('online', this.#hurry)
    addEventListener('offline', this.#drop)
  }

  close(): void {
    this.#isClosed = true
    removeEventListener('online', this.#hurry)
    removeEventListener('offline', this.#drop)
    this.#socket.disconnect()
  }

  readonly #hurry = (): void => {
    if (!this.#socket.connected && !this.#isClosed) this.#socket.disconnect().connect()
  }

  /** The browser knows that the network is gone long before a heartbeat would be missed. */
  readonly #drop = (): void => {
    if (this.#socket.connected) this.#socket.io.engine?.close()
  }

  #listen(): void {
    const socket = this.#socket
    const model = this.#model
    const { changed, status } = this.#handler
    socket.on('connect', () => {
      this.#session++
      void this.#sync(this.#session)
    })
    socket.on('disconnect', (reason: string) => {
      this.#isSynced = false
      for (const name of model.users.keys()) model.users.set(name, false)
      status('offline', reason)
      // The client takes the server's disconnect for a word to stay away; here it only means a restart or a cut.
      if (reason === 'io server disconnect') setTimeout(this.#hurry, RETURN_MS)
    })
    socket.on('connect_error', (error: Error) => {
      // The server's own word ends the attempts; anything else is the network, and is tried again.
      if (socket.active) status(model.me === '' ? 'connecting' : 'offline', error.message)
      else status('refused', error.message)
    })
    socket.on('message', (message: ChatMessage) => {
      const isComplete = model.receive(message)
      this.#markDelivered(message.conversation, message.seq)
      if (!isComplete) void this.#fillGap(message.conversation)
      changed()
    })
    socket.on('conversation', (summary: ConversationSummary) => {
      for (const { name } of summary.members) if (!model.users.has(name)) model.users.set(name, false)
      model.addRoom(summary)
      changed()
    })
    socket.on('marks', ({ conversation, ...marks }: Member & { conversation: string }) => {
      model.applyMarks(conversation, marks)
      changed()
    })
    socket.on('presence', ({ user, online }: { user: string; online: boolean }) => {
      model.users.set(user, online)
      changed()
    })
    socket.on('typing', ({ conversation, user }: { conversation: string; user: string }) => {
      const room = model.rooms.get(conversation)
      if (room === undefined) return
      room.typing.set(user, Date.now() + TYPING_SHOWN_MS)
      changed()
      setTimeout(() => {
        if ((room.typing.get(user) ?? Infinity) <= Date.now()) {
          room.typing.delete(user)
          changed()
        }
      }, TYPING_SHOWN_MS + 20)
    })
  }

  async #sync(session: number): Promise<void> {
    try {
      const sync = await this.#ask<Sync & Record<string, unknown>>('sync', { last: this.#model.lastSeqs() })
      if (session !== this.#session) return
      this.#model.applySync(sync)
      this.#isSynced = true
      for (const room of this.#model.rooms.values()) this.#markDelivered(room.id, room.lastSeq)
      this.#handler.status('online', '')
      this.#handler.changed()
      void this.flush()
    } catch {
      // Without an answer the connection is of no use; a new one starts over. When it broke by itself, it does anyway.
      if (session === this.#session && this.#socket.connected) this.#socket.disconnect().connect()
    }
  }

  #markDelivered(conversation: string, seq: number): void {
    const room = this.#model.rooms.get(conversation)
    const mine = room?.members.find(({ name }) => name === this.#model.me)
    if (mine === undefined || mine.delivered >= seq) return
    mine.delivered = seq
    this.#socket.volatile.emit('mark', { conversation, delivered: seq })
  }

  markRead(conversation: string): void {
    const room = this.#model.rooms.get(conversation)
    const mine = room?.members.find(({ name }) => name === this.#model.me)
    if (room === undefined || mine === undefined || !this.#isSynced) return
    room.unread = 0
    if (mine.read >= room.lastSeq) return
    mine.read = room.lastSeq
    this.#socket.emit('mark', { conversation, read: room.lastSeq })
  }

  /** Sends what is pending, oldest first; stops when the connection goes, and is called again when it is back. */
  async flush(): Promise<void> {
    const session = this.#session
    if (this.#flushing === session) return
    this.#flushing = session
    while (this.#isSynced && session === this.#session) {
      const next = this.#model.pending.find(({ state }) => state === 'sending')
      if (next === undefined) break
      await this.#send(next, session)
      this.#handler.changed()
    }
    if (this.#flushing === session) this.#flushing = -1
  }

  async #send(pending: Pending, session: number): Promise<void> {
    const { clientId, conversation, text, image } = pending
    try {
      const { message } = await this.#ask<{ message: ChatMessage }>('send', {
        clientId,
        conversation,
        text,
        ...(image === undefined ? {} : { image: image.bytes }),
      })
      if (!this.#model.receive(message)) await this.#fillGap(conversation)
      this.#markDelivered(conversation, message.seq)
    } catch (error) {
      // The connection went: still to be sent. The server said no, or nothing: the user decides.
      if (!this.#isSynced || session !== this.#session) return
      pending.state = 'failed'
      pending.error = error instanceof Refusal ? error.message : t('noAnswer')
    }
  }

  typing(conversation: string): void {
    if (this.#isSynced) this.#socket.volatile.emit('typing', conversation)
  }

  async loadLatest(id: string): Promise<void> {
    const { messages } = await this.#ask<{ messages: ChatMessage[] }>('history', {
      conversation: id,
      limit: PAGE,
    })
    this.#model.insertAll(id, messages)
    this.#handler.changed()
  }

  async loadOlder(id: string): Promise<void> {
    const before = this.#model.rooms.get(id)?.messages[0]?.seq
    if (before === undefined || before <= 1) return
    const { messages } = await this.#ask<{ messages: ChatMessage[] }>('history', {
      conversation: id,
      before,
      limit: PAGE,
    })
    this.#model.insertAll(id, messages)
    this.#handler.changed()
  }

  async #fillGap(id: string): Promise<void> {
    const room = this.#model.rooms.get(id)
    if (room === undefined) return
    try {
      for (;;) {
        const after = room.messages.at(-1)?.seq ?? 0
        const { messages } = await this.#ask<{ messages: ChatMessage[] }>('history', {
          conversation: id,
          after,
          limit: 200,
        })
        this.#model.insertAll(id, messages)
        this.#handler.changed()
        if (messages.length < 200) return
      }
    } catch {
      // The connection went in between: the sync after the next connect fills it.
    }
  }

  async openDirect(name: string): Promise<string> {
    return this.#opened(await this.#ask<{ conversation: ConversationSummary }>('direct', { with: name }))
  }

  async createGroup(title: string, members: string[]): Promise<string> {
    return this.#opened(await this.#ask<{ conversation: ConversationSummary }>('group', { title, members }))
  }

  #opened({ conversation }: { conversation: ConversationSummary }): string {
    this.#model.addRoom(conversation)
    return conversation.id
  }

  async #ask<T>(event: string, request: object): Promise<T> {
    const answer = (await this.#socket.timeout(ANSWER_MS).emitWithAck(event, request)) as Answer<T>
    if (!answer.ok) throw new Refusal(answer.message)
    return answer
  }
}
