// A URL as the client takes it: absolute, without protocol, or relative to the page.
import { scope } from './debug.ts'
import { HAS_COMPAT, HAS_DEBUG, HAS_NO_PAGE } from './features.ts'
import type { EngineClientOptions } from './options.ts'

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

/** compat: the official Manager takes this machine where there is no page. */
const NO_PAGE = 'localhost'

interface PageLocation {
  protocol: string
  host: string
  hostname: string
}

const pageLocation = (): PageLocation | undefined => (globalThis as { location?: PageLocation }).location

/** The URL that options name; what they leave out is left out, or of the page. */
export function uriOf({ hostname, host = hostname, port, secure }: EngineClientOptions, location: PageLocation | undefined = pageLocation()): string | undefined {
  if (!HAS_COMPAT && !HAS_NO_PAGE) return host && `http${secure ? 's' : ''}://${host}${port ? `:${port}` : ''}`
  const scheme = secure === undefined ? '' : `http${secure ? 's' : ''}:`
  const hostOfPage = (): string => (HAS_NO_PAGE && location === undefined ? NO_PAGE : location!.hostname)
  return `${scheme}//${host ?? (port ? hostOfPage() : '')}${port ? `:${port}` : ''}`
}

/** What is left out is of the page. Where there is none, `fallback` is the scheme of a host that comes without one. */
export function parseUrl(uri: string | undefined, location: PageLocation | undefined = pageLocation(), fallback: string = 'https'): ServerUrl {
  const [, named, given, path, query] = PARTS.exec(uri ?? '')!
  const isNowhere = HAS_NO_PAGE && location === undefined
  const scheme = named ?? (isNowhere ? (given ? fallback : 'http') : location!.protocol.slice(0, -1))
  const authority = given || (isNowhere ? NO_PAGE : location!.host)
  const secure = /(p|ws)s$/i.test(scheme)
  const [, host, port = secure ? '443' : '80'] = AUTHORITY.exec(authority)!
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
