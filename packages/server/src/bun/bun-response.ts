// The answer to a request of Bun in the form in which middlewares of the engine write answers: the members of node:http's ServerResponse that
// they use. In: headers, and perhaps a whole answer. Out: one Response, when it ends.
import { EventEmitter } from 'node:events'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import type { ServerResponse } from 'node:http'
import type { EngineRequest } from '../engine/request-facts.ts'
import type { ResponseBody } from './bun-types.ts'

type HeaderValue = number | string | readonly string[]

export class BunResponse extends EventEmitter {
  readonly req: EngineRequest
  readonly socket: null = null
  statusCode = 200
  statusMessage = ''
  headersSent = false
  destroyed = false
  writableEnded = false
  writableFinished = false
  sendDate = true
  readonly #headers = new Map<string, { name: string; value: HeaderValue }>()
  readonly #chunks: Uint8Array[] = []
  readonly #respond: (response: Response) => void

  constructor(req: EngineRequest, respond: (response: Response) => void) {
    super()
    this.req = req
    this.#respond = respond
  }

  get finished(): boolean {
    return this.writableEnded
  }

  /** For those who want the class of node:http: nothing here looks at more than the members above. */
  asServerResponse(): ServerResponse {
    return this as unknown as ServerResponse
  }

  // ---- headers

  setHeader(name: string, value: HeaderValue): this {
    validateHeaderName(name)
    validateHeaderValue(name, value as string)
    this.#headers.set(name.toLowerCase(), { name, value })
    return this
  }

  setHeaders(headers: Iterable<[string, HeaderValue]>): this {
    for (const [name, value] of headers) this.setHeader(name, value)
    return this
  }

  appendHeader(name: string, value: string | readonly string[]): this {
    const former = this.getHeader(name)
    const values = (former === undefined ? [] : Array.isArray(former) ? former : [String(former)]) as string[]
    return this.setHeader(name, [...values, ...(typeof value === 'string' ? [value] : value)])
  }

  getHeader(name: string): HeaderValue | undefined {
    return this.#headers.get(name.toLowerCase())?.value
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase())
  }

  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase())
  }

  getHeaderNames(): string[] {
    return [...this.#headers.keys()]
  }

  getHeaders(): Record<string, HeaderValue> {
    return Object.fromEntries([...this.#headers].map(([name, { value }]) => [name, value]))
  }

  // ---- the answer

  /** compat: a session middleware sets its cookie in here. */
  writeHead(status: number, ...rest: (string | Record<string, HeaderValue> | readonly string[] | undefined)[]): this {
    this.statusCode = status
    for (const part of rest) {
      if (typeof part === 'string') this.statusMessage = part
      else if (Array.isArray(part)) for (let i = 0; i + 1 < part.length; i += 2) this.setHeader(part[i]!, part[i + 1]!)
      else for (const [name, value] of Object.entries(part ?? {})) this.setHeader(name, value as HeaderValue)
    }
    this.headersSent = true
    return this
  }

  _implicitHeader(): void {
    this.writeHead(this.statusCode)
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode)
  }

  write(chunk: string | Uint8Array, ...rest: unknown[]): boolean {
    if (!this.headersSent) this.writeHead(this.statusCode)
    if (!this.writableEnded) this.#chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, encodingOf(rest)) : chunk)
    callLast(rest)
    return true
  }

  end(...args: unknown[]): this {
    if (this.writableEnded) return this
    const [chunk] = args
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.write(chunk, ...args.slice(1).filter((arg) => typeof arg === 'string'))
    if (!this.headersSent) this.writeHead(this.statusCode)
    this.writableEnded = true
    this.#respond(this.#toResponse())
    this.writableFinished = true
    this.emit('finish')
    callLast(args)
    this.emit('close')
    return this
  }

  destroy(): this {
    if (this.destroyed) return this
    this.destroyed = true
    if (!this.writableEnded) this.#respond(new Response(null, { status: 500, headers: { Connection: 'close' } }))
    this.emit('close')
    return this
  }

  #toResponse(): Response {
    const { statusCode: status, statusMessage } = this
    const hasBody = this.req.method !== 'HEAD' && status !== 204 && status !== 304 && this.#chunks.length > 0
    const headers = this.toHeaders()
    // Bun counts the bytes itself.
    headers.delete('content-length')
    return new Response((hasBody ? Buffer.concat(this.#chunks) : null) as ResponseBody, {
      status,
      ...(statusMessage === '' ? {} : { statusText: statusMessage }),
      headers,
    })
  }

  toHeaders(): Headers {
    const headers = new Headers()
    for (const { name, value } of this.#headers.values()) {
      for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) headers.append(name, String(one))
    }
    return headers
  }
}

function encodingOf(args: readonly unknown[]): BufferEncoding {
  return typeof args[0] === 'string' ? (args[0] as BufferEncoding) : 'utf8'
}

function callLast(args: readonly unknown[]): void {
  const last = args.at(-1)
  if (typeof last === 'function') last()
}
