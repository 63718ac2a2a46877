// The bus over Redis pub/sub (and what speaks like it: Valkey, KeyDB, Dragonfly). Publishes on the user's client, or on one of its own, and
// subscribes on a connection of its own, because Redis wants one for that. Works with the packages "redis" and "ioredis" and takes a URL
// or a client of either. Messages that Redis has not taken yet are bounded in bytes; above that, and while it is away, they are dropped.
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

type Listener = (...args: never[]) => void

/** What of a `redis` client is used. */
interface NodeRedisClient {
  readonly isOpen: boolean
  readonly isReady: boolean
  connect(): Promise<unknown>
  duplicate(): NodeRedisClient
  on(event: string, listener: Listener): unknown
  off(event: string, listener: Listener): unknown
  publish(channel: string, message: Buffer): Promise<unknown>
  subscribe(channel: string, listener: (message: Buffer) => void, bufferMode: true): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  sendCommand(args: string[]): Promise<unknown>
  destroy?(): void
  /** Its name in release 4. */
  disconnect?(): Promise<void>
  readonly options?: { url?: string; socket?: { host?: string } }
}

/** What of an `ioredis` client is used. */
interface IoRedisClient {
  readonly status: string
  connect(): Promise<unknown>
  duplicate(options: object): IoRedisClient
  on(event: string, listener: Listener): unknown
  off(event: string, listener: Listener): unknown
  publish(channel: string, message: Buffer): Promise<unknown>
  subscribe(...channels: string[]): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  call(command: string, ...args: string[]): Promise<unknown>
  disconnect(): void
  readonly options?: { host?: string }
}

/** A client of `redis` or `ioredis`, of whatever version: what it has to be able to do is above. */
export interface RedisClientLike {
  duplicate(...args: never[]): unknown
  publish(...args: never[]): unknown
}

type RedisTarget = string | NodeRedisClient | IoRedisClient

export function createRedisBus(target: string | RedisClientLike): Bus {
  return new RedisBus(target as RedisTarget)
}

/** The two libraries behind one face. */
interface Engine {
  readonly isReady: boolean
  connect(): Promise<unknown>
  publish(subject: string, bytes: Buffer): Promise<unknown>
  subscribe(subject: string): Promise<unknown>
  unsubscribe(subject: string): Promise<unknown>
  countSubscribers(subject: string): Promise<unknown>
  close(): void
}

interface EngineHost {
  handleMessage(subject: string, bytes: Uint8Array): void
  /** Something about the connections has changed. */
  handleChange(cause?: unknown): void
}

class RedisBus implements Bus, EngineHost {
  readonly name = 'redis'
  readonly capabilities: BusCapabilities = { isOrdered: true, maxPayloadBytes: 1 << 20 }
  readonly isShared: boolean
  readonly #target: RedisTarget
  readonly #handlers = new Map<string, Set<BusHandler>>()
  #engine: Engine | undefined
  #listener: ((state: BusState, cause?: unknown) => void) | undefined
  #state: BusState | 'new' | 'closed' = 'new'
  #pendingBytes = 0
  #lastCause: unknown
  #handleFirst: (() => void) | undefined

  constructor(target: RedisTarget) {
    this.#target = target
    this.isShared = !isLoopback(hostOfTarget(target))
  }

  async connect(): Promise<void> {
    if (this.#state !== 'new') return
    const engine = await createEngine(this.#target, this)
    this.#engine = engine
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const where =
          typeof this.#target === 'string'
            ? withoutCredentials(this.#target)
            : 'the address of the given client'
        void this.close()
        reject(unreachable('redis', where, this.#lastCause))
      }, CONNECT_TIMEOUT_MS)
      this.#handleFirst = () => {
        clearTimeout(timer)
        resolve()
      }
      engine.connect().then(
        () => this.handleChange(),
        (error: unknown) => this.handleChange(error),
      )
    })
  }

  publish(subject: string, bytes: Uint8Array): void {
    const engine = this.#engine
    if (
      this.#state !== 'up' ||
      engine === undefined ||
      !engine.isReady ||
      this.#pendingBytes > MAX_PENDING_BYTES
    )
      return
    const size = bytes.length + 64
    this.#pendingBytes += size
    const done = (): void => {
      this.#pendingBytes -= size
    }
    // A failed command is a lost message; the link notices, and the state says why.
    engine.publish(subject, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).then(done, done)
  }

  async subscribe(subject: string, handler: BusHandler): Promise<BusSubscription> {
    const handlers = this.#handlers.get(subject)
    if (handlers !== undefined) handlers.add(handler)
    else {
      this.#handlers.set(subject, new Set([handler]))
      try {
        await this.#engine!.subscribe(subject)
      } catch (cause) {
        this.#handlers.delete(subject)
        throw new TidewireError(
          'TW_ERR_BUS_DOWN',
          `Redis went away while "${subject}" was subscribed: try again`,
          {
            cause,
            retryable: true,
          },
        )
      }
    }
    return {
      unsubscribe: async () => {
        const all = this.#handlers.get(subject)
        if (all?.delete(handler) !== true || all.size > 0) return
        this.#handlers.delete(subject)
        if (this.#state !== 'closed') await this.#engine!.unsubscribe(subject).catch(() => undefined)
      },
    }
  }

  async hasSubscriber(subject: string): Promise<boolean | undefined> {
    if (this.#state !== 'up') return undefined
    const answer = await this.#engine!.countSubscribers(subject)
    const count = Array.isArray(answer) ? Number(answer[1]) : NaN
    return Number.isNaN(count) ? undefined : count > 0
  }

  onState(listener: (state: BusState, cause?: unknown) => void): void {
    this.#listener = listener
  }

  close(): Promise<void> {
    if (this.#state !== 'closed') {
      this.#state = 'closed'
      this.#handlers.clear()
      return this.#flush().then(() => this.#engine?.close())
    }
    return Promise.resolve()
  }

  /** What was published is with the engine, or the engine does not answer. */
  async #flush(): Promise<void> {
    for (let i = 0; i < 50 && this.#pendingBytes > 0; i++)
      await new Promise((resolve) => setTimeout(resolve, 10))
  }

  // ---- from the engine

  handleMessage(subject: string, bytes: Uint8Array): void {
    const handlers = this.#handlers.get(subject)
    if (handlers === undefined) return
    let copy: Uint8Array | undefined
    for (const handler of handlers) {
      copy = copy === undefined ? bytes : new Uint8Array(bytes)
      handler(copy, subject)
    }
  }

  handleChange(cause?: unknown): void {
    if (cause !== undefined) this.#lastCause = cause
    const isReady = this.#engine?.isReady === true
    if (this.#state === 'closed' || (this.#state === 'up') === isReady || (this.#state !== 'up' && !isReady))
      return
    this.#state = isReady ? 'up' : 'down'
    if (isReady) this.#handleFirst?.()
    this.#listener?.(this.#state, isReady ? undefined : this.#lastCause)
  }

  /** For the engine that has to subscribe again by itself. */
  get subjects(): string[] {
    return [...this.#handlers.keys()]
  }
}

function hostOfTarget(target: RedisTarget): string | undefined {
  if (typeof target === 'string') return hostOf(target)
  if ('isOpen' in target)
    return target.options?.url !== undefined
      ? hostOf(target.options.url)
      : (target.options?.socket?.host ?? 'localhost')
  return target.options?.host
}

interface NodeRedisModule {
  createClient(options: object): NodeRedisClient
}
type IoRedisModule = { Redis: new (url: string, options: object) => IoRedisClient }

const backoff = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 6), 1_000) * (0.75 + Math.random() / 2)

async function createEngine(target: RedisTarget, host: RedisBus): Promise<Engine> {
  if (typeof target !== 'string')
    return 'isOpen' in target ? new NodeRedis(target, false, host) : new IoRedis(target, false, host)
  const loaded = await loadClient<NodeRedisModule & IoRedisModule>('redis', 'redis', 'ioredis')
  if (loaded.packageName === 'ioredis')
    return new IoRedis(
      new loaded.Redis(target, { lazyConnect: true, retryStrategy: backoff, maxRetriesPerRequest: null }),
      true,
      host,
    )
  return new NodeRedis(
    loaded.createClient({ url: target, disableOfflineQueue: true, socket: { reconnectStrategy: backoff } }),
    true,
    host,
  )
}

/** Watches both connections of an engine, and takes its listeners back from a client that is the user's. */
class Connections {
  readonly #watched: {
    client: { off(event: string, listener: Listener): unknown }
    event: string
    listener: Listener
  }[] = []

  on(
    client: {
      on(event: string, listener: Listener): unknown
      off(event: string, listener: Listener): unknown
    },
    event: string,
    listener: Listener,
  ): void {
    client.on(event, listener)
    this.#watched.push({ client, event, listener })
  }

  /** Keeps the error listeners of connections that are being closed: what they still have to say must not end the process. */
  release(client: object): void {
    for (const watched of this.#watched)
      if (watched.client === client) watched.client.off(watched.event, watched.listener)
  }
}

class NodeRedis implements Engine {
  readonly #publisher: NodeRedisClient
  readonly #subscriber: NodeRedisClient
  readonly #isOwn: boolean
  readonly #host: RedisBus
  readonly #connections = new Connections()
  readonly #listeners = new Map<string, (message: Buffer) => void>()

  constructor(publisher: NodeRedisClient, isOwn: boolean, host: RedisBus) {
    this.#publisher = publisher
    this.#subscriber = publisher.duplicate()
    this.#isOwn = isOwn
    this.#host = host
    for (const client of [publisher, this.#subscriber]) {
      this.#connections.on(client, 'error', (error: never) => host.handleChange(error))
      for (const event of ['ready', 'reconnecting', 'end'])
        this.#connections.on(client, event, () => host.handleChange())
    }
  }

  get isReady(): boolean {
    return this.#publisher.isReady && this.#subscriber.isReady
  }

  connect(): Promise<unknown> {
    return Promise.all([
      this.#subscriber.connect(),
      this.#publisher.isOpen ? undefined : this.#publisher.connect(),
    ])
  }

  publish(subject: string, bytes: Buffer): Promise<unknown> {
    return this.#publisher.publish(subject, bytes)
  }

  /** The client subscribes again by itself, before it is ready. */
  subscribe(subject: string): Promise<unknown> {
    const listener = (bytes: Buffer): void => this.#host.handleMessage(subject, bytes)
    this.#listeners.set(subject, listener)
    return this.#subscriber.subscribe(subject, listener, true)
  }

  unsubscribe(subject: string): Promise<unknown> {
    return this.#subscriber.unsubscribe(subject)
  }

  countSubscribers(subject: string): Promise<unknown> {
    return this.#publisher.sendCommand(['PUBSUB', 'NUMSUB', subject])
  }

  close(): void {
    if (this.#subscriber.isOpen) destroy(this.#subscriber)
    if (!this.#isOwn) this.#connections.release(this.#publisher)
    else if (this.#publisher.isOpen) destroy(this.#publisher)
  }
}

function destroy(client: NodeRedisClient): void {
  if (client.destroy !== undefined) client.destroy()
  else void client.disconnect?.().catch(() => undefined)
}

class IoRedis implements Engine {
  readonly #publisher: IoRedisClient
  readonly #subscriber: IoRedisClient
  readonly #isOwn: boolean
  readonly #host: RedisBus
  readonly #connections = new Connections()
  #isSubscribed = false

  constructor(publisher: IoRedisClient, isOwn: boolean, host: RedisBus) {
    this.#publisher = publisher
    this.#subscriber = publisher.duplicate({
      lazyConnect: true,
      autoResubscribe: false,
      retryStrategy: backoff,
      maxRetriesPerRequest: null,
    })
    this.#isOwn = isOwn
    this.#host = host
    for (const client of [publisher, this.#subscriber]) {
      this.#connections.on(client, 'error', (error: never) => host.handleChange(error))
      this.#connections.on(client, 'close', () => {
        if (client === this.#subscriber) this.#isSubscribed = false
        host.handleChange()
      })
    }
    this.#connections.on(publisher, 'ready', () => host.handleChange())
    this.#connections.on(this.#subscriber, 'ready', () => void this.#subscribeAgain())
    this.#connections.on(this.#subscriber, 'messageBuffer', (channel: Buffer, message: Buffer) =>
      host.handleMessage(channel.toString(), message),
    )
  }

  get isReady(): boolean {
    return this.#publisher.status === 'ready' && this.#subscriber.status === 'ready' && this.#isSubscribed
  }

  connect(): Promise<unknown> {
    const connect = (client: IoRedisClient): Promise<unknown> | undefined =>
      client.status === 'wait' ? client.connect() : undefined
    return Promise.all([connect(this.#subscriber), connect(this.#publisher)])
  }

  publish(subject: string, bytes: Buffer): Promise<unknown> {
    return this.#publisher.publish(subject, bytes)
  }

  subscribe(subject: string): Promise<unknown> {
    return this.#subscriber.subscribe(subject)
  }

  unsubscribe(subject: string): Promise<unknown> {
    return this.#subscriber.unsubscribe(subject)
  }

  countSubscribers(subject: string): Promise<unknown> {
    return this.#publisher.call('PUBSUB', 'NUMSUB', subject)
  }

  close(): void {
    this.#subscriber.disconnect()
    if (!this.#isOwn) this.#connections.release(this.#publisher)
    else this.#publisher.disconnect()
  }

  async #subscribeAgain(): Promise<void> {
    const { subjects } = this.#host
    try {
      if (subjects.length > 0) await this.#subscriber.subscribe(...subjects)
      this.#isSubscribed = true
      this.#host.handleChange()
    } catch (error) {
      // The connection broke meanwhile: the next one tries again.
      this.#host.handleChange(error)
    }
  }
}
