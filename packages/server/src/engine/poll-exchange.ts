// One HTTP request of a polling session and the answer it waits for, wherever it has arrived: on this node (http/http-exchange.ts) or on
// another one, from which it comes over the link (session routing of @tidewire/cluster). The transport sees no difference but `isLocal`.
import type { EngineRejection } from '../http/reject.ts'

/** What a poll is answered with. @internal */
export interface PollAnswer {
  readonly status: number
  /** None for an empty answer. */
  readonly contentType?: string
  readonly body?: string | Uint8Array
  /** May be compressed if the request accepts it. */
  readonly isCompressible?: boolean
}

/** Who waits for an exchange. Each call names it, because one transport has several in turn. @internal */
export interface ExchangeHandler {
  /** The client has gone before there was an answer. */
  handleAborted(exchange: PollExchange): void
  /** The answer has been handed to the kernel. */
  handleFlushed(exchange: PollExchange): void
  /** The connection has ended before the answer was written. */
  handleUnwritten(exchange: PollExchange): void
  /** Its node is gone. If there was an answer, nobody knows whether the client has got it. */
  handleNodeLost(exchange: PollExchange): void
  /** `isHeldBack` has become false. */
  handleRoom(exchange: PollExchange): void
  /** Its node is about to leave: what can be answered now should be. */
  handleNodeLeaving(exchange: PollExchange): void
  /** Answers `ask`: the client still waits. */
  handleStillWaiting(exchange: PollExchange): void
}

/** One HTTP request of a polling session, on this node or another. @internal */
export interface PollExchange {
  readonly method: string | undefined
  /** The body is a payload in the binary form, going by its Content-Type. */
  readonly isBinary: boolean
  /** What makes this request different from all others of its client (`t`), if the client sends it: a proxy that repeats one repeats it. */
  readonly stamp: string | undefined
  readonly isLocal: boolean
  /** The way to its node is full: an answer should wait. Never on this node. */
  readonly isHeldBack?: boolean
  /** Set by who waits for it. */
  handler: ExchangeHandler | undefined
  /**
   * Calls `done` once with the whole body, unless the client goes before (`handleAborted`). A body above the limit is answered here, with
   * 413, and `done` gets undefined.
   */
  readBody(maxBytes: number, done: (body: Buffer | undefined) => void): void
  /** Once. */
  answer(answer: PollAnswer): void
  refuse(reason: EngineRejection): void
  /** Ends the connection without an answer. With `ifReading` only if the body has not come whole. */
  destroy(ifReading?: boolean): void
  /** Of an exchange that is not local: asks its node whether the client still waits. */
  ask(): void
}
