// Whether a page is the server's own: what the browser says itself, else its Origin against the host that it asked for. A page of another
// site can set none of these headers.
import type { IncomingHttpHeaders } from 'node:http'

/** Whether the page behind `origin` (an Origin or a Referer) has the host of the server, under the name that the browser used. */
function hasOwnHost(origin: string, headers: IncomingHttpHeaders): boolean {
  let url: URL
  try {
    url = new URL(origin)
  } catch {
    return false
  }
  // A proxy may have put its own name into Host and kept the browser's beside it.
  const { host = headers[':authority'], 'x-forwarded-host': forwarded } = headers
  const names = `${String(host ?? '')},${String(forwarded ?? '')}`.split(',').map((name) => name.trim().toLowerCase())
  return names.some((name) => name !== '' && (name === url.host || name === `${url.hostname}:${url.protocol === 'https:' ? '443' : '80'}`))
}

/** A request that a browser makes for a page of another origin. Requests without an Origin are no browser's, or harmless. */
export function isCrossOrigin(headers: IncomingHttpHeaders): boolean {
  const { origin } = headers
  if (origin === undefined || headers['sec-fetch-site'] === 'same-origin') return false
  return !hasOwnHost(origin, headers)
}

/** A script element of another site: browsers say so themselves, older ones send a Referer. */
export function isCrossSiteScript(headers: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined) return site !== 'same-origin' && site !== 'none'
  return headers.referer !== undefined && !hasOwnHost(headers.referer, headers)
}

/** The origin of a page by its address, which a script element has in place of an Origin. */
export function originOf(url: string | undefined): string | undefined {
  return url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined
}
