// The head of an HTTP/1.1 request, read only when there is nothing to argue about: complete, plain ASCII, one line each, no header twice, a
// body announced by its length alone. Everything else is left to node:http, so that no request is ever read in two ways.
import type { IncomingHttpHeaders } from 'node:http'
import { LIMITS } from '../limits.ts'

export interface RequestHead {
  readonly method: 'GET' | 'POST'
  readonly url: string
  /** Lower-cased, as node:http gives them. */
  readonly headers: IncomingHttpHeaders
  /** Names as sent and values, in turn. */
  readonly rawHeaders: string[]
  /** Of the head, the empty line included. */
  readonly byteLength: number
  readonly bodyBytes: number
  readonly isUpgrade: boolean
  /** False for `Connection: close`. */
  readonly isKeptAlive: boolean
}

/** Well below what Node takes, and above what browsers send. */
const MAX_HEAD_BYTES = LIMITS.directHeadBytes.default
const REQUEST_LINE = /^(GET|POST) (\/[\w!$%&'()*+,./:;=?@~-]*) HTTP\/1\.1$/
const HEADER = /^([\w-]+): ?([!-~](?:[\t -~]*[!-~])?)?$/
const LENGTH = /^(?:0|[1-9]\d{0,8})$/
/** Headers that change how a message is read, or ask for an answer of their own. */
const LEFT_TO_NODE: ReadonlySet<string> = new Set(['transfer-encoding', 'expect', 'trailer', 'te', 'http2-settings', 'proxy-connection'])

/** The head at the start of `bytes`; undefined if it is not all there or not plain. */
export function readRequestHead(bytes: Buffer): RequestHead | undefined {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1')
  if (end < 0 || end > MAX_HEAD_BYTES) return undefined
  const lines = bytes.latin1Slice(0, end).split('\r\n')
  const request = REQUEST_LINE.exec(lines[0]!)
  if (request === null) return undefined
  const headers: IncomingHttpHeaders = {}
  const rawHeaders: string[] = []
  for (let i = 1; i < lines.length; i++) {
    const header = HEADER.exec(lines[i]!)
    if (header === null) return undefined
    const name = header[1]!.toLowerCase()
    if (name in headers || LEFT_TO_NODE.has(name)) return undefined
    const value = header[2] ?? ''
    headers[name] = name === 'set-cookie' ? [value] : value
    rawHeaders.push(header[1]!, value)
  }
  return headOf(request[1] as 'GET' | 'POST', request[2]!, headers, rawHeaders, end + 4)
}

function headOf(
  method: 'GET' | 'POST',
  url: string,
  headers: IncomingHttpHeaders,
  rawHeaders: string[],
  byteLength: number,
): RequestHead | undefined {
  const { host, connection = 'keep-alive', upgrade } = headers
  const length = headers['content-length']
  if (host === undefined || host === '') return undefined
  if (method === 'GET' ? length !== undefined : length === undefined || !LENGTH.test(length)) return undefined
  const isUpgrade = upgrade !== undefined
  if (isUpgrade) {
    if (method !== 'GET' || upgrade.toLowerCase() !== 'websocket' || !/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(connection)) return undefined
  } else if (!/^(?:keep-alive|close)$/i.test(connection)) return undefined
  return {
    method,
    url,
    headers,
    rawHeaders,
    byteLength,
    bodyBytes: Number(length ?? 0),
    isUpgrade,
    isKeptAlive: isUpgrade || connection.length > 5,
  }
}

declare global {
  interface Buffer {
    latin1Slice(start: number, end: number): string
  }
}
