// Where a transport sends its requests: path, and the query that says who asks for what.
import { scope } from '../debug.ts'
import { HAS_COMPAT, HAS_DEBUG } from '../features.ts'
import type { EngineClientOptions } from '../options.ts'
import { decodeQuery, encodeQuery } from '../url.ts'
import type { ServerUrl } from '../url.ts'

const debug = HAS_DEBUG ? scope('engine.io-client:transport') : undefined

/** User query first, as clients do. */
export function requestUrl(
  scheme: 'http' | 'ws',
  { host, port, secure }: ServerUrl,
  { path = '/socket.io', addTrailingSlash, query }: EngineClientOptions,
  more: { [key: string]: unknown },
): string {
  const shownPort = port === (secure ? '443' : '80') ? '' : ':' + port
  const shownPath = path.replace(/\/$/, '') + (addTrailingSlash === false ? '' : '/')
  const full = `${scheme}${secure ? 's' : ''}://${host}${shownPort}${shownPath}?${encodeQuery({ ...(HAS_COMPAT && typeof query === 'string' ? decodeQuery(query) : (query as object)), ...more })}`
  if (HAS_DEBUG) debug!('requesting %s', full)
  return full
}

/** The query of a transport that may need to get around caches, or to do without binary data. */
export function transportQuery(
  transport: 'polling' | 'websocket',
  { timestampRequests = transport === 'polling', timestampParam = 't', forceBase64 }: EngineClientOptions,
  revision: number,
  sid: string | undefined,
): { [key: string]: unknown } {
  return {
    EIO: revision,
    transport,
    ...(timestampRequests && { [timestampParam]: cacheBuster() }),
    ...(forceBase64 && { b64: 1 }),
    ...(sid !== undefined && { sid }),
  }
}

let count = 0
function cacheBuster(): string {
  return Date.now().toString(36) + (count++).toString(36)
}
