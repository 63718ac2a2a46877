// Bytes to the server and back, with no knowledge of anything but HTTP heads and WebSocket frames: what abuse is made with.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { within } from './tally.ts'
import { DEADLINE_MS } from './words.ts'

export interface HttpAnswer {
  status: number
  body: string
}

export class RawSocket {
  readonly socket: Socket
  #received: Buffer = Buffer.alloc(0)
  #isClosed = false
  #wake: () => void = () => {}

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    // A server that was sent nonsense may reset the connection; the close that follows is what counts.
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
  }

  async connected(): Promise<void> {
    if (this.socket.connecting) await within(once(this.socket, 'connect'), DEADLINE_MS, 'connect')
  }

  write(data: string | Buffer): void {
    this.socket.write(data)
  }

  destroy(): void {
    this.socket.destroy()
  }

  closed(what: string, ms: number = DEADLINE_MS): Promise<void> {
    return this.#until(() => this.#isClosed, ms, `${what}: close`)
  }

  /** The head of an answer; what follows stays. */
  async head(): Promise<string> {
    await this.#until(
      () => this.#received.includes('\r\n\r\n') || this.#isClosed,
      DEADLINE_MS,
      'head of an answer',
    )
    const end = this.#received.indexOf('\r\n\r\n') + 4
    if (end === 3) throw new Error('closed without an answer')
    const head = this.#received.toString('latin1', 0, end)
    this.#received = this.#received.subarray(end)
    return head
  }

  async answer(): Promise<HttpAnswer> {
    const head = await this.head()
    const length = Number(/content-length: *(\d+)/i.exec(head)?.[1] ?? 0)
    await this.#until(
      () => this.#received.length >= length || this.#isClosed,
      DEADLINE_MS,
      'body of an answer',
    )
    const body = this.#received.toString('utf8', 0, length)
    this.#received = this.#received.subarray(length)
    return { status: Number(head.slice(9, 12)), body }
  }

  /** The next text message of the server, or 'closed'. */
  async text(): Promise<string> {
    const read = (): string | undefined => {
      if (this.#received.length < 2) return undefined
      const [first, second] = [this.#received[0]!, this.#received[1]!]
      const from = second === 126 ? 4 : 2
      if (second > 126) throw new Error('an answer of unexpected length')
      if (this.#received.length < from) return undefined
      const to = from + (second === 126 ? this.#received.readUInt16BE(2) : second)
      if (this.#received.length < to) return undefined
      const payload = this.#received.toString('utf8', from, to)
      this.#received = this.#received.subarray(to)
      return first === 0x88 ? 'closed' : payload
    }
    let text: string | undefined
    await this.#until(() => (text = read()) !== undefined || this.#isClosed, DEADLINE_MS, 'message')
    return text ?? 'closed'
  }

  #until(condition: () => boolean, ms: number, what: string): Promise<void> {
    return within(
      new Promise((resolve, reject) => {
        const check = (): void => {
          try {
            if (condition()) resolve()
          } catch (error) {
            reject(error as Error)
          }
        }
        this.#wake = check
        check()
      }),
      ms,
      what,
    )
  }
}

export const get = (query: string): string => `GET /socket.io/?${query} HTTP/1.1\r\nHost: x\r\n\r\n`

export const post = (query: string, body: string, length = Buffer.byteLength(body)): string =>
  `POST /socket.io/?${query} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: ${length}\r\n\r\n${body}`

export const upgrade = (query: string): string =>
  `GET /socket.io/?${query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`
