// The health endpoint: one line of JSON that tells a balancer whether to send new clients here. In: the state of the server. Out: 200 or 503.
import type { IncomingMessage, ServerResponse } from 'node:http'

/** `starting`: not yet part of its cluster. `draining`: clients are being sent to other nodes. */
export type Readiness = 'starting' | 'ready' | 'draining' | 'closed'

/** True when the request was for the endpoint, and is answered. */
export function serveHealth(req: IncomingMessage, res: ServerResponse, path: string, state: Readiness, sessions: number): boolean {
  const { url = '', method } = req
  if (!url.startsWith(path) || (url.length > path.length && url[path.length] !== '?')) return false
  if (method !== 'GET' && method !== 'HEAD') {
    res.writeHead(405, { Allow: 'GET, HEAD', 'Content-Length': 0 }).end()
    return true
  }
  const body = `${JSON.stringify({ status: state, sessions })}\n`
  res.writeHead(state === 'ready' ? 200 : 503, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  })
  res.end(body)
  return true
}
