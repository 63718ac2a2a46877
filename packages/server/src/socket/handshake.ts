// The handshake object of a socket: facts of the request that opened its session, and what the client sent with CONNECT.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { parse } from 'node:querystring'
import type { ParsedUrlQuery } from 'node:querystring'

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

export function createHandshake(req: IncomingMessage & { _query?: ParsedUrlQuery }, address: string, auth: Record<string, unknown>, issued: number): Handshake {
  const url = req.url ?? ''
  return {
    headers: req.headers,
    time: `${new Date(issued)}`,
    address,
    xdomain: req.headers.origin !== undefined,
    secure: (req.socket as TLSSocket).encrypted === true,
    issued,
    url,
    query: req._query ?? parse(url.slice(url.indexOf('?') + 1)),
    auth,
  }
}
