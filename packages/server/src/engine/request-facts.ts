// What is kept of a handshake request: one string of headers instead of an object graph. The request object is rebuilt when asked for, and
// kept from the start only when user code has seen the original (a session middleware puts its session on it).
import { IncomingMessage } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { parse } from 'node:querystring'
import type { ParsedUrlQuery } from 'node:querystring'

export type EngineRequest = IncomingMessage & { _query?: ParsedUrlQuery }

export class RequestFacts {
  readonly url: string
  readonly #headers: string
  readonly remoteAddress: string
  readonly #netSocket: Socket
  #original: EngineRequest | undefined
  #headersByName: IncomingHttpHeaders | undefined
  #query: ParsedUrlQuery | undefined

  constructor(req: EngineRequest, mustKeep: boolean) {
    this.url = req.url ?? ''
    this.#headers = req.rawHeaders.join('\n')
    this.remoteAddress = req.socket.remoteAddress ?? ''
    this.#netSocket = req.socket
    if (mustKeep) this.#original = req
  }

  /** Lower-cased, as node:http gives them; the same object as `request.headers`. */
  get headers(): IncomingHttpHeaders {
    return (this.#headersByName ??= this.#original?.headers ?? parseHeaders(this.#headers === '' ? [] : this.#headers.split('\n')))
  }

  /** The same object as `request._query`. */
  get query(): ParsedUrlQuery {
    return (this.#query ??= this.#original?._query ?? parse(this.url.slice(this.url.indexOf('?') + 1)))
  }

  get isSecure(): boolean {
    return (this.#netSocket as TLSSocket).encrypted === true
  }

  get request(): EngineRequest {
    // Always the same object: what user code puts on it is still there the next time.
    return (this.#original ??= this.#rebuild())
  }

  #rebuild(): EngineRequest {
    const req: EngineRequest = new IncomingMessage(this.#netSocket)
    req.method = 'GET'
    req.url = this.url
    req.httpVersion = '1.1'
    req.httpVersionMajor = 1
    req.httpVersionMinor = 1
    req.complete = true
    req.rawHeaders = this.#headers === '' ? [] : this.#headers.split('\n')
    req.headers = this.headers
    req._query = this.query
    return req
  }
}

function parseHeaders(raw: readonly string[]): IncomingHttpHeaders {
  const headers: IncomingHttpHeaders = {}
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    const value = raw[i + 1]!
    const earlier = headers[name]
    if (name === 'set-cookie') headers[name] = [...(headers[name] ?? []), value]
    else if (earlier === undefined) headers[name] = value
    else if (name === 'cookie') headers[name] = `${String(earlier)}; ${value}`
    else if (!SINGLE.has(name)) headers[name] = `${String(earlier)}, ${value}`
  }
  return headers
}

/** Headers of which the first value counts, as in node:http. */
const SINGLE = new Set(['age', 'authorization', 'content-length', 'content-type', 'etag', 'host', 'location', 'origin', 'referer', 'user-agent'])
