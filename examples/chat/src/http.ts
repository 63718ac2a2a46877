// The HTTP side of the IM: its page, images, POST /push, GET /healthz.
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { PushError, toFailure } from './push.ts'
import type { Pusher } from './push.ts'
import type { Store } from './store.ts'

const MAX_PUSH_BYTES = 100_000
const PAGES: Record<string, { file: string; type: string }> = {
  '/': { file: 'index.html', type: 'text/html; charset=utf-8' },
  '/app.js': { file: 'app.js', type: 'text/javascript; charset=utf-8' },
  '/texts.js': { file: 'texts.js', type: 'text/javascript; charset=utf-8' },
  '/style.css': { file: 'style.css', type: 'text/css; charset=utf-8' },
}
const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' blob: data:; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
}

function send(res: ServerResponse, status: number, type: string, body: string | Uint8Array, headers: Record<string, string> = {}): void {
  res.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body), ...SECURITY_HEADERS, ...headers })
  res.end(body)
}

function sendJson(res: ServerResponse, status: number, value: unknown): void {
  send(res, status, 'application/json; charset=utf-8', `${JSON.stringify(value)}\n`)
}

export function createRoutes(pusher: Pusher, store: Store): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    const path = (req.url ?? '/').split('?', 1)[0]!
    if (path === '/push') return handlePush(pusher, req, res)
    if (req.method !== 'GET' && req.method !== 'HEAD') return sendJson(res, 405, { ok: false, error: 'GET only' })
    if (path === '/healthz') return sendJson(res, 200, { ok: true })
    const page = PAGES[path]
    if (page !== undefined) return send(res, 200, page.type, readFileSync(new URL(`../public/${page.file}`, import.meta.url)), { 'Cache-Control': 'no-cache' })
    const image = path.startsWith('/images/') ? store.image(path.slice(8)) : undefined
    if (image !== undefined) return send(res, 200, image.mime, image.bytes, { 'Cache-Control': 'private, max-age=31536000, immutable' })
    sendJson(res, 404, { ok: false, error: `nothing at ${path.slice(0, 100)}` })
  }
}

function handlePush(pusher: Pusher, req: IncomingMessage, res: ServerResponse): void {
  if (req.method !== 'POST') return sendJson(res, 405, { ok: false, code: 'METHOD', error: 'POST a JSON object {type, from, to, msgContent, msgTime}' })
  const chunks: Buffer[] = []
  let bytes = 0
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= MAX_PUSH_BYTES) chunks.push(chunk)
  })
  req.on('end', () => {
    if (bytes > MAX_PUSH_BYTES) return sendJson(res, 413, { ok: false, code: 'TOO_LARGE', error: `a push has at most ${MAX_PUSH_BYTES} bytes` })
    try {
      const key = req.headers['idempotency-key']
      sendJson(res, 200, pusher.deliver(Buffer.concat(chunks).toString('utf8'), typeof key === 'string' ? `http:${key}` : undefined))
    } catch (error) {
      if (!(error instanceof PushError)) console.error('push failed', error)
      sendJson(res, error instanceof PushError ? error.status : 500, toFailure(error))
    }
  })
}
