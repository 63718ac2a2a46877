// A Socket.IO connection over long polling: one kept-alive HTTP connection for GET, one for POST, as browsers do. Requests are made
// beforehand. In: HTTP answers. Out: `onMessage(text)` for every Engine.IO message of a poll.
import { connect } from 'node:net'
import type { Socket } from 'node:net'

const SEPARATOR = '\u001e'

/** One kept-alive connection with one request at a time. */
class HttpConnection {
  readonly #socket: Socket
  #text = ''
  #answered: (body: string) => void = () => {}

  constructor(port: number, failed: (error: Error) => void) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
    this.#socket.on('error', failed)
    this.#socket.on('data', (chunk: string) => {
      this.#text += chunk
      const head = this.#text.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = /content-length: (\d+)/i.exec(this.#text.slice(0, head))
      if (!this.#text.startsWith('HTTP/1.1 200') || length === null)
        return failed(new Error(`answered ${this.#text.slice(0, 200)}`))
      const end = head + 4 + Number(length[1])
      if (this.#text.length < end) return
      const body = this.#text.slice(head + 4, end)
      this.#text = this.#text.slice(end)
      this.#answered(body)
    })
  }

  request(bytes: string, answered: (body: string) => void): void {
    this.#answered = answered
    this.#socket.write(bytes, 'latin1')
  }

  close(): void {
    this.#socket.destroy()
  }
}

export class PollingConnection {
  onMessage: (text: string) => void = () => {}
  readonly #receiver: HttpConnection
  readonly #sender: HttpConnection
  readonly #port: number
  #path = '/socket.io/?EIO=4&transport=polling'
  #poll = ''
  #isSending = false
  #isClosed = false
  readonly #waiting: string[] = []

  private constructor(port: number, failed: (error: Error) => void) {
    const guarded = (error: Error): void => {
      if (!this.#isClosed) failed(error)
    }
    this.#port = port
    this.#receiver = new HttpConnection(port, guarded)
    this.#sender = new HttpConnection(port, guarded)
  }

  static open(port: number, onFailure: (error: Error) => void): Promise<PollingConnection> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => {
        reject(error)
        onFailure(error)
      }
      const connection = new PollingConnection(port, failed)
      connection.#receiver.request(connection.#get(), (body) => {
        const open = JSON.parse(body.slice(1)) as { sid: string }
        connection.#path += `&sid=${open.sid}`
        connection.#poll = connection.#get()
        connection.onMessage = (text) =>
          text.startsWith('40') ? resolve(connection) : failed(new Error(`unexpected ${text}`))
        connection.send(connection.post('40'))
        connection.#receive()
      })
    })
  }

  /** A request with this body, to be sent any number of times. */
  post(body: string): string {
    return `POST ${this.#path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  }

  send(request: string): void {
    if (this.#isSending) {
      this.#waiting.push(request)
      return
    }
    this.#isSending = true
    this.#sender.request(request, () => {
      this.#isSending = false
      const next = this.#waiting.shift()
      if (next !== undefined) this.send(next)
    })
  }

  close(): void {
    this.#isClosed = true
    this.#receiver.close()
    this.#sender.close()
  }

  #get(): string {
    return `GET ${this.#path} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\n\r\n`
  }

  #receive(): void {
    this.#receiver.request(this.#poll, (body) => {
      // The next poll is under way before the application sees anything, as with every client.
      if (!this.#isClosed) this.#receive()
      for (const packet of body.split(SEPARATOR)) {
        if (packet.startsWith('4')) this.onMessage(packet)
        else if (packet === '2') this.send(this.post('3'))
      }
    })
  }
}
