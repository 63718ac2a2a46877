// The port between an engine and the session routing of a cluster: what the engine asks for a session of another node, and what routing
// asks for a session of this one. Plain interfaces; without a cluster the engine pays one check of a field. The node that a request has
// arrived on is its EDGE: it keeps the connection, and has run middleware, CORS and the checks that need no session.
import type { Edge, Owner } from './door.ts'
import type { EngineSession } from './contract.ts'
import type { EngineRejection } from '../http/reject.ts'
import type { LimitName } from '../limits.ts'
import type { PollExchange } from './poll-exchange.ts'

/** What the owner must know of a request besides its exchange. @internal */
export interface SessionRequest {
  readonly sid: string
  /** `EIO=4`; everything else is revision 3. */
  readonly isV4: boolean
  /** Of a WebSocket: no `b64`. */
  readonly supportsBinary: boolean
}

/** An upgrade request that waits for the word of the session's owner; no 101 has been sent. @internal */
export interface PendingUpgrade {
  refuse(reason: EngineRejection): void
  /** Sends the 101. `owner` gets what the client sends; `whenOpen` is not called when the client has gone meanwhile: `whenGone` is. */
  accept(owner: Owner, whenOpen: (edge: WebSocketEdge) => void, whenGone: () => void): void
}

/** A WebSocket of this node that serves a session of another one. @internal */
export interface WebSocketEdge extends Edge {
  /** Writes frames as they are; `handleFlushed` of its owner then gets their number of bytes, once the kernel has room again. */
  deliverFrames(frames: Buffer): void
  /** Stops reading from the client, so that TCP makes it wait. */
  pause(): void
  resume(): void
}

/** Implemented by session routing; the engine calls it for sessions that are not its own. @internal */
export interface RemoteSessions {
  /** The node is part of its cluster: until then requests wait. */
  readonly isReady: boolean
  /** Calls once, when `isReady` has become true, or with a refusal. */
  whenReady(handler: (refusal?: EngineRejection) => void): void
  /** A living node has made this id. */
  isElsewhere(sid: string): boolean
  /** Cause and fix, for who asks for a session that nobody has. */
  explainUnknown(sid: string): string
  servePoll(request: SessionRequest, exchange: PollExchange): void
  serveUpgrade(request: SessionRequest, upgrade: PendingUpgrade): void
  /** WebSockets of this node that serve sessions of other ones. */
  readonly relayedWebSockets: readonly RelayedWebSocketHandle[]
}

export interface RelayedWebSocketHandle {
  /** Has its session closed, once the client has what waits for it: this node is to end. */
  dismiss(): void
}

/** Implemented by routing: an upgrade that has arrived on another node and waits for the word of this one. @internal */
export interface RemoteUpgrade {
  refuse(reason: EngineRejection): void
  /** Has the 101 sent. The edge is the owner's view of the WebSocket on the other node. */
  accept(session: EngineSession & Owner): Edge
}

/** A timer on the engine's wheel: `dueTick` is the wheel's. @internal */
export interface PortTimer {
  dueTick: number
  handleTimer(): void
}

/** Implemented by the engine; routing calls it for what has arrived on other nodes. @internal */
export interface LocalSessions {
  readonly pingInterval: number
  readonly pingTimeout: number
  readonly maxPayloadBytes: number
  readonly sessionCount: number
  has(sid: string): boolean
  /** Milliseconds of the engine's clock. */
  now(): number
  servePoll(request: SessionRequest, exchange: PollExchange): void
  serveUpgrade(request: SessionRequest, upgrade: RemoteUpgrade): void
  schedule(timer: PortTimer, delayMs: number): void
  cancel(timer: PortTimer): void
  /** A WebSocket of this node, for a session of another one, has hit a limit; `error` says which when it has ended for it. */
  countLimit?(limit: LimitName | undefined, error?: unknown): void
}
