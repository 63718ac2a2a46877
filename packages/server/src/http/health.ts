// The health endpoint: one line of JSON that tells a balancer whether to send new clients here. In: the state of the server. Out: 200 or 503.
import type { AskedFor, PlainAnswer } from './plain-answer.ts'

/** `starting`: not yet part of its cluster. `draining`: clients are being sent to other nodes. */
export type Readiness = 'starting' | 'ready' | 'draining' | 'closed'

/** The answer to a request for the endpoint. */
export function healthAnswer({ method, url = '' }: AskedFor, path: string, state: Readiness, sessions: number): PlainAnswer | undefined {
  if (!url.startsWith(path) || (url.length > path.length && url[path.length] !== '?')) return undefined
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, headers: { Allow: 'GET, HEAD', 'Content-Length': '0' } }
  const body = `${JSON.stringify({ status: state, sessions })}\n`
  return {
    status: state === 'ready' ? 200 : 503,
    headers: { 'Content-Type': 'application/json', 'Content-Length': String(Buffer.byteLength(body)), 'Cache-Control': 'no-store' },
    body,
  }
}
