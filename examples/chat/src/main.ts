// The command line of the chat: reads the flags, starts it, prints its address, stops it on SIGINT and SIGTERM.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
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
  --nodes <n>           n processes behind nginx, with Redis between them (both are installed when missing)
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
      nodes: { type: 'string', default: '1' },
      /** Of one of the nodes: the cluster. */
      cluster: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port`)
  const nodes = Number(values.nodes)
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > 32)
    throw new Error(`--nodes ${values.nodes} is not 1 to 32`)
  if (nodes > 1 && values.data === 'memory')
    throw new Error('--nodes needs a --data folder: what is in the memory of one node the others do not see')
  if (
    values.kafka !== undefined &&
    !values.kafka.split(',').every((broker) => /^\s*[^\s:]+:\d+\s*$/.test(broker))
  ) {
    throw new Error(`--kafka ${values.kafka} is not host:port`)
  }
  return { ...values, port, nodes }
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
  // While it starts, and once it ends, a signal ends it at once (and what it has started with it).
  const cut = { SIGINT: () => process.exit(130), SIGTERM: () => process.exit(143) }
  process.on('SIGINT', cut.SIGINT).on('SIGTERM', cut.SIGTERM)
  const chat = flags.nodes > 1 ? await startProcesses(flags) : await startOne(flags)
  console.log(`tidewire chat: ${chat.url}`)

  let isStopping = false
  const stop = (): void => {
    if (isStopping) return
    isStopping = true
    process.removeListener('SIGINT', stop).removeListener('SIGTERM', stop)
    process.on('SIGINT', cut.SIGINT).on('SIGTERM', cut.SIGTERM)
    chat.drain().catch((error: unknown) => {
      console.error('tidewire chat: could not stop cleanly:', error)
      process.exitCode = 1
    })
  }
  process.removeListener('SIGINT', cut.SIGINT).removeListener('SIGTERM', cut.SIGTERM)
  process.on('SIGINT', stop).on('SIGTERM', stop)
  // One of several nodes: it goes when the process goes that has started it.
  process.on('disconnect', stop)
  process.channel?.unref()
}

type Flags = ReturnType<typeof readFlags>

async function startOne(flags: Flags): Promise<{ url: string; drain(): Promise<void> }> {
  return startChat({
    port: flags.port,
    ...(flags.host === undefined ? {} : { host: flags.host }),
    ...(flags.data === 'memory' ? {} : { data: flags.data }),
    ...(flags.kafka === undefined
      ? {}
      : { kafka: { brokers: flags.kafka, topic: flags.topic, groupId: flags.group } }),
    ...(flags.cluster === undefined ? {} : { cluster: { bus: flags.cluster } }),
    report: (line) => console.error(`tidewire chat: ${line}`),
  })
}

/** Each node is this program once more. */
async function startProcesses(flags: Flags): Promise<{ url: string; drain(): Promise<void> }> {
  // Loaded for this alone: it needs what the tests are made with.
  const { startNodes } = await import('./nodes.ts')
  const others = ['data', 'kafka', 'topic', 'group'] as const
  const kept = others.flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`, flags[name]]))
  const { url, close } = await startNodes(flags.nodes, flags.port, ({ bus, secret }) =>
    startProcess(['--port', '0', '--host', '127.0.0.1', '--cluster', bus as string, ...kept], secret!),
  )
  return { url, drain: close }
}

async function startProcess(
  args: readonly string[],
  secret: string,
): Promise<{ port: number; close(): Promise<void> }> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // A signal for the terminal's group is for this process, which ends the nodes in order.
    detached: true,
    env: { ...process.env, TIDEWIRE_CLUSTER_SECRET: secret },
  })
  const exited = once(child, 'exit')
  const kill = (): boolean => child.kill('SIGKILL')
  process.once('exit', kill)
  const port = await new Promise<number>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a node ended with ${code} before it was ready`)))
    createInterface({ input: child.stdout! }).on('line', (line) => {
      const address = /^tidewire chat: http:.*:(\d+)$/.exec(line)
      if (address !== null) resolve(Number(address[1]))
    })
  })
  return {
    port,
    async close() {
      child.kill('SIGTERM')
      await exited
      process.removeListener('exit', kill)
    },
  }
}

main().catch((error: unknown) => {
  console.error(`tidewire chat: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
})
