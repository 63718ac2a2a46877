// Every bound of the server in one table, each with its default, what happens when it is hit, and why it is what it is. Code reads its defaults
// here; docs/limits.md is made from it (scripts/limits-document.ts). The bounds of a cluster's links are in packages/cluster/src/limits.ts.
import { DEFAULT_LIMITS } from '@tidewire/protocol'

export interface Limit {
  readonly default: number
  readonly unit: 'bytes' | 'ms' | 'levels' | 'count'
  /** The option that changes it; without one it is fixed. */
  readonly option?: string
  /** What happens when it is hit. */
  readonly consequence: string
  readonly reason: string
}

const MIB = 1 << 20

/** Counted when they are hit. */
export type LimitName =
  | 'maxHttpBufferSize'
  | 'maxFragments'
  | 'maxDepth'
  | 'maxAttachments'
  | 'attachmentsTimeout'
  | 'maxHalfReceivedBytes'
  | 'packetsPerTurn'
  | 'heldUpgradeBytes'
  | 'maxNamespaces'
  | 'maxEmptyNamespaces'
  | 'maxCredentialsBytes'
  | 'maxLargeCredentialsBytes'
  | 'maxAckId'
  | 'pongBytes'
  | 'maxOutboxBytes'
  | 'maxSessions'
  | 'connectTimeout'
  | 'upgradeTimeout'
  | 'pingTimeout'

/** What paces or ends what is ordinary. */
export type RoutineLimitName =
  | 'turnTime'
  | 'outboxBurst'
  | 'pingInterval'
  | 'closeTimeout'
  | 'webSocketCloseTimeout'
  | 'errorLines'
  | 'refusedBodyTime'
  | 'roomsPerTurn'
  | 'destroyUpgradeTimeout'
  | 'directHeadBytes'
  | 'directBodyBytes'
  | 'directAheadBytes'
  | 'directReadingTime'
  | 'recoveryBytes'
  | 'recoverySessions'
  | 'recoveryTime'
  | 'clusterJoinTime'
  | 'clusterJoinRequests'

export const LIMITS: Readonly<Record<LimitName | RoutineLimitName, Limit>> = {
  // ---- what a client sends
  maxHttpBufferSize: {
    default: DEFAULT_LIMITS.maxPayloadBytes,
    unit: 'bytes',
    option: 'maxHttpBufferSize',
    consequence:
      'WebSocket closes with 1009 before the bytes are read; a POST is answered 413 and the session stays',
    reason: 'the official default',
  },
  maxFragments: {
    default: DEFAULT_LIMITS.maxFragments,
    unit: 'count',
    consequence: 'the WebSocket closes with 1009',
    reason: 'a flood of tiny fragments costs more than its bytes; no client writes so many',
  },
  maxDepth: {
    default: DEFAULT_LIMITS.maxDepth,
    unit: 'levels',
    option: 'maxDepth',
    consequence:
      'received: the session closes, with 1008 and the reason on WebSocket; sent: the emit throws TW_ERR_DEPTH',
    reason:
      '`JSON.stringify` overflows the stack at about 4,100 levels: one frame of 8 KB that is echoed would end the process',
  },
  maxAttachments: {
    default: DEFAULT_LIMITS.maxAttachments,
    unit: 'count',
    option: 'maxAttachments',
    consequence:
      'received: the session closes, with 1008 and the reason on WebSocket; sent: the emit throws TW_ERR_ATTACHMENTS',
    reason: 'the official limit since parsers 3.3.5, 3.4.4 and 4.2.6',
  },
  attachmentsTimeout: {
    default: 45_000,
    unit: 'ms',
    consequence:
      'a session of which no further attachment of a packet has come for this long, or for `pingInterval + pingTimeout` if that is longer, closes (1008 on WebSocket)',
    reason:
      'one large attachment on a slow line may take as long as the heartbeat, which waits behind it, allows; who withholds it answers pings all the same',
  },
  maxHalfReceivedBytes: {
    default: 64 * MIB,
    unit: 'bytes',
    consequence:
      'above it, or above 64 times `maxHttpBufferSize` if that is more, of the sessions that have sent nothing more for five seconds the one that has waited longest closes (1008 on WebSocket), until the rest fits',
    reason:
      'packets whose attachments stay away, over all sessions: many clients that hold back a little each are one that holds back much',
  },
  packetsPerTurn: {
    default: 256,
    unit: 'count',
    consequence:
      'the rest of what was read waits for a later loop turn, in order; the connection is not read meanwhile',
    reason:
      'one client that sends without a pause must not keep its neighbours waiting; larger packets count for more (one more per KiB)',
  },
  turnTime: {
    default: 10,
    unit: 'ms',
    consequence:
      'a slice ends when its handlers have taken this long; connections with more to handle, or that end, take turns, and those for which this turn has no time left wait for the next; what many get at once is written for twice as long a turn, and the rest in the next ones',
    reason: 'many such clients together must not keep their neighbours waiting either',
  },
  heldUpgradeBytes: {
    default: MIB,
    unit: 'bytes',
    consequence: 'the session closes with "transport error"',
    reason:
      'what a WebSocket says after its `5` waits until the POST before it has been handled; it is not read meanwhile, where that can be done (not on Bun, nor on another node)',
  },
  maxNamespaces: {
    default: 1_000,
    unit: 'count',
    option: 'maxNamespaces',
    consequence: 'a CONNECT beyond it closes the session, with 1008 and the reason on WebSocket',
    reason: 'each costs a socket, and in a family of namespaces a namespace; applications use a handful',
  },
  maxEmptyNamespaces: {
    default: 10_000,
    unit: 'count',
    option: 'maxEmptyNamespaces',
    consequence:
      'of the namespaces of a family that clients have made, the one that has been without sockets longest is removed',
    reason:
      'clients choose the names; without a bound each name that was ever asked for would stay. A name counts for one more per 256 characters. `cleanupEmptyChildNamespaces` keeps none',
  },
  maxCredentialsBytes: {
    default: 2_000_000,
    unit: 'bytes',
    consequence:
      'a CONNECT with which the names and credentials of the namespaces that one client is in exceed it, or twice `maxHttpBufferSize` if that is more, closes the session, with 1008 and the reason on WebSocket',
    reason: 'they are kept as `handshake.auth`: in a family of namespaces one client could have a gigabyte kept',
  },
  maxLargeCredentialsBytes: {
    default: 268_435_456,
    unit: 'bytes',
    consequence:
      'while the credentials of those clients that have sent more than 32 KiB take more than this, or than 256 times `maxHttpBufferSize` if that is more, as parsed values, further ones are closed, with 1008 and the reason on WebSocket',
    reason: 'a megabyte of `{},` becomes twenty when it is parsed; a hundred clients would fill the memory with them',
  },
  roomsPerTurn: {
    default: 5_000,
    unit: 'count',
    consequence: 'a socket that was in more rooms leaves the rest of them in later loop turns; it gets nothing meanwhile',
    reason: 'leaving 200,000 rooms takes a tenth of a second and more',
  },
  maxAckId: {
    default: Number.MAX_SAFE_INTEGER,
    unit: 'count',
    consequence: 'the event is delivered, and its acknowledgement is not sent',
    reason:
      'no client has sent so many; a larger id names no packet any more, and one of 310 digits is answered `43Infinity[]` officially',
  },
  pongBytes: {
    default: 65_536,
    unit: 'bytes',
    consequence: 'WebSocket pings and probes are not answered while this much waits to be written',
    reason: 'a peer that pings and does not read must not fill the memory',
  },
  // ---- what a client does not read
  maxOutboxBytes: {
    default: 1_000_000,
    unit: 'bytes',
    option: 'maxOutboxBytes',
    consequence:
      'volatile events are dropped as soon as anything waits; above the bound the session of a client that does not read closes with "transport error" (slow consumer)',
    reason:
      'at least `maxHttpBufferSize`; a slow client must cost itself, not the others. `socket.pressure` tells how near it is',
  },
  outboxBurst: {
    default: 64,
    unit: 'count',
    consequence:
      'one turn may send this many times `maxOutboxBytes` to a client that reads, before it is closed as a slow consumer',
    reason: 'a burst that the next write can take is no slow reader',
  },
  maxSessions: {
    default: Infinity,
    unit: 'count',
    option: 'maxSessions',
    consequence: 'further handshakes are refused with 503; clients try again',
    reason: 'how many a process bears is known to the operator alone; without a bound the heartbeat ends those that say nothing, after 45 s',
  },
  errorLines: {
    default: 20,
    unit: 'count',
    consequence: 'further failures of handlers within a second are told in one line; `onHandlerError` and `handlerErrors` get them all',
    reason: 'writing on stderr waits, and a client may make a handler fail as often as it likes',
  },
  // ---- time
  connectTimeout: {
    default: 45_000,
    unit: 'ms',
    option: 'connectTimeout',
    consequence: 'a session in no namespace closes',
    reason: 'the official default',
  },
  upgradeTimeout: {
    default: 10_000,
    unit: 'ms',
    option: 'upgradeTimeout',
    consequence: 'the probing transport closes; the session stays where it was',
    reason: 'the official default',
  },
  pingInterval: {
    default: 25_000,
    unit: 'ms',
    option: 'pingInterval',
    consequence: 'a ping (revision 4)',
    reason: 'the official default',
  },
  pingTimeout: {
    default: 20_000,
    unit: 'ms',
    option: 'pingTimeout',
    consequence:
      'the session closes with "ping timeout", after `pingInterval + pingTimeout` of silence in revision 3; so do a POST whose body does not end and an answer that is not read',
    reason: 'the official default',
  },
  closeTimeout: {
    default: 30_000,
    unit: 'ms',
    consequence:
      'a session that is being closed, and whose client does not fetch its last packets, is cut off, by its heartbeat if that is due earlier',
    reason: 'a little more than a heartbeat',
  },
  webSocketCloseTimeout: {
    default: 5_000,
    unit: 'ms',
    consequence: 'a peer that is silent after a close frame and does not end the connection is cut off; one that goes on sending is after `closeTimeout`',
    reason: 'a round trip, with a wide margin',
  },
  refusedBodyTime: {
    default: 5_000,
    unit: 'ms',
    consequence: 'a request that was answered while its body was still coming is cut off if that does not end',
    reason: 'node:http waits five minutes (`requestTimeout`)',
  },
  destroyUpgradeTimeout: {
    default: 1_000,
    unit: 'ms',
    option: 'destroyUpgradeTimeout',
    consequence: 'an upgrade request outside of the path that nobody has answered is cut off',
    reason: 'the official default',
  },
  // ---- HTTP without node:http
  directHeadBytes: {
    default: 8_192,
    unit: 'bytes',
    consequence: 'a larger head is read by node:http, whose limit (`maxHeaderSize`, 16 KiB) is answered 431',
    reason: 'no client of ours writes one',
  },
  directBodyBytes: {
    default: 65_536,
    unit: 'bytes',
    consequence: 'a larger body is read by node:http',
    reason: 'its buffers and time-outs are made for that',
  },
  directAheadBytes: {
    default: 65_536,
    unit: 'bytes',
    consequence: 'a connection that sends further requests before the answer is not read meanwhile',
    reason: 'what is read ahead is held in memory',
  },
  directReadingTime: {
    default: 2_000,
    unit: 'ms',
    consequence:
      'a body that is not there by then goes on to node:http, whose `requestTimeout` (300 s) holds',
    reason: 'slow bodies are rare, and bounded there',
  },
  // ---- connection state recovery
  recoveryBytes: {
    default: 32 * MIB,
    unit: 'bytes',
    option: 'connectionStateRecovery.maxBytes',
    consequence:
      'the oldest events of the namespace are forgotten; who needed them gets the failure "events lost"',
    reason: 'memory per namespace',
  },
  recoverySessions: {
    default: 100_000,
    unit: 'count',
    option: 'connectionStateRecovery.maxSessions',
    consequence:
      'the oldest session of a client that is away is forgotten; it gets the failure "session unknown"',
    reason: 'memory per namespace',
  },
  recoveryTime: {
    default: 120_000,
    unit: 'ms',
    option: 'connectionStateRecovery.maxDisconnectionDuration',
    consequence: 'the session is forgotten',
    reason: 'the official default',
  },
  // ---- before a cluster is joined
  clusterJoinTime: {
    default: 10_000,
    unit: 'ms',
    consequence: 'requests that wait for the node to join its cluster are refused with 503',
    reason: 'a bus that is there answers within a second',
  },
  clusterJoinRequests: {
    default: 10_000,
    unit: 'count',
    consequence: 'further requests are refused with 503 at once',
    reason: 'what waits is held in memory',
  },
}

export const ROUTINE_LIMITS: ReadonlySet<string> = new Set<RoutineLimitName>([
  'turnTime',
  'outboxBurst',
  'pingInterval',
  'closeTimeout',
  'webSocketCloseTimeout',
  'errorLines',
  'refusedBodyTime',
  'roomsPerTurn',
  'destroyUpgradeTimeout',
  'directHeadBytes',
  'directBodyBytes',
  'directAheadBytes',
  'directReadingTime',
  'recoveryBytes',
  'recoverySessions',
  'recoveryTime',
  'clusterJoinTime',
  'clusterJoinRequests',
])

export const LIMIT_NAMES: readonly LimitName[] = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).filter(
  (name): name is LimitName => !ROUTINE_LIMITS.has(name),
)
