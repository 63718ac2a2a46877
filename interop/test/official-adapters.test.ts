// The published adapters and emitters, unmodified, on our server and on socket.io 4.8.4, against the real Redis and PostgreSQL: two servers
// with clients on both, and what they observe must be the same.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { startPostgres, startRedis } from '@tidewire/testkit/daemon'
import type { Daemon, Postgres } from '@tidewire/testkit/daemon'
import { isCI } from '@tidewire/testkit/provision'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { Server } from 'tidewire'
import * as ownBases from 'tidewire/adapter'

const require = createRequire(import.meta.url)
const { io: connectClient } = require('socket.io-client-4.8.4')
const { io: connectOldClient } = { io: require('socket.io-client-2.5.0') }
const { createClient } = require('redis')
const { Pool } = require('pg')

let redis: Daemon | undefined
let postgres: Postgres | undefined
let skip: string | undefined
try {
  ;[redis, postgres] = await Promise.all([startRedis(), startPostgres()])
} catch (error) {
  if (isCI()) throw error
  skip = (error as Error).message
  console.warn(`[provision] SKIPPED Redis and PostgreSQL: ${skip}`)
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
afterAll(async () => {
  await redis?.stop()
  await postgres?.stop()
})

async function redisClient(): Promise<any> {
  const client = createClient({ url: `redis://127.0.0.1:${redis!.port}` })
  client.on('error', () => {})
  await client.connect()
  // Waits for what the adapters have under way, which nobody handles: a blocking read takes up to five seconds, so nobody waits for it.
  cleanups.push(() => void client.close().catch(() => {}))
  return client
}

interface Kind {
  adapter?: (server: string) => Promise<unknown>
  /** What the server gets instead of an adapter. */
  options?: () => object
  emitter?: () => Promise<any>
}

/** Adapters that an application writes against the base classes: those of one hub hear each other. */
const hub = new Set<any>()

function writeAdapter(server: string, base: 'ClusterAdapter' | 'ClusterAdapterWithHeartbeat'): unknown {
  const Base: any = (server === 'tidewire' ? ownBases : require('socket.io-adapter'))[base]
  class HubAdapter extends Base {
    constructor(nsp: any) {
      super(nsp, {})
      hub.add(this)
    }
    /** As over a network: what arrives is a copy. */
    async doPublish(message: any): Promise<string> {
      for (const other of hub) if (other.nsp.name === message.nsp) setImmediate(() => other.onMessage(structuredClone(message), '1'))
      return '1'
    }
    async doPublishResponse(uid: string, response: any): Promise<void> {
      for (const other of hub) if (other.uid === uid) setImmediate(() => other.onResponse(structuredClone(response)))
    }
    serverCount(): Promise<number> {
      return base === 'ClusterAdapter' ? Promise.resolve([...hub].filter((one) => one.nsp.name === (this as any).nsp.name).length) : super.serverCount()
    }
    close(): unknown {
      hub.delete(this)
      return super.close()
    }
  }
  return HubAdapter
}

const KINDS: Record<string, Kind> = {
  'a subclass of ClusterAdapter': { adapter: async (server) => writeAdapter(server, 'ClusterAdapter') },
  'a subclass of ClusterAdapterWithHeartbeat': { adapter: async (server) => writeAdapter(server, 'ClusterAdapterWithHeartbeat') },
  'redis-adapter 8.3.0': {
    adapter: async () => require('@socket.io/redis-adapter').createAdapter(await redisClient(), await redisClient()),
    emitter: async () => new (require('@socket.io/redis-emitter').Emitter)(await redisClient()),
  },
  'redis-adapter 8.3.0, sharded': {
    adapter: async () => require('@socket.io/redis-adapter').createShardedAdapter(await redisClient(), await redisClient()),
  },
  'redis-streams-adapter 0.3.1': {
    adapter: async () => require('@socket.io/redis-streams-adapter').createAdapter(await redisClient()),
  },
  'postgres-adapter 0.5.0': {
    adapter: async () => {
      const pool = new Pool({ connectionString: postgres!.url })
      pool.on('error', () => {})
      await pool.query(
        'CREATE TABLE IF NOT EXISTS socket_io_attachments (id bigserial UNIQUE, created_at timestamptz DEFAULT NOW(), payload bytea)',
      )
      cleanups.push(() => pool.end())
      return require('@socket.io/postgres-adapter').createAdapter(pool)
    },
  },
}

async function serve(server: string, adapter: unknown, more: object = {}): Promise<{ io: any; url: string }> {
  const http = createServer()
  const io: any =
    server === 'tidewire' ? new Server(http, { ...(adapter === undefined ? {} : { adapter }), ...more } as object) : new (require('socket.io-4.8.4').Server)(http, { adapter, allowEIO3: true, ...more })
  await once(http.listen(0, '127.0.0.1'), 'listening')
  cleanups.push(async () => {
    await new Promise<void>((resolve) => {
      io.close(() => resolve())
      http.closeAllConnections()
    })
  })
  return { io, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}

async function serveKind(server: string, { adapter, options }: Kind): Promise<{ io: any; url: string }> {
  return serve(server, await adapter?.(server), options?.())
}

function next(emitter: any, event: string): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}"`)), 30_000)
    emitter.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}

interface Cluster {
  io: any[]
  /** Clients: the first on the first server, two on the second, the last of them of revision 3. */
  clients: any[]
  sockets: any[]
}

async function start(server: string, kind: Kind): Promise<Cluster> {
  const nodes = [await serveKind(server, kind), await serveKind(server, kind)]
  const cluster: Cluster = { io: nodes.map(({ io }) => io), clients: [], sockets: [] }
  for (const [index, connect] of [[0, connectClient], [1, connectClient], [1, connectOldClient]] as const) {
    const { io, url } = nodes[index]!
    const connected = next(io, 'connection')
    const client = connect(url, { transports: ['websocket'], forceNew: true })
    cleanups.push(() => client.disconnect())
    cluster.clients.push(client)
    await next(client, 'connect')
    cluster.sockets.push((await connected)[0])
  }
  // The nodes have found each other when a question of one is answered by the other.
  await until('the nodes to find each other', async () => {
    const counts = await Promise.all(cluster.io.map(async (io) => (await io.fetchSockets().catch(() => [])).length))
    return counts.every((count) => count === 3)
  })
  return cluster
}

async function until(what: string, isReached: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await isReached())) {
    if (Date.now() > deadline) throw new Error(`waited 30 s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

const ROWS: Record<string, (cluster: Cluster, kind: Kind) => Promise<unknown>> = {
  'a broadcast from one node to all': async ({ io, clients }) => {
    const seen = clients.map((client) => next(client, 'news'))
    io[0].emit('news', 'text 汉字', { n: 1 })
    return Promise.all(seen)
  },
  'a broadcast with binary': async ({ io, clients }) => {
    const seen = clients.map((client) => next(client, 'bytes'))
    io[0].emit('bytes', Buffer.from([1, 2, 3]), 'and text')
    return (await Promise.all(seen)).map(([bytes, text]) => [Buffer.from(bytes).toString('hex'), text])
  },
  'rooms and except': async ({ io, clients, sockets }) => {
    await Promise.all([sockets[0].join('a'), sockets[1].join(['a', 'b']), sockets[2].join('b')])
    const seen: string[][] = clients.map(() => [])
    for (const [index, client] of clients.entries()) {
      client.on('to', (what: string) => seen[index]!.push(what))
    }
    const fences = clients.map((client) => next(client, 'fence'))
    io[0].to('a').emit('to', 'a')
    io[0].to(['a', 'b']).emit('to', 'a or b')
    io[0].to('b').except('a').emit('to', 'b but not a')
    io[0].local.emit('to', 'local')
    sockets[0].to('a').emit('to', 'a from the first')
    io[0].emit('fence')
    await Promise.all(fences)
    // The PostgreSQL adapter notifies from a pool of connections, in no order: fences do not hold what came before.
    await until('what is left', async () => seen.map((list) => list.length).join() === '3,3,2')
    return seen.map((list) => list.toSorted())
  },
  'acknowledgements of a broadcast': async ({ io, clients }) => {
    for (const [index, client] of clients.entries()) client.on('ask', (answer: (n: number) => void) => answer(index))
    const answers: number[] = await io[0].timeout(2_000).emitWithAck('ask')
    return answers.toSorted((a, b) => a - b)
  },
  'a broadcast that not everyone answers': async ({ io, clients }) => {
    clients[1].on('ask', (answer: (n: number) => void) => answer(1))
    return io[0]
      .timeout(300)
      .emitWithAck('ask')
      .then(
        () => 'all answered',
        (error: any) => [error.message, error.responses],
      )
  },
  'joining and leaving from afar': async ({ io, clients }) => {
    io[0].in(clients[1].id).socketsJoin('far')
    const seen = next(clients[1], 'far')
    await until('the join', async () => (await io[1].in('far').fetchSockets()).length === 1)
    io[0].to('far').emit('far', 1)
    const got = await seen
    io[0].in(clients[1].id).socketsLeave('far')
    await until('the leave', async () => (await io[1].in('far').fetchSockets()).length === 0)
    return got
  },
  'sockets of all nodes': async ({ io, sockets }) => {
    sockets[1].data.name = 'Ann'
    await sockets[1].join('named')
    const found = (await io[0].in('named').fetchSockets())[0]
    return [found.id === sockets[1].id, found.data, [...found.rooms].length, typeof found.handshake.time, Object.keys(found.handshake).toSorted()]
  },
  'disconnecting from afar': async ({ io, clients }) => {
    const gone = next(clients[1], 'disconnect')
    io[0].in(clients[1].id).disconnectSockets()
    return (await gone)[0]
  },
  'events between the servers': async ({ io }) => {
    const heard = next(io[1], 'hello')
    io[1].on('question', (text: string, answer: (text: string) => void) => answer(`${text}!`))
    io[0].serverSideEmit('hello', 1, { a: 'b' })
    return [await heard, await io[0].serverSideEmitWithAck('question', 'who')]
  },
  'an emitter without a server': async ({ io, clients, sockets }, kind) => {
    const emitter = await kind.emitter!()
    await sockets[1].join('target')
    const all = clients.map((client) => next(client, 'from outside'))
    emitter.emit('from outside', 'x', Buffer.from([7]))
    const seen = (await Promise.all(all)).map(([text, bytes]) => [text, Buffer.from(bytes).toString('hex')])
    const one = next(clients[1], 'to target')
    emitter.to('target').emit('to target', 1)
    const heard = next(io[0], 'side')
    emitter.serverSideEmit('side', 2)
    const gone = next(clients[0], 'disconnect')
    const result = [seen, await one, await heard]
    emitter.in(clients[0].id).disconnectSockets(true)
    return [...result, (await gone)[0]]
  },
}

describe.skipIf(skip !== undefined).each(Object.keys(KINDS))('%s', (name) => {
  const kind = KINDS[name]!
  const rows = Object.keys(ROWS).filter((row) => kind.emitter !== undefined || row !== 'an emitter without a server')
  it.each(rows)('[API-13] does on our server what it does on the official one: %s', async (row) => {
    const results: Record<string, unknown> = {}
    for (const server of ['official', 'tidewire']) {
      results[server] = await ROWS[row]!(await start(server, kind), kind)
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
    }

    expect(results['tidewire']).toEqual(results['official'])
  })
})

describe.skipIf(skip !== undefined)('the cluster of tidewire on Redis', () => {
  it.each(Object.keys(ROWS).filter((row) => row !== 'an emitter without a server'))(
    '[CLU-80] does what the official server does with redis-adapter 8.3.0: %s',
    async (row) => {
      const official = KINDS['redis-adapter 8.3.0']!
      const expected = await ROWS[row]!(await start('official', official), official)
      for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
      const own: Kind = {
        options: () => ({ cluster: { bus: `redis://127.0.0.1:${redis!.port}`, secret: 'of this test' } }),
      }

      expect(await ROWS[row]!(await start('tidewire', own), own)).toEqual(expected)
    },
  )
})

/** A client that loses its connection and comes back to another node. */
async function comeBack(server: string, kind: Kind): Promise<unknown> {
  const recovery = { connectionStateRecovery: { maxDisconnectionDuration: 10_000 } }
  const nodes = [await serve(server, await kind.adapter!(server), recovery), await serve(server, await kind.adapter!(server), recovery)]
  const connected = next(nodes[0]!.io, 'connection')
  const client = connectClient(nodes[0]!.url, { transports: ['websocket'], forceNew: true, reconnectionDelay: 50 })
  cleanups.push(() => client.disconnect())
  await next(client, 'connect')
  const [socket] = await connected
  await socket.join('room')
  socket.data.name = 'Ann'
  const { id } = client
  const first = next(client, 'first')
  nodes[0]!.io.to('room').emit('first')
  await first
  const gone = next(socket, 'disconnect')
  client.io.uri = nodes[1]!.url
  client.io.engine.transport.ws.terminate()
  await gone
  const missed = next(client, 'missed')
  const again = next(nodes[1]!.io, 'connection')
  nodes[0]!.io.to('room').emit('missed', '漏', Buffer.from([1]))
  const [text, bytes] = await missed
  const [recovered] = await again
  return [text, Buffer.from(bytes).toString('hex'), client.recovered, client.id === id, recovered.recovered, recovered.data, recovered.rooms.has('room')]
}

it.skipIf(skip !== undefined)('[API-13] recovers a connection on another node over redis-streams-adapter 0.3.1, as the official server does', async () => {
  const kind = KINDS['redis-streams-adapter 0.3.1']!
  const official = await comeBack('official', kind)
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
  const own = await comeBack('tidewire', kind)

  expect(own).toEqual(official)
  expect(own).toEqual(['漏', '01', true, true, true, { name: 'Ann' }, true])
})
