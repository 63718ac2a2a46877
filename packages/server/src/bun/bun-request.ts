// A request of Bun in the form in which the engine, and what applications add to it, read requests: that of node:http. What costs something
// is made when it is asked for.
import { IncomingMessage } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import type { Socket } from 'node:net'
import type { EngineRequest } from '../engine/request-facts.ts'
import type { BunServer } from './bun-types.ts'

/** The connection as far as anybody may ask about it; it outlives the request. */
interface ConnectionFacts {
  remoteAddress: string | undefined
  remotePort: number | undefined
  remoteFamily: string | undefined
  encrypted: boolean
  destroyed: boolean
}

export interface BunOrigin {
  readonly request: Request
  readonly server: BunServer
}

const origins = new WeakMap<object, BunOrigin>()

/** What Bun has handed over, behind what the engine sees. */
export function originOf(req: object): BunOrigin | undefined {
  return req instanceof BunRequest ? req.origin : origins.get(req)
}

/** Read by the engine alone, while no code of the application can see it. */
export class BunRequest {
  readonly isView = true
  readonly method: string
  readonly url: string
  _query: EngineRequest['_query']
  readonly origin: BunOrigin
  #headers: IncomingHttpHeaders | undefined
  #socket: Socket | undefined

  constructor(request: Request, server: BunServer) {
    this.origin = { request, server }
    this.method = request.method
    // perf: asked for once, as Bun makes it anew each time.
    this.url = pathOf(request.url)
  }

  get headers(): IncomingHttpHeaders {
    return (this.#headers ??= headersOf(this.origin.request))
  }

  get rawHeaders(): string[] {
    return rawHeadersOf(this.origin.request)
  }

  get socket(): Socket {
    return (this.#socket ??= factsOf(this.origin.request, this.origin.server))
  }

  resume(): void {}
}

/** The same for code of the application. Its body stays with Bun. */
export function incomingMessage(request: Request, server: BunServer): EngineRequest {
  const req: EngineRequest = new IncomingMessage(factsOf(request, server))
  req.method = request.method
  req.url = pathOf(request.url)
  req.httpVersion = '1.1'
  req.httpVersionMajor = 1
  req.httpVersionMinor = 1
  req.complete = true
  req.headers = headersOf(request)
  req.rawHeaders = rawHeadersOf(request)
  origins.set(req, { request, server })
  return req
}

/** Bun gives whole URLs, node:http what is in the request line. */
function pathOf(url: string): string {
  return url.slice(url.indexOf('/', url.indexOf('//') + 2))
}

function headersOf(request: Request): IncomingHttpHeaders {
  // Bun's own way to an object, a fraction of the work of iterating.
  return (request.headers as Headers & { toJSON(): IncomingHttpHeaders }).toJSON()
}

function rawHeadersOf(request: Request): string[] {
  return [...request.headers].flat()
}

function factsOf(request: Request, server: BunServer): Socket {
  const peer = server.requestIP(request)
  const facts: ConnectionFacts = {
    remoteAddress: peer?.address,
    remotePort: peer?.port,
    remoteFamily: peer?.family,
    encrypted: request.url.startsWith('https:'),
    destroyed: false,
  }
  return facts as unknown as Socket
}
