// The memory of the chat: users, conversations, members with their marks, messages, images. `ChatStore` is what the rest
// sees; `SqliteStore` keeps it in one SQLite file (WAL), or in memory. Calls are synchronous: SQLite answers in
// microseconds, and a message that was acknowledged is on disk. Sequence numbers are per conversation and without gaps.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'

export type ConversationType = 'direct' | 'group'

export interface Member {
  name: string
  /** The highest sequence number this member's devices have received. */
  delivered: number
  /** The highest sequence number this member has seen. */
  read: number
}

export interface Conversation {
  id: string
  type: ConversationType
  title: string
  lastSeq: number
  members: Member[]
}

export interface ChatMessage {
  conversation: string
  seq: number
  from: string
  text: string
  /** Milliseconds since 1970. */
  time: number
  /** Chosen by the sender: the same message sent twice is stored once. */
  clientId?: string
  /** Name of the image, served under `/images/`. */
  image?: string
  /** Present when a back end pushed the message: its `type`. */
  pushType?: string
}

export interface ConversationSummary extends Conversation {
  unread: number
  last?: ChatMessage
}

export interface StoredImage {
  mediaType: string
  bytes: Uint8Array
}

export interface Draft {
  conversation: string
  from: string
  text: string
  time: number
  clientId?: string
  pushType?: string
  image?: StoredImage & { id: string }
  /** Two drafts with the same key are one message. */
  dedupeKey?: string
}

export interface Page {
  /** Only messages before this sequence number, the newest of them. */
  before?: number
  /** Only messages after this sequence number, the oldest of them. */
  after?: number
  limit: number
}

export interface ChatStore {
  addUser(name: string): void
  hasUser(name: string): boolean
  users(): string[]
  addConversation(id: string, type: ConversationType, title: string, members: readonly string[]): void
  conversation(id: string): Conversation | undefined
  conversationsOf(user: string): ConversationSummary[]
  summary(id: string, user: string): ConversationSummary | undefined
  /** Stores a message under the next sequence number; for a known key it returns the one stored before. */
  append(draft: Draft): { message: ChatMessage; isNew: boolean }
  /** In the order of sequence numbers. */
  messages(conversation: string, page: Page): ChatMessage[]
  /** Raises the marks of a member (they never fall), no further than the last message; undefined when nothing changed. */
  mark(conversation: string, user: string, marks: { delivered?: number; read?: number }): Member | undefined
  image(id: string): StoredImage | undefined
  close(): void
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, type TEXT NOT NULL, title TEXT NOT NULL, last_seq INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS members (
    conversation TEXT NOT NULL, name TEXT NOT NULL, delivered INTEGER NOT NULL DEFAULT 0, read INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation, name)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS members_by_name ON members (name);
  CREATE TABLE IF NOT EXISTS messages (
    conversation TEXT NOT NULL, seq INTEGER NOT NULL, sender TEXT NOT NULL, text TEXT NOT NULL, time INTEGER NOT NULL,
    client_id TEXT, image TEXT, push_type TEXT, dedupe_key TEXT UNIQUE,
    PRIMARY KEY (conversation, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS images (id TEXT PRIMARY KEY, media_type TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;
  PRAGMA user_version = 1;
`

type Row = Record<string, unknown>

export class SqliteStore implements ChatStore {
  readonly #db: DatabaseSync
  readonly #prepared = new Map<string, StatementSync>()

  /** In `folder` (made when missing), or in memory when there is none. */
  constructor(folder?: string) {
    if (folder !== undefined) mkdirSync(folder, { recursive: true })
    this.#db = new DatabaseSync(folder === undefined ? ':memory:' : join(folder, 'chat.sqlite'))
    this.#db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA busy_timeout = 3000')
    const { user_version: version } = this.#db.prepare('PRAGMA user_version').get() as {
      user_version: number
    }
    if (version > 1) {
      throw new Error(
        `The chat data in ${folder} is of version ${version}; this program knows 1. Start it with another --data folder.`,
      )
    }
    this.#db.exec(SCHEMA)
  }

  addUser(name: string): void {
    this.#run('INSERT OR IGNORE INTO users VALUES (?)', name)
  }

  hasUser(name: string): boolean {
    return this.#get('SELECT 1 FROM users WHERE name = ?', name) !== undefined
  }

  users(): string[] {
    return this.#all('SELECT name FROM users ORDER BY name').map((row) => row['name'] as string)
  }

  addConversation(id: string, type: ConversationType, title: string, members: readonly string[]): void {
    this.#transaction(() => {
      this.#run('INSERT INTO conversations (id, type, title) VALUES (?, ?, ?)', id, type, title)
      for (const name of members) {
        this.addUser(name)
        this.#run('INSERT INTO members (conversation, name) VALUES (?, ?)', id, name)
      }
    })
  }

  conversation(id: string): Conversation | undefined {
    const row = this.#get('SELECT * FROM conversations WHERE id = ?', id)
    if (row === undefined) return undefined
    const members = this.#all(
      'SELECT name, delivered, read FROM members WHERE conversation = ? ORDER BY name',
      id,
    )
    return {
      id,
      type: row['type'] as ConversationType,
      title: row['title'] as string,
      lastSeq: row['last_seq'] as number,
      members: members.map((member) => ({ ...member }) as unknown as Member),
    }
  }

  conversationsOf(user: string): ConversationSummary[] {
    const ids = this.#all('SELECT conversation FROM members WHERE name = ?', user)
    return ids.map((row) => this.summary(row['conversation'] as string, user)!)
  }

  summary(id: string, user: string): ConversationSummary | undefined {
    const conversation = this.conversation(id)
    if (conversation === undefined) return undefined
    const read = conversation.members.find((member) => member.name === user)?.read ?? 0
    const counted = this.#get(
      'SELECT count(*) AS unread FROM messages WHERE conversation = ? AND seq > ? AND sender <> ?',
      id,
      read,
      user,
    )
    const [last] = this.messages(id, { limit: 1 })
    return { ...conversation, unread: counted!['unread'] as number, ...(last === undefined ? {} : { last }) }
  }

  append(draft: Draft): { message: ChatMessage; isNew: boolean } {
    return this.#transaction(() => {
      if (draft.dedupeKey !== undefined) {
        const known = this.#get('SELECT * FROM messages WHERE dedupe_key = ?', draft.dedupeKey)
        if (known !== undefined) return { message: toMessage(known), isNew: false }
      }
      const row = this.#get(
        'UPDATE conversations SET last_seq = last_seq + 1 WHERE id = ? RETURNING last_seq',
        draft.conversation,
      )
      if (row === undefined) throw new Error(`There is no conversation "${draft.conversation}"`)
      if (draft.image !== undefined) {
        const { id, mediaType, bytes } = draft.image
        this.#run('INSERT INTO images VALUES (?, ?, ?)', id, mediaType, bytes)
      }
      const stored = this.#get(
        `INSERT INTO messages (conversation, seq, sender, text, time, client_id, image, push_type, dedupe_key)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *`,
        draft.conversation,
        row['last_seq'] as number,
        draft.from,
        draft.text,
        draft.time,
        draft.clientId ?? null,
        draft.image?.id ?? null,
        draft.pushType ?? null,
        draft.dedupeKey ?? null,
      )
      return { message: toMessage(stored!), isNew: true }
    })
  }

  messages(conversation: string, { before, after, limit }: Page): ChatMessage[] {
    if (after !== undefined) {
      return this.#all(
        'SELECT * FROM messages WHERE conversation = ? AND seq > ? ORDER BY seq LIMIT ?',
        conversation,
        after,
        limit,
      ).map(toMessage)
    }
    return this.#all(
      'SELECT * FROM messages WHERE conversation = ? AND seq < ? ORDER BY seq DESC LIMIT ?',
      conversation,
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    )
      .map(toMessage)
      .toReversed()
  }

  mark(conversation: string, user: string, marks: { delivered?: number; read?: number }): Member | undefined {
    const read = marks.read ?? 0
    // What was read was delivered.
    const delivered = Math.max(marks.delivered ?? 0, read)
    const row = this.#get(
      `UPDATE members SET delivered = max(delivered, min(?1, last)), read = max(read, min(?2, last))
       FROM (SELECT last_seq AS last FROM conversations WHERE id = ?3)
       WHERE conversation = ?3 AND name = ?4 AND (delivered < min(?1, last) OR read < min(?2, last))
       RETURNING name, delivered, read`,
      delivered,
      read,
      conversation,
      user,
    )
    return row === undefined ? undefined : ({ ...row } as unknown as Member)
  }

  image(id: string): StoredImage | undefined {
    const row = this.#get('SELECT media_type, bytes FROM images WHERE id = ?', id)
    return row && { mediaType: row['media_type'] as string, bytes: row['bytes'] as Uint8Array }
  }

  close(): void {
    this.#db.close()
  }

  #transaction<T>(action: () => T): T {
    this.#db.exec('BEGIN IMMEDIATE')
    try {
      const result = action()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql)
    if (statement === undefined) {
      statement = this.#db.prepare(sql)
      this.#prepared.set(sql, statement)
    }
    return statement
  }

  #run(sql: string, ...values: SQLInputValue[]): void {
    this.#statement(sql).run(...values)
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values) as Row | undefined
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values) as Row[]
  }
}

function toMessage(row: Row): ChatMessage {
  const message: ChatMessage = {
    conversation: row['conversation'] as string,
    seq: row['seq'] as number,
    from: row['sender'] as string,
    text: row['text'] as string,
    time: row['time'] as number,
  }
  if (row['client_id'] !== null) message.clientId = row['client_id'] as string
  if (row['image'] !== null) message.image = row['image'] as string
  if (row['push_type'] !== null) message.pushType = row['push_type'] as string
  return message
}
