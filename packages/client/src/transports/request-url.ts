// Where a transport sends its requests: path, and the query that says who asks for what.
import type { EngineClientOptions } from '../options.ts'
import { encodeQuery } from '../url.ts'
import type { ServerUrl } from '../url.ts'

/** User query first, as clients do. */
export function requestUrl(
  { host, port, secure }: ServerUrl,
  options: EngineClientOptions,
  revision: number,
  transport: 'polling' | 'websocket',
  sid?: string,
): string {
  const isWebSocket = transport === 'websocket'
  const query: { [key: string]: any } = { ...options.query, EIO: revision, transport }
  if (options.timestampRequests ?? !isWebSocket) query[options.timestampParam ?? 't'] = cacheBuster()
  if (options.forceBase64) query['b64'] = 1
  if (sid !== undefined) query['sid'] = sid
  const path = (options.path ?? '/socket.io').replace(/\/$/, '') + (options.addTrailingSlash === false ? '' : '/')
  const shownPort = port === (secure ? '443' : '80') ? '' : `:${port}`
  return `${isWebSocket ? 'ws' : 'http'}${secure ? 's' : ''}://${host}${shownPort}${path}?${encodeQuery(query)}`
}

let count = 0
function cacheBuster(): string {
  return Date.now().toString(36) + (count++).toString(36)
}
