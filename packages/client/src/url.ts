// A URL as the client takes it: absolute, without protocol, or relative to the page.

export interface ServerUrl {
  source: string
  /** `protocol://host:port`: what a Manager is cached under. */
  id: string
  href: string
  protocol: string
  host: string
  port: string
  path: string
  query: string
  secure: boolean
}

interface PageLocation {
  protocol: string
  host: string
  hostname: string
}

export function parseUrl(
  uri: string | undefined,
  location: PageLocation | undefined = (globalThis as { location?: PageLocation }).location,
): ServerUrl {
  const source = uri ?? `${location?.protocol}//${location?.hostname ?? location?.host}`
  let absolute = uri ?? `${location?.protocol}//${location?.host}`
  if (absolute.startsWith('//')) absolute = (location?.protocol ?? 'https:') + absolute
  else if (absolute.startsWith('/')) absolute = `${location?.protocol}//${location?.host}${absolute}`
  else if (!/^[a-z][a-z\d+.-]*:\/\//i.test(absolute)) absolute = `${location?.protocol ?? 'https:'}//${absolute}`
  const [, scheme, authority, path, query] = /^([a-z\d+.-]+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i.exec(absolute) ?? []
  const protocol = (scheme ?? 'https').toLowerCase()
  const [, hostname = '', explicitPort] = /^(?:[^@]*@)?(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(authority ?? '') ?? []
  const secure = protocol === 'https' || protocol === 'wss'
  const port = explicitPort ?? (secure ? '443' : '80')
  return {
    source,
    id: `${protocol}://${hostname}:${port}`,
    href: `${protocol}://${hostname}${explicitPort === undefined ? '' : `:${explicitPort}`}`,
    protocol,
    host: hostname,
    port,
    path: path || '/',
    query: query ?? '',
    secure,
  }
}

export function encodeQuery(query: { [key: string]: any }): string {
  return Object.entries(query)
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join('&')
}

export function decodeQuery(query: string): { [key: string]: string } {
  const pairs = query.split('&').filter(Boolean).map((pair) => pair.split('=').map(decodeURIComponent))
  return Object.fromEntries(pairs.map(([key, value]) => [key, value ?? '']))
}
