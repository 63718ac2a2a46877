// CORS for engine requests: the options of the well-known `cors` middleware. Also decides whether an Origin is allowed at all, which
// WebSocket needs (browsers do not enforce CORS there).
import type { IncomingMessage } from 'node:http'
import { isCrossOrigin } from './origin.ts'

/** True reflects any origin, false allows none; otherwise an origin, a pattern, or a list of either. */
type StaticOrigin = boolean | string | RegExp | readonly (boolean | string | RegExp)[]
/** Told whether the origin asked about is allowed; an error refuses. */
type OriginCallback = (error: Error | null, origin?: StaticOrigin) => void

/** Which sites may use the server from a browser: the options of the npm package `cors`. Once set, they hold for every transport. */
export interface CorsOptions {
  /** Allowed origins: true reflects any, "*" allows any, false none; a function decides for each request. Default "*". */
  origin?: StaticOrigin | ((origin: string | undefined, callback: OriginCallback) => void)
  /** Answered to preflight requests. Default GET, HEAD, PUT, PATCH, POST, DELETE. */
  methods?: string | readonly string[]
  /** Answered to preflight requests. Default: what the request asks for. */
  allowedHeaders?: string | readonly string[]
  /** Headers of answers that pages may read. Default none. */
  exposedHeaders?: string | readonly string[]
  /** Allows cookies and Authorization. Not with origin "*": browsers refuse the pair. Default false. */
  credentials?: boolean
  /** Seconds for which a browser may keep the answer to a preflight request. Default: the browser's. */
  maxAge?: number
  /** Leaves preflight requests to the application. Default false. */
  preflightContinue?: boolean
  /** Status of the answer to a preflight request. Default 204. */
  optionsSuccessStatus?: number
}

/** Chooses the options for each request. */
export type CorsOptionsDelegate = (
  req: IncomingMessage,
  callback: (error: Error | null, options?: CorsOptions) => void,
) => void

export interface CorsVerdict {
  isAllowed: boolean
  headers: Record<string, string>
  /** Set for a preflight that is answered here, with this status. */
  preflightStatus: number | undefined
}

const DEFAULT_METHODS = 'GET,HEAD,PUT,PATCH,POST,DELETE'
const list = (value: string | readonly string[]): string => (typeof value === 'string' ? value : value.join(','))

function matches(origin: string, allowed: StaticOrigin): boolean {
  if (Array.isArray(allowed)) return allowed.some((one: StaticOrigin) => matches(origin, one))
  if (typeof allowed === 'string') return allowed === '*' || allowed === origin
  if (allowed instanceof RegExp) return allowed.test(origin)
  return allowed === true
}

function resolveOptions(config: CorsOptions | CorsOptionsDelegate, req: IncomingMessage, done: (error: Error | null, options: CorsOptions) => void): unknown {
  if (typeof config === 'function') return config(req, (error, options) => done(error, options ?? {}))
  return done(null, config)
}

/** Calls `done` once, synchronously unless an option is a function that answers later. A function that throws or rejects refuses, and is reported. */
export function checkCors(
  config: CorsOptions | CorsOptionsDelegate,
  req: IncomingMessage,
  done: (error: Error | null, verdict: CorsVerdict) => void,
  report: (error: unknown) => void,
): void {
  const nobody: CorsVerdict = { isAllowed: false, headers: {}, preflightStatus: undefined }
  let isAnswered = false
  const answer = (error: Error | null, verdict: CorsVerdict): void => {
    if (isAnswered) return
    isAnswered = true
    done(error, verdict)
  }
  const fail = (error: unknown): void => answer(error instanceof Error ? error : new Error(String(error)), nobody)
  const crash = (error: unknown): void => {
    report(error)
    fail(error)
  }
  guarded(crash, () =>
    resolveOptions(config, req, (error, options) => {
      if (error) return fail(error)
      const { origin = '*' } = options
      if (typeof origin !== 'function') return answer(null, judge(req, options, origin))
      guarded(crash, () =>
        origin(req.headers.origin, (originError, allowed) => {
          if (originError) fail(originError)
          else answer(null, judge(req, options, allowed ?? false))
        }),
      )
    }),
  )
}

/** Runs a function of the application; what it throws or rejects with goes to `fail`. */
function guarded(fail: (error: unknown) => void, run: () => unknown): void {
  try {
    const result = run()
    if (result instanceof Promise) result.catch(fail)
  } catch (error) {
    fail(error)
  }
}

function judge(req: IncomingMessage, options: CorsOptions, allowed: StaticOrigin): CorsVerdict {
  const { origin } = req.headers
  const headers: Record<string, string> = {}
  // The server's own pages need no permission: CORS is about others (spec: EIO-80).
  const isListed = origin !== undefined && allowed !== false && matches(origin, allowed)
  const isAllowed = isListed || !isCrossOrigin(req.headers)
  if (allowed === false) return { isAllowed, headers, preflightStatus: undefined }
  if (allowed === '*') headers['Access-Control-Allow-Origin'] = '*'
  else {
    headers['Vary'] = 'Origin'
    if (typeof allowed === 'string') headers['Access-Control-Allow-Origin'] = allowed
    else if (isListed) headers['Access-Control-Allow-Origin'] = origin!
  }
  if (options.credentials === true) headers['Access-Control-Allow-Credentials'] = 'true'
  if (options.exposedHeaders !== undefined) headers['Access-Control-Expose-Headers'] = list(options.exposedHeaders)
  if (req.method !== 'OPTIONS') return { isAllowed, headers, preflightStatus: undefined }
  headers['Access-Control-Allow-Methods'] = list(options.methods ?? DEFAULT_METHODS)
  const requested = options.allowedHeaders === undefined ? req.headers['access-control-request-headers'] : list(options.allowedHeaders)
  if (requested !== undefined) headers['Access-Control-Allow-Headers'] = requested
  if (options.allowedHeaders === undefined && requested !== undefined) {
    headers['Vary'] = headers['Vary'] === undefined ? 'Access-Control-Request-Headers' : `${headers['Vary']}, Access-Control-Request-Headers`
  }
  if (options.maxAge !== undefined) headers['Access-Control-Max-Age'] = String(options.maxAge)
  return { isAllowed, headers, preflightStatus: options.preflightContinue === true ? undefined : (options.optionsSuccessStatus ?? 204) }
}
