// Serves the browser client from the server's path, as applications of socket.io expect: `<path>/socket.io.js` and its kin, with ETag.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AskedFor, PlainAnswer } from './plain-answer.ts'

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

/** The answer to a request for a client file that exists. */
export function clientFile({ method, url, headers }: AskedFor, path: string, folders: readonly string[]): PlainAnswer | undefined {
  if (method !== 'GET' && method !== 'HEAD') return undefined
  const match = FILE.exec((url ?? '').slice(path.length))
  if (match === null) return undefined
  const file = load(match[1]! + (match[2] ?? ''), folders)
  if (file === undefined) return undefined
  const common = { 'Cache-Control': 'public, max-age=0', ETag: file.etag, 'X-Content-Type-Options': 'nosniff' }
  const wanted = headers['if-none-match']
  if (wanted !== undefined && (wanted === file.etag || wanted === `W/${file.etag}`)) return { status: 304, headers: common }
  return {
    status: 200,
    headers: {
      ...common,
      'Content-Type': match[2] === undefined ? 'application/javascript; charset=utf-8' : 'application/json; charset=utf-8',
      'Content-Length': String(file.body.length),
    },
    ...(method === 'HEAD' ? {} : { body: file.body }),
  }
}
