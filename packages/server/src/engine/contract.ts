// The seam between the two halves of the server: the engine (sessions, transports) below, Socket.IO (connections, namespaces) above.
// Above it nothing knows a transport; below it nothing knows a namespace. Direct calls only; emitters exist at the user's surface.
import type { EngineRevision } from '@tidewire/protocol'
import type { EventEmitter } from 'node:events'
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { ParsedUrlQuery } from 'node:querystring'
import type { AskedFor, PlainAnswer } from '../http/plain-answer.ts'
import type { OutgoingMessage } from './outgoing-message.ts'

/** Why a session closed: the reasons of the official server (docs: disconnect reasons). */
export type CloseReason =
  | 'transport error'
  | 'transport close'
  | 'forced close'
  | 'ping timeout'
  | 'parse error'
  | 'server shutting down'
  | 'forced server close'

/** What a WebSocket closes with. */
export interface CloseFrame {
  /** RFC 6455, 7.4.1: 1008 for what a limit forbids. */
  readonly code: number
  /** For people; cut to what fits. */
  readonly reason: string
}

/** What the Socket.IO half is told of a session. @internal */
export interface SessionHandler {
  /**
   * One Engine.IO message, in order, never re-entrantly. A `Buffer` belongs to the handler (it does not pin a read chunk).
   * Must not throw: the connection maps decoder errors to a close by itself.
   */
  handleMessage(data: string | Buffer): void
  /** Exactly once, after which nothing else is called. `description` is what the transport knows (an error, a close code). */
  handleClose(reason: CloseReason, description?: unknown): void
}

/** What `socket.handshake` is made of. */
export interface HandshakeFacts {
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly query: ParsedUrlQuery
  readonly isSecure: boolean
}

/**
 * What the Socket.IO half sees of one Engine.IO session. Users hold the same object as `socket.conn`.
 *
 * Events, under the official names: "packet", "packetCreate", "data", "message", "heartbeat", "drain", "flush", "upgrading", "upgrade", "close".
 */
export interface EngineSession extends EventEmitter {
  /** Exactly 20 characters of [A-Za-z0-9_-]: 4 for the node incarnation, 16 random (unless `generateId` is the user's). */
  readonly id: string
  /** 3 for clients of 1.x and 2.x, 4 for those of 3.x and 4.x. */
  readonly protocol: EngineRevision
  /** The handshake request: made from compact facts on first access when no user code has seen the original. */
  readonly request: IncomingMessage
  /** Of the TCP connection that the handshake came on. */
  readonly remoteAddress: string
  /** Of the handshake request, without the request; absent in an engine of another make. */
  readonly facts?: HandshakeFacts
  /** "closing": what waits is still sent. */
  readonly readyState: 'opening' | 'open' | 'closing' | 'closed'
  /** The transport in use; changes with "upgrade". */
  readonly transport: { readonly name: string; readonly writable: boolean }
  /** True when a message sent now would leave at once: outbox empty and the transport not full. Volatile messages need it. */
  readonly writable: boolean
  /** What waits to be sent, as a part of `maxOutboxBytes`: 0 is nothing, 1 the bound. Absent in an engine of another make. */
  readonly pressure?: number
  /** Set by the Socket.IO half before its `handleSession` returns. */
  handler: SessionHandler | undefined
  /** Queues one message behind all earlier ones; written at the end of the loop turn. Ignored unless open. */
  sendMessage(message: OutgoingMessage): void
  /**
   * Closes after the outbox is flushed, or at once with `discard`. Idempotent. Reason: "forced close". `frame` tells the peer why, on transports
   * that can.
   */
  close(discard?: boolean, frame?: CloseFrame): void
}

export interface EngineHandler {
  /** A session opened (its open packet is queued). Called before any of its messages. */
  handleSession(session: EngineSession): void
  /** A listener or header function of the application has failed; `event` is what it listened to. */
  handleUserError(error: unknown, event: string): void
  /** What is answered below the engine's path besides sessions, by an engine that has its path to itself. */
  plainAnswer?(req: AskedFor): PlainAnswer | undefined
}
