// From what a user writes in the `cluster` option to a bus: a URL, a client that exists already, or a bus.
import { TidewireError } from '@tidewire/protocol'
import type { Bus } from './bus.ts'
import { createInHostBus, IN_HOST_VARIABLE } from './drivers/in-host.ts'
import { createNatsBus } from './drivers/nats.ts'
import type { NatsConnectionLike } from './drivers/nats.ts'
import { createPostgresBus } from './drivers/postgres.ts'
import type { PgPoolLike } from './drivers/postgres.ts'
import { createRedisBus } from './drivers/redis.ts'
import type { RedisClientLike } from './drivers/redis.ts'

/** "redis://…", "rediss://…", "nats://…", "postgres://…", "in-host:…", a client of `redis`, `ioredis` or NATS, a Pool of `pg`, or a bus. */
export type BusTarget = string | Bus | RedisClientLike | NatsConnectionLike | PgPoolLike

/**
 * The bus of a broker: from its URL, or from a client that the application has, which stays its own to close.
 * @throws TidewireError TW_ERR_CLUSTER_OPTION for what is none of these
 */
export function createBus(target: BusTarget): Bus {
  if (typeof target === 'string') return createFromUrl(target)
  if (isBus(target)) return target
  if ('duplicate' in target) return createRedisBus(target)
  if ('getServer' in target) return createNatsBus(target)
  if ('query' in target && 'options' in target) return createPostgresBus(target)
  throw unknownTarget('this object')
}

function createFromUrl(url: string): Bus {
  const scheme = /^[a-z-]+(?=:)/.exec(url)?.[0]
  if (scheme === 'redis' || scheme === 'rediss') return createRedisBus(url)
  if (scheme === 'nats') return createNatsBus(url)
  if (scheme === 'postgres' || scheme === 'postgresql') return createPostgresBus(url)
  if (scheme === 'in-host' || url === 'in-host') return createInHostBus(inHostPath(url))
  throw unknownTarget(scheme === undefined ? 'this text' : `"${scheme}:"`)
}

function inHostPath(url: string): string {
  const path = url.slice('in-host:'.length) || process.env[IN_HOST_VARIABLE]
  if (path !== undefined && path !== '') return path
  throw new TidewireError(
    'TW_ERR_CLUSTER_OPTION',
    `"in-host" needs a hub: call startInHostHub() in the process that starts the others and hand them its path, as "in-host:<path>" or in ${IN_HOST_VARIABLE}`,
  )
}

function isBus(target: object): target is Bus {
  return 'capabilities' in target && 'publish' in target && 'onState' in target
}

function unknownTarget(what: string): TidewireError {
  return new TidewireError(
    'TW_ERR_CLUSTER_OPTION',
    `a cluster cannot be made from ${what}: give redis://, nats://, postgres:// or in-host: with an address, a client of redis or ioredis, a NATS connection, a Pool of pg, or a bus`,
  )
}
