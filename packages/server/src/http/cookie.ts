// The session cookie for sticky balancers, set on the handshake answer only.

/** The session cookie that some balancers stick to, set with the handshake's answer. A cluster of tidewire needs none. */
export interface CookieOptions {
  /** Its name. Default "io". */
  name?: string
  /** Path that it is sent for; false leaves it out. Default "/". */
  path?: string | false
  /** Kept from scripts; not without a path. Default true. */
  httpOnly?: boolean
  /** With requests from other sites; "none" needs `secure`. Default "lax". */
  sameSite?: boolean | 'lax' | 'strict' | 'none'
  /** Domain that it is sent to, subdomains included. Default: the host of the request alone. */
  domain?: string
  /** Seconds for which the browser keeps it. Default: as long as its session. */
  maxAge?: number
  /** When the browser forgets it. Default: with its session. */
  expires?: Date
  /** Sent over HTTPS only. Default false. */
  secure?: boolean
  /** Kept apart for each top-level site (CHIPS). Default false. */
  partitioned?: boolean
  /** Which cookies Chromium drops last. Default none. */
  priority?: 'low' | 'medium' | 'high'
}

const capital = (word: string): string => word[0]!.toUpperCase() + word.slice(1)

export function serializeCookie(option: true | CookieOptions, sid: string): string {
  const options: CookieOptions = option === true ? {} : option
  const { name = 'io', path = '/', httpOnly = true, sameSite = 'lax' } = options
  let cookie = `${name}=${encodeURIComponent(sid)}`
  if (options.maxAge !== undefined) cookie += `; Max-Age=${Math.floor(options.maxAge)}`
  if (options.domain !== undefined) cookie += `; Domain=${options.domain}`
  if (path !== false) cookie += `; Path=${path}`
  if (options.expires !== undefined) cookie += `; Expires=${options.expires.toUTCString()}`
  if (httpOnly && path !== false) cookie += '; HttpOnly'
  if (options.secure === true) cookie += '; Secure'
  if (options.partitioned === true) cookie += '; Partitioned'
  if (options.priority !== undefined) cookie += `; Priority=${capital(options.priority)}`
  if (sameSite !== false) cookie += `; SameSite=${sameSite === true ? 'Strict' : capital(sameSite)}`
  return cookie
}
