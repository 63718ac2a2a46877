// Serves the browser client from the server's path, as applications of socket.io expect: `<path>/socket.io.js` and its kin, with ETag.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'

const FILE = /^(socket\.io(?:\.msgpack)?(?:\.esm)?(?:\.min)?\.js)(\.map)?(?:\?|$)/

interface ClientFile {
  body: Buffer
  etag: string
}
const files = new Map<string, ClientFile | undefined>()

/** Where the bundles may be: beside the built server, or in the client package of a checkout. */
function load(name: string, folders: readonly string[]): ClientFile | undefined {
  if (!files.has(name)) {
    let file: ClientFile | undefined
    for (const folder of folders) {
      try {
        const body = readFileSync(join(folder, name))
        file = { body, etag: `"${createHash('sha1').update(body).digest('base64url')}"` }
        break
      } catch {
        // Not in this folder.
      }
    }
    if (file === undefined) return undefined
    files.set(name, file)
  }
  return files.get(name)
}

/** Answers the request if it is for a client file that exists, and says so. */
export function serveClientFile(req: IncomingMessage, res: ServerResponse, path: string, folders: readonly string[]): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false
  const match = FILE.exec((req.url ?? '').slice(path.length))
  if (match === null) return false
  const file = load(match[1]! + (match[2] ?? ''), folders)
  if (file === undefined) return false
  res.setHeader('Cache-Control', 'public, max-age=0')
  res.setHeader('ETag', file.etag)
  res.setHeader('X-Content-Type-Options', 'nosniff')
  const wanted = req.headers['if-none-match']
  if (wanted !== undefined && (wanted === file.etag || wanted === `W/${file.etag}`)) {
    res.writeHead(304).end()
    return true
  }
  res.writeHead(200, {
    'Content-Type': match[2] === undefined ? 'application/javascript; charset=utf-8' : 'application/json; charset=utf-8',
    'Content-Length': file.body.length,
  })
  res.end(req.method === 'HEAD' ? undefined : file.body)
  return true
}
