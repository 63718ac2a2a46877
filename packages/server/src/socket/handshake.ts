// The handshake object of a socket: facts of the request that opened its session, and what the client sent with CONNECT.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { parse } from 'node:querystring'
import type { ParsedUrlQuery } from 'node:querystring'
import type { EngineSession, HandshakeFacts } from '../engine/contract.ts'

export interface Handshake {
  headers: IncomingHttpHeaders
  /** When, as text. */
  time: string
  address: string
  xdomain: boolean
  secure: boolean
  /** When, in milliseconds since 1970. */
  issued: number
  url: string
  query: ParsedUrlQuery
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
  return { url, headers: req.headers, query: req._query ?? parse(url.slice(url.indexOf('?') + 1)), isSecure: (req.socket as TLSSocket).encrypted === true }
}
