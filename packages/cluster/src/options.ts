// What a cluster node can be told, and the values it goes by when it is not.
import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { TidewireError, clusterCodec } from '@tidewire/protocol'
import type { Bus } from './bus.ts'
import { systemClock } from './clock.ts'
import type { ClusterClock } from './clock.ts'
import type { Incarnation } from './cluster-node.ts'
import { DEFAULT_CLUSTER_LIMITS } from './limits.ts'
import type { ClusterLimits } from './limits.ts'

/** What a node can be told. */
export interface ClusterNodeOptions {
  /** The first four characters of the ids that this node makes; drawn here when it is not given. */
  readonly incarnation?: Incarnation
  /** Called while `start` runs when another node has the same incarnation: draws a new one and makes ids with it from then on. */
  readonly redraw?: () => Incarnation
  /**
   * What all nodes of the cluster know and nobody else: every bus message carries a code made with it. Mandatory on a broker that others
   * can reach; the environment variable TIDEWIRE_CLUSTER_SECRET is taken when the option is not given.
   */
  readonly secret?: string
  /** Goes without a secret on a shared broker: whoever can write there can then speak for any node and any client. */
  readonly insecure?: boolean
  /** For people: in logs and node lists. Default: host name and process id. */
  readonly name?: string
  /** Where a balancer reaches this node, for those who list nodes. */
  readonly address?: string
  /** How many sessions this node owns now: told to the others with each heartbeat. */
  readonly sessions?: () => number
  /** Clusters that share a broker have different prefixes: 1 to 64 characters of [A-Za-z0-9_-]. Default "tidewire". */
  readonly prefix?: string
  /** What goes wrong and needs no action of the code: one call an event. Default: a process warning. */
  readonly onError?: (error: TidewireError) => void
  /** Bounds and intervals; those that are not given keep their defaults. */
  readonly limits?: Partial<ClusterLimits>
  /** Replaced by tests. */
  readonly clock?: ClusterClock
  /** Bus formats that this node speaks. For tests of mixed releases. */
  readonly formats?: { readonly min: number; readonly max: number }
}

export interface ResolvedOptions {
  readonly incarnation: Incarnation
  readonly redraw: () => Incarnation
  readonly secret: string | undefined
  readonly name: string
  readonly address: string | undefined
  readonly sessions: () => number
  readonly prefix: string
  readonly onError: (error: TidewireError) => void
  readonly limits: ClusterLimits
  readonly clock: ClusterClock
  readonly formats: { readonly min: number; readonly max: number }
}

/** Three random bytes are exactly four characters of an id. */
export function drawIncarnation(): Incarnation {
  return randomBytes(3).toString('base64url')
}

/** @throws TidewireError TW_ERR_CLUSTER_SECRET without a secret on a shared broker, TW_ERR_CLUSTER_OPTION for a prefix that is none */
export function resolveOptions(bus: Bus, options: ClusterNodeOptions): ResolvedOptions {
  const prefix = options.prefix ?? 'tidewire'
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(prefix)) {
    throw new TidewireError(
      'TW_ERR_CLUSTER_OPTION',
      `the cluster's prefix "${prefix}" is not 1 to 64 characters of [A-Za-z0-9_-]`,
    )
  }
  return {
    incarnation: options.incarnation ?? drawIncarnation(),
    redraw: options.redraw ?? drawIncarnation,
    secret: secretFor(bus, options),
    name: options.name ?? `${hostname()}:${process.pid}`,
    address: options.address,
    sessions: options.sessions ?? (() => 0),
    prefix,
    onError: options.onError ?? ((error) => process.emitWarning(error)),
    limits: { ...DEFAULT_CLUSTER_LIMITS, ...options.limits },
    clock: options.clock ?? systemClock,
    formats: options.formats ?? clusterCodec.CLUSTER_FORMAT,
  }
}

function secretFor(bus: Bus, { secret, insecure }: ClusterNodeOptions): string | undefined {
  const found = secret ?? process.env['TIDEWIRE_CLUSTER_SECRET']
  if (found !== undefined && found !== '') return found
  if (insecure === true || bus.isShared !== true) return undefined
  throw new TidewireError(
    'TW_ERR_CLUSTER_SECRET',
    `a cluster over ${bus.name} needs a secret, because whoever can write to that broker could speak for any node: give every node the ` +
      `same "secret" in the cluster options or TIDEWIRE_CLUSTER_SECRET in the environment (e.g. from: openssl rand -base64 32), or say ` +
      `"insecure: true" if nobody else can reach the broker`,
  )
}
