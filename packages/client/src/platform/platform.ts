// What differs between runtimes and entries: engine, codec, how an HTTP request is made and how a WebSocket is opened. The files beside
// this one are the only ones that know.
import type { SocketRevision } from '@tidewire/protocol'
import type { ClientCodec } from '../codec.ts'
import type { EngineClient } from '../engine/engine-client.ts'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'

export interface HttpAnswer {
  status: number
  /** The whole body. */
  body: Uint8Array | string
}

export interface HttpRequest {
  abort(): void
}

export interface WebSocketLike {
  send(data: string | Uint8Array): void
  close(): void
}

export interface WebSocketEvents {
  open(): void
  message(data: string | Uint8Array): void
  close(code: number, reason: string): void
  /** `status` and `body` where the runtime shows what the server answered instead of 101. */
  error(error: unknown, status?: number, body?: string): void
}

/** Why connecting failed, for programs; `help` says it to people. */
export type ConnectErrorCode = 'TW_ERR_UNREACHABLE' | 'TW_ERR_REFUSED' | 'TW_ERR_INCOMPATIBLE' | 'TW_ERR_TIMEOUT'

export interface Platform {
  /** The engine of this entry: one that negotiates, or the smallest one. */
  readonly Engine: new (url: ServerUrl, options: EngineClientOptions) => EngineClient
  /** Our codec, when the application brings no parser. */
  createCodec(revision: SocketRevision): ClientCodec
  /** What to do about each: in full where size does not matter. */
  readonly help: Readonly<Record<ConnectErrorCode, string>>
}

/** What the transports of EngineClient need in addition. */
export interface NetworkPlatform extends Platform {
  request(
    method: 'GET' | 'POST',
    url: string,
    body: string | Uint8Array | undefined,
    options: EngineClientOptions,
    done: (error: Error | undefined, answer?: HttpAnswer) => void,
  ): HttpRequest
  openWebSocket(url: string, options: EngineClientOptions, events: WebSocketEvents): WebSocketLike
}

let current: Platform | undefined

export function setPlatform(platform: Platform): void {
  current = platform
}

export function platform(): NetworkPlatform {
  return current as NetworkPlatform
}
