// WebSocket: one packet per message. The platform brings the socket.
import { engineV3, engineV4 } from '@tidewire/protocol'
import type { EnginePacket } from '@tidewire/protocol'
import { scope } from '../debug.ts'
import type { Revision } from '../engine/negotiation.ts'
import { HAS_DEBUG } from '../features.ts'
import { platform } from '../platform/platform.ts'
import type { WebSocketLike } from '../platform/platform.ts'
import { requestUrl, transportQuery } from './request-url.ts'
import { TransportError } from './transport-error.ts'
import type { Transport, TransportClosed, TransportContext, TransportHandler } from './transport.ts'

const debug = HAS_DEBUG ? scope('engine.io-client:websocket') : undefined

/**
 * WebSocket: the global one in browsers, our own in Node, which knows headers, agents and TLS options. `NodeWebSocket` is a name of this
 * class.
 */
export class WebSocketTransport implements Transport {
  writable = false
  handler: TransportHandler
  revision: Revision
  sid: string | undefined
  readonly #context: TransportContext
  #socket: WebSocketLike | undefined
  #isClosed = false

  constructor(context: TransportContext, handler: TransportHandler) {
    this.#context = context
    this.handler = handler
    this.revision = context.revision
    this.sid = context.sid
  }

  get name(): string {
    return 'websocket'
  }

  open(): void {
    const { url, options } = this.#context
    const query = transportQuery('websocket', options, this.revision, this.sid)
    try {
      this.#socket = platform().openWebSocket(requestUrl('ws', url, options, query), options, {
        open: () => {
          if (HAS_DEBUG) debug!('open')
          this.writable = true
          this.handler.handleDrain()
        },
        message: (data) => this.#read(data),
        close: (code, reason) => {
          // A server that has no use for WebSocket, or for this revision, may close before it has opened the session.
          const context = { code, reason }
          this.#finish(this.sid ? { description: 'websocket connection closed', context } : new TransportError('websocket error', context))
        },
        error: (error, status, responseText) =>
          this.#fail(new TransportError('websocket error', error, status === undefined ? error : { status, responseText })),
      })
    } catch (error) {
      queueMicrotask(() => this.#fail(new TransportError('websocket error', error)))
    }
  }

  #read(data: string | Uint8Array): void {
    if (this.#isClosed) return
    try {
      const packet = (this.revision === 3 ? engineV3.decodePacket : engineV4.decodePacket)(data)
      if (packet.type !== 'noop' && packet.type !== 'close') this.handler.handlePacket(packet)
    } catch (error) {
      this.#fail(new TransportError('server error', 'parser error', error))
    }
  }

  send(packets: EnginePacket[]): void {
    this.writable = false
    const encode = this.revision === 3 ? engineV3.encodePacket : engineV4.encodePacket
    for (const packet of packets) this.#socket!.send(encode(packet, !this.#context.options.forceBase64))
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

  #fail(error: TransportError): void {
    if (!this.#isClosed) this.#socket?.close()
    this.#finish(error)
  }

  #finish(why: TransportError | TransportClosed): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.handler.handleClose(why)
  }
}
