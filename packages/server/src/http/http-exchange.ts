// A polling request that has arrived on this node: node:http's request and response as a PollExchange. Reads the body within its limit,
// compresses and writes the answer, and tells who waits for it how that went. Owns nothing but its two listeners.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ExchangeHandler, PollAnswer, PollExchange } from '../engine/poll-exchange.ts'
import type { EngineRequest } from '../engine/request-facts.ts'
import type { AnswerCompression } from './answer-compression.ts'
import { isPlainResponse } from './observers.ts'
import { dismissBody } from './reject.ts'
import type { EngineRejection } from './reject.ts'

const BINARY_TYPE = 'application/octet-stream'

export interface ExchangeHost {
  readonly compression: AnswerCompression
  /** Gives the headers that every answer of the engine carries, names and values in turn; those that depend on user code it sets itself. */
  headersOf(req: IncomingMessage, res: ServerResponse): readonly string[]
  refuse(req: EngineRequest, res: ServerResponse, reason: EngineRejection): void
}

export class HttpExchange implements PollExchange {
  handler: ExchangeHandler | undefined
  readonly #req: EngineRequest
  readonly #res: ServerResponse
  readonly #host: ExchangeHost
  #isAnswered = false
  #isRead = false

  constructor(req: EngineRequest, res: ServerResponse, host: ExchangeHost) {
    this.#req = req
    this.#res = res
    this.#host = host
    res.once('finish', () => this.handler?.handleFlushed(this))
    res.once('close', () => this.#handleClosed())
  }

  get isLocal(): boolean {
    return true
  }

  get method(): string | undefined {
    return this.#req.method
  }

  get isBinary(): boolean {
    return this.#req.headers['content-type'] === BINARY_TYPE
  }

  get stamp(): string | undefined {
    const t = this.#req._query?.['t']
    return typeof t === 'string' ? t : undefined
  }

  #handleClosed(): void {
    // A body that has come whole counts, whether the client waits for the answer or not.
    if (!this.#isAnswered) {
      if (!this.#isRead) this.handler?.handleAborted(this)
    } else if (!this.#res.writableFinished) this.handler?.handleUnwritten(this)
  }

  // ---- in

  readBody(maxBytes: number, done: (body: Buffer | undefined) => void): void {
    const req = this.#req
    let isDone = false
    const refuseAsTooLarge = (): void => {
      isDone = true
      // The rest of the body is thrown away, for a time. To close instead would reset the connection, and the sender would not learn why.
      this.answer({ status: 413 })
      done(undefined)
    }
    const announcedBytes = Number(req.headers['content-length'] ?? 0)
    if (announcedBytes > maxBytes) return refuseAsTooLarge()
    let body: Buffer = EMPTY
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      if (isDone) return
      bytes += chunk.length
      if (bytes > maxBytes) refuseAsTooLarge()
      else body = append(body, bytes - chunk.length, chunk, announcedBytes)
    })
    req.on('end', () => {
      if (isDone) return
      isDone = true
      this.#isRead = true
      done(body.subarray(0, bytes))
    })
  }

  // ---- out

  answer(answer: PollAnswer): void {
    const { status, contentType, body } = answer
    const res = this.#res
    if (this.#isAnswered || res.headersSent) return
    this.#isAnswered = true
    if (!this.#isRead && this.#req.method === 'POST') dismissBody(this.#req)
    // The client has gone after its body had come.
    if (res.destroyed) return this.handler?.handleUnwritten(this)
    if (body === undefined) {
      this.#writeHead(status, ['Content-Length', '0'])
      res.end()
      return
    }
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    const { compression } = this.#host
    const encoding = compression.encodingOf(answer, bytes, this.#req.headers)
    if (encoding !== undefined) {
      const isWanted = (): boolean => !res.destroyed && !res.headersSent
      return compression.compress(body, encoding, isWanted, (compressed) => {
        if (compressed === undefined) return this.destroy()
        this.#writeHead(status, ['Content-Type', contentType!, 'Content-Encoding', encoding, 'Content-Length', String(compressed.length)])
        res.end(compressed)
      })
    }
    this.#writeHead(status, ['Content-Type', contentType!, 'Content-Length', String(bytes)])
    // perf: ASCII, as its length shows, is written without a look at its characters.
    if (typeof body === 'string' && bytes === body.length) res.end(body, 'latin1')
    else res.end(body)
  }

  /** perf: a flat list of headers costs Node a fraction of what single ones do; wrappers of middlewares take it for something else. */
  #writeHead(status: number, headers: string[]): void {
    const res = this.#res
    headers.push(...this.#host.headersOf(this.#req, res))
    if (isPlainResponse(res)) return void res.writeHead(status, headers)
    const byName: Record<string, string> = {}
    for (let i = 0; i + 1 < headers.length; i += 2) byName[headers[i]!] = headers[i + 1]!
    res.writeHead(status, byName)
  }

  refuse(reason: EngineRejection): void {
    this.#isAnswered = true
    if (this.#res.destroyed) return this.handler?.handleUnwritten(this)
    this.#host.refuse(this.#req, this.#res, reason)
  }

  destroy(ifReading?: boolean): void {
    if (ifReading !== true || !this.#req.complete) this.#req.destroy()
  }

  ask(): void {
    this.handler?.handleStillWaiting(this)
  }
}

const EMPTY = Buffer.alloc(0)
/** A sender who announces more than this many times what has come is not given memory for it. */
const BELIEVED_TIMES = 8

/** `length` bytes of `body`, then `chunk`: one buffer that doubles, so that a body in tiny chunks holds no more than twice its size. */
function append(body: Buffer, length: number, chunk: Buffer, announcedBytes: number): Buffer {
  if (length === 0) return chunk
  const isRoomy = body.length >= length + chunk.length
  const target = isRoomy ? body : grow(body, length, Math.max(2 * length, length + chunk.length), announcedBytes)
  chunk.copy(target, length)
  return target
}

/** perf: once enough of what was announced has come, there is room for all of it: most of the copies are of the last steps. */
function grow(body: Buffer, length: number, leastBytes: number, announcedBytes: number): Buffer {
  const isBelieved = announcedBytes >= leastBytes && announcedBytes <= BELIEVED_TIMES * length
  const larger = Buffer.allocUnsafeSlow(isBelieved ? announcedBytes : leastBytes)
  body.copy(larger, 0, 0, length)
  return larger
}
