// What is kept of a handshake request: one string of headers instead of an object graph. The request object is rebuilt when asked for, and
// kept from the start only when user code has seen the original (a session middleware puts its session on it).
import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { parse } from 'node:querystring'
import type { ParsedUrlQuery } from 'node:querystring'

export type EngineRequest = IncomingMessage & { _query?: ParsedUrlQuery }

export class RequestFacts {
  readonly url: string
  readonly #headers: string
  readonly remoteAddress: string
  readonly #netSocket: Socket
  #original: EngineRequest | undefined

  constructor(req: EngineRequest, mustKeep: boolean) {
    this.url = req.url ?? ''
    this.#headers = req.rawHeaders.join('\n')
    this.remoteAddress = req.socket.remoteAddress ?? ''
    this.#netSocket = req.socket
    if (mustKeep) this.#original = req
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
    for (let i = 0; i + 1 < req.rawHeaders.length; i += 2) {
      const name = req.rawHeaders[i]!.toLowerCase()
      const value = req.rawHeaders[i + 1]!
      const earlier = req.headers[name]
      if (name === 'set-cookie') req.headers[name] = [...(req.headers[name] ?? []), value]
      else if (earlier === undefined) req.headers[name] = value
      else if (name === 'cookie') req.headers[name] = `${String(earlier)}; ${value}`
      else if (!SINGLE.has(name)) req.headers[name] = `${String(earlier)}, ${value}`
    }
    req._query = parse(this.url.slice(this.url.indexOf('?') + 1))
    return req
  }
}

/** Headers of which the first value counts, as in node:http. */
const SINGLE = new Set(['age', 'authorization', 'content-length', 'content-type', 'etag', 'host', 'location', 'origin', 'referer', 'user-agent'])
