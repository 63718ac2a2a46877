// Cells of the matrix "every client on several nodes": a balancer, a broker and nodes, and all clients on them at once, each with default
// transports, polling only and WebSocket only. Used by the test (two cells, 15 s) and by the soak (all, a minute each, with a table).
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startHaproxy, startNginx } from '@tidewire/testkit/balancer'
import { startNats, startPostgres, startRedis } from '@tidewire/testkit/daemon'
import type { Daemon } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { ClientProcess } from './client-process.ts'
import { javaClients, javascriptClients, pythonClients } from './client-specs.ts'
import type { ClientSpec } from './client-specs.ts'
import { ClusterNodeProcess, haproxyRoundRobin, roundRobin } from './cluster-nodes.ts'

const MODES = { default: ['polling', 'websocket'], polling: ['polling'], websocket: ['websocket'] } as const
const EMIT_EVERY_MS = 250
const SAY_EVERY_MS = 1_500
const BURST = 200

export interface Cell {
  readonly title: string
  readonly needs: readonly ('nginx' | 'haproxy' | 'redis' | 'nats' | 'postgres')[]
  readonly nodes: number
  readonly startBroker: () => Promise<Daemon>
  readonly urlOf: (broker: Daemon) => string
  readonly startBalancer: (ports: readonly number[]) => Promise<Daemon>
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

const onRedis = {
  startBroker: (): Promise<Daemon> => startRedis(),
  urlOf: ({ port }: Daemon): string => `redis://127.0.0.1:${port}`,
}
const onNats = {
  startBroker: (): Promise<Daemon> => startNats(),
  urlOf: ({ port }: Daemon): string => `nats://127.0.0.1:${port}`,
}

const nginxRedis: Cell = {
  title: 'two nodes on Redis behind nginx round robin',
  needs: ['nginx', 'redis'],
  nodes: 2,
  ...onRedis,
  startBalancer: (ports) => startNginx(roundRobin(ports)),
}
const haproxyNats: Cell = {
  title: 'three nodes on NATS behind HAProxy round robin',
  needs: ['haproxy', 'nats'],
  nodes: 3,
  ...onNats,
  startBalancer: (ports) => startHaproxy(haproxyRoundRobin(ports)),
}

export const testCells: readonly Cell[] = [nginxRedis, haproxyNats]
export const soakCells: readonly Cell[] = [
  nginxRedis,
  {
    ...nginxRedis,
    title: 'two nodes on Redis behind nginx `random`',
    startBalancer: (ports) => startNginx(roundRobin(ports, { random: true })),
  },
  {
    ...nginxRedis,
    title: 'two nodes on Redis behind nginx with 4 workers',
    startBalancer: (ports) => startNginx(roundRobin(ports), { workers: 4 }),
  },
  {
    ...nginxRedis,
    title: 'two nodes on Redis behind nginx with kept upstream connections',
    startBalancer: (ports) => startNginx(roundRobin(ports, { keepalive: true })),
  },
  { ...nginxRedis, title: 'three nodes on Redis behind nginx round robin', nodes: 3 },
  haproxyNats,
  {
    ...nginxRedis,
    title: 'two nodes on Postgres behind nginx round robin',
    needs: ['nginx', 'postgres'],
    startBroker: () => startPostgres(),
    urlOf: ({ port }) => `postgres://postgres@127.0.0.1:${port}/postgres`,
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
    let broker: Daemon
    let balancer: Daemon
    const nodes: ClusterNodeProcess[] = []
    const clients: ClientProcess[] = []
    beforeAll(async () => {
      broker = await cell.startBroker()
      const bus = cell.urlOf(broker)
      nodes.push(
        ...(await Promise.all(Array.from({ length: cell.nodes }, () => ClusterNodeProcess.start(bus)))),
      )
      balancer = await cell.startBalancer(nodes.map(({ port }) => port))
    })
    afterAll(async () => {
      await Promise.all([...clients, ...nodes].map((one) => one.stop()))
      await balancer?.stop()
      await broker?.stop()
    })

    it(
      '[CLU-40, CLU-41] every client connects once and stays, every event is acknowledged',
      async () => {
        const url = `http://127.0.0.1:${balancer.port}`
        const visitors: Visitor[] = []
        for (const spec of specs) {
          const [command, ...args] = await spec.command()
          const client = await ClientProcess.start(command, args)
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
          const count = (...events: string[]): number =>
            trouble.filter((event) => events.includes(event)).length
          outcomes.push({
            cell: cell.title,
            client: label,
            connects: 1 + count('connect'),
            disconnects: count('disconnect'),
            errors: count('connect_error', 'error'),
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
        expect(nodes.reduce((sum, node) => sum + node.count('connect'), 0)).toBe(visitors.length)
        expect(nodes.map((node) => node.count('disconnect'))).toEqual(nodes.map(() => 0))
        for (const node of nodes) expect(node.count('connect')).toBeGreaterThan(0)
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
        const url = `http://127.0.0.1:${balancer.port}`
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
