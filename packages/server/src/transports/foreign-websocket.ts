// The EDGE of a session on a WebSocket of another make: `ws` (for `perMessageDeflate`) or what the application gives as `wsEngine` (`ws` and
// its kin). In: messages. Out: packets to the owner, messages one by one. The foreign server owns the socket from the upgrade on.
import { createRequire } from 'node:module'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TidewireError, engineV3, engineV4, fitCloseReason } from '@tidewire/protocol'
import type { EnginePacket } from '@tidewire/protocol'
import type { WebSocketEdge } from '../engine/cluster-port.ts'
import type { Owner } from '../engine/door.ts'
import type { EngineOptions } from '../engine/engine-options.ts'
import { PONG_PROBE } from '../engine/outgoing-message.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'
import { LIMITS } from '../limits.ts'
import { RelayedFrames } from './relayed-frames.ts'

/** What is used of a WebSocket of `ws` and its kin. */
interface ForeignWebSocket {
  on(event: 'message', listener: (data: Buffer | ArrayBuffer | string, isBinary?: boolean) => void): unknown
  on(event: 'close', listener: (code: number, reason: Buffer | string) => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  send(data: string | Uint8Array, options: object, callback: (error?: Error | null) => void): void
  close(code?: number, reason?: string): void
  /** Bytes that wait to be written. */
  readonly bufferedAmount?: number
  terminate?(): void
  pause?(): void
  resume?(): void
}

interface ForeignServer {
  handleUpgrade(req: IncomingMessage, socket: Socket, head: Buffer, done: (socket: ForeignWebSocket) => void): void
  on?(event: 'headers', listener: (headers: string[], req: IncomingMessage) => void): unknown
}

/** The server that makes them, if the options ask for one. @throws TidewireError TW_ERR_MISSING_PACKAGE without `ws` */
export class ForeignWebSocketServer {
  readonly #server: ForeignServer
  readonly #responses = new WeakMap<IncomingMessage, ServerResponse>()

  constructor({ wsEngine, perMessageDeflate, maxHttpBufferSize }: EngineOptions) {
    const make = (wsEngine ?? loadWs()) as new (options: object) => ForeignServer
    this.#server = new make({
      noServer: true,
      clientTracking: false,
      // The official threshold: smaller messages are not worth it.
      perMessageDeflate: perMessageDeflate === true ? { threshold: 1024 } : (perMessageDeflate ?? false),
      maxPayload: maxHttpBufferSize,
      // One message a turn, so that a client that sends without a pause does not keep the others waiting.
      allowSynchronousEvents: false,
    })
    this.#server.on?.('headers', (headers, req) => {
      for (const [name, value] of Object.entries(this.#responses.get(req)?.getHeaders() ?? {})) {
        for (const one of Array.isArray(value) ? value : [value]) headers.push(`${name}: ${String(one)}`)
      }
    })
  }

  accept(req: IncomingMessage, socket: Socket, head: Buffer, res: ServerResponse | undefined, done: (socket: ForeignWebSocket) => void): void {
    if (res !== undefined) this.#responses.set(req, res)
    this.#server.handleUpgrade(req, socket, head, done)
  }
}

function loadWs(): unknown {
  try {
    const ws = createRequire(import.meta.url)('ws') as { WebSocketServer?: unknown; Server?: unknown }
    return ws.WebSocketServer ?? ws.Server
  } catch (cause) {
    throw new TidewireError('TW_ERR_MISSING_PACKAGE', 'perMessageDeflate is done by the package "ws", which is not installed: npm install ws', { cause })
  }
}

export class ForeignWebSocketTransport implements WebSocketEdge {
  readonly name = 'websocket'
  writable = true
  readonly supportsBinary: boolean
  readonly #ws: ForeignWebSocket
  readonly #session: Owner
  #hasReported = false
  /** Of a session of another node: its frames, and how much of them is on its way. */
  #relayed: RelayedFrames | undefined
  #relayedBytes = 0
  #relaying = 0

  constructor(ws: ForeignWebSocket, session: Owner, options: { supportsBinary: boolean }) {
    this.#ws = ws
    this.#session = session
    this.supportsBinary = options.supportsBinary
    ws.on('message', (data, isBinary) => this.#receive(isBinary === false && typeof data !== 'string' ? String(data) : data))
    ws.on('error', (error) => this.#report('transport error', error))
    ws.on('close', (code, reason) => this.#report(this.#session.edge === this && this.#session.hasUnsent === true ? 'transport error' : 'transport close', { code, reason: String(reason) }))
  }

  deliver(batch: readonly OutgoingMessage[]): void {
    const count = batch.length
    this.writable = false
    for (let i = 0; i < count; i++) this.#send(batch[i]!, i === count - 1 ? (error) => this.#flushed(count, error) : ignore)
  }

  /** Frames of another node, for a WebSocket that makes its own: taken apart again. */
  deliverFrames(frames: Buffer): void {
    this.#relayed ??= new RelayedFrames((data) => this.#relay(data))
    this.#relayedBytes += frames.length
    this.#relayed.push(frames)
  }

  #relay(data: string | Buffer): void {
    this.#relaying++
    this.writable = false
    this.#ws.send(data, { compress: true, binary: typeof data !== 'string' }, (error) => {
      if (error && !this.#hasReported) return this.#report('transport error', new Error('write error', { cause: error }))
      if (--this.#relaying > 0 || this.#hasReported) return
      this.writable = true
      const bytes = this.#relayedBytes
      this.#relayedBytes = 0
      this.#session.handleFlushed(this, bytes)
      this.#session.handleWritable(this)
    })
  }

  pause(): void {
    this.#ws.pause?.()
  }

  resume(): void {
    this.#ws.resume?.()
  }

  #send(message: EnginePacket & { compress?: boolean }, callback: (error?: Error | null) => void): void {
    const codec = this.#session.protocol === 4 ? engineV4 : engineV3
    this.#ws.send(codec.encodePacket(message, this.supportsBinary), { compress: message.compress !== false }, callback)
  }

  #flushed(count: number, error?: Error | null): void {
    if (this.#hasReported) return
    // compat: that the connection is gone is told by its end; that something could not be sent comes first, and is an error.
    if (error) return this.#report('transport error', new Error('write error', { cause: error }))
    this.writable = true
    this.#session.handleFlushed(this, count)
    this.#session.handleWritable(this)
  }

  #receive(data: Buffer | ArrayBuffer | string): void {
    const { protocol } = this.#session
    let packet: EnginePacket
    try {
      const encoded = data instanceof ArrayBuffer ? Buffer.from(data) : data
      packet = protocol === 4 ? engineV4.decodePacket(encoded) : engineV3.decodePacket(encoded)
    } catch (error) {
      this.#session.handleMalformed(this, error)
      return
    }
    if (packet.type === 'ping' && packet.data === 'probe' && this.#session.edge !== this) this.#answerProbe()
    this.#session.handlePacket(this, packet)
  }

  /** A peer that probes without a pause and reads no answers must not fill our memory. */
  #answerProbe(): void {
    if ((this.#ws.bufferedAmount ?? 0) < LIMITS.pongBytes.default) this.#send(PONG_PROBE, ignore)
    else this.#session.handleLimit?.('pongBytes')
  }

  close(options?: { discard?: boolean; code?: number; reason?: string }): void {
    this.#hasReported = true
    if (options?.discard === true && !this.writable && this.#ws.terminate !== undefined) return this.#ws.terminate()
    try {
      // A reason that is too long for a frame is an exception there.
      this.#ws.close(options?.code, options?.reason === undefined ? undefined : fitCloseReason(options.reason))
    } catch {
      this.#ws.terminate?.()
    }
  }

  detach(): void {}

  #report(reason: 'transport close' | 'transport error', description: unknown): void {
    if (this.#hasReported) return
    this.#hasReported = true
    this.writable = false
    this.#session.handleClosed(this, reason, description)
  }
}

function ignore(): void {}
