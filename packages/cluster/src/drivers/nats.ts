// The bus over core NATS: a subject is a subject. Works with the package "@nats-io/transport-node" and takes a URL or a connection of it. What
// the server has not taken yet is counted with flushes (a ping that comes back behind it) and bounded; a connection that the driver made
// reconnects for ever, one of the user's as its options say.
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

/** What of a NATS connection is used. */
export interface NatsConnectionLike {
  readonly info?: { max_payload?: number } | undefined
  publish(subject: string, payload: Uint8Array): void
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { data: Uint8Array }) => void },
  ): { unsubscribe(): void }
  request(subject: string, payload: Uint8Array, options: { timeout: number }): Promise<unknown>
  flush(): Promise<void>
  status(): AsyncIterable<{ type: string; error?: unknown }>
  close(): Promise<void>
  isClosed(): boolean
  getServer(): string
}

interface NatsModule {
  connect(options: object): Promise<NatsConnectionLike>
}

export function createNatsBus(target: string | NatsConnectionLike): Bus {
  return new NatsBus(target)
}

/** Published bytes after which a flush counts how far the server is. */
const FLUSH_BYTES = 1 << 20
/** A frame of the largest size that a server with default settings takes. */
const MAX_PAYLOAD_BYTES = 1 << 20

class NatsBus implements Bus {
  readonly name = 'nats'
  readonly isShared: boolean
  readonly #target: string | NatsConnectionLike
  #connection: NatsConnectionLike | undefined
  #listener: ((state: BusState, cause?: unknown) => void) | undefined
  #state: BusState | 'new' | 'closed' = 'new'
  #pendingBytes = 0
  #sinceFlush = 0

  constructor(target: string | NatsConnectionLike) {
    this.#target = target
    this.isShared = !isLoopback(
      typeof target === 'string' ? hostOf(target) : target.getServer().replace(/:\d+$/, ''),
    )
  }

  get capabilities(): BusCapabilities {
    return {
      isOrdered: true,
      maxPayloadBytes: Math.min(this.#connection?.info?.max_payload ?? MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES),
    }
  }

  async connect(): Promise<void> {
    if (this.#state !== 'new') return
    if (typeof this.#target === 'string') {
      const { connect } = await loadClient<NatsModule>('nats', '@nats-io/transport-node')
      const options = {
        ...addressOf(this.#target),
        maxReconnectAttempts: -1,
        reconnectTimeWait: 250,
        reconnectJitter: 100,
        pingInterval: 10_000,
        timeout: CONNECT_TIMEOUT_MS,
      }
      try {
        this.#connection = await connect(options)
      } catch (cause) {
        throw unreachable('nats', withoutCredentials(this.#target), cause)
      }
    } else this.#connection = this.#target
    void this.#watch(this.#connection)
    await this.#connection.flush()
    this.#setState('up')
  }

  publish(subject: string, bytes: Uint8Array): void {
    const connection = this.#connection
    if (
      this.#state !== 'up' ||
      connection === undefined ||
      connection.isClosed() ||
      this.#pendingBytes > MAX_PENDING_BYTES
    )
      return
    connection.publish(subject, bytes)
    this.#pendingBytes += bytes.length + 64
    this.#sinceFlush += bytes.length + 64
    if (this.#sinceFlush >= FLUSH_BYTES) this.#countFlushed(connection)
  }

  async subscribe(subject: string, handler: BusHandler): Promise<BusSubscription> {
    const connection = this.#connection!
    const subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) handler(message.data, subject)
      },
    })
    await connection.flush()
    return {
      unsubscribe: async () => {
        subscription.unsubscribe()
        if (this.#state === 'up') await connection.flush().catch(() => undefined)
      },
    }
  }

  /** A request to a subject that nobody has is refused at once; to one that somebody has it is an empty message, which nodes ignore. */
  async hasSubscriber(subject: string): Promise<boolean | undefined> {
    if (this.#state !== 'up') return undefined
    try {
      await this.#connection!.request(subject, new Uint8Array(0), { timeout: 500 })
      return true
    } catch (error) {
      const { name, isNoResponders } = error as { name?: string; isNoResponders?: () => boolean }
      if (isNoResponders?.call(error) === true) return false
      return name === 'TimeoutError' ? true : undefined
    }
  }

  onState(listener: (state: BusState, cause?: unknown) => void): void {
    this.#listener = listener
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const wasUp = this.#state === 'up'
    this.#state = 'closed'
    const connection = this.#connection
    if (connection === undefined || connection.isClosed()) return
    // A server that stands still does not answer the flush.
    if (wasUp)
      await Promise.race([
        connection.flush().catch(() => undefined),
        new Promise((resolve) => setTimeout(resolve, 500).unref()),
      ])
    if (typeof this.#target === 'string') await connection.close()
  }

  #countFlushed(connection: NatsConnectionLike): void {
    const counted = this.#sinceFlush
    this.#sinceFlush = 0
    const done = (): void => {
      this.#pendingBytes -= counted
    }
    connection.flush().then(done, done)
  }

  async #watch(connection: NatsConnectionLike): Promise<void> {
    for await (const { type, error } of connection.status()) {
      if (this.#state === 'closed') return
      if (type === 'disconnect') this.#setState('down', error)
      else if (type === 'reconnect') void this.#handleReconnect(connection)
    }
  }

  /** The client has subscribed again; the flush proves that the server knows. */
  async #handleReconnect(connection: NatsConnectionLike): Promise<void> {
    await connection.flush().then(
      () => this.#setState('up'),
      () => undefined,
    )
  }

  #setState(state: BusState, cause?: unknown): void {
    if (this.#state === 'closed' || this.#state === state) return
    this.#state = state
    this.#listener?.(state, cause)
  }
}

/** "nats://user:password@one:4222,two:4222" or "nats://token@one". */
function addressOf(url: string): object {
  const [, credentials, servers = ''] = /^nats:\/\/(?:([^@/]*)@)?([^/]*)/.exec(url) ?? []
  const list = servers.split(',')
  if (credentials === undefined) return { servers: list }
  const [user = '', pass] = credentials.split(':').map(decodeURIComponent)
  return pass === undefined ? { servers: list, token: user } : { servers: list, user, pass }
}
