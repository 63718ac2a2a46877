// A polling request that has come through Bun.serve, as a PollExchange. Reads the body within its limit, compresses the answer and gives it
// to Bun, which does not say when the client has it: an answer counts as read unless the client has gone before it.
import type { ExchangeHandler, PollAnswer, PollExchange } from '../engine/poll-exchange.ts'
import type { EngineRequest } from '../engine/request-facts.ts'
import type { AnswerCompression } from '../http/answer-compression.ts'
import type { ExchangeHost } from '../http/http-exchange.ts'
import { bodyOf } from '../http/reject.ts'
import type { EngineRejection } from '../http/reject.ts'
import type { BunResponse } from './bun-response.ts'
import type { BunServer, ResponseBody } from './bun-types.ts'

export interface BunAnswering {
  respond(response: Response): void
  readonly compression: AnswerCompression
  /** Of this request only. */
  readonly headers: Readonly<Record<string, string>>
  /** Where code of the application may have set headers, or wants to see the answer: it goes through here. */
  readonly via?: { readonly res: BunResponse; readonly host: ExchangeHost }
}

export class BunExchange implements PollExchange {
  readonly isLocal = true
  handler: ExchangeHandler | undefined
  readonly #request: Request
  readonly #req: EngineRequest
  readonly #answering: BunAnswering
  #state: 'waiting' | 'answered' | 'lost' = 'waiting'
  #isRead = false

  constructor(request: Request, req: EngineRequest, answering: BunAnswering) {
    this.#request = request
    this.#req = req
    this.#answering = answering
  }

  /**
   * The answer will take a while: watches whether the client goes, and keeps Bun from closing a silent connection.
   * perf: called when there was none at once. A body that is being read tells by itself.
   */
  wait(server: BunServer): void {
    const request = this.#request
    if (this.#state !== 'waiting' || request.method !== 'GET') return
    server.timeout(request, 0)
    request.signal.addEventListener('abort', () => this.#lose(), { once: true })
    if (request.signal.aborted) this.#lose()
  }

  get method(): string {
    return this.#request.method
  }

  get isBinary(): boolean {
    return this.#request.headers.get('content-type') === 'application/octet-stream'
  }

  get stamp(): string | undefined {
    const t = this.#req._query?.['t']
    return typeof t === 'string' ? t : undefined
  }

  // ---- in

  readBody(maxBytes: number, done: (body: Buffer | undefined) => void): void {
    this.#read(maxBytes).then(
      (body) => {
        if (this.#state !== 'waiting') return
        if (body === undefined) this.answer({ status: 413 })
        else this.#isRead = true
        done(body)
      },
      () => this.#lose(),
    )
  }

  /** Undefined: it is larger. */
  async #read(maxBytes: number): Promise<Buffer | undefined> {
    const length = this.#request.headers.get('content-length')
    if (length !== null) return Number(length) > maxBytes ? undefined : Buffer.from(await this.#request.arrayBuffer())
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of (this.#request.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      if (bytes > maxBytes) return undefined
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, bytes)
  }

  #lose(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'lost'
    // A body that has come whole counts, whether the client waits for the answer or not.
    if (!this.#isRead) this.handler?.handleAborted(this)
  }

  // ---- out

  answer(answer: PollAnswer): void {
    const { status, contentType, body } = answer
    if (this.#state === 'lost') return this.handler?.handleUnwritten(this)
    if (this.#state !== 'waiting') return
    this.#state = 'answered'
    const { compression } = this.#answering
    // The rest of a body that is too large is not wanted.
    const headers: Record<string, string> = status === 413 ? { Connection: 'close' } : {}
    if (contentType !== undefined) headers['Content-Type'] = contentType
    const encoding = body === undefined ? undefined : compression.encodingOf(answer, Buffer.byteLength(body), this.#req.headers)
    if (encoding === undefined) return this.#write(status, headers, body)
    headers['Content-Encoding'] = encoding
    const { signal } = this.#request
    const isWanted = (): boolean => !signal.aborted
    // While it is compressed, or waits for that.
    const tellGone = (): void => this.handler?.handleUnwritten(this)
    if (signal.aborted) return tellGone()
    signal.addEventListener('abort', tellGone, { once: true })
    compression.compress(body!, encoding, isWanted, (compressed) => {
      signal.removeEventListener('abort', tellGone)
      this.#write(compressed === undefined ? 500 : status, headers, compressed)
    })
  }

  #write(status: number, own: Record<string, string>, body?: string | Uint8Array): void {
    const { via, headers, respond } = this.#answering
    if (via === undefined) {
      Object.assign(own, PLAIN_HEADERS, headers)
      respond(new Response(body as ResponseBody, { status, headers: own }))
    } else {
      const common = via.host.headersOf(this.#req, via.res.asServerResponse())
      for (let i = 0; i < common.length; i += 2) own[common[i]!] = common[i + 1]!
      via.res.writeHead(status, own)
      via.res.end(body)
    }
    this.handler?.handleFlushed(this)
  }

  refuse(reason: EngineRejection): void {
    if (this.#state === 'lost') return this.handler?.handleUnwritten(this)
    if (this.#state !== 'waiting') return
    this.#state = 'answered'
    const { via } = this.#answering
    if (via !== undefined) return via.host.refuse(this.#req, via.res.asServerResponse(), reason)
    this.#write(reason.status, { 'Content-Type': 'application/json' }, bodyOf(reason))
  }

  /** Bun closes no connection that waits for its answer: it gets one, and is closed. */
  destroy(ifReading?: boolean): void {
    if (ifReading === true && this.#isRead) return
    if (this.#state !== 'waiting') return
    this.#state = 'lost'
    this.#answering.respond(new Response(null, { status: 400, headers: { Connection: 'close' } }))
  }

  ask(): void {
    this.handler?.handleStillWaiting(this)
  }
}

const PLAIN_HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
