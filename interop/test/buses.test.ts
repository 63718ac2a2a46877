// The bus drivers on real daemons: the contract that all drivers keep, and whole nodes over each of them.
import { spawnGroup, startNats, startPostgres, startRedis, stopGroup } from '@tidewire/testkit/daemon'
import type { Daemon, Postgres } from '@tidewire/testkit/daemon'
import { Redis as IoRedis } from 'ioredis'
import { Client, Pool } from 'pg'
import { createClient } from 'redis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Bus } from '../../packages/cluster/src/bus.ts'
import { createBus } from '../../packages/cluster/src/create-bus.ts'
import { busContract } from '../../packages/cluster/test/bus-contract.ts'
import type { BusEngine } from '../../packages/cluster/test/bus-contract.ts'

type Kind = 'redis' | 'nats'
const start = { redis: startRedis, nats: startNats }
const daemons = {} as Record<Kind, Daemon>
let postgres: Postgres

beforeAll(async () => {
  ;[daemons.redis, daemons.nats, postgres] = await Promise.all([startRedis(), startNats(), startPostgres()])
})
afterAll(() => Promise.all([...Object.values(daemons), postgres].map((daemon) => daemon.stop())))

const seconds = (count: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, count * 1_000))

function engine(kind: Kind, create: () => Bus): BusEngine {
  return {
    createBus: create,
    async restart() {
      const { port, child } = daemons[kind]
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await gone
      await seconds(1)
      daemons[kind] = await start[kind]({ port })
    },
    async pause(forMs) {
      daemons[kind].child.kill('SIGSTOP')
      await seconds(forMs / 1_000)
      daemons[kind].child.kill('SIGCONT')
    },
  }
}

busContract('Redis by URL (redis)', () =>
  engine('redis', () => createBus(`redis://127.0.0.1:${daemons.redis.port}`)),
)

const ownClients: { close(): unknown }[] = []
afterAll(() => {
  for (const client of ownClients) client.close()
})
busContract("Redis with the user's redis client", () =>
  engine('redis', () => {
    const client = createClient({ url: `redis://127.0.0.1:${daemons.redis.port}` })
    client.on('error', () => {})
    ownClients.push({ close: () => client.isOpen && client.destroy() })
    return createBus(client)
  }),
)
busContract("Redis with the user's ioredis client", () =>
  engine('redis', () => {
    const client = new IoRedis(daemons.redis.port, '127.0.0.1')
    client.on('error', () => {})
    ownClients.push({ close: () => client.disconnect() })
    return createBus(client)
  }),
)

busContract('NATS by URL', () => engine('nats', () => createBus(`nats://127.0.0.1:${daemons.nats.port}`)))

/** Its processes are no group that a signal could stop or kill as one; all its connections are cut instead. */
function postgresEngine(create: () => Bus): BusEngine {
  return {
    createBus: create,
    async restart() {
      const admin = new Client(postgres.url)
      await admin.connect()
      await admin.query(
        'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL',
      )
      await seconds(1)
      await admin.end()
    },
    pause: () => Promise.reject(new Error('see above')),
  }
}
busContract('Postgres by URL', () => postgresEngine(() => createBus(postgres.url)), {
  cannotPause: true,
  knowsNoSubscribers: true,
})

const pools: Pool[] = []
afterAll(() => Promise.all(pools.map((pool) => pool.end())))
busContract(
  "Postgres with the user's pool",
  () =>
    postgresEngine(() => {
      const pool = new Pool({ connectionString: postgres.url, max: 4 })
      pool.on('error', () => {})
      pools.push(pool)
      return createBus(pool)
    }),
  { cannotPause: true, knowsNoSubscribers: true },
)

it.each(['redis', 'nats', 'postgres'] as const)(
  '[CLU-25] a process that closes its node over %s ends by itself',
  async (kind) => {
    const url = kind === 'postgres' ? postgres.url : `${kind}://127.0.0.1:${daemons[kind].port}`
    const program = new URL('../src/link-node.ts', import.meta.url).pathname
    const child = spawnGroup(process.execPath, ['--conditions=tidewire-source', program, url, 'ends'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    try {
      await new Promise((resolve) => child.stdout!.once('data', resolve))
      const ended = new Promise((resolve, reject) => {
        child.once('exit', resolve)
        setTimeout(() => reject(new Error('it still runs after 40 s')), 40_000).unref()
      })
      child.stdin!.end('close\n')

      expect(await ended).toBe(0)
    } finally {
      await stopGroup(child, 'SIGKILL')
    }
  },
)
