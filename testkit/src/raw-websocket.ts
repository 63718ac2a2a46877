// A WebSocket client of bytes: what it sends is built beforehand, so that nothing but the server is slow.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { once } from 'node:events'
import { maskedFrame, upgradeRequest } from './frames.ts'

export class RawWebSocket {
  readonly socket: Socket
  received: Buffer = Buffer.alloc(0)
  isClosed = false
  #wake: () => void = () => {}

  constructor(port: number, path = '/socket.io/?EIO=4&transport=websocket') {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.isClosed = true
      this.#wake()
    })
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk])
      this.#wake()
    })
    this.socket.write(upgradeRequest(path))
  }

  /** Waits until the server has sent this. */
  async until(what: string | Buffer): Promise<void> {
    while (!this.received.includes(what)) {
      if (this.isClosed)
        throw new Error(`closed before ${String(what)} came; got ${this.received.toString('latin1')}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  /** Waits until it is in the main namespace. */
  async join(): Promise<this> {
    await this.until('"sid"')
    this.send('40')
    await this.until('40{"sid"')
    return this
  }

  send(payload: string | Buffer, opcode?: number): void {
    this.socket.write(maskedFrame(payload, opcode))
  }

  /** The close frame, when the connection has ended. */
  async end(): Promise<{ code: number; reason: string }> {
    if (!this.isClosed) await once(this.socket, 'close')
    const at = this.received.lastIndexOf(0x88)
    const length = this.received[at + 1]!
    return {
      code: length < 2 ? 1005 : this.received.readUInt16BE(at + 2),
      reason: this.received.subarray(at + 4, at + 2 + length).toString(),
    }
  }
}
