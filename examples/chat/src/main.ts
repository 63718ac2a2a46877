// The command line of the chat: reads the flags, starts it, prints its address, stops it on SIGINT and SIGTERM.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startChat } from './app.ts'

const HELP = `tidewire chat: a web IM on tidewire

  --port <n>            port to listen on (3000); when in use, another one is taken
  --host <address>      address to listen on (all)
  --data <folder>       where messages are kept (examples/chat/data); "memory" keeps nothing
  --kafka <host:port>   take pushes from this Kafka broker
  --topic <name>        ... from this topic (im-messages)
  --group <name>        ... as this consumer group (tidewire-chat)
  --help
`

function readFlags() {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: process.env['PORT'] ?? '3000' },
      host: { type: 'string' },
      data: { type: 'string', default: fileURLToPath(new URL('../data', import.meta.url)) },
      kafka: { type: 'string' },
      topic: { type: 'string', default: 'im-messages' },
      group: { type: 'string', default: 'tidewire-chat' },
      help: { type: 'boolean', default: false },
    },
  })
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port`)
  if (
    values.kafka !== undefined &&
    !values.kafka.split(',').every((broker) => /^\s*[^\s:]+:\d+\s*$/.test(broker))
  ) {
    throw new Error(`--kafka ${values.kafka} is not host:port`)
  }
  return { ...values, port }
}

async function main(): Promise<void> {
  let flags: ReturnType<typeof readFlags>
  try {
    flags = readFlags()
  } catch (error) {
    console.error(`tidewire chat: ${(error as Error).message}\n\n${HELP}`)
    process.exitCode = 2
    return
  }
  if (flags.help) {
    console.log(HELP)
    return
  }
  const chat = await startChat({
    port: flags.port,
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.data === 'memory' ? {} : { data: flags.data }),
    ...(flags.kafka === undefined
      ? {}
      : { kafka: { brokers: flags.kafka, topic: flags.topic, groupId: flags.group } }),
    report: (line) => console.error(`tidewire chat: ${line}`),
  })
  console.log(`tidewire chat: ${chat.url}`)

  const stop = (): void => {
    // A second signal ends it at once.
    process.once('SIGINT', () => process.exit(130))
    process.once('SIGTERM', () => process.exit(143))
    chat.close().catch((error: unknown) => {
      console.error('tidewire chat: could not stop cleanly:', error)
      process.exitCode = 1
    })
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
}

main().catch((error: unknown) => {
  console.error(`tidewire chat: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
