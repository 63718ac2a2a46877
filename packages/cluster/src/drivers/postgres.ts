// The bus over PostgreSQL: LISTEN and NOTIFY, for membership and low rates. A notification holds text below 8,000 bytes, so bytes travel as
// base64, and what is larger goes through a table whose rows the readers fetch by number. One query at a time publishes all that has
// gathered meanwhile; one connection does nothing but listen. Works with the package "pg": a URL, or a Pool of it for publishing.
import { createHash } from 'node:crypto'
import { TidewireError } from '@tidewire/protocol'
import type { Bus, BusCapabilities, BusHandler, BusState, BusSubscription } from '../bus.ts'
import {
  CONNECT_TIMEOUT_MS,
  hostOf,
  isLoopback,
  loadClient,
  MAX_PENDING_BYTES,
  unreachable,
  withoutCredentials,
} from './load.ts'

interface QueryResult {
  readonly rows: Record<string, unknown>[]
}

/** What of a client of `pg` is used. */
interface PgClient {
  connect(): Promise<unknown>
  query(text: string, values?: unknown[]): Promise<QueryResult>
  on(event: string, listener: (...args: never[]) => void): unknown
  end(): Promise<void>
}

/** A `pg` Pool, of whatever version. */
export interface PgPoolLike {
  query(text: string, values?: unknown[]): Promise<unknown>
  readonly options: object
}

interface PgModule {
  Client: new (options: object) => PgClient
}

export function createPostgresBus(target: string | PgPoolLike): Bus {
  return new PostgresBus(target)
}

/** Text of a notification is below 8,000 bytes: 15 for the count, 4 characters for 3 bytes of the rest. */
const MAX_INLINE_BYTES = 5_900
const MAX_BATCH = 500
const TABLE = 'tidewire_bus'
/** A reader fetches a row within moments; a node that was away for longer has lost its link anyway. */
const KEEP_SECONDS = 60
const CLEAN_EVERY_MS = 30_000
const RETRY_MS = 250

interface Waiting {
  readonly channel: string
  readonly bytes: Uint8Array
}

class PostgresBus implements Bus {
  readonly name = 'postgres'
  readonly capabilities: BusCapabilities = { isOrdered: true, maxPayloadBytes: 1 << 20 }
  readonly isShared: boolean
  readonly #target: string | PgPoolLike
  readonly #handlers = new Map<string, { readonly subject: string; readonly handlers: Set<BusHandler> }>()
  #Client: PgModule['Client'] | undefined
  #listenerClient: PgClient | undefined
  #publisherClient: PgClient | undefined
  #listener: ((state: BusState, cause?: unknown) => void) | undefined
  #state: BusState | 'new' | 'closed' = 'new'
  #waiting: Waiting[] = []
  #waitingBytes = 0
  #isPublishing = false
  #count = 0
  #cleanedAt = 0
  /** Notifications are handled one after the other, because some of them have to fetch their row. */
  #incoming: { channel: string; payload: string }[] = []
  #isHandling = false
  #retry: NodeJS.Timeout | undefined

  constructor(target: string | PgPoolLike) {
    this.#target = target
    const { connectionString, host } = (
      typeof target === 'string' ? { connectionString: target } : target.options
    ) as { connectionString?: string; host?: string }
    this.isShared = !isLoopback(connectionString === undefined ? host : hostOf(connectionString))
  }

  async connect(): Promise<void> {
    if (this.#state !== 'new') return
    this.#Client = (await loadClient<PgModule>('postgres', 'pg')).Client
    try {
      await this.#dial()
    } catch (cause) {
      throw unreachable(
        'postgres',
        typeof this.#target === 'string' ? withoutCredentials(this.#target) : 'the address of the given pool',
        cause,
      )
    }
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.#state !== 'up' || this.#waitingBytes > MAX_PENDING_BYTES) return
    this.#waiting.push({ channel: channelOf(subject), bytes })
    this.#waitingBytes += bytes.length
    if (!this.#isPublishing) void this.#publishWaiting()
  }

  async subscribe(subject: string, handler: BusHandler): Promise<BusSubscription> {
    const channel = channelOf(subject)
    const known = this.#handlers.get(channel)
    if (known !== undefined) known.handlers.add(handler)
    else {
      this.#handlers.set(channel, { subject, handlers: new Set([handler]) })
      // When it fails the connection is gone, and the next one listens before it is up.
      await this.#listenerClient?.query(`LISTEN ${channel}`).catch(() => undefined)
    }
    return {
      unsubscribe: async () => {
        const all = this.#handlers.get(channel)?.handlers
        if (all?.delete(handler) !== true || all.size > 0) return
        this.#handlers.delete(channel)
        await this.#listenerClient?.query(`UNLISTEN ${channel}`).catch(() => undefined)
      },
    }
  }

  onState(listener: (state: BusState, cause?: unknown) => void): void {
    this.#listener = listener
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    for (let i = 0; i < 50 && this.#state === 'up' && this.#isPublishing; i++)
      await new Promise((resolve) => setTimeout(resolve, 10))
    this.#state = 'closed'
    clearTimeout(this.#retry)
    await this.#hangUp()
  }

  // ---- connections

  async #dial(): Promise<void> {
    const options =
      typeof this.#target === 'string'
        ? { connectionString: this.#target, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true }
        : { ...this.#target.options, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true }
    const listener = new this.#Client!(options)
    const publisher = typeof this.#target === 'string' ? new this.#Client!(options) : undefined
    this.#listenerClient = listener
    this.#publisherClient = publisher
    for (const client of [listener, publisher]) {
      client?.on('error', (error: never) => this.#handleBroken(client, error))
      client?.on('end', () => this.#handleBroken(client, undefined))
    }
    listener.on('notification', ({ channel, payload }: never) => this.#handleNotification(channel, payload))
    try {
      await Promise.all([listener.connect(), publisher?.connect()])
      await this.#makeTable()
      const channels = [...this.#handlers.keys()]
      if (channels.length > 0) await listener.query(channels.map((channel) => `LISTEN ${channel}`).join(';'))
    } catch (error) {
      await this.#hangUp()
      throw error
    }
    if (this.#state === 'closed') {
      await this.#hangUp()
      return
    }
    this.#setState('up')
  }

  async #makeTable(): Promise<void> {
    try {
      await this.#query(
        `CREATE UNLOGGED TABLE IF NOT EXISTS ${TABLE} (id bigserial PRIMARY KEY, bytes bytea NOT NULL, made_at timestamptz NOT NULL DEFAULT now())`,
      )
    } catch (error) {
      // Two nodes that start at once: the other one has made it.
      if (!['23505', '42P07'].includes((error as { code?: string }).code ?? '')) throw error
    }
  }

  #query(text: string, values?: unknown[]): Promise<QueryResult> {
    if (typeof this.#target !== 'string') return this.#target.query(text, values) as Promise<QueryResult>
    return this.#publisherClient === undefined
      ? Promise.reject(new TidewireError('TW_ERR_BUS_DOWN', 'the connection is gone'))
      : this.#publisherClient.query(text, values)
  }

  #handleBroken(client: PgClient, cause: unknown): void {
    if (this.#state !== 'up' || (client !== this.#listenerClient && client !== this.#publisherClient)) return
    this.#waiting = []
    this.#waitingBytes = 0
    this.#incoming = []
    this.#setState('down', cause ?? new Error('the server has closed the connection'))
    void this.#hangUp().then(() => this.#dialAgain())
  }

  #dialAgain(): void {
    if (this.#state !== 'down') return
    this.#retry = setTimeout(() => {
      this.#dial().catch(() => this.#dialAgain())
    }, RETRY_MS)
  }

  async #hangUp(): Promise<void> {
    const clients = [this.#listenerClient, this.#publisherClient].filter((client) => client !== undefined)
    this.#listenerClient = this.#publisherClient = undefined
    await Promise.all(clients.map((client) => client.end().catch(() => undefined)))
  }

  // ---- out

  async #publishWaiting(): Promise<void> {
    this.#isPublishing = true
    while (this.#waiting.length > 0 && this.#state === 'up') {
      const batch = this.#waiting.splice(0, MAX_BATCH)
      try {
        await this.#publishBatch(batch)
      } catch (error) {
        // Lost, as the state or the links will tell. A query that fails on a living connection must not spin.
        if (this.#state === 'up') await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
        void error
      }
      for (const { bytes } of batch) this.#waitingBytes = Math.max(0, this.#waitingBytes - bytes.length)
    }
    this.#isPublishing = false
  }

  /** Payloads differ by a count: of two that are equal in one transaction PostgreSQL sends one. */
  async #publishBatch(batch: readonly Waiting[]): Promise<void> {
    const large = batch.filter(({ bytes }) => bytes.length > MAX_INLINE_BYTES)
    const ids: string[] = []
    if (large.length > 0) {
      const { rows } = await this.#query(
        `INSERT INTO ${TABLE} (bytes) SELECT bytes FROM unnest($1::bytea[]) WITH ORDINALITY AS t(bytes, n) ORDER BY n RETURNING id`,
        [large.map(({ bytes }) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))],
      )
      for (const { id } of rows) ids.push(String(id))
      // Rows come back in the order of their ids, which is that of the array.
      ids.sort((a, b) => Number(BigInt(a) - BigInt(b)))
    }
    let nextLarge = 0
    const payloads = batch.map(({ bytes }) => {
      this.#count = (this.#count + 1) >>> 0
      if (bytes.length > MAX_INLINE_BYTES) return `${this.#count}#${ids[nextLarge++]}`
      return `${this.#count}=${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')}`
    })
    await this.#query(
      'SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t(channel, payload, n) ORDER BY n',
      [batch.map(({ channel }) => channel), payloads],
    )
    if (large.length > 0) await this.#clean()
  }

  async #clean(): Promise<void> {
    const now = performance.now()
    if (this.#cleanedAt !== 0 && now - this.#cleanedAt < CLEAN_EVERY_MS) return
    this.#cleanedAt = now
    await this.#query(`DELETE FROM ${TABLE} WHERE made_at < now() - interval '${KEEP_SECONDS} seconds'`)
  }

  // ---- in

  #handleNotification(channel: string, payload: string): void {
    if (this.#state === 'closed') return
    this.#incoming.push({ channel, payload })
    if (!this.#isHandling) void this.#handleIncoming()
  }

  /** Runs to its end without waiting while nothing has to be fetched. */
  async #handleIncoming(): Promise<void> {
    this.#isHandling = true
    try {
      for (let next = this.#incoming.shift(); next !== undefined; next = this.#incoming.shift()) {
        const { channel, payload } = next
        const kindAt = payload.search(/[=#]/)
        const rest = payload.slice(kindAt + 1)
        const bytes = payload[kindAt] === '=' ? Buffer.from(rest, 'base64') : await this.#fetch(rest)
        const known = this.#handlers.get(channel)
        if (bytes === undefined || known === undefined) continue
        for (const handler of known.handlers) handler(new Uint8Array(bytes), known.subject)
      }
    } finally {
      this.#isHandling = false
      if (this.#incoming.length > 0) void this.#handleIncoming()
    }
  }

  async #fetch(id: string): Promise<Uint8Array | undefined> {
    try {
      const { rows } = await this.#query(`SELECT bytes FROM ${TABLE} WHERE id = $1`, [id])
      return rows[0]?.['bytes'] as Uint8Array | undefined
    } catch {
      // A lost message.
      return undefined
    }
  }

  #setState(state: BusState, cause?: unknown): void {
    if (this.#state === state || this.#state === 'closed') return
    this.#state = state
    this.#listener?.(state, cause)
  }
}

/** Names of channels are below 64 bytes and lower case; subjects are longer and not. */
function channelOf(subject: string): string {
  return `tw_${createHash('sha1').update(subject).digest('hex')}`
}
