// The EDGE of a session on long-polling. A GET is parked until the owner has packets; a POST feeds packets in. In: HTTP requests of one
// session, checked by engine/verify. Out: packets to the owner, answers to the client. Each answer ends its request; nothing else is owned.
import { engineV3, engineV4 } from '@tidewire/protocol'
import type { EngineRevision, PayloadReader } from '@tidewire/protocol'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createDeflate, createGzip } from 'node:zlib'
import type { Edge } from '../engine/door.ts'
import { CLOSE, NOOP } from '../engine/outgoing-message.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'
import type { Session } from '../engine/session.ts'
import { unwrapJsonp, wrapJsonp } from './polling-jsonp.ts'

/** Packets of one POST that are handled in one turn of the event loop. */
const SLICE_PACKETS = 256
const TEXT_TYPE = 'text/plain; charset=UTF-8'
const BINARY_TYPE = 'application/octet-stream'
const NON_ASCII = /[^\0-\x7f]/

export interface PollingOptions {
  /** `b64` or `j` on the handshake: never the binary form. */
  isTextOnly: boolean
  /** The JSONP index, if the client uses it. */
  jsonpIndex: string | undefined
  maxBodyBytes: number
  compressionThreshold: number
  /** Gives the headers that every answer of the engine carries, names and values in turn; those that depend on user code it sets itself. */
  headersOf: (req: IncomingMessage, res: ServerResponse) => readonly string[]
}

export class PollingTransport implements Edge {
  readonly name = 'polling'
  readonly #session: Session
  readonly #options: PollingOptions
  #parked: ServerResponse | undefined
  #posting: IncomingMessage | undefined
  /** A client that posts text in the binary form reads it too (spec: EIO-11). */
  #prefersBinary = false
  #mustClose = false
  #isDead = false

  constructor(session: Session, options: PollingOptions) {
    this.#session = session
    this.#options = options
  }

  get writable(): boolean {
    return this.#parked !== undefined
  }

  handleRequest(req: IncomingMessage, res: ServerResponse): void {
    if (req.method === 'GET') this.#handleGet(req, res)
    else if (req.method === 'POST') this.#handlePost(req, res)
    else this.#answer(req, res, 500)
  }

  // ---- GET: out

  #handleGet(req: IncomingMessage, res: ServerResponse): void {
    if (this.#parked !== undefined) {
      this.#answer(req, res, 400)
      this.#lose(new Error('overlap from client'))
      return
    }
    this.#parked = res
    res.on('close', () => this.#handleGetClosed(res))
    if (this.#mustClose) this.#respond([CLOSE])
    else this.#session.handleWritable(this)
  }

  #handleGetClosed(res: ServerResponse): void {
    if (this.#parked === res) {
      this.#parked = undefined
      this.#lose(new Error('poll connection closed prematurely'))
    }
  }

  deliver(batch: readonly OutgoingMessage[]): void {
    // The batch is the owner's outbox, which grows while this part of it is being written.
    const count = batch.length
    this.#respond(batch, () => this.#session.handleFlushed(this, count))
  }

  #respond(batch: readonly OutgoingMessage[], whenFlushed?: () => void): void {
    const res = this.#parked!
    const count = batch.length
    this.#parked = undefined
    const body = this.#encode(batch)
    const { jsonpIndex, compressionThreshold } = this.#options
    const content = jsonpIndex === undefined || typeof body !== 'string' ? body : wrapJsonp(jsonpIndex, body)
    const type = jsonpIndex !== undefined ? 'text/javascript; charset=UTF-8' : typeof content === 'string' ? TEXT_TYPE : BINARY_TYPE
    const bytes = typeof content === 'string' ? Buffer.byteLength(content) : content.length
    const encoding = bytes < compressionThreshold ? undefined : acceptedEncoding(res.req)
    if (whenFlushed !== undefined) {
      res.once('finish', whenFlushed)
      res.once('close', () => {
        if (!res.writableFinished) this.#lose(new Error(`poll connection closed before ${count} packets were written`))
      })
    }
    if (encoding === undefined) {
      this.#writeHead(res.req, res, 200, ['Content-Type', type, 'Content-Length', String(bytes)])
      // perf: ASCII, as its length shows, is written without a look at its characters.
      if (typeof content === 'string' && bytes === content.length) res.end(content, 'latin1')
      else res.end(content)
      return
    }
    this.#writeHead(res.req, res, 200, ['Content-Type', type, 'Content-Encoding', encoding])
    const compressor = encoding === 'gzip' ? createGzip() : createDeflate()
    compressor.pipe(res)
    compressor.end(content)
  }

  #encode(batch: readonly OutgoingMessage[]): string | Uint8Array {
    if (this.#session.protocol === 4) return engineV4.encodePayload(batch)
    if (this.#options.isTextOnly) return engineV3.encodeStringPayload(batch, { ascii: true })
    // Both dialects read the binary form alike, whatever the text; the string form only when it is ASCII (spec: EIO-8, EIO-11).
    const needsBinary = this.#prefersBinary || batch.some((packet) => packet.isBinary || NON_ASCII.test(packet.data as string))
    return needsBinary ? engineV3.encodeBinaryPayload(batch) : engineV3.encodeStringPayload(batch)
  }

  // ---- POST: in

  #handlePost(req: IncomingMessage, res: ServerResponse): void {
    if (this.#posting !== undefined) {
      this.#answer(req, res, 400)
      this.#posting.destroy()
      this.#lose(new Error('data request overlap from client'))
      return
    }
    const isBinary = req.headers['content-type'] === BINARY_TYPE
    if (isBinary && this.#session.protocol === 4) {
      this.#answer(req, res, 400)
      this.#lose(new Error('invalid content'))
      return
    }
    const limit = this.#options.maxBodyBytes
    if (Number(req.headers['content-length'] ?? 0) > limit) return this.#answerTooLarge(req, res)
    this.#posting = req
    let body: Buffer = EMPTY
    let bytes = 0
    req.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > limit) {
        if (this.#posting === req) {
          this.#posting = undefined
          this.#answerTooLarge(req, res)
        }
        return
      }
      body = append(body, bytes - chunk.length, chunk)
    })
    req.on('close', () => {
      if (this.#posting === req && !req.complete) {
        this.#posting = undefined
        this.#lose(new Error('data request connection closed prematurely'))
      }
    })
    req.on('end', () => {
      if (this.#posting !== req) return
      this.#readBody(body.subarray(0, bytes), isBinary, () => {
        this.#posting = undefined
        // text/html, as the official server answers: some browsers ask for a download otherwise.
        this.#writeHead(req, res, 200, ['Content-Type', 'text/html', 'Content-Length', '2'])
        res.end('ok', 'latin1')
      })
    })
  }

  #readBody(body: Buffer, isBinary: boolean, done: () => void): void {
    let reader: PayloadReader
    try {
      reader = this.#readerOf(body, isBinary)
    } catch (error) {
      this.#session.handleMalformed(this, error)
      return done()
    }
    const handleSlice = (): void => {
      try {
        for (let i = 0; i < SLICE_PACKETS; i++) {
          const packet = this.#isDead ? undefined : reader.next()
          if (packet === undefined) return done()
          this.#session.handlePacket(this, packet)
        }
      } catch (error) {
        this.#session.handleMalformed(this, error)
        return done()
      }
      setImmediate(handleSlice)
    }
    handleSlice()
  }

  #readerOf(body: Buffer, isBinary: boolean): PayloadReader {
    if (isBinary) {
      if (body[0] === 0) this.#prefersBinary = true
      return engineV3.readBinaryPayload(body)
    }
    const text = body.toString('utf8')
    const payload = this.#options.jsonpIndex === undefined ? text : (unwrapJsonp(text) ?? '')
    return readTextPayload(payload, this.#session.protocol)
  }

  #answerTooLarge(req: IncomingMessage, res: ServerResponse): void {
    // The rest of the body is not wanted: the connection ends with the answer.
    res.setHeader('Connection', 'close')
    this.#answer(req, res, 413)
    req.resume()
  }

  #answer(req: IncomingMessage, res: ServerResponse, status: number): void {
    if (res.headersSent) return
    this.#writeHead(req, res, status, ['Content-Length', '0'])
    res.end()
  }

  /** perf: a flat list of headers costs Node a fraction of what single ones do. */
  #writeHead(req: IncomingMessage, res: ServerResponse, status: number, headers: string[]): void {
    headers.push(...this.#options.headersOf(req, res))
    res.writeHead(status, headers)
  }

  // ---- close

  close(options?: { discard?: boolean }): void {
    this.#mustClose = true
    if (this.#parked !== undefined) {
      this.#isDead = true
      this.#respond([CLOSE], () => this.#session.handleClosed(this, 'forced close'))
    } else if (options?.discard === true) this.#isDead = true
    if (this.#posting !== undefined && this.#session.readyState === 'closed' && !this.#posting.complete) this.#posting.destroy()
  }

  detach(): void {
    this.#isDead = true
    if (this.#parked !== undefined) this.#respond([NOOP])
  }

  #lose(error: Error): void {
    if (this.#isDead) return
    this.#session.handleClosed(this, 'transport error', error)
  }
}

const EMPTY = Buffer.alloc(0)

/** `length` bytes of `body`, then `chunk`: one buffer that doubles, so that a body in tiny chunks holds no more than twice its size. */
function append(body: Buffer, length: number, chunk: Buffer): Buffer {
  if (length === 0) return chunk
  const target = body.length >= length + chunk.length && length > 0 && body !== chunk ? body : grow(body, length, chunk.length)
  chunk.copy(target, length)
  return target
}

function grow(body: Buffer, length: number, more: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(2 * length, length + more))
  body.copy(larger, 0, 0, length)
  return larger
}

function readTextPayload(text: string, revision: EngineRevision): PayloadReader {
  return revision === 4 ? engineV4.readPayload(text) : engineV3.readStringPayload(text)
}

function acceptedEncoding(req: IncomingMessage): 'gzip' | 'deflate' | undefined {
  const accepted = req.headers['accept-encoding']
  if (accepted === undefined) return undefined
  if (/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted)) return 'gzip'
  return /\bdeflate\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted) ? 'deflate' : undefined
}
