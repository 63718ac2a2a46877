// A WebSocket in Node: our own framing on an HTTP upgrade. In: bytes of the connection. Out: messages, to the transport; frames, all of a turn in
// one write. The request is forgotten once it is answered: it would be half of what an idle client holds.
import { FrameDecoder, OPCODE, acceptKey, encodeCloseFrame, encodeFrame } from '@tidewire/protocol'
import { randomBytes } from 'node:crypto'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { doAtExit } from '../engine/end-of-turn.ts'
import type { WebSocketEvents, WebSocketLike } from './platform.ts'

/** What is read of an answer that refuses a WebSocket. */
const MAX_REFUSAL_CHARS = 2_000
/** How long a closing WebSocket waits for the server's close frame. */
const CLOSE_TIMEOUT_MS = 2_000
/** perf: several frames up to this become one buffer, which costs less than a vector for the system call; above, copying would. */
const MAX_JOINED_BYTES = 65_536
const DECODER_OPTIONS = { role: 'client', maxPayloadBytes: Number.MAX_SAFE_INTEGER } as const

const OWNER = Symbol('tidewire websocket')
type OwnedSocket = Socket & { [OWNER]?: NodeWebSocket }

// perf: asking for four random bytes costs as much as all else that is done for a short frame.
const mask: Uint8Array = new Uint8Array(4)
const MASKED = { mask }
let randomPool: Uint8Array = new Uint8Array(0)
let usedBytes = 0

/** Fills `mask` anew; whoever makes a frame copies it. */
function changeMask(): Uint8Array {
  if (usedBytes === randomPool.length) {
    randomPool = randomBytes(8_192)
    usedBytes = 0
  }
  for (let i = 0; i < 4; i++) mask[i] = randomPool[usedBytes++]!
  return mask
}

const { push, _read } = Socket.prototype

/** perf: in place of `push`, by which a stream is given what was read: the stream would pass it on by an event, and ask for more in a tick of its own. */
function pushToOwner(this: OwnedSocket, chunk: Buffer | null, encoding?: BufferEncoding): boolean {
  if (
    chunk === null ||
    this.readableFlowing !== true ||
    this.readableLength > 0 ||
    this.listenerCount('data') > 1
  ) {
    return Reflect.apply(push, this, [chunk, encoding])
  }
  this[OWNER]!._receive(chunk)
  return true
}

function handleData(this: OwnedSocket, chunk: Buffer): void {
  this[OWNER]!._receive(chunk)
}
function handleEnd(this: OwnedSocket): void {
  if (!this.writableEnded) this.end()
}
function handleClose(this: OwnedSocket): void {
  this[OWNER]!._finish()?.close(1006, '')
}
function handleError(this: OwnedSocket, error: Error): void {
  this[OWNER]!._finish()?.error(error)
}

let unflushed: NodeWebSocket[] = []
let isFlushedAtExit = false

function flushAll(): void {
  const sockets = unflushed
  unflushed = []
  for (const socket of sockets) socket._flush()
}

/** compat: what was emitted right before `process.exit()` is sent. Node writes at once what the network takes. */
function flushAtExit(): void {
  if (isFlushedAtExit) return
  isFlushedAtExit = true
  process.once('exit', () => {
    doAtExit()
    flushAll()
  })
}

export class NodeWebSocket implements WebSocketLike {
  readonly #events: WebSocketEvents
  #request: ClientRequest | undefined
  #socket: OwnedSocket | undefined
  #decoder: FrameDecoder | undefined
  /** What this turn writes. */
  #frames: Uint8Array[] | undefined
  #isFinished = false

  /** `key` is what the request said; `keepCookies` sees the answer. */
  constructor(
    request: ClientRequest,
    key: string,
    autoUnref: boolean | undefined,
    events: WebSocketEvents,
    keepCookies: (res: IncomingMessage) => void,
  ) {
    this.#events = events
    this.#request = request
    request.on('error', (error) => this._finish()?.error(error))
    request.on('response', (res) => this.#handleRefusal(request, res))
    request.on('upgrade', (res, socket: Socket, head: Buffer) => {
      this.#request = undefined
      this.#handleUpgrade(socket, head, res.headers['sec-websocket-accept'] === acceptKey(key), () =>
        keepCookies(res),
      )
      if (autoUnref) socket.unref?.()
    })
    request.end()
  }

  #handleRefusal(request: ClientRequest, res: IncomingMessage): void {
    let body = ''
    res.setEncoding('utf8').on('data', (chunk: string) => {
      if (body.length < MAX_REFUSAL_CHARS) body += chunk
    })
    const report = (): void => {
      this._finish()?.error(new Error(`Unexpected server response: ${res.statusCode}`), res.statusCode, body)
      request.destroy()
    }
    res.on('end', report)
    res.on('error', report)
  }

  #handleUpgrade(socket: OwnedSocket, head: Buffer, isAccepted: boolean, accept: () => void): void {
    this.#socket = socket
    socket[OWNER] = this
    socket.on('error', handleError)
    if (this.#isFinished) return void socket.destroy()
    if (!isAccepted) {
      socket.destroy()
      return this._finish()!.error(new Error('Invalid Sec-WebSocket-Accept header'))
    }
    accept()
    flushAtExit()
    // An agent may have made a stream that is no connection.
    socket.setNoDelay?.(true)
    socket.setTimeout?.(0)
    this.#decoder = new FrameDecoder(this, DECODER_OPTIONS)
    this.#events.open()
    if (head.length > 0) this._receive(head)
    socket.on('data', handleData)
    // Others end by themselves.
    if (socket.allowHalfOpen) socket.on('end', handleEnd)
    socket.on('close', handleClose)
    // Streams of an agent's own wait to be asked for more.
    if (socket instanceof Socket && socket.push === push && socket._read === _read) socket.push = pushToOwner
  }

  /** Whom to tell how it ended; nobody the second time, or when it was closed from here. @internal */
  _finish(): WebSocketEvents | undefined {
    if (this.#isFinished) return undefined
    this.#isFinished = true
    return this.#events
  }

  // ---- in

  /** @internal */
  _receive(chunk: Buffer): void {
    try {
      this.#decoder!.push(chunk)
    } catch (error) {
      this._finish()?.error(error)
      this.#socket!.destroy()
    }
  }

  handleText(text: string): void {
    if (!this.#isFinished) this.#events.message(text)
  }
  handleBinary(data: Uint8Array): void {
    // A copy: what was read may be changed, and is larger.
    if (!this.#isFinished) this.#events.message(Buffer.from(data))
  }
  handlePing(data: Uint8Array): void {
    this.#write(encodeFrame(OPCODE.PONG, data, { mask: changeMask() }))
  }
  handlePong(): void {}
  handleClose(code: number, reason: string): void {
    this.#end(code === 1005 ? undefined : code)
    this.#tellClosed(code, reason)
  }

  /** What a listener throws must not look as if these bytes were bad. */
  #tellClosed(code: number, reason: string): void {
    try {
      this._finish()?.close(code, reason)
    } catch (error) {
      queueMicrotask(() => {
        throw error
      })
    }
  }

  // ---- out

  send(data: string | Uint8Array): void {
    changeMask()
    if (this.#socket?.writable)
      this.#write(encodeFrame(typeof data === 'string' ? OPCODE.TEXT : OPCODE.BINARY, data, MASKED))
  }

  #write(frame: Uint8Array): void {
    if (this.#frames !== undefined) return void this.#frames.push(frame)
    this.#frames = [frame]
    // Not yet: what runs now may send more.
    if (unflushed.push(this) === 1) process.nextTick(flushAll)
  }

  /** @internal */
  _flush(): void {
    const socket = this.#socket!
    const frames = this.#frames
    this.#frames = undefined
    if (frames === undefined || !socket.writable) return
    if (frames.length === 1) return void socket.write(frames[0]!)
    let bytes = 0
    for (const frame of frames) bytes += frame.length
    if (bytes <= MAX_JOINED_BYTES) return void socket.write(Buffer.concat(frames, bytes))
    socket.cork()
    for (const frame of frames) socket.write(frame)
    socket.uncork()
  }

  #end(code?: number): void {
    const socket = this.#socket!
    if (!socket.writable) return
    this.#write(encodeCloseFrame(code, undefined, changeMask()))
    this._flush()
    socket.end()
  }

  close(): void {
    this.#isFinished = true
    if (this.#socket === undefined) return void this.#request?.destroy()
    this.#socket.setTimeout?.(CLOSE_TIMEOUT_MS, handleTimeout)
    this.#end()
  }
}

function handleTimeout(this: Socket): void {
  this.destroy()
}
