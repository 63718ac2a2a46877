// What is used of Bun's own objects, in types of ours: who runs Node needs no types of Bun.

/** What is used of a WebSocket of `Bun.serve`; its own declarations say the rest. @internal */
export interface BunSocket<Data = unknown> {
  data: Data
  readonly readyState: number
  readonly remoteAddress: string
  /** Bytes written, 0 when the message was dropped, -1 when it waits for the client to read. */
  sendText(data: string, compress?: boolean): number
  sendBinary(data: Uint8Array, compress?: boolean): number
  getBufferedAmount(): number
  /** Everything that is sent in the callback leaves in one write. */
  cork(callback: () => void): unknown
  close(code?: number, reason?: string): void
  terminate(): void
}

/** What is used of what `Bun.serve` gives, and hands to `fetch`; its own declarations say the rest. @internal */
export interface BunServer {
  readonly port?: number | undefined
  readonly hostname?: string | undefined
  upgrade(request: Request, options: { data: any; headers?: Headers }): boolean
  requestIP(request: Request): { address: string; port: number; family: string } | null
  /** Seconds that the connection of a request may be silent; 0 for ever. */
  timeout(request: Request, seconds: number): void
  stop(closesActiveConnections?: boolean): Promise<void> | void
}

/** The handlers of WebSockets that `Bun.serve` takes, made by the engine. @internal */
export interface BunWebSocketHandlers {
  open(ws: BunSocket<any>): void
  message(ws: BunSocket<any>, message: string | Uint8Array): void
  drain(ws: BunSocket<any>): void
  close(ws: BunSocket<any>, code: number, reason: string): void
  readonly maxPayloadLength: number
  readonly backpressureLimit: number
  readonly idleTimeout: number
  readonly sendPings: boolean
  readonly perMessageDeflate: any
}

export type ResponseBody = ConstructorParameters<typeof Response>[0]
