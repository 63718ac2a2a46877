// Real servers and programs as child processes of a test. Each runs in its own process group with its output in a log
// file or handed line by line; none outlives the test process. `startDaemon` returns when the port answers.
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, closeSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { provision } from './provision.ts'

const groups = new Set<number>()
let isWatchingExit = false

/** Spawns a process that dies, with all it starts, when this one ends. */
export function spawnGroup(
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): ChildProcess {
  if (!isWatchingExit) {
    isWatchingExit = true
    process.on('exit', () => {
      for (const pid of groups) killGroup(pid, 'SIGKILL')
    })
  }
  const child = spawn(command, args, { ...options, detached: true })
  const { pid } = child
  if (pid !== undefined) {
    groups.add(pid)
    child.once('exit', () => groups.delete(pid))
  }
  return child
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch {
    // gone already
  }
}

/** Ends a process of `spawnGroup` and waits until it is gone; by force after `graceMs`. */
export async function stopGroup(
  child: ChildProcess,
  signal: NodeJS.Signals = 'SIGTERM',
  graceMs = 10_000,
): Promise<void> {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => killGroup(pid, 'SIGKILL'), graceMs)
    child.once('exit', () => {
      clearTimeout(force)
      resolve()
    })
    killGroup(pid, signal)
  })
}

/** A TCP port nobody listens on right now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
      .on('error', reject)
      .listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo
        server.close(() => resolve(port))
      })
  })
}

export interface Daemon {
  port: number
  /** Its folder: the log file `log`, and data. Removed by `stop`. */
  dir: string
  child: ChildProcess
  log(): string
  stop(): Promise<void>
}

export interface DaemonOptions {
  port: number
  env?: NodeJS.ProcessEnv
  cwd?: string
  dir?: string
  readyMs?: number
  /** After the port answers: anything more that "ready" means. */
  ready?: () => Promise<void>
  stopSignal?: NodeJS.Signals
  /** Leave `dir` in place after `stop`, for a restart on the same data. */
  keepDir?: boolean
}

/** Starts a server program and waits until it accepts connections on `port`. */
export async function startDaemon(
  command: string,
  args: readonly string[],
  options: DaemonOptions,
): Promise<Daemon> {
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'tidewire-'))
  const logFile = join(dir, 'log')
  const out = openSync(logFile, 'a')
  const child = spawnGroup(command, args, {
    stdio: ['ignore', out, out],
    env: { ...process.env, ...options.env },
    cwd: options.cwd ?? dir,
  })
  closeSync(out)
  const log = (): string => readFileSync(logFile, 'utf8')
  const stop = async (): Promise<void> => {
    await stopGroup(child, options.stopSignal)
    if (options.keepDir !== true) rmSync(dir, { recursive: true, force: true })
  }
  try {
    await waitForPort(options.port, child, options.readyMs ?? 20_000)
    await options.ready?.()
  } catch (error) {
    const tail = log().trim().split('\n').slice(-12).join('\n')
    await stop()
    throw new Error(`${command} did not become ready: ${(error as Error).message}\n${tail}`, { cause: error })
  }
  return { port: options.port, dir, child, log, stop }
}

async function waitForPort(port: number, child: ChildProcess, timeoutMs: number): Promise<void> {
  let spawnError: Error | undefined
  child.once('error', (error) => (spawnError = error))
  const deadline = performance.now() + timeoutMs
  while (performance.now() < deadline) {
    if (spawnError !== undefined) throw spawnError
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`)
    if (await accepts(port)) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error(`port ${port} does not answer after ${timeoutMs} ms`)
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

export interface KafkaBroker extends Daemon {
  /** `host:port` for clients. */
  bootstrap: string
}

/** A real single-node Kafka broker (KRaft, no ZooKeeper) with an empty data folder, or on the data in `dir`. */
export async function startKafka(
  options: { dir?: string; port?: number; keepDir?: boolean } = {},
): Promise<KafkaBroker> {
  const { java, classpath } = await provision('kafka')
  const port = options.port ?? (await freePort())
  const controllerPort = await freePort()
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'tidewire-kafka-'))
  const properties = join(dir, 'server.properties')
  writeFileSync(properties, brokerProperties(dir, port, controllerPort))
  const jvm = ['-Xmx256m', '-Xms64m', '-XX:+UseSerialGC', '-cp', classpath]
  const format = spawnSync(
    java,
    [
      ...jvm,
      'kafka.tools.StorageTool',
      'format',
      '--ignore-formatted',
      '-t',
      'dGlkZXdpcmUtaW50ZXJvcA',
      '-c',
      properties,
    ],
    { encoding: 'utf8' },
  )
  if (format.status !== 0) throw new Error(`Kafka could not format ${dir}: ${format.stdout}${format.stderr}`)
  const daemon = await startDaemon(java, [...jvm, 'kafka.Kafka', properties], {
    port,
    dir,
    readyMs: 90_000,
    ...(options.keepDir === undefined ? {} : { keepDir: options.keepDir }),
  })
  return { ...daemon, bootstrap: `127.0.0.1:${port}` }
}

function brokerProperties(dir: string, port: number, controllerPort: number): string {
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${controllerPort}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=${join(dir, 'data')}
num.partitions=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=true
`
}

/** A real Redis without persistence. */
export async function startRedis(options: { port?: number } = {}): Promise<Daemon> {
  const program = await provision('redis')
  const port = options.port ?? (await freePort())
  return startDaemon(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], { port })
}

/** A real NATS server without JetStream; `port` for a restart in the same place. */
export async function startNats(options: { port?: number } = {}): Promise<Daemon> {
  const program = await provision('nats')
  const port = options.port ?? (await freePort())
  return startDaemon(program, ['-a', '127.0.0.1', '-p', String(port)], { port })
}

export interface Postgres extends Daemon {
  url: string
}

/** A real PostgreSQL on an empty data folder; its own user runs it, because it refuses root. */
export async function startPostgres(): Promise<Postgres> {
  const bin = await provision('postgres')
  const port = await freePort()
  const dir = mkdtempSync(join(tmpdir(), 'tidewire-postgres-'))
  const isRoot = process.getuid?.() === 0
  const asOwner = (command: string, args: string[]): [string, string[]] =>
    isRoot ? ['runuser', ['-u', 'postgres', '--', join(bin, command), ...args]] : [join(bin, command), args]
  if (isRoot) spawnSync('chown', ['postgres', dir])
  const [initdb, initdbArgs] = asOwner('initdb', ['-D', join(dir, 'data'), '-A', 'trust', '-U', 'postgres', '-N', '-E', 'UTF8', '--locale=C'])
  const made = spawnSync(initdb, initdbArgs, { encoding: 'utf8', cwd: dir })
  if (made.status !== 0) throw new Error(`PostgreSQL could not make ${dir}: ${made.stdout}${made.stderr}`)
  const [command, args] = asOwner('postgres', ['-D', join(dir, 'data'), '-p', String(port), '-h', '127.0.0.1', '-k', dir, '-F'])
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  // SIGINT is its fast shutdown; SIGTERM waits for clients.
  const daemon = await startDaemon(command, args, { port, dir, stopSignal: 'SIGINT' })
  return { ...daemon, url }
}
