// A polling request that has arrived on this node: node:http's request and response as a PollExchange. Reads the body within its limit,
// compresses and writes the answer, and tells who waits for it how that went. Owns nothing but its two listeners.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { createDeflate, createGzip } from 'node:zlib'
import type { ExchangeHandler, PollAnswer, PollExchange } from '../engine/poll-exchange.ts'
import type { EngineRequest } from '../engine/request-facts.ts'
import { isPlainResponse } from './observers.ts'
import { dismissBody } from './reject.ts'
import type { EngineRejection } from './reject.ts'

const BINARY_TYPE = 'application/octet-stream'

export interface ExchangeHost {
  readonly compressionThreshold: number
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
    if (Number(req.headers['content-length'] ?? 0) > maxBytes) return refuseAsTooLarge()
    let body: Buffer = EMPTY
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      if (isDone) return
      bytes += chunk.length
      if (bytes > maxBytes) refuseAsTooLarge()
      else body = append(body, bytes - chunk.length, chunk)
    })
    req.on('end', () => {
      if (isDone) return
      isDone = true
      this.#isRead = true
      done(body.subarray(0, bytes))
    })
  }

  // ---- out

  answer({ status, contentType, body, isCompressible }: PollAnswer): void {
    const res = this.#res
    if (res.headersSent) return
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
    const encoding = isCompressible === true && bytes >= this.#host.compressionThreshold ? acceptedEncoding(this.#req.headers) : undefined
    if (encoding === undefined) {
      this.#writeHead(status, ['Content-Type', contentType!, 'Content-Length', String(bytes)])
      // perf: ASCII, as its length shows, is written without a look at its characters.
      if (typeof body === 'string' && bytes === body.length) res.end(body, 'latin1')
      else res.end(body)
      return
    }
    this.#writeHead(status, ['Content-Type', contentType!, 'Content-Encoding', encoding])
    const compressor = encoding === 'gzip' ? createGzip() : createDeflate()
    compressor.pipe(res)
    compressor.end(body)
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

/** `length` bytes of `body`, then `chunk`: one buffer that doubles, so that a body in tiny chunks holds no more than twice its size. */
function append(body: Buffer, length: number, chunk: Buffer): Buffer {
  if (length === 0) return chunk
  const target = body.length >= length + chunk.length && length > 0 && body !== chunk ? body : grow(body, length, chunk.length)
  chunk.copy(target, length)
  return target
}

function grow(body: Buffer, length: number, more: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * length, length + more))
  body.copy(larger, 0, 0, length)
  return larger
}

export function acceptedEncoding(headers: IncomingHttpHeaders): 'gzip' | 'deflate' | undefined {
  const accepted = headers['accept-encoding']
  if (accepted === undefined) return undefined
  if (/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted)) return 'gzip'
  return /\bdeflate\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted) ? 'deflate' : undefined
}
