// WebTransport: packets as frames on one bidirectional stream. The runtime brings the session; servers of revision 4 alone have it.
import { StreamFrameDecoder, encodeStreamFrame } from '@tidewire/protocol'
import type { EnginePacket } from '@tidewire/protocol'
import { scope } from '../debug.ts'
import type { Revision } from '../engine/negotiation.ts'
import { HAS_DEBUG } from '../features.ts'
import { requestUrl } from './request-url.ts'
import { TransportError } from './transport-error.ts'
import type { Transport, TransportClosed, TransportContext, TransportHandler } from './transport.ts'

const debug = HAS_DEBUG ? scope('engine.io-client:webtransport') : undefined

/** WebTransport, where the runtime has it: one bidirectional stream with framed packets, revision 4 only. */
export class WebTransportTransport implements Transport {
  writable = false
  handler: TransportHandler
  revision: Revision = 4
  sid: string | undefined
  readonly #context: TransportContext
  #session: any
  #writer: WritableStreamDefaultWriter<Uint8Array> | undefined
  #isClosed = false

  constructor(context: TransportContext, handler: TransportHandler) {
    this.#context = context
    this.handler = handler
    this.sid = context.sid
  }

  get name(): string {
    return 'webtransport'
  }

  open(): void {
    this.#serve().catch(this.#fail)
  }

  /** A server that closes its session breaks the streams first; why, the session says right after that. */
  readonly #fail = (error: unknown): unknown =>
    setTimeout(() => this.#finish(new TransportError('webtransport error', error)))

  async #serve(): Promise<void> {
    const { url, options } = this.#context
    // Always encrypted, and without a query, as officially.
    const target = requestUrl('http', url, options, {}).replace(/^https?(.*?)\?.*/, 'https$1')
    const session = (this.#session = new (globalThis as any).WebTransport(
      target,
      options.transportOptions?.[this.name],
    ))
    session.closed.then(
      (context: unknown) => this.#finish({ description: 'webtransport connection closed', context }),
      this.#fail,
    )
    await session.ready
    const { readable, writable } = await session.createBidirectionalStream()
    if (HAS_DEBUG) debug!('open')
    this.#writer = writable.getWriter()
    this.send([{ type: 'open', data: this.sid && JSON.stringify({ sid: this.sid }) } as EnginePacket])
    const decoder = new StreamFrameDecoder(Infinity, (packet) => {
      if (!this.#isClosed && packet.type !== 'noop' && packet.type !== 'close')
        this.handler.handlePacket(packet)
    })
    const reader = readable.getReader()
    for (let chunk; !(chunk = await reader.read()).done;) decoder.push(chunk.value)
    session.close()
  }

  send(packets: EnginePacket[]): void {
    this.writable = false
    let written: Promise<void>
    for (const packet of packets) written = this.#writer!.write(encodeStreamFrame(packet))
    written!.then(() => {
      if (this.#isClosed) return
      this.writable = true
      this.handler.handleDrain()
    }, this.#fail)
  }

  pause(done: () => void): void {
    done()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const end = (): void => this.#session?.close()
    // A session that closes takes back what is on its way: first the stream ends.
    Promise.resolve(this.#writer?.close()).then(end, end)
  }

  #finish(why: TransportError | TransportClosed): void {
    if (this.#isClosed) return
    this.close()
    this.handler.handleClose(why)
  }
}
