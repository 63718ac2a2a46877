// The head of an HTTP/1.1 request, read only when there is nothing to argue about: complete, plain ASCII, one line each, no header twice, a
// body announced by its length alone. Everything else is left to node:http, so that no request is ever read in two ways.
import type { IncomingHttpHeaders } from 'node:http'
import { LIMITS } from '../limits.ts'

export interface RequestHead {
  readonly method: 'GET' | 'POST'
  readonly url: string
  /** Lower-cased, as node:http gives them. */
  readonly headers: IncomingHttpHeaders
  /** All of it as sent, without the empty line. */
  readonly text: string
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
const LENGTH = /^(?:0|[1-9]\d{0,8})$/
/** Headers that change how a message is read, or ask for an answer of their own. */
const LEFT_TO_NODE: ReadonlySet<string> = new Set(['transfer-encoding', 'expect', 'trailer', 'te', 'http2-settings', 'proxy-connection'])

/** Characters of header names. */
const IS_NAME: readonly boolean[] = Array.from({ length: 128 }, (_, code) => /[\w-]/.test(String.fromCharCode(code)))

/** The head at the start of `bytes`; undefined if it is not all there or not plain. */
export function readRequestHead(bytes: Buffer): RequestHead | undefined {
  const end = bytes.indexOf('\r\n\r\n', 0, 'latin1')
  if (end < 0 || end > MAX_HEAD_BYTES) return undefined
  const text = bytes.latin1Slice(0, end)
  const firstEnd = text.indexOf('\r\n')
  const request = REQUEST_LINE.exec(firstEnd < 0 ? text : text.slice(0, firstEnd))
  if (request === null) return undefined
  const headers: IncomingHttpHeaders = {}
  // perf: by hand, as a pattern for each line is most of the cost of a handshake that is ours.
  for (let at = firstEnd < 0 ? end : firstEnd + 2; at < end; ) {
    let colon = at
    while (IS_NAME[text.charCodeAt(colon)] === true) colon++
    if (colon === at || text.charCodeAt(colon) !== COLON) return undefined
    const from = text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1
    let to = from
    while (isValueCharacter(text.charCodeAt(to))) to++
    if (to < end && (text.charCodeAt(to) !== CR || text.charCodeAt(to + 1) !== LF)) return undefined
    // A space at either end is left to node:http to cut off.
    if (to > from && (isBlank(text.charCodeAt(from)) || isBlank(text.charCodeAt(to - 1)))) return undefined
    const name = text.slice(at, colon).toLowerCase()
    if (name in headers || LEFT_TO_NODE.has(name)) return undefined
    const value = text.slice(from, to)
    headers[name] = name === 'set-cookie' ? [value] : value
    at = to + 2
  }
  return headOf(request[1] as 'GET' | 'POST', request[2]!, headers, text)
}

const [COLON, CR, LF, SPACE, TAB, TILDE] = [0x3a, 0x0d, 0x0a, 0x20, 0x09, 0x7e]

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB
}
/** False for NaN, the end of the text. */
function isValueCharacter(code: number): boolean {
  return (code >= SPACE && code <= TILDE) || code === TAB
}

function headOf(
  method: 'GET' | 'POST',
  url: string,
  headers: IncomingHttpHeaders,
  text: string,
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
    text,
    byteLength: text.length + 4,
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
