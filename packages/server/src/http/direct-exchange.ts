// A polling request on a connection that is served without node:http, its body come whole, as a PollExchange. Writes the answer as one string
// where it can: a write costs twenty times what building it does.
import type { ExchangeHandler, PollAnswer, PollExchange } from '../engine/poll-exchange.ts'
import type { AnswerCompression } from './answer-compression.ts'
import type { DirectConnection } from './direct-connection.ts'
import { bodyOf } from './reject.ts'
import type { EngineRejection } from './reject.ts'
import type { RequestHead } from './request-head.ts'

const STATUS_TEXT: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  403: 'Forbidden',
  413: 'Payload Too Large',
  500: 'Internal Server Error',
}

export class DirectExchange implements PollExchange {
  readonly isLocal = true
  handler: ExchangeHandler | undefined
  readonly #connection: DirectConnection
  readonly #head: RequestHead
  readonly #body: Buffer
  readonly #compression: AnswerCompression
  /** Lines of the answer's head that depend on the request. */
  readonly #extraHeaders: string
  #isRead = false
  #state: 'waiting' | 'answered' | 'flushed' | 'lost' = 'waiting'

  constructor(
    connection: DirectConnection,
    head: RequestHead,
    body: Buffer,
    options: { compression: AnswerCompression; extraHeaders: string },
  ) {
    this.#connection = connection
    this.#head = head
    this.#body = body
    this.#compression = options.compression
    this.#extraHeaders = options.extraHeaders
    connection.exchange = this
  }

  get method(): string {
    return this.#head.method
  }

  get isBinary(): boolean {
    return this.#head.headers['content-type'] === 'application/octet-stream'
  }

  get stamp(): string | undefined {
    return /[?&]t=([^&]*)/.exec(this.#head.url)?.[1]
  }

  readBody(_maxBytes: number, done: (body: Buffer | undefined) => void): void {
    this.#isRead = true
    done(this.#body)
  }

  answer(answer: PollAnswer): void {
    const { status, contentType, body } = answer
    // The client has gone after its body had come.
    if (this.#state === 'lost') return this.handler?.handleUnwritten(this)
    if (this.#state !== 'waiting') return
    this.#state = 'answered'
    if (body === undefined) return this.#write(status, '', '')
    const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length
    const encoding = this.#compression.encodingOf(answer, bytes, this.#head.headers)
    if (encoding === undefined) return this.#write(status, `Content-Type: ${contentType}\r\n`, body, bytes)
    const isWanted = (): boolean => !this.#connection.socket.destroyed
    this.#compression.compress(body, encoding, isWanted, (compressed) => {
      if (compressed === undefined) return this.#connection.destroy()
      this.#write(
        status,
        `Content-Type: ${contentType}\r\nContent-Encoding: ${encoding}\r\n`,
        compressed,
        compressed.length,
      )
    })
  }

  refuse(reason: EngineRejection): void {
    if (this.#state === 'lost') return this.handler?.handleUnwritten(this)
    if (this.#state !== 'waiting') return
    this.#state = 'answered'
    const body = bodyOf(reason)
    this.#write(reason.status, 'Content-Type: application/json\r\n', body, Buffer.byteLength(body))
  }

  #write(status: number, headers: string, body: string | Uint8Array, bytes = 0): void {
    const first = `HTTP/1.1 ${status} ${STATUS_TEXT[status] ?? 'Unknown'}\r\n${headers}Content-Length: ${bytes}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n${this.#extraHeaders}`
    this.#connection.answer(first, body, bytes === body.length)
  }

  destroy(ifReading?: boolean): void {
    if (ifReading !== true) this.#connection.destroy()
  }

  ask(): void {
    this.handler?.handleStillWaiting(this)
  }

  // ---- compat: what libraries that shut servers down do to a response that they find on a socket

  get headersSent(): boolean {
    return this.#state !== 'waiting'
  }

  setHeader(name: string, value: unknown): void {
    if (name.toLowerCase() === 'connection' && value === 'close') this.#connection.endAfterAnswer()
  }

  // ---- from the connection

  flushed(): void {
    this.#state = 'flushed'
    this.handler?.handleFlushed(this)
  }

  lost(): void {
    if (this.#state === 'answered') this.handler?.handleUnwritten(this)
    // A body that has come whole counts, whether the client waits for the answer or not.
    else if (this.#state === 'waiting') {
      this.#state = 'lost'
      if (!this.#isRead) this.handler?.handleAborted(this)
    }
  }
}
