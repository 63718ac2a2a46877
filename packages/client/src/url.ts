// A URL as the client takes it: absolute, without protocol, or relative to the page.

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

interface PageLocation {
  protocol: string
  host: string
}

export function parseUrl(
  uri: string | undefined,
  location: PageLocation | undefined = (globalThis as { location?: PageLocation }).location,
): ServerUrl {
  const protocol = location?.protocol ?? 'https:'
  let source = uri ?? '//' + location?.host
  if (/^\/(?!\/)/.test(source)) source = '//' + location?.host + source
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(source)) source = protocol + source.replace(/^(?!\/\/)/, '//')
  const [, scheme = '', host = '', explicitPort, path, query = ''] =
    /^(.*?):\/\/(?:[^@/?#]*@)?(\[[^\]]*\]|[^:/?#]*)(?::(\d+))?([^?#]*)(?:\?([^#]*))?/.exec(source) ?? []
  const secure = /^(http|ws)s$/i.test(scheme)
  const port = explicitPort ?? (secure ? '443' : '80')
  return { source, id: `${scheme.toLowerCase()}://${host}:${port}`, host, port, path: path || '/', query, secure }
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
