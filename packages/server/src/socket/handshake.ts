// The handshake object of a socket: facts of the request that opened its session, and what the client sent with CONNECT.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { ParsedUrlQuery } from 'node:querystring'
import type { EngineSession, HandshakeFacts } from '../engine/contract.ts'
import { queryOf } from '../engine/request-facts.ts'

/**
 * What is known of a client from the request that opened its session, and what it sent with CONNECT. Behind a proxy, `address` and `secure`
 * are the proxy's.
 */
export interface Handshake {
  /** In lower case. Empty over WebTransport. */
  headers: IncomingHttpHeaders
  /** When, as text. */
  time: string
  /** The remote address of the TCP connection. */
  address: string
  /** The request named an Origin; not whether it is another site. */
  xdomain: boolean
  /** TLS ended at this server. */
  secure: boolean
  /** When, in milliseconds since 1970. */
  issued: number
  /** Path and query. */
  url: string
  /** The query, parsed; old clients put their credentials there. */
  query: ParsedUrlQuery
  /** The client's option `auth`; `{}` from clients before 3.0. */
  auth: { [key: string]: any }
}

export function createHandshake(conn: EngineSession, auth: Record<string, unknown>, issued: number): Handshake {
  const { url, headers, query, isSecure } = conn.facts ?? factsOf(conn.request)
  return {
    headers,
    time: textOf(issued),
    address: conn.remoteAddress,
    xdomain: headers.origin !== undefined,
    secure: isSecure,
    issued,
    url,
    query,
    auth,
  }
}

/** perf: dates are slow to write, and their text is the same for all clients of a second. */
let latestSecond = -1
let latestText = ''

function textOf(issued: number): string {
  const second = Math.floor(issued / 1000)
  if (second !== latestSecond) {
    latestSecond = second
    latestText = String(new Date(issued))
  }
  return latestText
}

/** For a session of an engine that the application has made. */
function factsOf(req: IncomingMessage & { _query?: ParsedUrlQuery }): HandshakeFacts {
  const url = req.url ?? ''
  return { url, headers: req.headers, query: req._query ?? queryOf(url), isSecure: (req.socket as TLSSocket).encrypted === true }
}
