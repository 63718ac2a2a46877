// A Socket.IO connection over WebSocket, cut down to what a load generator needs: frames to send are made beforehand, data is read into
// one buffer shared by all connections, and a message is handed on as a range of that buffer. Answers pings of both revisions.
// In: bytes of a socket. Out: `onMessage(bytes, from, to, isBinary)`, valid during the call only; `onFailure` for anything unexpected.
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export type OnMessage = (bytes: Buffer, from: number, to: number, isBinary: boolean) => void

const READ_BUFFER = Buffer.allocUnsafe(256 * 1024)
const MASK = Buffer.from([0x37, 0x1d, 0xc5, 0x5a])
const NOTHING = Buffer.alloc(0)

/** A masked client frame. The same mask every time: the server has to undo it all the same. */
export function frame(data: string | Buffer): Buffer {
  const payload = typeof data === 'string' ? Buffer.from(data) : data
  const header =
    payload.length < 126
      ? Buffer.from([0, 0x80 | payload.length])
      : Buffer.from([0, 0x80 | 126, payload.length >> 8, payload.length & 255])
  header[0] = 0x80 | (typeof data === 'string' ? 1 : 2)
  const masked = Buffer.from(payload)
  for (let index = 0; index < masked.length; index++) masked[index]! ^= MASK[index & 3]!
  return Buffer.concat([header, MASK, masked])
}

const CONNECT = frame('40')
const PONG = frame('3')
const PING = frame('2')

export class WebSocketConnection {
  onMessage: OnMessage = () => {}
  readonly #socket: Socket
  readonly #revision: 3 | 4
  readonly #connected: () => void
  readonly #failed: (error: Error) => void
  #state: 'handshake' | 'open' | 'connecting' | 'connected' | 'closed' = 'handshake'
  #rest: Buffer = NOTHING
  #heartbeat: NodeJS.Timeout | undefined

  private constructor(
    port: number,
    query: string,
    revision: 3 | 4,
    connected: () => void,
    failed: (error: Error) => void,
  ) {
    this.#revision = revision
    this.#connected = connected
    this.#failed = failed
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      noDelay: true,
      onread: {
        buffer: READ_BUFFER,
        callback: (size, buffer) => {
          this.#take(buffer as Buffer, size)
          return true
        },
      },
    })
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#fail(new Error('the server closed the connection')))
    this.#socket.write(
      `GET /socket.io/?EIO=${revision}&transport=websocket${query} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
        'Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    )
  }

  /** Resolves when the namespace has accepted it. A failure after that goes to `onFailure`. */
  static open(
    port: number,
    { query = '', revision = 4 }: { query?: string; revision?: 3 | 4 } = {},
    onFailure: (error: Error) => void,
  ): Promise<WebSocketConnection> {
    return new Promise((resolve, reject) => {
      const connection: WebSocketConnection = new WebSocketConnection(
        port,
        query,
        revision,
        () => resolve(connection),
        (error) => {
          reject(error)
          onFailure(error)
        },
      )
    })
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  close(): void {
    this.#state = 'closed'
    clearInterval(this.#heartbeat)
    this.#socket.destroy()
  }

  #fail(error: Error): void {
    if (this.#state === 'closed') return
    this.close()
    this.#failed(error)
  }

  #take(buffer: Buffer, size: number): void {
    if (this.#state === 'closed') return
    let bytes = buffer
    let end = size
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, buffer.subarray(0, size)])
      end = bytes.length
      this.#rest = NOTHING
    }
    let at = 0
    if (this.#state === 'handshake') {
      const head = bytes.subarray(0, end).indexOf('\r\n\r\n')
      if (head === -1) return this.#keep(bytes, 0, end)
      const status = bytes.toString('latin1', 0, 12)
      if (status !== 'HTTP/1.1 101') return this.#fail(new Error(`handshake answered with ${status}`))
      at = head + 4
      this.#state = 'open'
    }
    while (end - at >= 2) {
      let length = bytes[at + 1]!
      let from = at + 2
      if (length === 126) {
        if (end - at < 4) break
        length = (bytes[at + 2]! << 8) | bytes[at + 3]!
        from = at + 4
      } else if (length > 126) return this.#fail(new Error('an answer of unexpected length'))
      const to = from + length
      if (to > end) break
      this.#message(bytes, from, to, bytes[at]!)
      at = to
    }
    if (at < end) this.#keep(bytes, at, end)
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    this.#rest = Buffer.from(bytes.subarray(from, to))
  }

  #message(bytes: Buffer, from: number, to: number, head: number): void {
    if (head === 0x82) return this.onMessage(bytes, from, to, true)
    if (head !== 0x81)
      return this.#fail(
        new Error(
          `unexpected frame 0x${head.toString(16)} ${bytes.toString('latin1', from, to).slice(0, 60)}`,
        ),
      )
    const type = bytes[from]
    if (type === 0x34 && this.#state === 'connected') return this.onMessage(bytes, from, to, false)
    if (type === 0x32) return this.write(PONG)
    if (type === 0x33) return
    const text = bytes.toString('latin1', from, to)
    if (this.#state === 'open' && type === 0x30) {
      this.#state = 'connecting'
      // Revision 4 asks for its namespace and waits for pings; revision 3 is given the root and pings itself.
      if (this.#revision === 4) return this.write(CONNECT)
      this.#heartbeat = setInterval(() => this.write(PING), 20_000)
      return
    }
    if (this.#state === 'connecting' && text.startsWith('40')) {
      this.#state = 'connected'
      return this.#connected()
    }
    this.#fail(new Error(`unexpected message ${text.slice(0, 80)}`))
  }
}
