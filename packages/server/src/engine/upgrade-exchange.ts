// A request for a WebSocket that has not been answered, whatever HTTP library it has come through: node:http (http/http-upgrade.ts) or Bun
// (bun/bun-upgrade.ts). The engine decides; the exchange answers, and makes the edge.
import type { ServerResponse } from 'node:http'
import type { EngineRejection } from '../http/reject.ts'
import type { WebSocketEdge } from './cluster-port.ts'
import type { Owner } from './door.ts'

export interface UpgradeSettings {
  readonly supportsBinary: boolean
  /** False: the 101 may wait for the first packet, to leave with it. */
  readonly answersAtOnce: boolean
}

export interface UpgradeExchange {
  /** The client has gone. */
  readonly isGone: boolean
  /** For headers of the answer. With `mayAnswer` a middleware may answer through it, in HTTP, until `releaseResponse`. */
  openResponse(mayAnswer: boolean): ServerResponse
  releaseResponse(): void
  /** Answers in HTTP, with the headers of the response. */
  refuse(reason: EngineRejection): void
  /** Sends the 101, with the headers of the response. Nothing is read before `whenOpen` has returned; it is not called if that fails. */
  accept(owner: Owner, settings: UpgradeSettings, whenOpen: (edge: WebSocketEdge) => void): void
  /** Calls once, when the connection has ended. */
  whenGone(listener: () => void): void
}
