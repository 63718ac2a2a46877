// Pushes from a Kafka topic: each record is a push. Offsets are committed after the hand-over (stored and sent), so a crash repeats records
// rather than losing them; topic, partition and offset are the idempotency key. A malformed record is reported and skipped.
import { Consumer, stringDeserializers } from '@platformatic/kafka'
import type { Pusher } from './push.ts'
import { PushError } from './push.ts'

export interface KafkaOptions {
  /** host:port, several with commas. */
  brokers: string
  topic: string
  groupId?: string
  log?: (line: string) => void
}

export interface KafkaIngest {
  /** Resolves when the consumer has joined its group for the first time. */
  ready: Promise<void>
  close(): Promise<void>
}

const RETRY_MIN_MS = 500
const RETRY_MAX_MS = 10_000

export function startKafka(pusher: Pusher, options: KafkaOptions): KafkaIngest {
  const { brokers, topic, groupId = 'tidewire-chat', log = console.error } = options
  let isClosing = false
  let consumer: Consumer<string, string, string, string> | undefined
  let wake: (() => void) | undefined
  let becomeReady!: () => void
  const ready = new Promise<void>((resolve) => (becomeReady = resolve))

  async function consume(): Promise<void> {
    consumer = new Consumer({
      clientId: 'tidewire-chat',
      groupId,
      bootstrapBrokers: brokers.split(','),
      deserializers: stringDeserializers,
      retries: 1,
      timeout: 5000,
    })
    const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: false, maxWaitTime: 100, sessionTimeout: 10_000, heartbeatInterval: 1000 })
    log(`kafka: consuming ${topic} from ${brokers}`)
    becomeReady()
    for await (const record of stream) {
      const position = `${record.topic}/${record.partition}/${record.offset}`
      try {
        pusher.deliver(record.value, `kafka:${position}`)
      } catch (error) {
        if (!(error instanceof PushError)) throw error
        log(`kafka: skipped ${position}: ${error.code}: ${error.message}`)
      }
      await record.commit()
    }
  }

  async function run(): Promise<void> {
    let delayMs = RETRY_MIN_MS
    while (!isClosing) {
      try {
        await consume()
        delayMs = RETRY_MIN_MS
      } catch (error) {
        if (isClosing) return
        log(`kafka: ${brokers} ${topic}: ${error instanceof Error ? error.message : String(error)}; next try in ${delayMs} ms`)
      }
      await consumer?.close(true).catch(() => {})
      if (isClosing) return
      await new Promise<void>((resolve) => {
        wake = resolve
        setTimeout(resolve, delayMs).unref()
      })
      delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)
    }
  }

  const running = run()
  return {
    ready,
    async close() {
      isClosing = true
      wake?.()
      await consumer?.close(true).catch(() => {})
      await running
    },
  }
}
