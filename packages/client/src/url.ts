// A URL as the client takes it: absolute, without protocol, or relative to the page.
import { scope } from './debug.ts'
import { HAS_DEBUG } from './features.ts'

const debug = HAS_DEBUG ? scope('socket.io-client:url') : undefined

export interface ServerUrl {
  /** The absolute form of what was given. */
  source: string
  /** `protocol://host:port`: what a Manager is cached under. */
  id: string
  host: string
  port: string
  path: string
  query: string
  secure: boolean
}

/** Scheme, authority, path, query; without a scheme the page's, or https. */
const PARTS = /^(?:(?:([a-z][\w+.-]*):)?\/\/)?([^/?#]*)([^?#]*)\??([^#]*)/i
/** A name and password are left out. */
const AUTHORITY = /^(?:.*@)?(.*?)(?::(\d+))?$/

interface PageLocation {
  protocol: string
  host: string
}

export function parseUrl(
  uri: string | undefined,
  location: PageLocation | undefined = (globalThis as { location?: PageLocation }).location,
): ServerUrl {
  const [, scheme = location?.protocol.slice(0, -1) ?? 'https', given, path, query] = PARTS.exec(uri ?? '')!
  const authority = given || location?.host
  const secure = /(p|ws)s$/i.test(scheme)
  const [, host, port = secure ? '443' : '80'] = AUTHORITY.exec(authority!)!
  const source = `${scheme}://${authority}${path}${query && '?' + query}`
  if (HAS_DEBUG) debug!('%s is read as %s', uri, source)
  return { source, id: `${scheme.toLowerCase()}://${host}:${port}`, host: host!, port, path: path || '/', query: query!, secure }
}

export function encodeQuery(query: { [key: string]: any }): string {
  return Object.entries(query)
    .map((pair) => pair.map(encodeURIComponent as (value: unknown) => string).join('='))
    .join('&')
}

export function decodeQuery(query: string): { [key: string]: string } {
  const pairs = query.split('&').filter(Boolean).map((pair) => pair.split('=').map(decodeURIComponent))
  return Object.fromEntries(pairs.map(([key, value]) => [key, value ?? '']))
}
