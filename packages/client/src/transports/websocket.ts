// WebSocket: one packet per message. The platform brings the socket.
import { engineV3, engineV4 } from '@tidewire/protocol'
import type { EnginePacket } from '@tidewire/protocol'
import type { Revision } from '../engine/negotiation.ts'
import { platform } from '../platform/platform.ts'
import type { WebSocketLike } from '../platform/platform.ts'
import { TransportError, requestUrl } from './transport.ts'
import type { Transport, TransportContext, TransportHandler } from './transport.ts'

export class WebSocketTransport implements Transport {
  readonly name = 'websocket'
  writable = false
  handler: TransportHandler
  revision: Revision
  sid: string | undefined
  maxPayload: number | undefined
  readonly #context: TransportContext
  #socket: WebSocketLike | undefined
  #isClosed = false

  constructor(context: TransportContext, handler: TransportHandler) {
    this.#context = context
    this.handler = handler
    this.revision = context.revision
    this.sid = context.sid
  }

  open(): void {
    const { options } = this.#context
    const extra: { [key: string]: any } = {}
    if (options.timestampRequests) extra[options.timestampParam ?? 't'] = Date.now().toString(36)
    if (options.forceBase64) extra['b64'] = 1
    try {
      this.#socket = platform().openWebSocket(requestUrl(this.#context, ['ws', 'wss'], 'websocket', extra), options, {
        open: () => {
          this.writable = true
          this.handler.handleDrain()
        },
        message: (data) => this.#read(data),
        close: (code, reason) => this.#finish(code, reason),
        error: (error, status, responseText) =>
          this.#fail(new TransportError('websocket error', error, status === undefined ? error : { status, responseText })),
      })
    } catch (error) {
      setTimeout(() => this.#fail(new TransportError('websocket error', error)))
    }
  }

  #read(data: string | Uint8Array): void {
    if (this.#isClosed) return
    try {
      const packet = (this.revision === 4 ? engineV4 : engineV3).decodePacket(data)
      if (packet.type !== 'noop' && packet.type !== 'close') this.handler.handlePacket(packet)
    } catch (error) {
      this.#fail(new TransportError('server error', 'parser error', error))
    }
  }

  send(packets: EnginePacket[]): void {
    this.writable = false
    const codec = this.revision === 4 ? engineV4 : engineV3
    for (const packet of packets) this.#socket!.send(codec.encodePacket(packet, !this.#context.options.forceBase64))
    queueMicrotask(() => {
      if (this.#isClosed) return
      this.writable = true
      this.handler.handleDrain()
    })
  }

  pause(done: () => void): void {
    done()
  }

  close(): void {
    this.#isClosed = true
    this.#socket?.close()
  }

  #finish(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    // A server that has no use for WebSocket, or for this revision, may close before it has opened the session.
    this.handler.handleClose(this.sid === undefined ? new TransportError('websocket error', { code, reason }) : undefined)
  }

  #fail(error: TransportError): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket?.close()
    this.handler.handleClose(error)
  }
}
