// One connection on which literal HTTP/1.1 is spoken, request after request, and frames of a WebSocket after a 101: what keeps it, and who
// answers, shows in the answers alone. One reader at a time.
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

const CLOSE = 8

export interface Answer {
  status: number
  /** Lower-cased; what appears twice is joined by a comma. */
  headers: Record<string, string>
  body: string
}

export interface Target {
  port?: number
  socketPath?: string
  /** With the authority that is trusted. */
  tls?: { ca: string | Buffer }
}

export class RawConnection {
  readonly socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #isClosed = false
  #wake: () => void = () => {}

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.#bytes = Buffer.concat([this.#bytes, chunk])
      this.#wake()
    })
    socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  static async open({ port, socketPath, tls }: Target): Promise<RawConnection> {
    const where = socketPath === undefined ? { port: port!, host: '127.0.0.1' } : { path: socketPath }
    const socket =
      tls === undefined
        ? connect(where)
        : connectTls({ ...where, ...tls, ALPNProtocols: ['http/1.1'], servername: 'localhost' })
    const connection = new RawConnection(socket)
    await once(socket, tls === undefined ? 'connect' : 'secureConnect')
    return connection
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Sends a request and waits for its answer; undefined when the connection ends first. */
  async request(
    path: string,
    {
      method = 'GET',
      headers = {},
      body,
    }: { method?: string; headers?: Record<string, string>; body?: string } = {},
  ): Promise<Answer | undefined> {
    const lines = [
      `${method} ${path} HTTP/1.1`,
      'Host: localhost',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ]
    if (body !== undefined) lines.push(`Content-Length: ${Buffer.byteLength(body)}`)
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`)
    return this.next()
  }

  /** The next answer on this connection. */
  async next(): Promise<Answer | undefined> {
    for (;;) {
      const answer = this.#read()
      if (answer !== undefined || this.#isClosed) return answer
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** After a 101: the next message of the server as text; undefined when it closes the WebSocket, or the connection ends. */
  async text(): Promise<string | undefined> {
    for (;;) {
      const frame = this.#readFrame()
      if (frame !== undefined) return frame.opcode === CLOSE ? undefined : frame.payload
      if (this.#isClosed) return undefined
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async closed(): Promise<void> {
    while (!this.#isClosed) await new Promise<void>((resolve) => (this.#wake = resolve))
  }

  /** What has come and is no answer yet. */
  get rest(): string {
    return this.#bytes.toString('latin1')
  }

  #read(): Answer | undefined {
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end < 0) return undefined
    const [first = '', ...lines] = this.#bytes.toString('latin1', 0, end).split('\r\n')
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(':')
      const name = line.slice(0, colon).toLowerCase()
      const value = line.slice(colon + 1).trim()
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value
    }
    const from = end + 4
    const status = Number(first.split(' ')[1])
    if (headers['transfer-encoding'] === 'chunked') return this.#readChunks(from, status, headers)
    const length =
      status === 101 || status === 204 || status === 304 ? 0 : Number(headers['content-length'] ?? 0)
    if (this.#bytes.length < from + length) return undefined
    const body = this.#bytes.toString('utf8', from, from + length)
    this.#bytes = this.#bytes.subarray(from + length)
    return { status, headers, body }
  }

  #readChunks(start: number, status: number, headers: Record<string, string>): Answer | undefined {
    const chunks: Buffer[] = []
    for (let from = start; ;) {
      const line = this.#bytes.indexOf('\r\n', from)
      if (line < 0) return undefined
      const size = Number.parseInt(this.#bytes.toString('latin1', from, line), 16)
      const next = line + 2 + size + 2
      if (this.#bytes.length < next) return undefined
      if (size === 0) {
        this.#bytes = this.#bytes.subarray(next)
        return { status, headers, body: Buffer.concat(chunks).toString('utf8') }
      }
      chunks.push(this.#bytes.subarray(line + 2, line + 2 + size))
      from = next
    }
  }

  #readFrame(): { opcode: number; payload: string } | undefined {
    const bytes = this.#bytes
    if (bytes.length < 2 || (bytes[1] === 126 && bytes.length < 4)) return undefined
    if (bytes[1]! > 126) throw new Error('a frame of unexpected length')
    const [from, length] = bytes[1] === 126 ? [4, bytes.readUInt16BE(2)] : [2, bytes[1]!]
    if (bytes.length < from + length) return undefined
    this.#bytes = bytes.subarray(from + length)
    return { opcode: bytes[0]! & 15, payload: bytes.toString('utf8', from, from + length) }
  }

  /** Ends it at once. */
  destroy(): void {
    this.socket.destroy()
  }
}
