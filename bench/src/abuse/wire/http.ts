// HTTP by hand on one TCP connection: what is sent is literal, answers are read in order. An answer that does not come is told like one.
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export interface Answer {
  /** 0 when the connection ended, or time was up, instead. */
  readonly status: number
  /** In lower case. */
  readonly head: string
  readonly body: string
  /** "HTTP 400", "reset", "ended" or "no answer". */
  readonly says: string
}

const HEAD_END = Buffer.from('\r\n\r\n')
const none = (says: string): Answer => ({ status: 0, head: '', body: '', says })

export class HttpConnection {
  readonly socket: Socket
  /** What ended it. */
  ending: 'reset' | 'ended' | undefined
  readonly #port: number
  #bytes: Buffer = Buffer.alloc(0)
  readonly #answers: Answer[] = []
  readonly #waiting: ((answer: Answer) => void)[] = []

  constructor(port: number) {
    this.#port = port
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (chunk: Buffer) => {
      this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
      for (let answer = this.#take(false); answer !== undefined; answer = this.#take(false))
        this.#give(answer)
    })
    this.socket.on('error', () => {
      this.ending ??= 'reset'
    })
    this.socket.on('close', () => {
      this.ending ??= 'ended'
      const last = this.#take(true)
      if (last !== undefined) this.#give(last)
      for (const resolve of this.#waiting.splice(0)) resolve(none(this.ending))
    })
  }

  #give(answer: Answer): void {
    const resolve = this.#waiting.shift()
    if (resolve === undefined) this.#answers.push(answer)
    else resolve(answer)
  }

  /** An answer that is there whole, or that the end of the connection has ended. */
  #take(isOver: boolean): Answer | undefined {
    const end = this.#bytes.indexOf(HEAD_END)
    if (end < 0) return undefined
    const head = this.#bytes.toString('latin1', 0, end).toLowerCase()
    const status = Number(head.slice(9, 12))
    const length = /\r\ncontent-length: *(\d+)/.exec(head)?.[1]
    const start = end + 4
    let body: string
    let next: number
    if (length !== undefined) {
      next = start + Number(length)
      if (this.#bytes.length < next) return undefined
      body = this.#bytes.toString('utf8', start, next)
    } else if (head.includes('\r\ntransfer-encoding: chunked')) {
      const last = this.#bytes.indexOf('0\r\n\r\n', start)
      if (last < 0) return undefined
      next = last + 5
      body = this.#bytes.toString('utf8', start, last)
    } else if (isOver || status === 204 || status === 304 || status < 200) {
      next = this.#bytes.length
      body = this.#bytes.toString('utf8', start)
    } else return undefined
    this.#bytes = this.#bytes.subarray(next)
    return { status, head, body, says: `HTTP ${status}` }
  }

  /** The next answer that has not been asked for yet. */
  answer(withinMs = 5_000): Promise<Answer> {
    const ready = this.#answers.shift()
    if (ready !== undefined) return Promise.resolve(ready)
    if (this.ending !== undefined) return Promise.resolve(none(this.ending))
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        const at = this.#waiting.indexOf(settle)
        if (at >= 0) this.#waiting.splice(at, 1)
        resolve(none('no answer'))
      }, withinMs)
      const settle = (answer: Answer): void => {
        clearTimeout(timer)
        resolve(answer)
      }
      this.#waiting.push(settle)
    })
  }

  send(bytes: string | Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes)
  }

  head(method: string, path: string, headers: Readonly<Record<string, string>> = {}): string {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    return `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\n${lines.join('')}\r\n`
  }

  request(
    method: string,
    path: string,
    options: { body?: string | Buffer; headers?: Readonly<Record<string, string>>; withinMs?: number } = {},
  ): Promise<Answer> {
    const { body, headers, withinMs } = options
    const length =
      body === undefined
        ? {}
        : { 'Content-Type': 'text/plain;charset=UTF-8', 'Content-Length': String(Buffer.byteLength(body)) }
    this.send(this.head(method, path, { ...length, ...headers }))
    if (body !== undefined) this.send(body)
    return this.answer(withinMs)
  }

  close(): void {
    this.socket.destroy()
  }
}
