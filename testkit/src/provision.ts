// Gets what the tests need besides npm: Java clients, Python clients, Chromium, a Kafka broker. Package managers only
// (apt, Maven, pip). Idempotent: results live in `.cache`, a finished one is recognised in milliseconds, and a lock keeps
// two test workers from filling the same folder. `provision` throws where something cannot be had; `provisionOrSkip`
// turns that into a reason to skip on a developer's machine, and throws when CI=true.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const cacheDir: string = join(root, '.cache')

export const JAVA_CLIENTS = ['0.8.3', '1.0.0', '2.1.2'] as const
export const BUN = '1.4.5'
export const DENO = '2.9.6'
export const PYTHON_CLIENTS = ['4.6.1', '5.18.1'] as const
const PYTHON_REQUIREMENTS: Record<(typeof PYTHON_CLIENTS)[number], string[]> = {
  '4.6.1': [
    'python-socketio==4.6.1',
    'python-engineio==3.14.2',
    'requests==2.32.3',
    'websocket-client==1.8.0',
  ],
  '5.18.1': ['python-socketio==5.18.1', 'requests==2.32.3', 'websocket-client==1.8.0'],
}

export interface JavaTools {
  java: string
  javac: string
  mvn: string
}

export interface Provisions {
  /** The JDK, and a class path for every version of the Java client. */
  java: JavaTools & { clients: Record<(typeof JAVA_CLIENTS)[number], string> }
  /** An interpreter for every version of python-socketio. */
  python: Record<(typeof PYTHON_CLIENTS)[number], string>
  /** The path of the browser. */
  chromium: string
  /** The JDK, and the class path of the broker, which also holds the Java producer and consumer. */
  kafka: JavaTools & { classpath: string }
  /** The server program. */
  redis: string
  /** The server program. */
  nats: string
  /** The folder of the server programs. */
  postgres: string
  /** Load balancers: the programs. */
  nginx: string
  haproxy: string
  /** Other runtimes: the programs. */
  bun: string
  deno: string
}

/** Something the tests need cannot be had on this machine; `message` says what to do. */
export class ProvisionError extends Error {
  override name = 'ProvisionError'
}

const makers: { [K in keyof Provisions]: () => Provisions[K] } = {
  java: () => {
    const clients = {} as Provisions['java']['clients']
    for (const version of JAVA_CLIENTS) {
      clients[version] = mavenJars(`socket.io-client-${version}`, [`io.socket:socket.io-client:${version}`])
    }
    return { ...javaTools(), clients }
  },
  python: () => {
    const interpreters = {} as Provisions['python']
    for (const version of PYTHON_CLIENTS)
      interpreters[version] = pythonVenv(`client-${version}`, PYTHON_REQUIREMENTS[version])
    return interpreters
  },
  chromium: () => {
    const found = findChromium()
    if (found !== undefined) return found
    aptInstall(['chromium'])
    const installed = findChromium()
    if (installed === undefined)
      throw new ProvisionError('no Chromium after installing it: set CHROMIUM_PATH')
    return installed
  },
  kafka: () => ({
    ...javaTools(),
    classpath: mavenJars('kafka-4.4.0', ['org.apache.kafka:kafka_2.13:4.4.0']),
  }),
  redis: () => {
    if (which('redis-server') === undefined) aptInstall(['redis-server'])
    return need('redis-server')
  },
  nats: () => {
    if (which('nats-server') === undefined) aptInstall(['nats-server'])
    return need('nats-server')
  },
  postgres: () => {
    const found = findPostgres()
    if (found !== undefined) return found
    aptInstall(['postgresql'])
    const installed = findPostgres()
    if (installed === undefined) throw new ProvisionError('no PostgreSQL after installing it')
    return installed
  },
  nginx: () => balancer('nginx', 'nginx-light'),
  haproxy: () => balancer('haproxy', 'haproxy'),
  bun: bunProgram,
  deno: () => {
    const packageName = `@deno/${process.platform}-${process.arch}${process.platform === 'linux' ? '-glibc' : ''}`
    return join(npmPackages(`deno-${DENO}`, { [packageName]: DENO }), packageName, 'deno')
  },
}

export const provisionNames = Object.keys(makers) as (keyof Provisions)[]

/** Gets `name` ready and says where it is. Synchronous work inside: package managers run to their end. */
export async function provision<K extends keyof Provisions>(name: K): Promise<Provisions[K]> {
  return makers[name]()
}

/** As `provision`; on a developer's machine a failure becomes `{ skip: reason }`, printed once; with CI=true it throws. */
export async function provisionOrSkip<K extends keyof Provisions>(
  name: K,
): Promise<{ value: Provisions[K]; skip?: undefined } | { value?: undefined; skip: string }> {
  try {
    return { value: await provision(name) }
  } catch (error) {
    if (isCI()) throw error
    const skip = error instanceof Error ? error.message : String(error)
    console.warn(`[provision] SKIPPED ${name}: ${skip}`)
    return { skip }
  }
}

export function isCI(): boolean {
  return ['1', 'true'].includes(process.env['CI'] ?? '')
}

// ---- generic parts, also for the tests that need other packages

/** The JDK and Maven, installed if missing. */
export function javaTools(): JavaTools {
  if (which('javac') === undefined || which('mvn') === undefined)
    aptInstall(['default-jdk-headless', 'maven'])
  return { java: need('java'), javac: need('javac'), mvn: need('mvn') }
}

/** Fetches artefacts (`group:artefact:version`) with all they need; returns a class path. `key` names the folder. */
export function mavenJars(key: string, artefacts: readonly string[]): string {
  const dir = join(cacheDir, 'java', key)
  once(dir, artefacts.join('\n'), (target) => {
    const { mvn } = javaTools()
    writeFileSync(join(target, 'pom.xml'), pom(artefacts))
    run(mvn, [
      '-q',
      '-B',
      '-f',
      join(target, 'pom.xml'),
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${join(target, 'lib')}`,
    ])
  })
  return join(dir, 'lib', '*')
}

/** Installs packages of npm beside the project; returns their `node_modules`. `key` names the folder. */
export function npmPackages(key: string, dependencies: Readonly<Record<string, string>>): string {
  const dir = join(cacheDir, 'npm', key)
  const manifest = JSON.stringify({ private: true, type: 'module', dependencies })
  once(dir, manifest, (target) => {
    writeFileSync(join(target, 'package.json'), manifest)
    run('npm', ['install', '--prefix', target, '--no-audit', '--no-fund', '--loglevel=error'])
  })
  return join(dir, 'node_modules')
}

/** The Bun of the tests. */
export function bunProgram(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const packageName = `@oven/bun-${system}-${process.arch === 'arm64' ? 'aarch64' : process.arch}`
  return join(npmPackages(`bun-${BUN}`, { [packageName]: BUN }), packageName, 'bin', 'bun')
}

/** Compiles Java sources against a class path; returns the class path to run them with. */
export function compileJava(key: string, classpath: string, sources: readonly string[]): string {
  const dir = join(cacheDir, 'java-classes', key)
  const mark = [classpath, ...sources.map((source) => readFileSync(source, 'utf8'))].join('\n')
  once(dir, mark, (target) =>
    run(javaTools().javac, ['-nowarn', '-encoding', 'UTF-8', '-cp', classpath, '-d', target, ...sources]),
  )
  return `${dir}:${classpath}`
}

/** Builds the Go program in `source` (with its go.mod and go.sum); returns the executable. `key` names the folder. */
export function buildGo(key: string, source: string): string {
  const dir = join(cacheDir, 'go', key)
  const go = need('go')
  once(dir, sourcesOf(source), (target) => {
    cpSync(source, target, { recursive: true })
    run(go, ['-C', target, 'build', '-o', 'program', '.'])
  })
  return join(dir, 'program')
}

/** Builds the Rust program in `source` (with its Cargo.toml); returns the executable. `key` names the folder. */
export function buildRust(key: string, source: string): string {
  const dir = join(cacheDir, 'rust', key)
  const cargo = need('cargo')
  once(dir, sourcesOf(source), (target) => {
    cpSync(source, target, { recursive: true })
    run(cargo, ['build', '--quiet', '--manifest-path', join(target, 'Cargo.toml'), '--target-dir', join(target, 'out')])
    copyFileSync(join(target, 'out/debug/client'), join(target, 'program'))
    rmSync(join(target, 'out'), { recursive: true, force: true })
  })
  return join(dir, 'program')
}

function sourcesOf(folder: string): string {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')
}

/** A virtual environment with exactly these requirements; returns its interpreter. `key` names the folder. */
export function pythonVenv(key: string, requirements: readonly string[]): string {
  const dir = join(cacheDir, 'python', key)
  const interpreter = join(dir, 'bin', 'python')
  // A virtual environment cannot be moved, so it is made in place; the mark written last says that it is whole.
  once(
    dir,
    requirements.join('\n'),
    () => {
      if (which('python3') === undefined) aptInstall(['python3', 'python3-venv'])
      rmSync(dir, { recursive: true, force: true })
      if (spawnSync('python3', ['-m', 'venv', dir], { stdio: 'ignore' }).status !== 0) {
        aptInstall(['python3-venv'])
        run('python3', ['-m', 'venv', dir])
      }
      run(interpreter, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', ...requirements])
    },
    { inPlace: true },
  )
  return interpreter
}

let aptUpdated = false

/** Installs Debian packages; only root on a machine with apt can. */
export function aptInstall(packages: readonly string[]): void {
  if (which('apt-get') === undefined || process.getuid?.() !== 0) {
    throw new ProvisionError(`needs ${packages.join(', ')}: install with the package manager of this system`)
  }
  withLock('apt', () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const install = [
      '-o',
      'DPkg::Lock::Timeout=300',
      'install',
      '-y',
      '-qq',
      '--no-install-recommends',
      ...packages,
    ]
    if (!aptUpdated) {
      run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', 'update', '-qq'], env)
      aptUpdated = true
    }
    run('apt-get', install, env)
  })
}

export function which(command: string): string | undefined {
  for (const dir of (process.env['PATH'] ?? '').split(':')) {
    const path = join(dir, command)
    if (dir !== '' && existsSync(path)) return path
  }
  return undefined
}

// ---- inside

/** Debian keeps them where only root's PATH looks. */
function balancer(program: string, packageName: string): string {
  const find = (): string | undefined => which(program) ?? [`/usr/sbin/${program}`].find((path) => existsSync(path))
  if (find() === undefined) aptInstall([packageName])
  const found = find()
  if (found === undefined) throw new ProvisionError(`no ${program} after installing ${packageName}`)
  return found
}

function findChromium(): string | undefined {
  return [
    process.env['CHROMIUM_PATH'],
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ].find((path) => path !== undefined && existsSync(path))
}

/** The newest version that Debian has put on this machine. */
function findPostgres(): string | undefined {
  const versions = '/usr/lib/postgresql'
  if (!existsSync(versions)) return undefined
  return readdirSync(versions)
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, 'bin'))
    .find((dir) => existsSync(join(dir, 'initdb')))
}

function need(command: string): string {
  const path = which(command)
  if (path === undefined) throw new ProvisionError(`${command} is missing: install it and put it on PATH`)
  return path
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env,
    maxBuffer: 1 << 26,
  })
  if (status === 0) return
  const said = `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n').slice(-8).join('\n')
  throw new ProvisionError(`${command} ${args.slice(0, 6).join(' ')} failed: ${error?.message ?? said}`)
}

/** Makes `dir` unless it is there for the same `mark`. Filled beside and renamed, so that a killed run leaves no half. */
function once(
  dir: string,
  mark: string,
  fill: (target: string) => void,
  { inPlace = false }: { inPlace?: boolean } = {},
): void {
  const wanted = createHash('sha256').update(mark).digest('hex')
  const markFile = join(dir, '.complete')
  const isDone = (): boolean => existsSync(markFile) && readFileSync(markFile, 'utf8') === wanted
  if (isDone()) return
  withLock(dir.slice(cacheDir.length + 1).replaceAll('/', '-'), () => {
    if (isDone()) return
    const target = inPlace ? dir : `${dir}.part`
    rmSync(target, { recursive: true, force: true })
    mkdirSync(target, { recursive: true })
    fill(target)
    writeFileSync(join(target, '.complete'), wanted)
    if (inPlace) return
    rmSync(dir, { recursive: true, force: true })
    renameSync(target, dir)
  })
}

/** A folder as a lock between processes: making it is atomic; a lock whose owner is gone is taken over. Returns what gives it back. */
export function takeLock(name: string): () => void {
  mkdirSync(join(cacheDir, 'locks'), { recursive: true })
  const lock = join(cacheDir, 'locks', name)
  const deadline = Date.now() + 600_000
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch {
      if (isAbandoned(lock)) {
        rmSync(lock, { recursive: true, force: true })
        continue
      }
      if (Date.now() > deadline)
        throw new ProvisionError(`${lock} is held by another process: remove it if none is running`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
  writeFileSync(join(lock, String(process.pid)), '')
  return () => rmSync(lock, { recursive: true, force: true })
}

function withLock(name: string, action: () => void): void {
  const giveBack = takeLock(name)
  try {
    action()
  } finally {
    giveBack()
  }
}

function isAbandoned(lock: string): boolean {
  try {
    const [owner] = readdirSync(lock)
    if (owner === undefined) return Date.now() - statSync(lock).mtimeMs > 5_000
    process.kill(Number(owner), 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}

function pom(artefacts: readonly string[]): string {
  const dependencies = artefacts.map((coordinates) => {
    const [group, artefact, version] = coordinates.split(':')
    return `<dependency><groupId>${group}</groupId><artifactId>${artefact}</artifactId><version>${version}</version></dependency>`
  })
  return `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>tidewire</groupId><artifactId>interop</artifactId><version>1</version>
<dependencies>${dependencies.join('')}</dependencies></project>
`
}
