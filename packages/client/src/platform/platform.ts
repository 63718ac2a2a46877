// What differs between runtimes: how an HTTP request is made and how a WebSocket is opened. platform/browser.ts and platform/node.ts are the
// only files that know.
import type { EngineClientOptions } from '../options.ts'

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

export interface Platform {
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

export function platform(): Platform {
  return current!
}
