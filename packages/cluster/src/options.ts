// What a cluster node can be told, and the values it goes by when it is not.
import { hostname } from 'node:os'
import { randomBytes } from 'node:crypto'
import { systemClock } from './clock.ts'
import type { ClusterClock } from './clock.ts'
import type { Incarnation } from './cluster-node.ts'

export interface ClusterNodeOptions {
  /** The first four characters of the ids that this node makes; drawn here when it is not given. */
  readonly incarnation?: Incarnation
  /** Called while `start` runs when another node has the same incarnation: draws a new one and makes ids with it from then on. */
  readonly redraw?: () => Incarnation
  /** For people: in logs and node lists. Default: host name and process id. */
  readonly name?: string
  /** Where a balancer reaches this node, for those who list nodes. */
  readonly address?: string
  /** How many sessions this node owns now: told to the others with each heartbeat. */
  readonly sessions?: () => number
  /** Clusters that share a broker have different prefixes. Default "tidewire". */
  readonly prefix?: string
  readonly clock?: ClusterClock
}

export interface ResolvedOptions {
  readonly incarnation: Incarnation
  readonly redraw: () => Incarnation
  readonly name: string
  readonly address: string | undefined
  readonly sessions: () => number
  readonly prefix: string
  readonly clock: ClusterClock
}

/** Three random bytes are exactly four characters of an id. */
export function drawIncarnation(): Incarnation {
  return randomBytes(3).toString('base64url')
}

export function resolveOptions(options: ClusterNodeOptions): ResolvedOptions {
  return {
    incarnation: options.incarnation ?? drawIncarnation(),
    redraw: options.redraw ?? drawIncarnation,
    name: options.name ?? `${hostname()}:${process.pid}`,
    address: options.address,
    sessions: options.sessions ?? (() => 0),
    prefix: options.prefix ?? 'tidewire',
    clock: options.clock ?? systemClock,
  }
}
