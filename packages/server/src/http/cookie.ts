// The session cookie for sticky balancers, set on the handshake answer only.

export interface CookieOptions {
  /** Default "io". */
  name?: string
  /** Default "/". */
  path?: string | false
  /** Default true. */
  httpOnly?: boolean
  /** Default "lax". */
  sameSite?: boolean | 'lax' | 'strict' | 'none'
  domain?: string
  /** Seconds. */
  maxAge?: number
  expires?: Date
  secure?: boolean
  partitioned?: boolean
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
