// Long-polling: one GET outstanding, one POST at a time. In: bodies, whose first bytes tell the server's revision. Out: packets.
import { engineV3, engineV4 } from '@tidewire/protocol'
import type { EnginePacket, PayloadReader } from '@tidewire/protocol'
import { scope } from '../debug.ts'
import { revisionOfBody } from '../engine/negotiation.ts'
import type { Revision } from '../engine/negotiation.ts'
import { HAS_DEBUG } from '../features.ts'
import { platform } from '../platform/platform.ts'
import type { HttpRequest } from '../platform/platform.ts'
import { requestUrl, transportQuery } from './request-url.ts'
import { TransportError } from './transport-error.ts'
import type { Transport, TransportContext, TransportHandler } from './transport.ts'

const debug = HAS_DEBUG ? scope('engine.io-client:polling') : undefined
const NON_ASCII = /[^\0-\x7f]/

/**
 * HTTP long-polling, both revisions: by `fetch` or XMLHttpRequest in browsers, by node:http in Node. `Fetch`, `XHR` and `NodeXHR` are names
 * of this class.
 */
export class Polling implements Transport {
  writable = false
  handler: TransportHandler
  revision: Revision
  sid: string | undefined
  readonly #context: TransportContext
  #get: HttpRequest | undefined
  #post: HttpRequest | undefined
  #whenPaused: (() => void) | undefined
  #isClosed = false

  constructor(context: TransportContext, handler: TransportHandler) {
    this.#context = context
    this.handler = handler
    this.revision = context.revision
    this.sid = context.sid
  }

  get name(): string {
    return 'polling'
  }

  open(): void {
    this.#get = this.#request('GET', undefined, (body) => {
      this.#get = undefined
      this.#read(body)
      if (this.#isClosed) return
      if (this.#whenPaused === undefined) this.open()
      else this.#checkPaused()
    })
  }

  #url(): string {
    const { url, options } = this.#context
    return requestUrl('http', url, options, transportQuery('polling', options, this.revision, this.sid))
  }

  #request(method: 'GET' | 'POST', body: string | Uint8Array | undefined, done: (body: Uint8Array | string) => void): HttpRequest {
    const { options } = this.#context
    if (HAS_DEBUG) debug!('%s', method)
    return platform().request(method, this.#url(), body, options, (error, answer) => {
      if (this.#isClosed) return
      if (error === undefined && answer!.status >= 200 && answer!.status < 300) return done(answer!.body)
      const what = method === 'GET' ? 'xhr poll error' : 'xhr post error'
      if (error !== undefined) return this.#fail(new TransportError(what, 0, error))
      // A server that refuses a POST still has the session: it is told that this is the end.
      if (method === 'POST') this.close()
      this.#fail(new TransportError(what, answer!.status, { status: answer!.status, responseText: textOf(answer!.body) }))
    })
  }

  // ---- in

  #read(body: Uint8Array | string): void {
    try {
      if (this.sid === undefined) {
        const revision = revisionOfBody(body)
        if (revision === undefined) {
          return this.#fail(new TransportError('server error', 'parser error', { responseText: textOf(body).slice(0, 100) }))
        }
        this.revision = revision
      }
      const reader = this.#readerOf(body)
      for (let packet = reader.next(); packet !== undefined && !this.#isClosed; packet = reader.next()) {
        if (packet.type === 'open') this.writable = true
        if (packet.type === 'close') {
          this.#isClosed = true
          return this.handler.handleClose()
        }
        if (packet.type !== 'noop') this.handler.handlePacket(packet)
      }
    } catch (error) {
      this.#fail(new TransportError('server error', 'parser error', error))
    }
  }

  #readerOf(body: Uint8Array | string): PayloadReader {
    if (this.revision === 3 && typeof body !== 'string' && body[0]! < 2) return engineV3.readBinaryPayload(body)
    return (this.revision === 4 ? engineV4.readPayload : engineV3.readStringPayload)(textOf(body))
  }

  // ---- out

  send(packets: EnginePacket[]): void {
    this.writable = false
    this.#post = this.#request('POST', this.#encode(packets), () => {
      this.#post = undefined
      this.writable = true
      // First what was written is forgotten, then the pause may move the rest to another transport.
      this.handler.handleDrain()
      if (this.#whenPaused !== undefined) this.#checkPaused()
    })
  }

  #encode(packets: EnginePacket[]): string | Uint8Array {
    if (this.revision === 4) return engineV4.encodePayload(packets)
    // Both dialects of revision 3 read the binary form alike, and pure ASCII in the string form.
    const isAscii = packets.every(({ data = '' }) => typeof data === 'string' && !NON_ASCII.test(data))
    return (isAscii ? engineV3.encodeStringPayload : engineV3.encodeBinaryPayload)(packets)
  }

  pause(done: () => void): void {
    this.#whenPaused = done
    this.#checkPaused()
  }

  #checkPaused(): void {
    if (this.#get !== undefined || this.#post !== undefined) return
    const done = this.#whenPaused!
    this.#whenPaused = () => {}
    done()
  }

  // ---- close

  close(): void {
    if (this.#isClosed) return
    const get = this.#get
    if (this.sid === undefined) get?.abort()
    else {
      const url = this.#url()
      platform().request('POST', url, this.#encode([{ type: 'close' }]), this.#context.options, () => get?.abort())
    }
    this.#isClosed = true
  }

  #fail(error: TransportError): void {
    if (!this.#isClosed) {
      this.#isClosed = true
      this.#get?.abort()
      this.#post?.abort()
    }
    this.handler.handleClose(error)
  }
}

function textOf(body: Uint8Array | string): string {
  return typeof body === 'string' ? body : new TextDecoder().decode(body)
}
