// One engine packet on its way out, with every wire form built at most once and shared by all recipients: a broadcast to 10,000 sockets
// holds one OutgoingMessage and, per revision in use, one WebSocket frame.
import { encodeFrame, engineV3, engineV4, headerLength, OPCODE, payloadLength, writeFrame } from '@tidewire/protocol'
import type { EnginePacket, EnginePacketType, EngineRevision } from '@tidewire/protocol'

const DIGITS: Record<EnginePacketType, string> = {
  open: '0',
  close: '1',
  ping: '2',
  pong: '3',
  message: '4',
  upgrade: '5',
  noop: '6',
}
/** First byte of a binary WebSocket message in revision 3: the type "message" as a number. */
const BINARY_MESSAGE_V3 = 4

/** Bytes that even an empty message holds in an outbox: without it pongs that nobody fetches would be free. */
export const MESSAGE_COST = 32

/** Begin frames of short texts: the header and the Engine.IO digit. */
const TEXT_HEADERS = Array.from({ length: 125 }, (_, length) => `\x81${String.fromCharCode(length + 1)}4`)

/** One packet on its way to many sessions, encoded and framed at most once for each revision. @internal */
export class OutgoingMessage implements EnginePacket {
  readonly type: EnginePacketType
  /** Text without the Engine.IO digit, or raw bytes. Never changed after construction: recipients share it. */
  readonly data: string | Uint8Array
  #frameV4: Buffer | undefined
  #frameV3: Buffer | undefined
  #isShared = false
  #isQueued = false
  #payloadBytes = 0

  constructor(data: string | Uint8Array, type: EnginePacketType = 'message') {
    this.type = type
    this.data = data
  }

  /** Whether a transport that compresses may do so with it. */
  get compress(): boolean {
    return true
  }

  /** compat: as listeners of `packetCreate` read it. */
  get options(): { compress: boolean } {
    return { compress: this.compress }
  }

  get isBinary(): boolean {
    return typeof this.data !== 'string'
  }

  /** What it counts for in an outbox: UTF-16 units of text or bytes of binary, and what an empty one costs. */
  get byteLength(): number {
    return this.data.length + MESSAGE_COST
  }

  /** The unmasked WebSocket frame of this message. Text frames are the same in both revisions. */
  frame(revision: EngineRevision): Buffer {
    if (revision === 3 && this.isBinary) return (this.#frameV3 ??= this.#encodeFrame(3))
    return (this.#frameV4 ??= this.#encodeFrame(revision))
  }

  #encodeFrame(revision: EngineRevision): Buffer {
    const frame = Buffer.allocUnsafe(this.frameLength(revision))
    this.writeFrame(frame, 0, revision)
    return frame
  }

  /** What stands in its frame before the data. */
  #prefix(revision: EngineRevision): string | number | undefined {
    if (!this.isBinary) return DIGITS[this.type]
    return revision === 3 ? BINARY_MESSAGE_V3 : undefined
  }

  /**
   * The frame of a short text as Latin-1, for the first recipient; undefined for others, who share the bytes of `frame`, and for other texts.
   * perf: most messages have one recipient, and the string spares the Buffer.
   */
  latin1Frame(): string | undefined {
    const { data } = this
    if (typeof data !== 'string' || data.length >= TEXT_HEADERS.length || this.type !== 'message' || this.share()) return undefined
    return Buffer.byteLength(data) === data.length ? TEXT_HEADERS[data.length]! + data : undefined
  }

  /** Whether somebody has had it: then it is shared, and so is its frame. The first to ask is told no, for most have but one recipient. */
  share(): boolean {
    const wasShared = this.#isShared
    this.#isShared = true
    return wasShared
  }

  /** Whether it waits, or has waited, for another session. What answers one client is for that one, though one object serves all. */
  queue(): boolean {
    const wasQueued = this.#isQueued
    this.#isQueued = this.type !== 'pong' && this.type !== 'noop'
    return wasQueued
  }

  /** Bytes of its frame. */
  frameLength(revision: EngineRevision): number {
    this.#payloadBytes = payloadLength(this.data)
    const length = this.#payloadBytes + (this.#prefix(revision) === undefined ? 0 : 1)
    return headerLength(length) + length
  }

  /** Writes its frame, whose length has been asked for, into the buffer of several. Gives where it ends. */
  writeFrame(target: Buffer, at: number, revision: EngineRevision): number {
    return writeFrame(target, at, this.isBinary ? OPCODE.BINARY : OPCODE.TEXT, this.data, this.#payloadBytes, this.#prefix(revision))
  }

  /** The frame for a peer that cannot take binary (`b64=1` on its WebSocket URL). */
  base64Frame(revision: EngineRevision): Buffer {
    const codec = revision === 4 ? engineV4 : engineV3
    return toBuffer(encodeFrame(OPCODE.TEXT, codec.encodePacket(this, false)))
  }
}

/** One of `compress(false)`. */
export class UncompressedMessage extends OutgoingMessage {
  override get compress(): boolean {
    return false
  }
}

export const PING: OutgoingMessage = new OutgoingMessage('', 'ping')
export const PONG: OutgoingMessage = new OutgoingMessage('', 'pong')
export const PONG_PROBE: OutgoingMessage = new OutgoingMessage('probe', 'pong')
export const NOOP: OutgoingMessage = new OutgoingMessage('', 'noop')
export const CLOSE: OutgoingMessage = new OutgoingMessage('', 'close')

function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
