// docs/guides/deploying.md, run: its program twice on a real Redis, behind the nginx and the HAProxy of the guide, with official clients of
// every generation, while both nodes are restarted one after the other.
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

const require = createRequire(import.meta.url)
const root = new URL('../..', import.meta.url).pathname
const guide = readFileSync(join(root, 'docs/guides/deploying.md'), 'utf8')
const block = (language: string): string => new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(guide)![1]!

const VERSIONS = ['1.7.4', '2.5.0', '3.1.3', '4.8.4']
const skip = (await Promise.all((['redis', 'nginx', 'haproxy'] as const).map((name) => provisionOrSkip(name)))).find((result) => result.skip !== undefined)?.skip
const redis: Daemon | undefined = skip === undefined ? await startRedis() : undefined

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
    const deadline = Date.now() + 20_000
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

async function startNodes(notice: number): Promise<[Node, Node]> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-deploying-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const program = block('js').replace('redis://127.0.0.1:6379', `redis://127.0.0.1:${redis!.port}`).replace('notice: 0', `notice: ${notice}`).replace('5_000', '500')
  writeFileSync(join(folder, 'server.mjs'), program)
  const nodes: [Node, Node] = [new Node(await freePort(), join(folder, 'server.mjs')), new Node(await freePort(), join(folder, 'server.mjs'))]
  await Promise.all(nodes.map((node) => node.start()))
  for (const node of nodes) cleanups.push(() => node.kill())
  return nodes
}

interface Client {
  readonly version: string
  readonly socket: any
  connects: number
  readonly disconnects: string[]
  readonly errors: string[]
}

function connect(version: string, url: string): Client {
  const socket = require(`socket.io-client-${version}`)(url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 })
  const client: Client = { version, socket, connects: 0, disconnects: [], errors: [] }
  socket.on('connect', () => client.connects++)
  socket.on('disconnect', (reason: string) => client.disconnects.push(reason))
  for (const event of ['connect_error', 'error', 'reconnect_error']) socket.on(event, (error: unknown) => client.errors.push(String(error)))
  socket.io.on?.('reconnect_error', (error: unknown) => client.errors.push(String(error)))
  cleanups.push(() => socket.disconnect())
  return client
}

/** An answer to an event proves that the client is connected, on whatever node. */
function say({ socket, version }: Client, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${version}: "${text}" was not answered`)), 10_000)
    socket.emit('say', text, (answer: string) => {
      clearTimeout(timer)
      resolve(answer)
    })
  })
}

async function settle(clients: readonly Client[], what: string): Promise<void> {
  const deadline = Date.now() + 15_000
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
  const deadline = Date.now() + 20_000
  const owners = new Set<string>()
  while (owners.size < count) {
    if (Date.now() > deadline) throw new Error(`new sessions go to ${owners.size} of ${count} nodes`)
    const owner = await ownerOfNew(url)
    if (owner !== undefined) owners.add(owner)
    // One more request, or the same node would always get the first one of a pair.
    await fetch(`${url}/socket.io/?EIO=9`).catch(() => {})
  }
}

async function restartBoth(nodes: readonly [Node, Node], url: string): Promise<void> {
  await untilNodes(2, url)
  const clients = [...VERSIONS, ...VERSIONS].map((version) => connect(version, url))
  await settle(clients, 'the clients connect')
  expect(await Promise.all(clients.map((client) => say(client, client.version)))).toEqual(clients.map(({ version }) => version))

  for (const [index, node] of nodes.entries()) {
    expect(await node.stop()).toBe(0)
    await settle(clients, `after the end of node ${index + 1}`)
    expect(await Promise.all(clients.map((client) => say(client, `after ${index}`)))).toEqual(clients.map(() => `after ${index}`))
    await node.start()
    await untilNodes(2, url)
  }

  // Every session was on one of the two nodes, so each client moved; none more than once for a restart.
  for (const { version, connects, disconnects, errors } of clients) {
    expect({ version, errors, isAtMostOneForEach: disconnects.length <= 2, connects }).toEqual({ version, errors: [], isAtMostOneForEach: true, connects: disconnects.length + 1 })
    expect(disconnects.every((reason) => reason === 'transport close')).toBe(true)
  }
  expect(clients.some(({ disconnects }) => disconnects.length > 0)).toBe(true)
  expect(nodes.map(({ stderr }) => stderr)).toEqual(['', ''])
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

  it('[API-16, API-17] nginx: both nodes are restarted, and clients of all generations see announced reconnects alone', async () => {
    const nodes = await startNodes(0)
    const config = block('nginx').replace('3001', String(nodes[0].port)).replace('3002', String(nodes[1].port))
    const nginx = await startNginx((port) => config.replace('listen 3000', `listen 127.0.0.1:${port}`))
    cleanups.push(() => nginx.stop())

    await restartBoth(nodes, `http://127.0.0.1:${nginx.port}`)
  })

  it('[API-16, API-17] HAProxy: the same', async () => {
    const nodes = await startNodes(1_500)
    const config = block('haproxy').replace('3001', String(nodes[0].port)).replace('3002', String(nodes[1].port))
    const haproxy = await startHaproxy((port) => config.replace('bind :3000', `bind 127.0.0.1:${port}`))
    cleanups.push(() => haproxy.stop())

    await restartBoth(nodes, `http://127.0.0.1:${haproxy.port}`)
  })
})
