// Cells of the matrix "every client on several nodes": a balancer, a broker and nodes, and all clients on them at once, each with default
// transports, polling only and WebSocket only. Used by the test (two cells, 15 s) and by the soak (all, a minute each, with a table).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startHaproxy, startNginx } from '@tidewire/testkit/balancer'
import { startNats, startPostgres, startRedis } from '@tidewire/testkit/daemon'
import type { Daemon } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { startInHostHub } from '../../packages/cluster/src/drivers/in-host.ts'
import { ClientProcess } from './client-process.ts'
import { javaClients, javascriptClients, pythonClients } from './client-specs.ts'
import type { ClientSpec } from './client-specs.ts'
import { ClusterNodeProcess, haproxyRoundRobin, roundRobin } from './cluster-nodes.ts'
import type { NginxVariant } from './cluster-nodes.ts'
import { makeCertificate } from './test-certificate.ts'
import type { TestCertificate } from './test-certificate.ts'
import { WorkersProcess } from './workers-process.ts'

const MODES = { default: ['polling', 'websocket'], polling: ['polling'], websocket: ['websocket'] } as const
const EMIT_EVERY_MS = 250
const SAY_EVERY_MS = 1_500
const BURST = 200

/** What the tests need to know of the nodes. */
export interface ServedNodes {
  readonly url: string
  /** Said of connections, by all nodes together. */
  count(event: 'connect' | 'disconnect'): number
  /** Node by node: how many sessions each was given. */
  connects(): readonly number[]
  /** For the clients: whom to trust. */
  readonly env?: NodeJS.ProcessEnv
  stop(): Promise<void>
}

export interface Cell {
  readonly title: string
  readonly needs: readonly ('nginx' | 'haproxy' | 'redis' | 'nats' | 'postgres')[]
  readonly start: () => Promise<ServedNodes>
}

/** What a client saw in a cell. */
export interface Outcome {
  readonly cell: string
  readonly client: string
  readonly connects: number
  readonly disconnects: number
  readonly errors: number
  readonly emitted: number
  readonly acked: number
}

interface Broker {
  readonly url: string
  stop(): Promise<unknown>
}

const brokers = {
  redis: async (): Promise<Broker> => {
    const daemon = await startRedis()
    return { url: `redis://127.0.0.1:${daemon.port}`, stop: daemon.stop }
  },
  nats: async (): Promise<Broker> => {
    const daemon = await startNats()
    return { url: `nats://127.0.0.1:${daemon.port}`, stop: daemon.stop }
  },
  postgres: async (): Promise<Broker> => startPostgres(),
  inHost: async (): Promise<Broker> => {
    const hub = await startInHostHub()
    return { url: `in-host:${hub.path}`, stop: () => hub.close() }
  },
}

type Balance = (ports: readonly number[], tls: TestCertificate | undefined) => Promise<Daemon>

const nginx =
  (variant: NginxVariant = {}, workers = 1): Balance =>
  (ports, tls) =>
    startNginx(roundRobin(ports, tls === undefined ? variant : { ...variant, tls }), { workers })
const haproxy: Balance = (ports, tls) => startHaproxy(haproxyRoundRobin(ports, tls))

/** Processes of their own, on a broker, behind a balancer. */
function nodesBehind(
  count: number,
  startBroker: () => Promise<Broker>,
  balance: Balance,
  withTls = false,
): () => Promise<ServedNodes> {
  return async () => {
    const broker = await startBroker()
    const nodes = await Promise.all(Array.from({ length: count }, () => ClusterNodeProcess.start(broker.url)))
    const tls = withTls ? makeCertificate() : undefined
    const balancer = await balance(
      nodes.map(({ port }) => port),
      tls,
    )
    return {
      url: `${withTls ? 'https' : 'http'}://127.0.0.1:${balancer.port}`,
      ...(tls === undefined ? {} : { env: tls.trustedBy(java.value?.java) }),
      count: (event) => nodes.reduce((sum, node) => sum + node.count(event), 0),
      connects: () => nodes.map((node) => node.count('connect')),
      async stop() {
        await Promise.all(nodes.map((node) => node.stop()))
        await balancer.stop()
        await broker.stop()
        tls?.remove()
      },
    }
  }
}

/** `tidewire/workers`: one port and nothing in front of it. */
async function startWorkersCell(): Promise<ServedNodes> {
  const workers = await WorkersProcess.start(3)
  return {
    url: `http://127.0.0.1:${workers.port}`,
    count: (event) => workers.count(event),
    connects: () => [...workers.connectsByPid().values()],
    stop: () => workers.stop(),
  }
}

const nginxRedis: Cell = {
  title: 'two nodes on Redis behind nginx round robin',
  needs: ['nginx', 'redis'],
  start: nodesBehind(2, brokers.redis, nginx()),
}
const haproxyNats: Cell = {
  title: 'three nodes on NATS behind HAProxy round robin',
  needs: ['haproxy', 'nats'],
  start: nodesBehind(3, brokers.nats, haproxy),
}

export const testCells: readonly Cell[] = [nginxRedis, haproxyNats]
export const soakCells: readonly Cell[] = [
  nginxRedis,
  {
    title: 'two nodes on Redis behind nginx `random`',
    needs: ['nginx', 'redis'],
    start: nodesBehind(2, brokers.redis, nginx({ random: true })),
  },
  {
    title: 'two nodes on Redis behind nginx with 4 workers',
    needs: ['nginx', 'redis'],
    start: nodesBehind(2, brokers.redis, nginx({}, 4)),
  },
  {
    title: 'two nodes on Redis behind nginx with kept upstream connections',
    needs: ['nginx', 'redis'],
    start: nodesBehind(2, brokers.redis, nginx({ keepalive: true })),
  },
  {
    title: 'three nodes on Redis behind nginx round robin',
    needs: ['nginx', 'redis'],
    start: nodesBehind(3, brokers.redis, nginx()),
  },
  haproxyNats,
  {
    title: 'two nodes on NATS behind nginx round robin',
    needs: ['nginx', 'nats'],
    start: nodesBehind(2, brokers.nats, nginx()),
  },
  {
    title: 'three nodes on Redis behind HAProxy round robin',
    needs: ['haproxy', 'redis'],
    start: nodesBehind(3, brokers.redis, haproxy),
  },
  {
    title: 'two nodes on Postgres behind nginx round robin',
    needs: ['nginx', 'postgres'],
    start: nodesBehind(2, brokers.postgres, nginx()),
  },
  {
    title: 'three nodes of one machine (in-host) behind nginx round robin',
    needs: ['nginx'],
    start: nodesBehind(3, brokers.inHost, nginx()),
  },
  { title: 'three processes of `tidewire/workers` on one port', needs: [], start: startWorkersCell },
  {
    title: 'two nodes on Redis behind nginx with TLS',
    needs: ['nginx', 'redis'],
    start: nodesBehind(2, brokers.redis, nginx(), true),
  },
  {
    title: 'three nodes on NATS behind HAProxy with TLS',
    needs: ['haproxy', 'nats'],
    start: nodesBehind(3, brokers.nats, haproxy, true),
  },
]

async function reasonToSkip({ needs }: Cell): Promise<string | undefined> {
  for (const name of needs) {
    const { skip } = await provisionOrSkip(name)
    if (skip !== undefined) return skip
  }
  return undefined
}

const java = await provisionOrSkip('java')
const python = await provisionOrSkip('python')
const specs: ClientSpec[] = [
  ...javascriptClients,
  ...(java.skip === undefined ? javaClients.filter(({ label }) => label !== 'Java 0.8.3') : []),
  ...(python.skip === undefined ? pythonClients : []),
]

interface Visitor {
  readonly label: string
  readonly client: ClientProcess
  readonly name: string
  emitted: number
  acked: number
  said: number
}

/** Declares the tests of a cell; `outcomes` gets a line for each client. */
export async function declareCell(cell: Cell, runMs: number, outcomes: Outcome[] = []): Promise<void> {
  const unavailable = await reasonToSkip(cell)
  describe.skipIf(unavailable !== undefined)(cell.title, () => {
    let served: ServedNodes | undefined
    const clients: ClientProcess[] = []
    beforeAll(async () => {
      served = await cell.start()
    }, 60_000)
    afterAll(async () => {
      await Promise.all(clients.map((client) => client.stop()))
      await served?.stop()
    })

    it(
      '[CLU-40, CLU-41] every client connects once and stays, every event is acknowledged',
      async () => {
        const { url, env, count, connects } = served!
        const visitors: Visitor[] = []
        for (const spec of specs) {
          const [command, ...args] = await spec.command()
          const client = await ClientProcess.start(command, args, env)
          clients.push(client)
          for (const [mode, transports] of Object.entries(MODES)) {
            const name = client.connect({ url, transports })
            visitors.push({ label: `${spec.label} ${mode}`, client, name, emitted: 0, acked: 0, said: 0 })
            await client.next(name, 'connect', 20_000)
          }
        }
        await Promise.all(visitors.map((visitor) => visit(visitor, runMs)))
        const broadcasts = visitors.reduce((sum, { said }) => sum + said, 0)
        for (const { label, client, name, emitted, acked } of visitors) {
          const seen = await newsOf(client, name, broadcasts)
          const trouble = client.unread(name).filter((event) => event !== 'news')
          const countOf = (...events: string[]): number =>
            trouble.filter((event) => events.includes(event)).length
          outcomes.push({
            cell: cell.title,
            client: label,
            connects: 1 + countOf('connect'),
            disconnects: countOf('disconnect'),
            errors: countOf('connect_error', 'error'),
            emitted,
            acked,
          })
          expect({ label, trouble, acked, emitted }).toEqual({ label, trouble: [], acked: emitted, emitted })
          expect({ label, emitted: emitted > 0 }).toEqual({ label, emitted: true })
          for (const other of visitors) {
            const numbers = seen.filter(([from]) => from === other.label).map(([, number]) => number)
            expect({ label, from: other.label, numbers }).toEqual({
              label,
              from: other.label,
              numbers: Array.from({ length: other.said }, (_, i) => i),
            })
          }
        }
        expect([count('connect'), count('disconnect')]).toEqual([visitors.length, 0])
        for (const sessions of connects()) expect(sessions).toBeGreaterThan(0)
        const emitted = visitors.reduce((sum, visitor) => sum + visitor.emitted, 0)
        console.log(
          `${visitors.length} connections: connects ${visitors.length}, disconnects 0, errors 0, acked ${emitted} of ${emitted}, broadcasts ${broadcasts} seen by each`,
        )
      },
      120_000 + runMs,
    )

    it(
      '[CLU-41, EIO-61] what is sent while clients upgrade over several nodes arrives once and in order',
      async () => {
        const { url } = served!
        for (const [index, client] of clients.entries()) {
          // OkHttp, under the Java clients, runs five requests to a host at once and lets others wait: the first connections would hold them up.
          for (const name of ['c1', 'c2', 'c3']) client.disconnect(name)
          const { family, label } = specs[index]!
          const count = family === 'Java' ? 1 : 4
          const names = Array.from({ length: count }, () =>
            client.connect({ url, transports: MODES.default }),
          )
          await Promise.all(
            names.map(async (name) => {
              await client.next(name, 'connect', 20_000)
              client.emit(name, 'tell me', BURST)
              const answers = Array.from({ length: BURST }, (_, n) => client.emitWithAck(name, 'count', n))
              const seen: number[] = []
              while (seen.length < BURST) seen.push((await client.next(name, 'event', 20_000))[0] as number)
              // python-socketio runs each handler in a thread of its own, in any order.
              if (family === 'Python') seen.sort((a, b) => a - b)
              expect({ label, seen }).toEqual({ label, seen: Array.from({ length: BURST }, (_, n) => n) })
              // The server counts what it gets from this client: each event is the next one.
              expect({ label, answers: await Promise.all(answers) }).toEqual({
                label,
                answers: Array.from({ length: BURST }, (_, n) => [n, n]),
              })
              expect({ label, unread: client.unread(name) }).toEqual({ label, unread: [] })
              client.disconnect(name)
            }),
          )
        }
      },
      120_000 + runMs,
    )
  })
}

/** Emits for a while, each event with an acknowledgement, and broadcasts now and then. */
async function visit(visitor: Visitor, runMs: number): Promise<void> {
  const { client, name, label } = visitor
  const waiting: Promise<void>[] = []
  const until = performance.now() + runMs
  const sayEvery = SAY_EVERY_MS / EMIT_EVERY_MS
  for (let turn = 0; performance.now() < until; turn++) {
    const isBroadcast = turn % sayEvery === 0
    visitor.emitted++
    const answered = isBroadcast
      ? client.emitWithAck(name, 'say', label, visitor.said++)
      : client.emitWithAck(name, 'echo', turn)
    waiting.push(
      answered.then(
        () => void visitor.acked++,
        () => {},
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, EMIT_EVERY_MS))
  }
  await Promise.allSettled(waiting)
}

async function newsOf(
  client: ClientProcess,
  name: string,
  count: number,
): Promise<(readonly [string, number])[]> {
  const seen: (readonly [string, number])[] = []
  while (seen.length < count) seen.push((await client.next(name, 'news')) as [string, number])
  return seen
}
