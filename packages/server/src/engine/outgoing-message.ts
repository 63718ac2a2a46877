// One Engine.IO message on its way out, with every wire form built at most once and shared by all recipients: a broadcast to
// 10,000 sockets holds one OutgoingMessage and, per revision in use, one WebSocket frame.
import { encodeFrame, OPCODE } from '@tidewire/protocol'

const EMPTY_PREFIX = ''

export class OutgoingMessage {
  /** Text without the Engine.IO digit, or raw bytes. Never changed after construction: recipients share it. */
  readonly data: string | Uint8Array
  #frameV4: Buffer | undefined
  #frameV3: Buffer | undefined

  constructor(data: string | Uint8Array) {
    this.data = data
  }

  get isBinary(): boolean {
    return typeof this.data !== 'string'
  }

  /** Bytes it counts for in an outbox (UTF-16 units for text: cheap, and within a factor of three). */
  get byteLength(): number {
    return this.data.length
  }

  /** The unmasked WebSocket frame of this message. Text frames are the same in both revisions. */
  frame(revision: 3 | 4): Buffer {
    if (typeof this.data === 'string') {
      return (this.#frameV4 ??= toBuffer(encodeFrame(OPCODE.TEXT, this.data, { prefix: '4' })))
    }
    return revision === 4
      ? (this.#frameV4 ??= toBuffer(encodeFrame(OPCODE.BINARY, this.data, { prefix: EMPTY_PREFIX })))
      : (this.#frameV3 ??= toBuffer(encodeFrame(OPCODE.BINARY, this.data, { prefix: 4 })))
  }
}

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
