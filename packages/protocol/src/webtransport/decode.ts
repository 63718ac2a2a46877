// Frames of Engine.IO 4 on a WebTransport stream, inwards. In: chunks, cut anywhere. Out: packets, in order. Memory stays within twice what
// has been received of one frame: its length is checked before a byte of it is kept, and told lengths allocate nothing.
import { decodeUtf8 } from '../bytes.ts'
import type { EnginePacket } from '../engine/packet.ts'
import { decodePacket } from '../engine/v4/codec.ts'
import { ProtocolError } from '../errors.ts'

const NOTHING = new Uint8Array(0)

/** Reads Engine.IO 4 packets from one bidirectional WebTransport stream: a length with a binary flag, then the packet. */
export class StreamFrameDecoder {
  readonly #maxPayloadBytes: number
  readonly #handlePacket: (packet: EnginePacket) => void
  /** Of the current frame: its first byte once it is there, and its length once that is known. */
  #first = -1
  #length = 0
  /** Bytes of the part being read (first byte, length or body), and those of them that earlier chunks have brought. */
  #wanted = 1
  #kept = 0
  #buffer = NOTHING
  #isStopped = false

  /** Binary data of a packet is a view, on the chunk or on a buffer that nobody else uses. */
  constructor(maxPayloadBytes: number, handlePacket: (packet: EnginePacket) => void) {
    this.#maxPayloadBytes = maxPayloadBytes
    this.#handlePacket = handlePacket
  }

  /** Takes a chunk of the stream, cut anywhere. @throws ProtocolError, after which the decoder is dead; packets before it have been handed out */
  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#isStopped;) {
      let part = chunk.subarray(at, at + this.#wanted - this.#kept)
      at += part.length
      if (part.length < this.#wanted) {
        this.#keep(part)
        if (this.#kept < this.#wanted) return
        part = this.#buffer.subarray(0, this.#kept)
        this.#buffer = NOTHING
        this.#kept = 0
      }
      try {
        this.#take(part)
      } catch (error) {
        this.stop()
        throw error
      }
    }
  }

  /** What still comes is thrown away. */
  stop(): void {
    this.#isStopped = true
    this.#buffer = NOTHING
  }

  #keep(part: Uint8Array): void {
    const kept = this.#kept + part.length
    if (kept > this.#buffer.length) {
      const larger = new Uint8Array(Math.min(this.#wanted, kept * 2))
      larger.set(this.#buffer.subarray(0, this.#kept))
      this.#buffer = larger
    }
    this.#buffer.set(part, this.#kept)
    this.#kept = kept
  }

  #take(part: Uint8Array): void {
    if (this.#first < 0) {
      this.#first = part[0]!
      const short = this.#first & 127
      if (short > 125) this.#wanted = short === 126 ? 2 : 8
      else this.#expect(short)
    } else if (this.#length === 0) {
      let length = 0
      for (const byte of part) length = length * 256 + byte
      this.#expect(length)
    } else {
      const isBinary = this.#first > 127
      this.#first = -1
      this.#length = 0
      this.#wanted = 1
      this.#handlePacket(decodePacket(isBinary ? part : decodeUtf8(part)))
    }
  }

  #expect(length: number): void {
    if (length === 0)
      throw new ProtocolError(
        'TW_ERR_FRAME',
        'Malformed frame on a WebTransport stream; got length 0, expected a packet',
      )
    if (length > this.#maxPayloadBytes) {
      throw new ProtocolError(
        'TW_ERR_FRAME_TOO_LARGE',
        `A frame on a WebTransport stream is too large; got ${length} bytes, expected at most ${this.#maxPayloadBytes}`,
        { limit: 'maxPayloadBytes' },
      )
    }
    this.#length = this.#wanted = length
  }
}
