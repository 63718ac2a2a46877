// RFC 6455 frames in: a push decoder with no I/O. Chunks may be cut anywhere. What is buffered was received: a length that is only
// announced is checked against the limit and allocates nothing.
import { ProtocolError } from '../errors.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { OPCODE } from './encode.ts'

export interface FrameHandler {
  handleText(text: string): void
  /** May be a view of the chunk just pushed: copy what you keep. */
  handleBinary(data: Uint8Array): void
  handlePing(data: Uint8Array): void
  handlePong(data: Uint8Array): void
  /** A close frame; `code` is 1005 when it had none. Nothing is handled after it. */
  handleClose(code: number, reason: string): void
}

export interface FrameDecoderOptions {
  /** "server" wants masked frames, "client" unmasked ones. */
  role: 'server' | 'client'
  maxPayloadBytes?: number
  maxFragments?: number
  /** Decodes valid UTF-8 or throws; the runtime's fastest (default: a fatal TextDecoder). */
  decodeText?: (bytes: Uint8Array) => string
}

const fatalDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NOTHING = new Uint8Array(0)
/** Largest header: 2 + 8 length + 4 mask. */
const MAX_HEADER = 14

function violation(message: string, closeCode = 1002): ProtocolError {
  const code = closeCode === 1009 ? 'TW_ERR_FRAME_TOO_LARGE' : closeCode === 1007 ? 'TW_ERR_FRAME_UTF8' : 'TW_ERR_FRAME'
  return new ProtocolError(code, message, { closeCode })
}

/** @throws ProtocolError from `push` with `closeCode` 1002, 1007 or 1009; the decoder is dead afterwards. */
export class FrameDecoder {
  readonly #handler: FrameHandler
  readonly #isServer: boolean
  readonly #maxPayloadBytes: number
  readonly #maxFragments: number
  readonly #decodeText: (bytes: Uint8Array) => string
  /** What of an incomplete frame has been received, and how many bytes the frame needs in all (0: header incomplete). */
  #chunks: Uint8Array[] | undefined
  #chunkBytes = 0
  #wantedBytes = 0
  #fragments: Uint8Array[] | undefined
  #fragmentBytes = 0
  #fragmentOpcode = 0
  #isStopped = false

  constructor(handler: FrameHandler, options: FrameDecoderOptions) {
    this.#handler = handler
    this.#isServer = options.role === 'server'
    this.#maxPayloadBytes = options.maxPayloadBytes ?? DEFAULT_LIMITS.maxPayloadBytes
    this.#maxFragments = options.maxFragments ?? DEFAULT_LIMITS.maxFragments
    this.#decodeText = options.decodeText ?? ((bytes) => fatalDecoder.decode(bytes))
  }

  /** Nothing is handled any more, the rest of the chunk being pushed included. */
  stop(): void {
    this.#isStopped = true
    this.#chunks = undefined
    this.#fragments = undefined
  }

  push(chunk: Uint8Array): void {
    if (this.#isStopped) return
    let bytes = chunk
    if (this.#chunks !== undefined) {
      this.#chunks.push(chunk)
      this.#chunkBytes += chunk.length
      if (this.#chunkBytes < this.#wantedBytes) return
      bytes = concat(this.#chunks, this.#chunkBytes)
      this.#chunks = undefined
    }
    try {
      this.#readFrames(bytes)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  #readFrames(bytes: Uint8Array): void {
    let offset = 0
    while (!this.#isStopped && offset < bytes.length) {
      const wanted = this.#readFrame(bytes, offset)
      if (wanted > bytes.length - offset) {
        const rest = bytes.subarray(offset)
        this.#chunks = [rest]
        this.#chunkBytes = rest.length
        this.#wantedBytes = wanted
        return
      }
      offset += wanted
    }
  }

  /** Handles the frame at `offset` if it is complete. Gives the bytes it needs: at most those that are there if it was handled. */
  #readFrame(bytes: Uint8Array, offset: number): number {
    const available = bytes.length - offset
    if (available < 2) return 2
    const first = bytes[offset]!
    const second = bytes[offset + 1]!
    const opcode = first & 0x0f
    this.#checkHeader(first, second, opcode)
    let length = second & 0x7f
    let headerBytes = 2
    if (length === 126) {
      if (available < 4) return 4
      length = bytes[offset + 2]! * 256 + bytes[offset + 3]!
      headerBytes = 4
    } else if (length === 127) {
      if (available < 10) return 10
      length = 0
      for (let i = 2; i < 10; i++) length = length * 256 + bytes[offset + i]!
      headerBytes = 10
    }
    if (opcode < 8 && length + this.#fragmentBytes > this.#maxPayloadBytes) {
      throw violation(`WebSocket message too large; got ${length + this.#fragmentBytes} bytes, expected at most ${this.#maxPayloadBytes}`, 1009)
    }
    if (this.#isServer) headerBytes += 4
    const total = headerBytes + length
    if (available < total) return Math.max(total, Math.min(available + 1, MAX_HEADER))
    const start = offset + headerBytes
    const payload = length === 0 ? NOTHING : bytes.subarray(start, start + length)
    if (this.#isServer && length > 0) unmask(payload, bytes, start - 4)
    this.#handleFrame((first & 0x80) !== 0, opcode, payload)
    return total
  }

  #checkHeader(first: number, second: number, opcode: number): void {
    if ((first & 0x70) !== 0) throw violation('Reserved bits of a WebSocket frame are set; no extension was agreed on')
    if (((second & 0x80) !== 0) !== this.#isServer) {
      throw violation(this.#isServer ? 'A client must mask its WebSocket frames' : 'A server must not mask its WebSocket frames')
    }
    if (opcode > 7) {
      if (opcode > OPCODE.PONG) throw violation(`Reserved WebSocket opcode ${opcode}`)
      if ((first & 0x80) === 0) throw violation('A WebSocket control frame must not be fragmented')
      if ((second & 0x7f) > 125) throw violation('A WebSocket control frame carries at most 125 bytes')
      return
    }
    if (opcode > OPCODE.BINARY) throw violation(`Reserved WebSocket opcode ${opcode}`)
    if (opcode === OPCODE.CONTINUATION && this.#fragments === undefined) throw violation('A WebSocket continuation without a message')
    if (opcode !== OPCODE.CONTINUATION && this.#fragments !== undefined) throw violation('A WebSocket message inside another one')
  }

  #handleFrame(isFinal: boolean, opcode: number, payload: Uint8Array): void {
    if (opcode > 7) return this.#handleControl(opcode, payload)
    if (isFinal && opcode !== OPCODE.CONTINUATION) return this.#handleMessage(opcode, payload)
    if (opcode !== OPCODE.CONTINUATION) {
      this.#fragments = []
      this.#fragmentOpcode = opcode
    }
    const fragments = this.#fragments!
    if (fragments.length >= this.#maxFragments) throw violation(`Too many WebSocket fragments; expected at most ${this.#maxFragments}`, 1009)
    // A copy: a fragment that waits must not pin the chunk it came in.
    fragments.push(payload.slice())
    this.#fragmentBytes += payload.length
    if (!isFinal) return
    const message = fragments.length === 1 ? fragments[0]! : concat(fragments, this.#fragmentBytes)
    this.#fragments = undefined
    this.#fragmentBytes = 0
    this.#handleMessage(this.#fragmentOpcode, message)
  }

  #handleMessage(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.TEXT) this.#handler.handleText(payload.length === 0 ? '' : this.#text(payload))
    else this.#handler.handleBinary(payload)
  }

  #text(payload: Uint8Array): string {
    try {
      return this.#decodeText(payload)
    } catch {
      throw violation('WebSocket text is not valid UTF-8', 1007)
    }
  }

  #handleControl(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.PING) return this.#handler.handlePing(payload)
    if (opcode === OPCODE.PONG) return this.#handler.handlePong(payload)
    if (payload.length === 1) throw violation('A WebSocket close frame of one byte')
    let code = 1005
    let reason = ''
    if (payload.length > 1) {
      code = payload[0]! * 256 + payload[1]!
      if (!isCloseCode(code)) throw violation(`Invalid WebSocket close code ${code}`)
      if (payload.length > 2) reason = this.#text(payload.subarray(2))
    }
    this.stop()
    this.#handler.handleClose(code, reason)
  }
}

function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) || (code >= 3000 && code <= 4999)
}

function unmask(payload: Uint8Array, bytes: Uint8Array, at: number): void {
  const m0 = bytes[at]!
  const m1 = bytes[at + 1]!
  const m2 = bytes[at + 2]!
  const m3 = bytes[at + 3]!
  const aligned = payload.length & ~3
  let i = 0
  for (; i < aligned; i += 4) {
    payload[i]! ^= m0
    payload[i + 1]! ^= m1
    payload[i + 2]! ^= m2
    payload[i + 3]! ^= m3
  }
  if (i < payload.length) payload[i]! ^= m0
  if (i + 1 < payload.length) payload[i + 1]! ^= m1
  if (i + 2 < payload.length) payload[i + 2]! ^= m2
}

function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const { Buffer } = globalThis as { Buffer?: { allocUnsafeSlow(size: number): Uint8Array } }
  const whole = Buffer ? Buffer.allocUnsafeSlow(length) : new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}
