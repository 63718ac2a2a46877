// Options of the server: those of the engine, and what Socket.IO adds. Unknown names warn once, with the nearest known one.
import type { ClusterOption } from './cluster.ts'
import type { AttachOptions, EngineOptions } from './engine/engine-options.ts'
import { LIMITS } from './limits.ts'
import type { RecoveryOptions } from './recovery/session-aware-adapter.ts'
import type { HandlerErrorHook } from './socket/handler-errors.ts'

/** An adapter class, or a function that makes one for a namespace (`createAdapter()` of the published adapters). */
export type AdapterConstructor = (new (nsp: any) => any) | ((nsp: any) => any)

/** Everything that `new Server(http, options)` takes; constructors want a `Partial` of it. */
export interface ServerOptions extends EngineOptions, AttachOptions {
  /** Path the server answers under. Default "/socket.io". */
  path: string
  /** Serve the browser client below the path. Default true. */
  serveClient: boolean
  /** Rooms and delivery. Default: in memory, this node alone. */
  adapter: AdapterConstructor
  /**
   * Makes this server a node of a cluster: any request of a session may land on any node, and broadcasts reach all. "redis://…",
   * "nats://…", "postgres://…", a bus, or settings with one; the package `@tidewire/cluster` must be installed. Default: one node alone.
   */
  cluster: ClusterOption
  /** A parser instead of JSON with attachments, an object with Encoder and Decoder; clients must use the same. Default: JSON. */
  parser: any
  /** Milliseconds a client may take to join a namespace. Default 45000. */
  connectTimeout: number
  /** Clients of 4.6 and newer that lose their connection get their id, rooms, data and missed events back. Default: off. */
  connectionStateRecovery: RecoveryOptions
  /** Remove dynamic namespaces when their last socket leaves. Default false. */
  cleanupEmptyChildNamespaces: boolean
  /** Gets what user handlers throw or reject with. Default: one line and the stack on stderr. */
  onHandlerError?: HandlerErrorHook
  /** Answers `GET <path>/health` (or the path that is given) with 200 when new clients are welcome, 503 when not. Default: off. */
  health?: boolean | string
  /** Attachments of one packet, received and sent. Default 10. */
  maxAttachments?: number
  /** Nesting of event data, received and sent. Default 2000. */
  maxDepth?: number
  /** Namespaces that one client may be in. Default 1000. */
  maxNamespaces?: number
  /** Namespaces of families that clients have made and that have no sockets any more; beyond it the one that has none longest goes. Default 10000. */
  maxEmptyNamespaces?: number
}

const KNOWN: ReadonlySet<string> = new Set<keyof ServerOptions>([
  'path', 'serveClient', 'adapter', 'cluster', 'parser', 'connectTimeout', 'connectionStateRecovery', 'cleanupEmptyChildNamespaces',
  'onHandlerError', 'health', 'maxAttachments', 'maxDepth', 'maxSessions', 'maxNamespaces', 'maxEmptyNamespaces', 'pingTimeout', 'pingInterval', 'upgradeTimeout', 'maxHttpBufferSize',
  'maxOutboxBytes', 'allowRequest', 'transports', 'allowUpgrades', 'perMessageDeflate', 'httpCompression', 'initialPacket',
  'cookie', 'cors', 'allowEIO3', 'wsEngine', 'addTrailingSlash', 'destroyUpgrade', 'destroyUpgradeTimeout', 'directHttp',
])
const warned = new Set<string>()

export const DEFAULTS: Readonly<{ path: string; connectTimeout: number; maxAttachments: number; maxDepth: number }> = {
  path: '/socket.io',
  connectTimeout: LIMITS.connectTimeout.default,
  maxAttachments: LIMITS.maxAttachments.default,
  maxDepth: LIMITS.maxDepth.default,
}

export function warnOfUnknownOptions(options: object): void {
  for (const name of Object.keys(options)) {
    if (KNOWN.has(name) || warned.has(name)) continue
    warned.add(name)
    const nearest = [...KNOWN].toSorted((a, b) => distance(name, a) - distance(name, b))[0]!
    const advice = distance(name, nearest) <= 3 ? `; did you mean "${nearest}"?` : ''
    process.emitWarning(`Unknown option "${name}" is ignored${advice}`, { type: 'TidewireWarning', code: 'TW_WARN_UNKNOWN_OPTION' })
  }
}

/** Edits from one name to the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1]!.toLowerCase() === b[j - 1]!.toLowerCase() ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
