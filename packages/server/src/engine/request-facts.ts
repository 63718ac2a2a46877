// What is kept of a handshake request: one text instead of an object graph. The request object is rebuilt when asked for, and
// kept from the start only when user code has seen the original (a session middleware puts its session on it).
import { IncomingMessage } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { unescape } from 'node:querystring'
import type { ParsedUrlQuery } from 'node:querystring'

export type EngineRequest = IncomingMessage & {
  _query?: ParsedUrlQuery
  /** Of a request that has gone past node:http: its head as it was sent. */
  headText?: string
  /** A view of a request of another HTTP library, which must not outlive it. */
  isView?: boolean
}

/** What has been made of it, on demand. */
interface Rebuilt {
  request?: EngineRequest
  /** Where it is shown only while the request lasts: over HTTP/2, and on Bun. */
  connection?: { remoteAddress: string | undefined; isSecure: boolean }
  headers?: IncomingHttpHeaders
  query?: ParsedUrlQuery
}

/** Made by node:http from its own class, or a plain one of ours. */
function isOrdinary(req: EngineRequest): boolean {
  const { constructor } = req
  return constructor === IncomingMessage || constructor === Object || req.isView === true
}

/** node:net remembers the address of a connection that has ended, once it has been asked for; that of Bun does not. */
const forgetsAddresses = process.versions['bun'] !== undefined

export class RequestFacts {
  // perf: an idle session keeps one text of its request, and nothing that can be read from it again.
  readonly #head: string
  readonly #netSocket: Socket
  #rebuilt: Rebuilt | undefined

  constructor(req: EngineRequest, mustKeep: boolean) {
    this.#netSocket = req.socket
    // Requests of HTTP/2, and of the application's own classes, cannot be made again.
    const isKept = mustKeep || !isOrdinary(req)
    if (isKept) this.#rebuilt = { request: req }
    if (req.httpVersionMajor === 2 || forgetsAddresses) {
      const { remoteAddress, encrypted } = req.socket as TLSSocket
      this.#made.connection = { remoteAddress, isSecure: encrypted }
    }
    this.#head = isKept ? '' : headText(req)
    // The connection keeps it from now on: it can no longer be asked for once the client has gone.
    void req.socket.remoteAddress
  }

  get url(): string {
    const original = this.#rebuilt?.request
    if (original !== undefined) return original.url ?? ''
    const from = this.#head.indexOf(' ') + 1
    return this.#head.slice(from, this.#head.indexOf(' ', from))
  }

  /** compat: undefined on a Unix socket, whatever the declared type. */
  get remoteAddress(): string {
    return (this.#rebuilt?.connection ?? this.#netSocket).remoteAddress as string
  }

  get #made(): Rebuilt {
    return (this.#rebuilt ??= {})
  }

  /** Lower-cased, as node:http gives them; the same object as `request.headers`. */
  get headers(): IncomingHttpHeaders {
    return (this.#made.headers ??= this.#made.request?.headers ?? parseHeaders(this.#rawHeaders))
  }

  /** The same object as `request._query`. */
  get query(): ParsedUrlQuery {
    return (this.#made.query ??= this.#made.request?._query ?? queryOf(this.url))
  }

  get isSecure(): boolean {
    return this.#rebuilt?.connection?.isSecure ?? (this.#netSocket as TLSSocket).encrypted === true
  }

  get request(): EngineRequest {
    // Always the same object: what user code puts on it is still there the next time.
    return (this.#made.request ??= this.#rebuild())
  }

  get #rawHeaders(): string[] {
    const raw: string[] = []
    const head = this.#head
    for (let at = head.indexOf('\r\n'); at >= 0; ) {
      const from = at + 2
      at = head.indexOf('\r\n', from)
      const colon = head.indexOf(':', from)
      raw.push(head.slice(from, colon), head.slice(head.charCodeAt(colon + 1) === 0x20 ? colon + 2 : colon + 1, at < 0 ? undefined : at))
    }
    return raw
  }

  #rebuild(): EngineRequest {
    const req: EngineRequest = new IncomingMessage(this.#netSocket)
    req.method = 'GET'
    req.url = this.url
    req.httpVersion = '1.1'
    req.httpVersionMajor = 1
    req.httpVersionMinor = 1
    req.complete = true
    req.rawHeaders = this.#rawHeaders
    req.headers = this.headers
    // What node:http would make of the raw headers it has read.
    req.headersDistinct = distinctHeaders(req.rawHeaders)
    req._query = this.query
    if (this.headers.upgrade === undefined) {
      // The handshake of polling has been answered.
      req.readable = false
      req.destroyed = true
    }
    return req
  }
}

/** The head of a request as it was sent, without the empty line; one that node:http has read with the same words. */
export function headText({ headText: known, method = 'GET', url = '', rawHeaders }: EngineRequest): string {
  if (known !== undefined) return known
  const lines = [`${method} ${url} HTTP/1.1`]
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`)
  return lines.join('\r\n')
}

/**
 * The parameters of a URL as the official server gives them: an ordinary object, as applications call `hasOwnProperty` on it, and of
 * several values of one name the last.
 * perf: by hand, as the same by URLSearchParams costs more than the rest of a handshake's reading.
 */
export function queryOf(url: string, maxCount: number = Infinity): ParsedUrlQuery {
  const query: ParsedUrlQuery = {}
  const mark = url.indexOf('?')
  if (mark < 0) return query
  let equals = mark
  for (let at = mark + 1, count = 0; at < url.length && count < maxCount; count++) {
    let end = url.indexOf('&', at)
    if (end < 0) end = url.length
    if (end > at) {
      // Looked for once, however many names without one come before it.
      if (equals < at) equals = url.indexOf('=', at)
      if (equals < 0) equals = url.length
      const hasValue = equals < end
      const name = decoded(url.slice(at, hasValue ? equals : end))
      const value = hasValue ? decoded(url.slice(equals + 1, end)) : ''
      if (name === '__proto__') Object.defineProperty(query, name, { value, configurable: true, enumerable: true, writable: true })
      else query[name] = value
    }
    at = end + 1
  }
  return query
}

/** What is badly encoded stays as it is. */
function decoded(text: string): string {
  if (!text.includes('%') && !text.includes('+')) return text
  return unescape(text.replaceAll('+', ' '))
}

function distinctHeaders(raw: readonly string[]): NodeJS.Dict<string[]> {
  const headers: NodeJS.Dict<string[]> = {}
  for (let i = 0; i + 1 < raw.length; i += 2) (headers[raw[i]!.toLowerCase()] ??= []).push(raw[i + 1]!)
  return headers
}

function parseHeaders(raw: readonly string[]): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const value = raw[i + 1]!
    const earlier = headers[name]
    if (earlier === undefined && name !== 'set-cookie') headers[name] = value
    else if (name === 'set-cookie') headers[name] = [...(headers[name] ?? []), value]
    else if (name === 'cookie') headers[name] = `${String(earlier)}; ${value}`
    else if (!SINGLE.has(name)) headers[name] = `${String(earlier)}, ${value}`
  }
  return headers
}

/** Headers of which the first value counts, as in node:http. */
const SINGLE = new Set(['age', 'authorization', 'content-length', 'content-type', 'etag', 'host', 'location', 'origin', 'referer', 'user-agent'])
