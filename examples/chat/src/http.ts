// What the chat answers over plain HTTP: the page, images, `POST /push`, `GET /healthz`.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Page } from './page.ts'
import { PushError, deliverPush } from './push.ts'
import type { PushTarget } from './push.ts'
import type { ChatStore } from './store.ts'

const MAX_PUSH_BYTES = 256 * 1024

class BodyTooLarge extends Error {}

export function httpHandler(
  page: Page,
  store: ChatStore,
  target: PushTarget,
  report: (line: string) => void,
): (req: IncomingMessage, res: ServerResponse) => void {
  return (req, res) => {
    route(req, res).catch((error: unknown) => {
      report(
        `${req.method} ${req.url} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      )
      if (res.headersSent) res.destroy()
      else json(res, 500, { ok: false, error: 'INTERNAL', reasons: ['the server failed; its log says why'] })
    })
  }

  async function route(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname } = new URL(req.url ?? '/', 'http://localhost')
    if (pathname === '/push') return push(req, res)
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      res.setHeader('Allow', 'GET, HEAD')
      return json(res, 405, { ok: false, error: 'METHOD_NOT_ALLOWED' })
    }
    if (pathname === '/healthz') return json(res, 200, { ok: true })
    if (pathname.startsWith('/images/')) {
      const image = store.image(pathname.slice('/images/'.length))
      if (image === undefined) return json(res, 404, { ok: false, error: 'NOT_FOUND' })
      return send(req, res, image.mediaType, image.bytes, 'private, max-age=31536000, immutable')
    }
    const file = page.get(pathname)
    if (file === undefined) return json(res, 404, { ok: false, error: 'NOT_FOUND' })
    res.setHeader(
      'Content-Security-Policy',
      "default-src 'self'; img-src 'self' blob: data:; connect-src 'self' ws: wss:; base-uri 'none'; frame-ancestors 'none'",
    )
    send(req, res, file.mediaType, file.body, 'no-cache')
  }

  async function push(req: IncomingMessage, res: ServerResponse): Promise<void> {
    if (req.method !== 'POST') {
      res.setHeader('Allow', 'POST')
      return json(res, 405, { ok: false, error: 'METHOD_NOT_ALLOWED' })
    }
    try {
      const body = await readBody(req, MAX_PUSH_BYTES)
      const input: unknown = parse(body)
      const key = (input as { idempotencyKey?: unknown } | null)?.idempotencyKey
      if (key !== undefined && (typeof key !== 'string' || key === '' || key.length > 200)) {
        throw new PushError('INVALID_PUSH', ['idempotencyKey must be a string of 1 to 200 characters'])
      }
      json(res, 200, deliverPush(input, target, key === undefined ? undefined : `http/${key}`))
    } catch (error) {
      if (error instanceof BodyTooLarge) {
        res.setHeader('Connection', 'close')
        return json(res, 413, { ok: false, error: 'TOO_LARGE', reasons: [error.message] })
      }
      if (!(error instanceof PushError)) throw error
      report(`push by HTTP refused: ${error.message}`)
      json(res, error.code === 'UNKNOWN_TARGET' ? 404 : 400, error.toJSON())
    }
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw new PushError('INVALID_PUSH', [`not JSON: ${(error as Error).message}`])
  }
}

function readBody(req: IncomingMessage, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const refuse = (): void => {
      req.removeListener('data', take)
      req.resume()
      reject(new BodyTooLarge(`a push has at most ${maxBytes} bytes`))
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      if (size > maxBytes) refuse()
      else chunks.push(chunk)
    }
    if (Number(req.headers['content-length']) > maxBytes) return refuse()
    req.on('data', take)
    req.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    req.on('error', reject)
  })
}

function send(
  req: IncomingMessage,
  res: ServerResponse,
  mediaType: string,
  body: Uint8Array | string,
  cacheControl: string,
): void {
  res.writeHead(200, {
    'Content-Type': mediaType,
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': cacheControl,
    'X-Content-Type-Options': 'nosniff',
  })
  res.end(req.method === 'HEAD' ? undefined : body)
}

function json(res: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(text),
  })
  res.end(text)
}
