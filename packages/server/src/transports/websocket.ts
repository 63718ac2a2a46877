// The EDGE of a session on WebSocket: our RFC 6455 codec on an upgraded socket. In: bytes. Out: engine packets to the owner, batches of
// frames in one write. Owns the net.Socket from the 101 on and is the only one to close it.
import { FrameDecoder, OPCODE, encodeCloseFrame, encodeFrame, engineV3, engineV4 } from '@tidewire/protocol'
import type { EnginePacket, EngineRevision, FrameDecoderOptions, FrameHandler, ProtocolError } from '@tidewire/protocol'
import { isUtf8 } from 'node:buffer'
import type { Socket } from 'node:net'
import type { WebSocketEdge } from '../engine/cluster-port.ts'
import type { Owner } from '../engine/door.ts'
import { beginSlice, endSlice, isTurnOver, mustQueue, spend, takeTurn } from '../engine/fair-turns.ts'
import type { Taker } from '../engine/fair-turns.ts'
import { PONG_PROBE } from '../engine/outgoing-message.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'
import { own } from '../http/owned-socket.ts'
import type { SocketOwner } from '../http/owned-socket.ts'
import { debugScope } from '../debug.ts'
import { copyOf } from './copy-of.ts'
import { LIMITS } from '../limits.ts'

const debug = debugScope('engine:ws')
const debugTransport = debugScope('engine:transport')

/** How long a peer may be silent after a close frame, and how long it may take to end the connection whatever it sends. */
const CLOSE_TIMEOUT_MS = LIMITS.webSocketCloseTimeout.default
const END_TIMEOUT_MS = LIMITS.closeTimeout.default
/** Binary up to this size is copied when it is less than half of the chunk it was read in, so that it does not pin that. */
const COPY_BELOW_BYTES = 16_384
/** From this length on the frame of a message is not copied into the write of its turn. */
const LARGE_MESSAGE = 16_384
/** A pong is a write of its own, which costs what handling some packets does. */
const PONG_COST = 8_192

interface LastFlush {
  revision: EngineRevision
  batch: readonly OutgoingMessage[]
  bytes: Buffer
}
/** The buffer built last. Receivers of the same broadcasts have equal queues in a turn, and so share one concatenation. */
let lastFlush: LastFlush | undefined

export class WebSocketTransport implements WebSocketEdge, FrameHandler, SocketOwner, Taker {
  writable = true
  readonly supportsBinary: boolean
  readonly #socket: Socket
  readonly #session: Owner
  readonly #decoder: FrameDecoder
  /** The 101 answer, written together with the first batch. */
  #head: string | undefined
  #isClosing = false
  #hasReported = false
  /**
   * compat: OkHttp, under the Java clients, takes no notice of a close frame; at a shutdown they would find out with their next
   * heartbeat, up to 45 s later. The end of the connection alone they notice at once, and reconnect.
   */
  readonly #ignoresCloseFrames: boolean
  #isCloseFrameSent = false
  #endTimer: NodeJS.Timeout | undefined
  /** Its owner, on another node, has no room for more. */
  #isHeld = false
  /** What the connection has told of its end, in order, while the rest of what had been read waited for its turn: that is handled first. */
  #ends: (() => void)[] | undefined
  #flushing = 0

  constructor(socket: Socket, session: Owner, options: { head: string; supportsBinary: boolean; frames: FrameDecoderOptions; userAgent: string | undefined }) {
    this.#socket = socket
    this.#session = session
    this.supportsBinary = options.supportsBinary
    this.#ignoresCloseFrames = options.userAgent?.startsWith('okhttp/') === true
    this.#head = options.head
    this.#decoder = new FrameDecoder(this, options.frames)
    own(socket, this)
    if (socket.isPaused()) socket.resume()
    // The application may have given its server a stream that is no connection.
    socket.setTimeout?.(0)
    socket.setNoDelay?.(true)
  }

  /** Feeds what the HTTP parser had read beyond the request. */
  start(rest: Buffer): void {
    if (rest.length > 0) this.socketData(rest)
  }

  /** Sends the 101 at once: an upgrading transport has no packet of its own to ride on. */
  begin(): void {
    this.#socket.write(this.#head!, 'latin1')
    this.#head = undefined
  }

  get name(): 'websocket' {
    return 'websocket'
  }

  // ---- out

  deliver(batch: readonly OutgoingMessage[]): void {
    debug?.('%d packets out', batch.length)
    const { protocol } = this.#session
    if (batch.length === 1 && this.#head === undefined) {
      const text = batch[0]!.latin1Frame()
      if (text !== undefined) return this.#handOver(this.#socket.write(text, 'latin1'), 1)
    }
    let bytes: Buffer
    if (!this.supportsBinary) {
      bytes = Buffer.concat(batch.map((message) => (message.isBinary ? message.base64Frame(protocol) : message.frame(protocol))))
    } else if (batch.length === 1) bytes = batch[0]!.frame(protocol)
    else if (lastFlush !== undefined && lastFlush.revision === protocol && isSame(lastFlush.batch, batch)) bytes = lastFlush.bytes
    else if (batch.some(isLarge)) return this.#deliverLarge(batch)
    else {
      bytes = concatFrames(batch, protocol)
      lastFlush = { revision: protocol, batch: batch.slice(), bytes }
      queueMicrotask(forgetLastFlush)
    }
    if (this.#head !== undefined) {
      bytes = withHead(this.#head, bytes)
      this.#head = undefined
    }
    this.#handOver(this.#socket.write(bytes), batch.length)
  }

  /** In one write too, but large frames are not copied: their recipients share them for as long as they are not read. */
  #deliverLarge(batch: readonly OutgoingMessage[]): void {
    const socket = this.#socket
    const { protocol } = this.#session
    let isTaken = true
    socket.cork()
    if (this.#head !== undefined) {
      socket.write(this.#head, 'latin1')
      this.#head = undefined
    }
    for (let from = 0; from < batch.length; ) {
      let to = from
      while (to < batch.length && !isLarge(batch[to]!)) to++
      if (to > from) isTaken = socket.write(concatFrames(batch.slice(from, to), protocol))
      if (to < batch.length) isTaken = socket.write(batch[to++]!.frame(protocol))
      from = to
    }
    socket.uncork()
    this.#handOver(isTaken, batch.length)
  }

  #handOver(isTaken: boolean, count: number): void {
    if (isTaken) this.#session.handleFlushed(this, count)
    else {
      this.writable = false
      this.#flushing = count
    }
  }

  deliverFrames(frames: Buffer): void {
    if (this.#isClosing) return
    if (this.#socket.write(frames)) this.#session.handleFlushed(this, frames.length)
    else {
      this.writable = false
      this.#flushing += frames.length
    }
  }

  #writeFrame(frame: Uint8Array): void {
    if (this.#head !== undefined) {
      this.#socket.write(this.#head, 'latin1')
      this.#head = undefined
    }
    this.#socket.write(frame)
  }

  socketDrained(): void {
    if (this.writable || this.#isClosing) return
    this.writable = true
    const flushed = this.#flushing
    this.#flushing = 0
    this.#session.handleFlushed(this, flushed)
    this.#session.handleWritable(this)
  }

  // ---- in

  pause(): void {
    this.#isHeld = true
    this.#socket.pause()
  }

  resume(): void {
    this.#isHeld = false
    if (!this.#isClosing && !this.#decoder.isPaused) this.#socket.resume()
  }

  socketData(chunk: Buffer): void {
    if (mustQueue(chunk.length)) this.#wait()
    else beginSlice(this)
    try {
      this.#decoder.push(chunk)
    } catch (error) {
      // Codecs throw nothing but ProtocolError; anything else would be a defect of ours and ends this session only.
      this.#fail(error as ProtocolError)
    }
    endSlice(chunk.length)
  }

  /** The rest of what was read has its turn later, in order; nothing more is read until then. */
  #wait(): void {
    if (this.#isClosing || this.#decoder.isPaused) return
    this.#decoder.pause()
    this.#socket.pause()
    takeTurn(this)
  }

  continueTurn(): void {
    if (this.#isClosing) return
    try {
      this.#decoder.resume()
    } catch (error) {
      this.#fail(error as ProtocolError)
    }
    if (this.#isClosing || this.#decoder.isPaused) return
    if (this.#ends !== undefined) this.#readToEnd(this.#ends)
    else if (!this.#isHeld) this.#socket.resume()
  }

  #readToEnd(ends: (() => void)[]): void {
    // The stream has read ahead while it was paused.
    const rest = this.#socket.read() as Buffer | null
    if (rest !== null) this.socketData(rest)
    if (!this.#decoder.isPaused) for (const end of ends) end()
  }

  /** True: `end` comes after what had been read before it, and after others that end: thousands may do so at once. */
  #mustWait(end: () => void): boolean {
    if (this.#isClosing) return false
    const hasHadItsTurn = this.#ends !== undefined
    if (!hasHadItsTurn && isTurnOver()) this.#wait()
    if (!this.#decoder.isPaused) return false
    ;(this.#ends ??= []).push(end)
    return true
  }

  handleText(text: string): void {
    this.#dispatch(text)
  }

  handleBinary(data: Uint8Array): void {
    const bytes = data as Buffer
    this.#dispatch(bytes.length <= COPY_BELOW_BYTES && 2 * bytes.length < bytes.buffer.byteLength ? copyOf(bytes) : bytes)
  }

  #dispatch(encoded: string | Buffer): void {
    if (this.#isClosing) return
    let packet: EnginePacket
    try {
      packet = this.#session.protocol === 4 ? engineV4.decodePacket(encoded) : engineV3.decodePacket(encoded)
    } catch (error) {
      this.#session.handleMalformed(this, error)
      return
    }
    if (packet.type === 'ping' && packet.data === 'probe' && this.#session.edge !== this) {
      this.#answerPing(PONG_PROBE.frame(this.#session.protocol))
    }
    this.#session.handlePacket(this, packet)
    this.#spend(encoded.length)
  }

  #spend(size: number): void {
    if (!spend(size) || this.#isClosing) return
    this.#session.handleLimit?.('packetsPerTurn')
    this.#wait()
  }

  handlePing(data: Uint8Array): void {
    if (this.#isClosing) return
    this.#answerPing(encodeFrame(OPCODE.PONG, data))
    this.#spend(PONG_COST)
  }

  /** A peer that sends pings and reads no pongs must not fill our memory. */
  #answerPing(pong: Uint8Array): void {
    if (this.#socket.writableLength < LIMITS.pongBytes.default) this.#writeFrame(pong)
    else this.#session.handleLimit?.('pongBytes')
  }

  handlePong(): void {
    this.#spend(0)
  }

  handleClose(code: number, reason: string): void {
    if (!this.#isCloseFrameSent) {
      this.#isCloseFrameSent = true
      this.#writeFrame(encodeCloseFrame(code === 1005 ? undefined : code))
    }
    this.#isClosing = true
    this.#endSocket()
    this.#report('transport close', { code, reason })
  }

  // ---- close

  #fail(error: ProtocolError): void {
    if (this.#isClosing) return this.#endSocket()
    this.#sendClose(error.closeCode ?? 1002, error.message)
    this.#report('transport error', error)
  }

  close(options?: { discard?: boolean; code?: number; reason?: string; isShutdown?: boolean }): void {
    this.#hasReported = true
    if (options?.isShutdown === true && this.#ignoresCloseFrames && !this.#isCloseFrameSent) {
      this.#isCloseFrameSent = true
      this.#isClosing = true
      this.#decoder.stop()
      if (this.#head !== undefined) this.#socket.write(this.#head, 'latin1')
      this.#endSocket()
      return
    }
    if (options?.discard === true && !this.writable) {
      this.#isClosing = true
      this.#socket.destroy()
      return
    }
    // A proxy that sees our end before the client's answer cuts the client off, sometimes before it has read the close frame. Who is closed for
    // what it did, or has not been heard of, is not waited for.
    const mayAnswer = options?.code === undefined && options?.discard !== true && !this.#ignoresCloseFrames
    this.#sendClose(options?.code, options?.reason, mayAnswer)
  }

  #sendClose(code?: number, reason?: string, mayAnswer = false): void {
    if (this.#isCloseFrameSent) return
    this.#isCloseFrameSent = true
    this.#isClosing = true
    this.#writeFrame(encodeCloseFrame(code, reason))
    if (mayAnswer && !this.#decoder.isPaused) return this.#guardEnd()
    this.#decoder.stop()
    this.#endSocket()
  }

  /** What still comes is thrown away. */
  #endSocket(): void {
    this.#socket.end()
    this.#guardEnd()
  }

  /** A peer that does not close is cut off. */
  #guardEnd(): void {
    // The end of the peer is not read otherwise.
    if (this.#socket.isPaused()) this.#socket.resume()
    this.#socket.setTimeout?.(CLOSE_TIMEOUT_MS, destroyOnTimeout)
    this.#endTimer ??= setTimeout(destroy, END_TIMEOUT_MS, this.#socket).unref()
  }

  detach(): void {}

  /** A peer that ends has closed. */
  socketEnded(): void {
    if (this.#mustWait(() => this.socketEnded())) return
    // What was sent before the end has come may still be read; what is sent from now on cannot be written.
    if (this.#session.edge === this) this.#session.flush?.()
    this.#lose()
    // perf: with nothing left to write, the end of the connection says it without a shutdown before it.
    if (this.#socket.writableLength === 0) this.#socket.destroy()
    else this.#socket.end()
  }

  socketFailed(error: Error): void {
    const reason = isMerelyGone(error, !this.writable || this.#hasUnsent) ? 'transport close' : 'transport error'
    this.#lose()
    this.#endWith(reason, error)
  }

  #endWith(reason: 'transport close' | 'transport error', error: Error): void {
    if (this.#mustWait(() => this.#endWith(reason, error))) return
    this.#isClosing = true
    this.#report(reason, error)
    this.#socket.destroy()
  }

  socketClosed(): void {
    clearTimeout(this.#endTimer)
    this.#lose()
    if (this.#mustWait(() => this.socketClosed())) return
    this.#isClosing = true
    this.#report(this.#hasUnsent ? 'transport error' : 'transport close')
  }

  get #hasUnsent(): boolean {
    return this.#session.edge === this && this.#session.hasUnsent === true
  }

  /** Nothing can be written any more. */
  #lose(): void {
    this.writable = false
    // perf: a close frame on a dead socket costs two errors with their stacks.
    this.#isCloseFrameSent = true
  }

  #report(reason: 'transport close' | 'transport error', description?: unknown): void {
    debugTransport?.('websocket: %s', reason)
    if (this.#hasReported) return
    this.#hasReported = true
    this.#decoder.stop()
    this.#session.handleClosed(this, reason, description)
  }
}

/**
 * compat: an error is what could not be written. A client that resets the connection has closed it; and where Node ends our half with the
 * client's (TLS), so has one of which that is found out by a write.
 */
function isMerelyGone({ syscall, code }: NodeJS.ErrnoException, hasUnwritten: boolean): boolean {
  return syscall === 'read' ? !hasUnwritten : syscall === undefined && code === 'EPIPE'
}

function destroyOnTimeout(this: Socket): void {
  this.destroy()
}

function destroy(socket: Socket): void {
  socket.destroy()
}

function forgetLastFlush(): void {
  lastFlush = undefined
}

function isLarge({ data }: OutgoingMessage): boolean {
  return data.length >= LARGE_MESSAGE
}

function isSame(a: readonly OutgoingMessage[], b: readonly OutgoingMessage[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function withHead(head: string, frames: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(head.length + frames.length)
  bytes.latin1Write(head, 0)
  bytes.set(frames, head.length)
  return bytes
}

function concatFrames(batch: readonly OutgoingMessage[], revision: EngineRevision): Buffer {
  let length = 0
  // perf: frames of messages that nobody shares are not made one by one first.
  const shared = batch.map((message) => (message.share() ? message.frame(revision) : undefined))
  for (let i = 0; i < batch.length; i++) length += shared[i]?.length ?? batch[i]!.frameLength(revision)
  const frames = Buffer.allocUnsafe(length)
  let at = 0
  for (let i = 0; i < batch.length; i++) {
    const frame = shared[i]
    if (frame === undefined) at = batch[i]!.writeFrame(frames, at, revision)
    else {
      frames.set(frame, at)
      at += frame.length
    }
  }
  return frames
}

/** How frames of clients are decoded: one object for all connections of an engine. */
export function frameOptions(maxPayloadBytes: number): FrameDecoderOptions {
  return { role: 'server', maxPayloadBytes, decodeText: decodeUtf8 }
}

function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new RangeError('not UTF-8')
  return (bytes as Buffer).utf8Slice === undefined
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
    : (bytes as Buffer).utf8Slice(0, bytes.length)
}

declare global {
  interface Buffer {
    utf8Slice(start: number, end: number): string
    latin1Write(text: string, offset: number): number
  }
}
