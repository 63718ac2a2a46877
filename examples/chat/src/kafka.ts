// Pushes from a Kafka topic. Each record's value is a push as JSON. A record is handed over (stored and emitted) before its
// offset is committed; one that comes twice is recognised by cluster, topic, partition and offset. A record that cannot be
// delivered is reported with its place and skipped. While no broker can be reached it says so once and tries again, for ever.
import { Consumer } from '@platformatic/kafka'
import type { Message } from '@platformatic/kafka'
import { PushError, deliverPush } from './push.ts'
import type { PushResult, PushTarget } from './push.ts'

export interface KafkaOptions {
  /** "host:port", or several with commas between. */
  brokers: string
  topic: string
  groupId: string
  report: (line: string) => void
}

export type KafkaRecord = Pick<
  Message<Buffer, Buffer, Buffer, Buffer>,
  'topic' | 'partition' | 'offset' | 'value'
>

const FIRST_RETRY_MS = 250
const LAST_RETRY_MS = 10_000

/** Delivers one record, or reports why it cannot be. Throws only what trying again may cure. */
export function deliverRecord(
  record: KafkaRecord,
  target: PushTarget,
  cluster: string,
  report: (line: string) => void,
): PushResult | undefined {
  const place = `${record.topic}/${record.partition}/${record.offset}`
  try {
    const text = new TextDecoder('utf-8', { fatal: true })
    let value: string
    try {
      value = text.decode(record.value ?? new Uint8Array())
    } catch {
      throw new PushError('INVALID_PUSH', ['the value is not UTF-8 text'])
    }
    return deliverPush(value, target, `kafka/${cluster}/${place}`)
  } catch (error) {
    if (!(error instanceof PushError)) throw error
    report(`kafka record ${place} skipped: ${error.message}`)
    return undefined
  }
}

export class KafkaPushes {
  readonly #options: KafkaOptions
  readonly #target: PushTarget
  readonly #stop = new AbortController()
  #consumer: Consumer<Buffer, Buffer, Buffer, Buffer> | undefined
  #running: Promise<void> | undefined
  #retryMs = FIRST_RETRY_MS
  #lastError = ''

  constructor(options: KafkaOptions, target: PushTarget) {
    this.#options = options
    this.#target = target
  }

  start(): void {
    this.#running = this.#run()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#closeConsumer()
    await this.#running
  }

  async #run(): Promise<void> {
    const { brokers, report } = this.#options
    while (!this.#stop.signal.aborted) {
      try {
        await this.#consume()
        if (!this.#stop.signal.aborted) throw new Error('the connection ended')
      } catch (error) {
        if (this.#stop.signal.aborted) break
        const reason = rootMessage(error)
        if (reason !== this.#lastError) {
          report(`kafka at ${brokers} cannot be used (${reason}): trying again until it can`)
          this.#lastError = reason
        }
      }
      await this.#closeConsumer()
      await this.#pause(this.#retryMs)
      this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS)
    }
  }

  async #consume(): Promise<void> {
    const { brokers, topic, groupId, report } = this.#options
    const consumer = new Consumer({
      clientId: 'tidewire-chat',
      groupId,
      bootstrapBrokers: brokers.split(',').map((broker) => broker.trim()),
      autocommit: false,
      retries: 0,
      connectTimeout: 3_000,
      autocreateTopics: true,
      maxWaitTime: 500,
    })
    this.#consumer = consumer
    const { id: cluster } = await consumer.metadata({ topics: [topic] })
    const stream = await consumer.consume({
      topics: [topic],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: false,
      sessionTimeout: 10_000,
      heartbeatInterval: 1_000,
    })
    report(`kafka: reading topic ${topic} at ${brokers}`)
    this.#retryMs = FIRST_RETRY_MS
    this.#lastError = ''
    for await (const record of stream) {
      deliverRecord(record, this.#target, cluster, report)
      await record.commit()
    }
  }

  async #closeConsumer(): Promise<void> {
    const consumer = this.#consumer
    this.#consumer = undefined
    // A broker that is gone cannot be told good-bye.
    await consumer?.close(true).catch(() => {})
  }

  #pause(ms: number): Promise<void> {
    const { signal } = this.#stop
    return new Promise((resolve) => {
      if (signal.aborted) return resolve()
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done, { once: true })
      function done(): void {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
    })
  }
}

/** The innermost message: the client wraps "connection refused" several times. */
function rootMessage(error: unknown): string {
  let inner = error
  for (;;) {
    const next = inner instanceof AggregateError ? inner.errors[0] : (inner as Error | undefined)?.cause
    if (!(next instanceof Error)) break
    inner = next
  }
  return inner instanceof Error ? inner.message : String(inner)
}
