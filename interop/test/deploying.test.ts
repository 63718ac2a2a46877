// docs/guides/deploying.md, run: its program three times on a real Redis, behind the nginx and the HAProxy of the guide, with official clients of
// every generation and language that emit all the time, while all nodes are restarted one after the other.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startHaproxy, startNginx } from '@tidewire/testkit/balancer'
import { freePort, startRedis } from '@tidewire/testkit/daemon'
import type { Daemon } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { ClientProcess } from '../src/client-process.ts'
import { javaClients, pythonClients } from '../src/client-specs.ts'

const require = createRequire(import.meta.url)
const root = new URL('../..', import.meta.url).pathname
const guide = readFileSync(join(root, 'docs/guides/deploying.md'), 'utf8')
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(guide)![1]!

const VERSIONS = ['1.7.4', '2.5.0', '3.1.3', '4.8.4']
const skip = (await Promise.all((['redis', 'nginx', 'haproxy'] as const).map((name) => provisionOrSkip(name)))).find((result) => result.skip !== undefined)?.skip
const redis: Daemon | undefined = skip === undefined ? await startRedis() : undefined

const java = await provisionOrSkip('java')
const python = await provisionOrSkip('python')
const others = [...(java.skip === undefined ? javaClients.filter(({ label }) => label !== 'Java 0.8.3') : []), ...(python.skip === undefined ? pythonClients : [])]

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
afterAll(() => redis?.stop())

/** The program of the guide; only addresses and times are other ones. */
class Node {
  readonly port: number
  readonly #file: string
  #child!: ChildProcess
  #exited!: Promise<unknown[]>
  stderr = ''

  constructor(port: number, file: string) {
    this.port = port
    this.#file = file
  }

  async start(): Promise<void> {
    const env = { ...process.env, PORT: String(this.port), TIDEWIRE_CLUSTER_SECRET: 'of this test' }
    this.#child = spawn(process.execPath, ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', this.#file], { stdio: ['ignore', 'ignore', 'pipe'], env })
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
    this.#exited = once(this.#child, 'exit')
    const deadline = Date.now() + 40_000
    while ((await this.health()) !== 200) {
      if (Date.now() > deadline) throw new Error(`the node is not ready: ${this.stderr}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }

  health(): Promise<number> {
    return fetch(`http://127.0.0.1:${this.port}/socket.io/health`).then(
      ({ status }) => status,
      () => 0,
    )
  }

  /** As an orchestrator stops it. Gives its exit code. */
  async stop(): Promise<unknown> {
    this.#child.kill('SIGTERM')
    return (await this.#exited)[0]
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#exited
  }
}

async function startNodes(notice: number): Promise<Node[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-deploying-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const program = block('js').replace('redis://127.0.0.1:6379', `redis://127.0.0.1:${redis!.port}`).replace('notice: 0', `notice: ${notice}`).replace('5_000', '500')
  writeFileSync(join(folder, 'server.mjs'), program)
  const nodes = await Promise.all(Array.from({ length: 3 }, async () => new Node(await freePort(), join(folder, 'server.mjs'))))
  await Promise.all(nodes.map((node) => node.start()))
  for (const node of nodes) cleanups.push(() => node.kill())
  return nodes
}

/** The configuration of the guide with as many servers as there are nodes. */
function configured(language: string, nodes: readonly Node[]): string {
  const lines = /( *)server (?:node1 )?127\.0\.0\.1:3001(.*)\n.*127\.0\.0\.1:3002.*/
  const config = block(language)
  expect(config).toMatch(lines)
  return config.replace(lines, (_all, indent: string, more: string) =>
    nodes.map(({ port }, index) => `${indent}server ${language === 'haproxy' ? `node${index + 1} ` : ''}127.0.0.1:${port}${more}`).join('\n'),
  )
}

interface Client {
  readonly version: string
  readonly socket: any
  connects: number
  readonly disconnects: string[]
  readonly disconnectedAt: number[]
  readonly errors: string[]
  /** When each event was emitted that has not been answered. */
  readonly open: Map<number, number>
  answered: number
}

function connect(version: string, url: string): Client {
  const socket = require(`socket.io-client-${version}`)(url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 })
  const client: Client = { version, socket, connects: 0, disconnects: [], disconnectedAt: [], errors: [], open: new Map(), answered: 0 }
  socket.on('connect', () => client.connects++)
  socket.on('disconnect', (reason: string) => {
    client.disconnects.push(reason)
    client.disconnectedAt.push(performance.now())
  })
  for (const event of ['connect_error', 'error', 'reconnect_error']) socket.on(event, (error: any) => client.errors.push(`${String(error)} ${error?.description?.message ?? error?.description ?? ''}`))
  socket.io.on?.('reconnect_error', (error: unknown) => client.errors.push(String(error)))
  cleanups.push(() => socket.disconnect())
  return client
}

/** An answer to an event proves that the client is connected, on whatever node. */
function say({ socket, version }: Client, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${version}: "${text}" was not answered`)), 30_000)
    socket.emit('say', text, (answer: string) => {
      clearTimeout(timer)
      resolve(answer)
    })
  })
}

async function settle(clients: readonly Client[], what: string): Promise<void> {
  const deadline = Date.now() + 40_000
  while (!clients.every(({ socket, connects, disconnects }) => socket.connected && connects === disconnects.length + 1)) {
    if (Date.now() > deadline) throw new Error(`${what}: ${JSON.stringify(clients.map(({ version, connects, disconnects, errors }) => ({ version, connects, disconnects, errors })))}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Opens a session and closes it: gives the node that made it, or undefined when none did. */
async function ownerOfNew(url: string): Promise<string | undefined> {
  const path = `${url}/socket.io/?EIO=4&transport=polling`
  const opened = await fetch(path).then(
    (response) => response.text(),
    () => '',
  )
  const sid = /"sid":"([\w-]+)"/.exec(opened)?.[1]
  if (sid !== undefined) await fetch(`${path}&sid=${sid}`, { method: 'POST', body: '1' })
  return sid?.slice(0, 4)
}

async function untilNodes(count: number, url: string): Promise<void> {
  const deadline = Date.now() + 40_000
  const owners = new Set<string>()
  for (let turn = 0; owners.size < count; turn++) {
    if (Date.now() > deadline) throw new Error(`new sessions go to ${owners.size} of ${count} nodes`)
    const owner = await ownerOfNew(url)
    if (owner !== undefined) owners.add(owner)
    // One more request now and then, or the same node would always get the first one of a round.
    if (turn % 2 === 0) await fetch(`${url}/socket.io/?EIO=9`).catch(() => {})
  }
}

/** Emits all the time until it is told to stop; then waits for what is under way. */
function emitAllTheTime(client: Client): () => Promise<void> {
  let count = 0
  const timer = setInterval(() => {
    const n = count++
    client.open.set(n, performance.now())
    client.socket.emit('say', String(n), (answer: string) => {
      if (answer === String(n) && client.open.delete(n)) client.answered++
    })
  }, 20)
  cleanups.push(() => clearInterval(timer))
  return async () => {
    clearInterval(timer)
    await say(client, 'the last one')
  }
}

interface Visitor {
  readonly label: string
  readonly client: ClientProcess
  readonly name: string
}

/** Clients of other languages, each with default transports and with polling alone. */
async function visitorsOf(url: string): Promise<Visitor[]> {
  const visitors: Visitor[] = []
  for (const spec of others) {
    const [command, ...args] = await spec.command()
    const client = await ClientProcess.start(command, args)
    cleanups.push(() => client.stop())
    for (const transports of [['polling', 'websocket'], ['polling']]) {
      const name = client.connect({ url, transports })
      // The Java client 1.x gives up a poll after ten seconds without an answer, on any server.
      if (spec.family === 'Java') {
        const timer = setInterval(() => void client.emitWithAck(name, 'say', 'talk').catch(() => {}), 1_000)
        cleanups.push(() => clearInterval(timer))
      }
      visitors.push({ label: `${spec.label} ${transports.join()}`, client, name })
      await client.next(name, 'connect', 20_000)
    }
  }
  return visitors
}

/** An announced end and nothing else; OkHttp takes no notice of a close frame, so the Java client 1.x is told by the end of its connection, an error to it. */
function isAnnounced(label: string, events: readonly string[]): boolean {
  const rest = label === 'Java 1.0.0 polling,websocket' ? events.filter((event) => event !== 'error') : events
  const count = (event: string): number => rest.filter((one) => one === event).length
  return rest.length === count('connect') + count('disconnect') && count('connect') === count('disconnect')
}

async function restartAll(nodes: readonly Node[], url: string): Promise<void> {
  await untilNodes(nodes.length, url)
  const clients = [...VERSIONS, ...VERSIONS].map((version) => connect(version, url))
  const visitors = await visitorsOf(url)
  await settle(clients, 'the clients connect')
  const endings = clients.map(emitAllTheTime)

  for (const [index, node] of nodes.entries()) {
    expect(await node.stop()).toBe(0)
    await settle(clients, `after the end of node ${index + 1}`)
    expect(await Promise.all(clients.map((client) => say(client, `after ${index}`)))).toEqual(clients.map(() => `after ${index}`))
    await node.start()
    await untilNodes(nodes.length, url)
  }
  await Promise.all(endings.map((end) => end()))

  // Every session was on one of the nodes, so each client moved; none more than once for a restart.
  for (const { version, connects, disconnects, disconnectedAt, errors, open, answered } of clients) {
    expect({ version, errors, isAtMostOneForEach: disconnects.length <= nodes.length, connects }).toEqual({ version, errors: [], isAtMostOneForEach: true, connects: disconnects.length + 1 })
    expect(disconnects.every((reason) => reason === 'transport close')).toBe(true)
    // What was emitted is answered, but for what was on its way when the server said goodbye: at most once on such a connection.
    const lost = [...open.values()].filter((at) => !disconnectedAt.some((end) => at <= end && end - at < 2_000))
    expect({ version, lost, isUnderLoad: answered > 100 }).toEqual({ version, lost: [], isUnderLoad: true })
  }
  expect(clients.every(({ disconnects }) => disconnects.length > 0)).toBe(true)
  for (const { label, client, name } of visitors) {
    const events = client.unread(name)
    expect({ label, events, isAnnounced: isAnnounced(label, events), restarts: Math.min(events.filter((event) => event === 'disconnect').length, 4) }).toEqual({
      label,
      events,
      isAnnounced: true,
      restarts: expect.toSatisfy((count: number) => count >= 1 && count <= nodes.length),
    })
    expect(await client.emitWithAck(name, 'say', 'still')).toEqual(['still'])
  }
  expect(nodes.map(({ stderr }) => stderr)).toEqual(nodes.map(() => ''))
}

describe.skipIf(skip !== undefined)('docs/guides/deploying.md', () => {
  it('[CLU-93] the workers of the guide serve clients of all generations on one port, and end with 0', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tidewire-workers-'))
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    writeFileSync(join(folder, 'server.mjs'), block('js workers'))
    const port = await freePort()
    const child = spawn(process.execPath, ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', join(folder, 'server.mjs')], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { ...process.env, PORT: String(port) },
    })
    const exited = once(child, 'exit')
    cleanups.push(() => child.kill('SIGKILL'))
    await untilNodes(1, `http://127.0.0.1:${port}`)

    const clients = [...VERSIONS, ...VERSIONS].map((version) => connect(version, `http://127.0.0.1:${port}`))
    await settle(clients, 'the clients connect')
    expect(await Promise.all(clients.map((client) => say(client, client.version)))).toEqual(clients.map(({ version }) => version))
    expect(clients.map(({ disconnects, errors }) => [...disconnects, ...errors])).toEqual(clients.map(() => []))
    for (const { socket } of clients) socket.disconnect()
    child.kill('SIGTERM')
    expect((await exited)[0]).toBe(0)
  })

  it('[API-16, API-17] nginx: three nodes are restarted under load, and clients of all generations see announced reconnects alone', async () => {
    const nodes = await startNodes(0)
    const config = configured('nginx', nodes)
    const nginx = await startNginx((port) => config.replace('listen 3000', `listen 127.0.0.1:${port}`))
    cleanups.push(() => nginx.stop())

    await restartAll(nodes, `http://127.0.0.1:${nginx.port}`)
  }, 120_000)

  it('[API-16, API-17] HAProxy: the same', async () => {
    const nodes = await startNodes(1_500)
    const config = configured('haproxy', nodes)
    const haproxy = await startHaproxy((port) => config.replace('bind :3000', `bind 127.0.0.1:${port}`))
    cleanups.push(() => haproxy.stop())

    await restartAll(nodes, `http://127.0.0.1:${haproxy.port}`)
  }, 120_000)
})
