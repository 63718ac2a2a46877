// The servers that can be measured: what they are called, how to get and start them, and what they cannot do. Node servers answer questions
// about their costs themselves; of the others the operating system is asked (processes.ts). Package managers only; results are kept in .cache.
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { BUN, ProvisionError, bunProgram, cacheDir, compileJava, javaTools, mavenJars, npmPackages } from '@tidewire/testkit/provision'

const root = fileURLToPath(new URL('../..', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))
const require = createRequire(import.meta.url)

export interface Command {
  readonly file: string
  readonly args: readonly string[]
  /** Speaks over Node's channel to its parent; others print `{"port":N}` and are watched from outside. */
  readonly hasChannel: boolean
}

export interface NodeRuntime {
  /** Where `--node` points, or this one. */
  readonly path: string
  readonly version: string
  readonly conditions: readonly string[]
}

export interface ServerProgram {
  readonly name: string
  /** Scenarios that it cannot run, and why. */
  readonly leftOut: Readonly<Record<string, string>>
  /** Name and versions, for the table. */
  label(runtime: NodeRuntime): string
  /** @throws ProvisionError when it cannot be had here */
  command(runtime: NodeRuntime): Command
}

const versionOf = (path: string): string => (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version

/** The copy of `ws` that engine.io finds; package.json is not among the exports of socket.io. */
function officialWs(): string {
  const official = createRequire(require.resolve('socket.io-4.8.4'))
  return versionOf(join(dirname(createRequire(official.resolve('engine.io')).resolve('ws')), 'package.json'))
}

/** A Node that runs no TypeScript gets the server programs without their types, beside the originals' packages. */
function stripped(name: string): string {
  const folder = join(root, 'bench/dist/servers')
  mkdirSync(folder, { recursive: true })
  for (const file of new Set([name, 'application'])) {
    const source = readFileSync(join(here, 'servers', `${file}.ts`), 'utf8')
    writeFileSync(join(folder, `${file}.mjs`), stripTypeScriptTypes(source).replaceAll("'./application.ts'", "'./application.mjs'"))
  }
  return join(folder, `${name}.mjs`)
}

function onNode(name: string, label: (runtime: NodeRuntime) => string, leftOut: Record<string, string> = {}): ServerProgram {
  return {
    name,
    leftOut,
    label,
    command: (runtime) => ({
      file: runtime.path,
      args: [
        '--disable-warning=ExperimentalWarning',
        '--expose-gc',
        ...runtime.conditions.map((condition) => `--conditions=${condition}`),
        runtime.path === process.execPath ? join(here, 'servers', `${name}.ts`) : stripped(name),
      ],
      hasChannel: true,
    }),
  }
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, error } = spawnSync(command, args, { cwd, stdio: ['ignore', 2, 2] })
  if (error !== undefined || status !== 0) throw new ProvisionError(`${command} ${args.join(' ')} ${error?.message ?? `ended with ${status}`}`)
}

const NO_GARBAGE_COLLECTION = 'it cannot be told to collect its garbage first'
const ONLY_WEBSOCKET = 'it serves WebSocket only'
const BUN_ENGINE = '0.1.2'
const NETTY = '2.0.13'
const EIOWS = '11.1.1'

export const official: ServerProgram = onNode('official', () => `socket.io 4.8.4 with ws ${officialWs()}`)

export const tidewire: ServerProgram = onNode(
  'tidewire',
  ({ conditions }) => `tidewire ${versionOf(join(root, 'packages/server/package.json'))}${conditions.length === 0 ? '' : ' from source'}`,
)

export const peers: readonly ServerProgram[] = [
  {
    name: 'official-eiows',
    leftOut: {},
    label: () => `socket.io 4.8.4 with eiows ${EIOWS}`,
    command(runtime) {
      // Its installation compiles it against the sources of Node, which come from where not every machine can reach.
      const packages = npmPackages(`eiows-${EIOWS}`, { eiows: EIOWS, 'socket.io-4.8.4': 'npm:socket.io@4.8.4' })
      const folder = join(packages, '../program')
      mkdirSync(folder, { recursive: true })
      for (const name of ['official-eiows', 'application']) {
        const source = readFileSync(join(here, 'servers', `${name}.ts`), 'utf8')
        writeFileSync(join(folder, `${name}.mjs`), stripTypeScriptTypes(source).replaceAll("'./application.ts'", "'./application.mjs'"))
      }
      return { file: runtime.path, args: ['--expose-gc', join(folder, 'official-eiows.mjs')], hasChannel: true }
    },
  },
  onNode('bare-ws', () => `ws ${versionOf(require.resolve('ws/package.json'))} by hand`, {
    poll: ONLY_WEBSOCKET,
    mixed: 'it speaks revision 4 of Engine.IO only',
  }),
  {
    name: 'bun-engine',
    leftOut: { idle: NO_GARBAGE_COLLECTION, mixed: 'it speaks revision 4 of Engine.IO only' },
    label: () => `socket.io 4.8.4 with @socket.io/bun-engine ${BUN_ENGINE} on Bun ${BUN}`,
    command() {
      const packages = npmPackages(`bun-engine-${BUN_ENGINE}`, { '@socket.io/bun-engine': BUN_ENGINE, 'socket.io-4.8.4': 'npm:socket.io@4.8.4' })
      const folder = join(packages, '../program')
      mkdirSync(folder, { recursive: true })
      for (const file of ['bun-engine.ts', 'application.ts']) copyFileSync(join(here, 'servers', file), join(folder, file))
      return { file: bunProgram(), args: [join(folder, 'bun-engine.ts')], hasChannel: false }
    },
  },
  {
    name: 'tidewire-bun',
    leftOut: { idle: NO_GARBAGE_COLLECTION },
    label: () => `tidewire ${versionOf(join(root, 'packages/server/package.json'))} with tidewire/bun on Bun ${BUN}`,
    command: ({ conditions }) => ({
      file: bunProgram(),
      args: [...conditions.map((condition) => `--conditions=${condition}`), join(here, 'servers/tidewire-bun.ts')],
      hasChannel: false,
    }),
  },
  {
    name: 'socketioxide',
    leftOut: { idle: NO_GARBAGE_COLLECTION, mixed: 'it speaks revision 4 of Engine.IO only, unless it is built to speak both' },
    label: () => 'socketioxide 0.18.9, one thread (Rust)',
    command() {
      const source = join(root, 'bench/peers/socketioxide')
      const target = join(cacheDir, 'bench/socketioxide')
      run('cargo', ['build', '--release', '--quiet', '--target-dir', target], source)
      return { file: join(target, 'release/peer-socketioxide'), args: [], hasChannel: false }
    },
  },
  {
    name: 'netty-socketio',
    leftOut: { idle: NO_GARBAGE_COLLECTION, bin: 'it does not hand on binary events of revision 4 clients' },
    label: () => `netty-socketio ${NETTY}, one worker thread (Java 17)`,
    command() {
      const jars = mavenJars(`netty-socketio-${NETTY}`, [
        `com.corundumstudio.socketio:netty-socketio:${NETTY}`,
        'org.slf4j:slf4j-nop:2.0.17',
      ])
      const classpath = compileJava(`bench-netty-${NETTY}`, jars, [join(root, 'bench/peers/netty/Main.java')])
      return { file: javaTools().java, args: ['-XX:+UseSerialGC', '-Xmx512m', '-cp', classpath, 'Main'], hasChannel: false }
    },
  },
]
