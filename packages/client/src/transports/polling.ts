// Long-polling: one GET outstanding, one POST at a time. In: bodies, whose first bytes tell the server's revision. Out: packets.
import { engineV3, engineV4 } from '@tidewire/protocol'
import type { EnginePacket, PayloadReader } from '@tidewire/protocol'
import { revisionOfBody } from '../engine/negotiation.ts'
import type { Revision } from '../engine/negotiation.ts'
import { platform } from '../platform/platform.ts'
import type { HttpAnswer, HttpRequest } from '../platform/platform.ts'
import { TransportError, requestUrl } from './transport.ts'
import type { Transport, TransportContext, TransportHandler } from './transport.ts'

const NON_ASCII = /[^\0-\x7f]/

export class Polling implements Transport {
  readonly name = 'polling'
  writable = false
  handler: TransportHandler
  revision: Revision
  sid: string | undefined
  maxPayload: number | undefined
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

  open(): void {
    this.#poll()
  }

  #request(method: 'GET' | 'POST', body: string | Uint8Array | undefined, done: (answer: HttpAnswer) => void): HttpRequest {
    const { options } = this.#context
    const extra: { [key: string]: any } = {}
    if (options.timestampRequests !== false) extra[options.timestampParam ?? 't'] = cacheBuster()
    if (options.forceBase64) extra['b64'] = 1
    const url = requestUrl({ ...this.#context, sid: this.sid }, ['http', 'https'], 'polling', extra)
    return platform().request(method, url, body, options, (error, answer) => {
      if (this.#isClosed) return
      const what = method === 'GET' ? 'xhr poll error' : 'xhr post error'
      if (error !== undefined) return this.#fail(new TransportError(what, 0, error))
      if (answer!.status !== 200 && answer!.status !== 204 && answer!.status !== 1223) {
        // A server that refuses a POST still has the session: it is told that this is the end.
        if (method === 'POST') this.close()
        return this.#fail(new TransportError(what, answer!.status, { status: answer!.status, responseText: textOf(answer!.body) }))
      }
      done(answer!)
    })
  }

  // ---- in

  #poll(): void {
    this.#get = this.#request('GET', undefined, ({ body }) => {
      this.#get = undefined
      this.#read(body)
      if (this.#isClosed) return
      if (this.#whenPaused !== undefined) this.#checkPaused()
      else this.#poll()
    })
  }

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
        if (packet.type === 'open') this.#handleOpen(packet)
        else if (packet.type === 'close') return this.#end()
        else if (packet.type !== 'noop') this.handler.handlePacket(packet)
      }
    } catch (error) {
      this.#fail(new TransportError('server error', 'parser error', error))
    }
  }

  #handleOpen(packet: EnginePacket): void {
    this.writable = true
    this.handler.handlePacket(packet)
  }

  #readerOf(body: Uint8Array | string): PayloadReader {
    if (this.revision === 4) return engineV4.readPayload(textOf(body))
    if (typeof body !== 'string' && body[0]! < 2) return engineV3.readBinaryPayload(body)
    return engineV3.readStringPayload(textOf(body))
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
    const isAscii = packets.every(({ data }) => data === undefined || (typeof data === 'string' && !NON_ASCII.test(data)))
    return isAscii ? engineV3.encodeStringPayload(packets) : engineV3.encodeBinaryPayload(packets)
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
    this.#isClosed = true
    const get = this.#get
    if (this.sid === undefined) return get?.abort()
    const { options } = this.#context
    const url = requestUrl({ ...this.#context, sid: this.sid }, ['http', 'https'], 'polling', { t: cacheBuster() })
    platform().request('POST', url, this.#encode([{ type: 'close' }]), options, () => get?.abort())
  }

  #end(): void {
    this.#isClosed = true
    this.handler.handleClose()
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

let count = 0
function cacheBuster(): string {
  return (Date.now().toString(36) + (count++ % 36).toString(36)).slice(-8)
}
