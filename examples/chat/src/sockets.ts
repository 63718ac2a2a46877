// The two doors for Socket.IO clients. Namespace `/im` is the chat of signed-in users (the page in the browser). The
// default namespace takes pushes: any client of any version emits event "2" with `{type, from, to, msgContent, msgTime}` and
// is answered by the ack, or by event "push-error" when it asked for none.
import type { Server, Socket } from 'tidewire'
import { ChatError, Conversations } from './conversations.ts'
import type { ChatEvents } from './conversations.ts'
import type { Presence } from './presence.ts'
import { PushError, deliverPush } from './push.ts'
import type { PushTarget } from './push.ts'
import type { ChatMessage, ChatStore, ConversationSummary } from './store.ts'

/** Messages that a returning client gets at once per conversation; it asks for the rest page by page. */
const CATCH_UP = 200

type Ack = (answer: Record<string, unknown>) => void

export interface Sync {
  me: string
  users: { name: string; online: boolean }[]
  conversations: ConversationSummary[]
  /** By conversation: what came after the sequence number the client named; from the newest ones when that is too long ago. */
  missed: Record<string, { messages: ChatMessage[]; hasGap: boolean }>
}

/** Tells the members of a conversation what happened in it. */
export function chatEvents(io: Server): ChatEvents {
  const im = io.of('/im')
  return {
    created: (conversation) => {
      for (const { name } of conversation.members) {
        im.in(`user:${name}`).socketsJoin(`conversation:${conversation.id}`)
      }
      im.to(`conversation:${conversation.id}`).emit('conversation', { ...conversation, unread: 0 })
    },
    posted: (message) => im.to(`conversation:${message.conversation}`).emit('message', message),
    marked: (conversation, member) =>
      im.to(`conversation:${conversation}`).emit('marks', { conversation, ...member }),
  }
}

export function serveChat(
  io: Server,
  store: ChatStore,
  conversations: Conversations,
  presence: Presence,
): void {
  const im = io.of('/im')
  im.use((socket: Socket, next: (error?: Error) => void) => {
    try {
      socket.data.user = conversations.signIn(socket.handshake.auth['name'])
      next()
    } catch (error) {
      next(error as Error)
    }
  })
  im.on('connection', (socket: Socket) => {
    const user = socket.data.user as string
    void socket.join([`user:${user}`, ...conversations.listOf(user).map(({ id }) => `conversation:${id}`)])
    if (presence.enter(user)) socket.broadcast.emit('presence', { user, online: true })
    socket.on('disconnect', () => {
      if (presence.leave(user)) im.emit('presence', { user, online: false })
    })

    const answer = (
      event: string,
      handle: (request: Record<string, any>) => Record<string, unknown>,
    ): void => {
      socket.on(event, (request: unknown, ack: unknown) => {
        const reply = typeof ack === 'function' ? (ack as Ack) : () => {}
        try {
          if (typeof request !== 'object' || request === null) {
            throw new ChatError('BAD_REQUEST', `"${event}" takes an object.`)
          }
          reply({ ok: true, ...handle(request) })
        } catch (error) {
          if (!(error instanceof ChatError)) throw error
          reply({ ok: false, error: error.code, message: error.message })
        }
      })
    }

    answer('sync', (request) => ({ ...sync(user, request['last']) }))
    answer('send', (request) => ({
      message: conversations.send({
        from: user,
        conversation: request['conversation'],
        text: request['text'],
        image: request['image'],
        clientId: request['clientId'],
      }),
    }))
    answer('history', (request) => ({
      messages: conversations.history(user, request['conversation'], request),
    }))
    answer('direct', (request) => {
      const other = Conversations.checkName(request['with'])
      store.addUser(other)
      return { conversation: conversations.summary(conversations.openDirect(user, other).id, user) }
    })
    answer('group', (request) => {
      const { id } = conversations.createGroup(user, request['title'], request['members'])
      return { conversation: conversations.summary(id, user) }
    })
    answer('mark', (request) => {
      conversations.mark(user, request['conversation'], request)
      return {}
    })
    // Worth nothing a moment later: not answered, and not kept for those who are away.
    socket.on('typing', (id: unknown) => {
      if (conversations.isMember(user, id)) {
        socket.to(`conversation:${id as string}`).volatile.emit('typing', { conversation: id, user })
      }
    })
  })

  function sync(user: string, last: unknown): Sync {
    const known = typeof last === 'object' && last !== null ? (last as Record<string, unknown>) : {}
    const list = conversations.listOf(user)
    const missed: Sync['missed'] = {}
    for (const { id, lastSeq } of list) {
      const seq = known[id]
      if (typeof seq !== 'number' || lastSeq <= seq) continue
      const hasGap = lastSeq - seq > CATCH_UP
      const page = hasGap ? { limit: CATCH_UP } : { after: seq, limit: CATCH_UP }
      missed[id] = { messages: store.messages(id, page), hasGap }
    }
    const users = store.users().map((name) => ({ name, online: presence.has(name) }))
    return { me: user, users, conversations: list, missed }
  }
}

/** Event "2" in the default namespace. */
export function servePushes(io: Server, target: PushTarget, report: (line: string) => void): void {
  io.on('connection', (socket: Socket) => {
    socket.on('2', (input: unknown, ack: unknown) => {
      const reply: Ack | undefined = typeof ack === 'function' ? (ack as Ack) : undefined
      try {
        const result = deliverPush(input, target)
        reply?.({ ...result })
      } catch (error) {
        if (!(error instanceof PushError)) throw error
        report(`push by Socket.IO refused: ${error.message}`)
        const refusal = { ...error.toJSON() }
        if (reply === undefined) socket.emit('push-error', refusal)
        else reply(refusal)
      }
    })
  })
}
