// RFC 6455 frames in: a push decoder with no I/O. Chunks may be cut anywhere. A frame that lies whole in its chunk is unmasked in place
// and decoded from there. What is buffered was received: a length that is only announced is checked against the limit and allocates
// nothing. A chunk belongs to the decoder once pushed: its bytes are changed, and may be kept until the frame is complete.
import { ProtocolError } from '../errors.ts'
import type { CodecLimit } from '../errors.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { OPCODE } from './encode.ts'
import { applyMask } from './mask.ts'

/**
 * Called from `push`, in the order of the wire. A handler may call `stop` and `pause`, but not `push`; what it throws stops the decoder and passes
 * through `push`.
 */
export interface FrameHandler {
  /** A whole text message: valid UTF-8. */
  handleText(text: string): void
  /** May be a view of the chunk just pushed: copy what you keep. */
  handleBinary(data: Uint8Array): void
  /** May come between the fragments of a message. Wants a pong with the same bytes (RFC 6455, 5.5.2). */
  handlePing(data: Uint8Array): void
  /** Also unasked for (RFC 6455, 5.5.3): not by itself a sign that a ping was answered. */
  handlePong(data: Uint8Array): void
  /** A close frame; `code` is 1005 when it had none. Nothing is handled after it. */
  handleClose(code: number, reason: string): void
}

/** Bounds of a decoder, and whose frames it reads. */
export interface FrameDecoderOptions {
  /** "server" wants masked frames, "client" unmasked ones. */
  role: 'server' | 'client'
  /** Bytes of one message, its fragments together; above it close code 1009. Default 1e6. */
  maxPayloadBytes?: number
  /** Continuation frames of one message. Default 16384. */
  maxFragments?: number
  /** Decodes valid UTF-8 or throws; the runtime's fastest (default: a fatal TextDecoder). */
  decodeText?: (bytes: Uint8Array) => string
}

const fatalDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** Received pieces smaller than this are merged: a frame that drips in byte by byte must not cost an object per byte. */
const MERGE_BELOW_BYTES = 4_096
const NOTHING = new Uint8Array(0)

const nodeBuffer = (
  globalThis as {
    Buffer?: { allocUnsafe(size: number): Uint8Array; allocUnsafeSlow(size: number): Uint8Array }
  }
).Buffer

interface NodeBuffer extends Uint8Array {
  latin1Slice?(start: number, end: number): string
  utf8Slice?(start: number, end: number): string
}
/** What decoders write for bytes that are not UTF-8. */
const REPLACEMENT = '\ufffd'

function violation(message: string, closeCode = 1002, limit?: CodecLimit): ProtocolError {
  const code =
    closeCode === 1009 ? 'TW_ERR_FRAME_TOO_LARGE' : closeCode === 1007 ? 'TW_ERR_FRAME_UTF8' : 'TW_ERR_FRAME'
  return new ProtocolError(code, message, limit === undefined ? { closeCode } : { closeCode, limit })
}

interface Settings {
  readonly isServer: boolean
  readonly maxPayloadBytes: number
  readonly maxFragments: number
  readonly decodeText: (bytes: Uint8Array) => string
}

interface PartialFrame {
  /** What of an incomplete frame has been received. */
  readonly chunks: Uint8Array[]
  bytes: number
  /** How many bytes it takes to go on: those of the header, then of the frame. */
  readonly wantedBytes: number
}

interface FragmentedMessage {
  readonly opcode: number
  readonly fragments: Uint8Array[]
  bytes: number
}

/** perf: decoders that are made with the same object of options, as those of a server are, share its settings. */
const knownSettings = new WeakMap<FrameDecoderOptions, Settings>()

function settingsOf(options: FrameDecoderOptions): Settings {
  let settings = knownSettings.get(options)
  if (settings === undefined) {
    settings = {
      isServer: options.role === 'server',
      maxPayloadBytes: options.maxPayloadBytes ?? DEFAULT_LIMITS.maxPayloadBytes,
      maxFragments: options.maxFragments ?? DEFAULT_LIMITS.maxFragments,
      decodeText: options.decodeText ?? ((bytes) => fatalDecoder.decode(bytes)),
    }
    knownSettings.set(options, settings)
  }
  return settings
}

/**
 * Reads the frames of one WebSocket and puts fragments together. Answers nothing: pongs and close frames are the handler's to send.
 * @throws ProtocolError from `push` with `closeCode` 1002, 1007 or 1009; the decoder is dead afterwards.
 */
export class FrameDecoder {
  readonly #handler: FrameHandler
  readonly #settings: Settings
  // perf: objects that are there only while something is incomplete keep the decoders of idle connections small.
  #partial: PartialFrame | undefined
  #message: FragmentedMessage | undefined
  #isStopped = false
  /** What is left to read while it is paused. */
  #held: Uint8Array | undefined

  constructor(handler: FrameHandler, options: FrameDecoderOptions) {
    this.#handler = handler
    this.#settings = settingsOf(options)
  }

  /** Nothing is handled any more, the rest of the chunk being pushed included. */
  stop(): void {
    this.#isStopped = true
    this.#partial = undefined
    this.#message = undefined
    this.#held = undefined
  }

  /** From `pause` until `resume`. */
  get isPaused(): boolean {
    return this.#held !== undefined
  }

  /** Handles no frame until `resume`, from within a handler too: the rest of the chunk waits. */
  pause(): void {
    if (!this.#isStopped) this.#held ??= NOTHING
  }

  /** Goes on where it stopped. Throws as `push` does. */
  resume(): void {
    const held = this.#held
    this.#held = undefined
    if (held !== undefined && held.length > 0) this.push(held)
  }

  /**
   * Takes a chunk of the stream, cut anywhere; the chunk is the decoder's from then on. @throws ProtocolError with `closeCode`, after which
   * it is dead
   */
  push(chunk: Uint8Array): void {
    if (this.#isStopped) return
    if (this.#held !== undefined) {
      this.#held = this.#held.length === 0 ? chunk : concatToKeep([this.#held, chunk], this.#held.length + chunk.length)
      return
    }
    let bytes = chunk
    const partial = this.#partial
    if (partial !== undefined) {
      keep(partial, chunk)
      if (partial.bytes < partial.wantedBytes) return
      bytes = concat(partial.chunks, partial.bytes)
      this.#partial = undefined
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
        // A short rest is copied, so that it does not pin the chunk it came in.
        const chunks = [rest.length < MERGE_BELOW_BYTES ? concatToKeep([rest], rest.length) : rest]
        this.#partial = { chunks, bytes: rest.length, wantedBytes: wanted }
        return
      }
      offset += wanted
      if (this.#held !== undefined) {
        this.#held = bytes.subarray(offset)
        return
      }
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
    if (
      opcode < 8 &&
      length + (this.#message?.bytes ?? 0) > Math.min(this.#settings.maxPayloadBytes, Number.MAX_SAFE_INTEGER)
    ) {
      throw violation(
        `WebSocket message too large; got ${length + (this.#message?.bytes ?? 0)} bytes, expected at most ${this.#settings.maxPayloadBytes}`,
        1009,
        'maxPayloadBytes',
      )
    }
    if (this.#settings.isServer) headerBytes += 4
    const total = headerBytes + length
    if (available < total) return total
    const start = offset + headerBytes
    const end = start + length
    const isAscii = this.#settings.isServer && applyMask(bytes, start, end, start - 4)
    // perf: the hot path, a text in one frame, makes nothing but its string.
    if (first === (0x80 | OPCODE.TEXT)) {
      const text = isAscii ? (bytes as NodeBuffer).latin1Slice?.(start, end) : this.#unmaskedText(bytes, start, end)
      if (text !== undefined) {
        this.#handler.handleText(text)
        return total
      }
    }
    this.#handleFrame((first & 0x80) !== 0, opcode, bytes.subarray(start, end))
    return total
  }

  /** Of a server's text, which was not looked at yet; undefined where it takes a decoder to tell whether it is UTF-8. */
  #unmaskedText(bytes: NodeBuffer, start: number, end: number): string | undefined {
    if (this.#settings.isServer) return undefined
    const text = bytes.utf8Slice?.(start, end)
    return text?.includes(REPLACEMENT) ? undefined : text
  }

  #checkHeader(first: number, second: number, opcode: number): void {
    if ((first & 0x70) !== 0)
      throw violation('Reserved bits of a WebSocket frame are set; no extension was agreed on')
    if (((second & 0x80) !== 0) !== this.#settings.isServer) {
      throw violation(
        this.#settings.isServer
          ? 'A client must mask its WebSocket frames'
          : 'A server must not mask its WebSocket frames',
      )
    }
    if (opcode > 7) {
      if (opcode > OPCODE.PONG) throw violation(`Reserved WebSocket opcode ${opcode}`)
      if ((first & 0x80) === 0) throw violation('A WebSocket control frame must not be fragmented')
      if ((second & 0x7f) > 125) throw violation('A WebSocket control frame carries at most 125 bytes')
      if (opcode === OPCODE.CLOSE && (second & 0x7f) === 1) throw violation('A WebSocket close frame of one byte')
      return
    }
    if (opcode > OPCODE.BINARY) throw violation(`Reserved WebSocket opcode ${opcode}`)
    if (opcode === OPCODE.CONTINUATION && this.#message === undefined)
      throw violation('A WebSocket continuation without a message')
    if (opcode !== OPCODE.CONTINUATION && this.#message !== undefined)
      throw violation('A WebSocket message inside another one')
  }

  #handleFrame(isFinal: boolean, opcode: number, payload: Uint8Array): void {
    if (opcode > 7) return this.#handleControl(opcode, payload)
    if (isFinal && opcode !== OPCODE.CONTINUATION) return this.#handleMessage(opcode, payload)
    if (opcode !== OPCODE.CONTINUATION) {
      this.#message = { opcode, fragments: [], bytes: 0 }
    }
    const message = this.#message!
    const { fragments } = message
    if (fragments.length >= this.#settings.maxFragments)
      throw violation(`Too many WebSocket fragments; expected at most ${this.#settings.maxFragments}`, 1009, 'maxFragments')
    // A copy: a fragment that waits must not pin the chunk it came in.
    fragments.push(concatToKeep([payload], payload.length))
    message.bytes += payload.length
    if (!isFinal) return
    this.#message = undefined
    this.#handleMessage(message.opcode, fragments.length === 1 ? fragments[0]! : concat(fragments, message.bytes))
  }

  #handleMessage(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.TEXT) this.#handler.handleText(payload.length === 0 ? '' : this.#text(payload))
    else this.#handler.handleBinary(payload)
  }

  #text(payload: Uint8Array): string {
    try {
      return this.#settings.decodeText(payload)
    } catch {
      throw violation('WebSocket text is not valid UTF-8', 1007)
    }
  }

  #handleControl(opcode: number, payload: Uint8Array): void {
    if (opcode === OPCODE.PING) return this.#handler.handlePing(payload)
    if (opcode === OPCODE.PONG) return this.#handler.handlePong(payload)
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

function keep(partial: PartialFrame, chunk: Uint8Array): void {
  const { chunks } = partial
  partial.bytes += chunk.length
  chunks.push(chunk)
  // Like the carries of a counter: small neighbours of equal size become one, so n bytes are kept in about log n pieces.
  let last = chunk
  while (chunks.length > 1 && last.length < MERGE_BELOW_BYTES) {
    const previous = chunks[chunks.length - 2]!
    if (previous.length > last.length) return
    last = concatToKeep([previous, last], previous.length + last.length)
    chunks.length -= 2
    chunks.push(last)
  }
}

function isCloseCode(code: number): boolean {
  return (
    (code >= 1000 && code <= 1014 && code !== 1004 && code !== 1005 && code !== 1006) ||
    (code >= 3000 && code <= 4999)
  )
}

/** For bytes that are used at once: in memory that Node shares between small buffers, which is the quickest to get. */
function concat(chunks: readonly Uint8Array[], length: number): Uint8Array {
  return fill(nodeBuffer ? nodeBuffer.allocUnsafe(length) : new Uint8Array(length), chunks)
}

/** For bytes that wait: in memory of their own. A small piece of shared memory would pin all of it, 64 KiB since Node 24. */
function concatToKeep(chunks: readonly Uint8Array[], length: number): Uint8Array {
  return fill(nodeBuffer ? nodeBuffer.allocUnsafeSlow(length) : new Uint8Array(length), chunks)
}

function fill(whole: Uint8Array, chunks: readonly Uint8Array[]): Uint8Array {
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}
