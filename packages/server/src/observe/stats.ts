// `io.stats()`: a snapshot for metrics endpoints and health checks. Counters are copied; what is open is counted at the call, which walks the
// sessions once and is meant for once every few seconds.
import type { Namespace } from '../namespace/namespace.ts'
import type { LimitName } from '../limits.ts'
import type { Counters } from './counters.ts'

/** What `io.stats()` gives. */
export interface ServerStats {
  /** Milliseconds since the server was made. */
  readonly uptime: number
  /** Engine.IO sessions of this node. */
  readonly sessions: {
    readonly open: number
    readonly byTransport: {
      readonly polling: number
      readonly websocket: number
      readonly webtransport: number
    }
    /** By Engine.IO revision. */
    readonly byRevision: { readonly 3: number; readonly 4: number }
    readonly opened: number
    /** How many have closed, by reason. */
    readonly closed: Readonly<Record<string, number>>
  }
  /** Sockets in namespaces: a client in two namespaces has two. */
  readonly sockets: number
  /** Namespaces, those made for clients included. */
  readonly namespaces: number
  /** Rooms of this node, the sockets' own ones left out. */
  readonly rooms: number
  /** What clients have not read yet. */
  readonly outbox: {
    /** What waits to be sent, over all sessions. */
    readonly bytes: number
    /** Sessions for which anything waits. */
    readonly sessions: number
    /** The largest `pressure` of a session: 1 is its bound. */
    readonly maxPressure: number
  }
  /** Engine.IO packets, heartbeats included; bytes of binary and UTF-16 units of text, without framing. */
  readonly traffic: {
    readonly packetsIn: number
    readonly packetsOut: number
    readonly bytesIn: number
    readonly bytesOut: number
  }
  /** Volatile events that were not sent because something waited. */
  readonly volatileDropped: number
  /** CONNECT packets that were refused, by a middleware or for want of the namespace. */
  readonly connectErrors: number
  /** Requests that were refused, by the name of the reason. */
  readonly refusals: Readonly<Record<string, number>>
  /** How often each limit of docs/limits.md was hit. */
  readonly limits: Readonly<Record<LimitName, number>>
  /** How often user code has thrown or rejected. */
  readonly handlerErrors: number
}

/** What is read of a session; those of another engine may lack some. */
interface SessionView {
  readonly protocol: number
  readonly transport: { readonly name: string }
  readonly outboxBytes?: number
  readonly pressure?: number
}

export function statsOf(
  counters: Counters,
  sessions: Iterable<SessionView>,
  namespaces: Iterable<Namespace<any, any, any, any>>,
  startedAt: number,
): ServerStats {
  const byTransport = { polling: 0, websocket: 0, webtransport: 0 }
  const byRevision = { 3: 0, 4: 0 }
  const outbox = { bytes: 0, sessions: 0, maxPressure: 0 }
  let open = 0
  for (const { transport, protocol, outboxBytes = 0, pressure = 0 } of sessions) {
    open++
    byTransport[transport.name as keyof typeof byTransport]++
    byRevision[protocol === 3 ? 3 : 4]++
    if (outboxBytes === 0) continue
    outbox.bytes += outboxBytes
    outbox.sessions++
    outbox.maxPressure = Math.max(outbox.maxPressure, pressure)
  }
  let sockets = 0
  let rooms = 0
  let count = 0
  for (const namespace of namespaces) {
    count++
    sockets += namespace.sockets.size
    // An adapter of another make may keep its rooms elsewhere.
    const { rooms: all, sids } = namespace.adapter as {
      rooms?: ReadonlyMap<string, unknown>
      sids?: ReadonlyMap<string, unknown>
    }
    if (all === undefined || sids === undefined) continue
    rooms += all.size
    for (const sid of sids.keys()) if (all.has(sid)) rooms--
  }
  const { packetsIn, packetsOut, bytesIn, bytesOut, volatileDropped, connectErrors, handlerErrors } = counters
  return {
    uptime: Math.trunc(performance.now() - startedAt),
    sessions: {
      open,
      byTransport,
      byRevision,
      opened: counters.sessionsOpened,
      closed: { ...counters.sessionsClosed },
    },
    sockets,
    namespaces: count,
    rooms,
    outbox,
    traffic: { packetsIn, packetsOut, bytesIn, bytesOut },
    volatileDropped,
    connectErrors,
    refusals: { ...counters.refusals },
    limits: { ...counters.limits },
    handlerErrors,
  }
}
