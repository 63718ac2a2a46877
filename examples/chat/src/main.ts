// `npm start`: builds the browser client when it is missing or old, and runs the IM.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { startChat } from './app.ts'
import type { Chat, ChatOptions } from './app.ts'

const USAGE = `npm start -- [--port 3000] [--host ADDRESS] [--data FOLDER] [--kafka HOST:PORT [--topic im-messages] [--group tidewire-chat]]`
const root = fileURLToPath(new URL('../../..', import.meta.url))

function readFlags(): ChatOptions & { port: number } {
  try {
    const { values } = parseArgs({
      options: {
        port: { type: 'string', default: '3000' },
        host: { type: 'string' },
        data: { type: 'string', default: join(root, 'data') },
        kafka: { type: 'string' },
        topic: { type: 'string', default: 'im-messages' },
        group: { type: 'string', default: 'tidewire-chat' },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--port must be 0 to 65535; got ${values.port}`)
    return {
      port,
      data: values.data,
      ...(values.host === undefined ? {} : { host: values.host }),
      ...(values.kafka === undefined ? {} : { kafka: { brokers: values.kafka, topic: values.topic, groupId: values.group } }),
    }
  } catch (error) {
    console.error(`tidewire chat: ${(error as Error).message}\n${USAGE}`)
    process.exit(2)
  }
}

function newestIn(folder: string): number {
  return Math.max(...readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs))
}

function buildClient(): void {
  const bundle = join(root, 'packages/client/dist/socket.io.esm.min.js')
  const sources = Math.max(newestIn(join(root, 'packages/client/src')), newestIn(join(root, 'packages/protocol/src')))
  if (existsSync(bundle) && statSync(bundle).mtimeMs > sources) return
  const { status } = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), 'client'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) {
    console.error('tidewire chat: the browser client could not be built; run npm run build to see why')
    process.exit(1)
  }
}

async function start(options: ChatOptions & { port: number }): Promise<Chat> {
  try {
    return await startChat(options)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    console.log(`tidewire chat: port ${options.port} is in use; taking another`)
    return startChat({ ...options, port: 0 })
  }
}

const options = readFlags()
buildClient()
const chat = await start(options)
console.log(`tidewire chat: ${chat.url}`)
if (options.kafka !== undefined) console.log(`tidewire chat: Kafka topic ${options.kafka.topic} at ${options.kafka.brokers}`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void chat.close().then(() => process.exit(0))
  })
}
