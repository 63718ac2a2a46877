// A WebSocket by hand: any frame, whole, cut or wrong, can be sent; what comes is read only as far as the cases need it.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { TEXT, frame } from '@tidewire/testkit/frames'

export interface OpenOptions {
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Sent in the same segment as the request. */
  readonly rest?: Buffer
}

const CLOSE = 8
const PING = 9
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

export function upgradeRequest(
  port: number,
  query: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return (
    `GET /socket.io/?${query}&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${lines.join('')}\r\n`
  )
}

/** Resolves when the socket takes more, ends, or time is up. */
function movedOn(socket: Socket, withinMs: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      socket.removeListener('drain', done)
      socket.removeListener('close', done)
      resolve()
    }
    const timer = setTimeout(done, withinMs)
    socket.on('drain', done)
    socket.on('close', done)
  })
}

export class RawWebSocket {
  readonly socket: Socket
  /** The head of the answer to the upgrade request. */
  head = ''
  /** "closed 1009", "refused with HTTP 403", "reset", "ended"; unset while it is open. */
  ending: string | undefined
  /** What the server said beside the ending. */
  reason = ''
  /** The first of what came, as text. */
  readonly messages: string[] = []
  messageCount = 0
  onText: ((text: string) => void) | undefined
  bytesRead = 0
  #isOpen = false
  #bytes: Buffer = Buffer.alloc(0)
  readonly #watchers = new Set<() => void>()

  constructor(port: number, { query = 'EIO=4', headers = {}, rest = Buffer.alloc(0) }: OpenOptions = {}) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true })
    this.socket.on('data', (chunk: Buffer) => this.#read(chunk))
    this.socket.on('error', () => {
      this.ending ??= 'reset'
    })
    this.socket.on('close', () => {
      this.ending ??= 'ended'
      this.#wake()
    })
    this.socket.write(Buffer.concat([Buffer.from(upgradeRequest(port, query, headers), 'latin1'), rest]))
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  /** Whether it came to that in time, and before the end. */
  until(isReached: () => boolean, withinMs = 5_000): Promise<boolean> {
    if (isReached()) return Promise.resolve(true)
    if (this.socket.destroyed) return Promise.resolve(false)
    return new Promise((resolve) => {
      const settle = (value: boolean): void => {
        clearTimeout(timer)
        this.#watchers.delete(watcher)
        resolve(value)
      }
      const timer = setTimeout(settle, withinMs, false)
      const watcher = (): void => {
        if (isReached()) settle(true)
        else if (this.socket.destroyed) settle(false)
      }
      this.#watchers.add(watcher)
    })
  }

  /** Resolves when the request has been answered, one way or the other. */
  answered(withinMs?: number): Promise<boolean> {
    return this.until(() => this.head !== '' && (this.#isOpen || this.socket.destroyed), withinMs)
  }

  get isOpen(): boolean {
    return this.#isOpen && this.ending === undefined
  }

  /** Resolves with what became of it within that time. */
  async fate(withinMs = 3_000): Promise<string> {
    await this.until(() => this.ending !== undefined && this.socket.destroyed, withinMs)
    return this.ending ?? 'open'
  }

  /** Whether a text that begins so has come. */
  saw(start: string, withinMs = 5_000): Promise<boolean> {
    return this.until(() => this.messages.some((message) => message.startsWith(start)), withinMs)
  }

  send(bytes: Buffer): void {
    if (!this.socket.destroyed) this.socket.write(bytes)
  }

  text(...packets: string[]): void {
    this.send(
      packets.length === 1
        ? frame(TEXT, packets[0])
        : Buffer.concat(packets.map((packet) => frame(TEXT, packet))),
    )
  }

  /** Sends as fast as the connection takes it, until it ends or time is up; gives the number of chunks sent. */
  async pump(chunks: Iterable<Buffer>, withinMs = 60_000): Promise<number> {
    const { socket } = this
    const deadline = performance.now() + withinMs
    let sent = 0
    for (const chunk of chunks) {
      if (this.ending !== undefined || socket.destroyed || performance.now() > deadline) break
      sent++
      if (!socket.write(chunk)) await movedOn(socket, deadline - performance.now())
    }
    return sent
  }

  async join(): Promise<this> {
    // socket.io 4.8.4 may lose what comes together with the upgrade request.
    await this.saw('0')
    this.text('40')
    if (!(await this.saw('40')))
      throw new Error(
        `joining failed: ${await this.fate(0)} ${this.reason} ${this.messages.join(' ').slice(0, 200)}`,
      )
    return this
  }

  close(): void {
    this.socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.bytesRead += chunk.length
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    if (!this.#isOpen) this.#readHead()
    if (this.#isOpen) this.#readFrames()
    this.#wake()
  }

  #readHead(): void {
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end < 0) return
    this.head = this.#bytes.toString('latin1', 0, end).toLowerCase()
    const status = this.head.slice(9, 12)
    if (status === '101') {
      this.#isOpen = true
      this.#bytes = this.#bytes.subarray(end + 4)
    } else {
      this.ending = `refused with HTTP ${status}`
      this.reason = this.#bytes.toString('utf8', end + 4)
    }
  }

  #readFrames(): void {
    const bytes = this.#bytes
    let at = 0
    while (bytes.length - at >= 2) {
      let length = bytes[at + 1]! & 127
      let from = at + 2
      if (length === 126) {
        if (bytes.length < at + 4) break
        length = bytes.readUInt16BE(at + 2)
        from = at + 4
      } else if (length === 127) {
        if (bytes.length < at + 10) break
        length = Number(bytes.readBigUInt64BE(at + 2))
        from = at + 10
      }
      if (bytes.length < from + length) break
      this.#handle(bytes[at]! & 15, bytes.subarray(from, from + length))
      at = from + length
    }
    this.#bytes = at === 0 ? bytes : Buffer.from(bytes.subarray(at))
  }

  #handle(opcode: number, payload: Buffer): void {
    if (opcode === CLOSE) {
      this.ending = payload.length >= 2 ? `closed ${payload.readUInt16BE(0)}` : 'closed'
      this.reason = payload.toString('utf8', 2)
      this.socket.end()
      return
    }
    if (opcode === PING || opcode > CLOSE) return
    this.messageCount++
    if (payload.length === 1 && payload[0] === 0x32) this.text('3')
    this.onText?.(payload.toString('utf8'))
    if (this.messages.length < 200) this.messages.push(payload.toString('utf8', 0, 4096))
  }
}
