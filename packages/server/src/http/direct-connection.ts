// One TCP connection that is served without node:http for as long as nothing on it asks for more: requests of the engine, one at a time, their
// heads plain and their bodies whole. Anything else goes to node:http with every byte that has not been answered, once and for good.
import { AsyncResource } from 'node:async_hooks'
import type { Socket } from 'node:net'
import type { DirectExchange } from './direct-exchange.ts'
import { disown, isOwned, own } from './owned-socket.ts'
import type { SocketOwner } from './owned-socket.ts'
import { readRequestHead } from './request-head.ts'
import type { RequestHead } from './request-head.ts'
import { LIMITS } from '../limits.ts'

export interface DirectHost {
  /** Seconds since some moment: what `since` is compared with. */
  readonly now: number
  /** How long a connection may be idle between requests, told to clients; 0 for no limit. */
  readonly keepAliveMs: number
  /** Connections are no longer kept. */
  readonly isClosing: boolean
  /** False: this request is for node:http. */
  mayServe(head: RequestHead): boolean
  serve(connection: DirectConnection, head: RequestHead, body: Buffer): void
  /** The head of a request has come without all of its body. Call what is returned when it has been served, or never will be. */
  expectBody(head: RequestHead): (() => void) | undefined
  /** The connection leaves for good: `rest` is what the client has sent beyond the head. */
  upgrade(socket: Socket, head: RequestHead, rest: Buffer): void
  /** The connection is node:http's from now on. */
  handOver(socket: Socket): void
  /** A time-out that code of the application has set on the socket. */
  handleTimeout(socket: Socket): void
  forget(connection: DirectConnection): void
  /** The asynchronous context in which the server was told to listen: that of its connections. */
  readonly listeningContext: AsyncResource
}

/** compat: libraries that shut servers down look for the response that a socket is waiting for. */
type BusySocket = Socket & { _httpMessage?: DirectExchange | undefined }

const EMPTY = Buffer.alloc(0)
// perf: 43 ns a connection and 74 ns a chunk; AsyncLocalStorage.snapshot() costs 15 µs.
const CONTEXT_OPTIONS = { requireManualDestroy: true }

/** Of whoever calls. */
export function createContext(): AsyncResource {
  return new AsyncResource('TIDEWIRE_HTTP', CONTEXT_OPTIONS)
}

/** What a client may have sent beyond the request that is being served before it is made to wait. */
const MAX_AHEAD_BYTES = LIMITS.directAheadBytes.default
/** ... and how little of it is left when it is read again: what is read is put behind what is left, which would cost more than the requests. */
const LOW_AHEAD_BYTES = MAX_AHEAD_BYTES / 4

/** One is the turn in which it is read. */
const TURNS_AFTER_END = 2

/** perf: few connections ever wait for a body; no field for it in all the others. */
const expectations = new WeakMap<Socket, () => void>()

export class DirectConnection implements SocketOwner {
  /** `new`: no request yet. `reading`: a body is not all there. `leaving`: the next owner has not taken it yet. `ending`: the last answer is written. */
  state: 'new' | 'idle' | 'reading' | 'busy' | 'leaving' | 'ending' = 'new'
  /** When that began, by the host's clock. */
  since: number
  readonly #socket: BusySocket
  readonly #host: DirectHost
  #exchange: DirectExchange | undefined
  /** What has been read and not served. */
  #bytes: Buffer = EMPTY
  #head: RequestHead | undefined
  #isKeptAlive = true
  /** The next of the requests that were sent ahead has its turn. */
  #isReadingOn = false
  /** The client sends no more, and what it had sent ahead is not all answered: for so many turns more the request that is served may take. */
  #turnsLeft = 0
  /**
   * Runs in the asynchronous context of the server's listeners for connections, as node:http runs its listeners.
   * perf: one of its own costs a third of a handshake, so only where one of them can have changed the context in which the server listens.
   */
  readonly #context: AsyncResource

  /** `isShared`: other listeners of the server have been told of the connection. */
  constructor(socket: Socket, host: DirectHost, isShared: boolean) {
    this.#socket = socket
    this.#host = host
    this.#context = isShared ? createContext() : host.listeningContext
    this.since = host.now
    own(socket, this, isShared)
  }

  get socket(): Socket {
    return this.#socket
  }

  /** The request that is being served. */
  get exchange(): DirectExchange | undefined {
    return this.#exchange
  }

  set exchange(exchange: DirectExchange | undefined) {
    this.#exchange = exchange
    this.#socket._httpMessage = exchange
  }

  /** The answer to come is the last one. */
  endAfterAnswer(): void {
    this.#isKeptAlive = false
  }

  // ---- in

  socketData(chunk: Buffer): void {
    this.#context.runInAsyncScope(receive, undefined, this, chunk)
  }

  receive(chunk: Buffer): void {
    if (this.state === 'leaving') {
      // For the next owner, who resumes it.
      this.#socket.pause()
      this.#socket.unshift(chunk)
      return
    }
    if (this.state === 'ending') return
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    if (this.state !== 'busy' && !this.#isReadingOn) this.#readRequest()
    if (this.#bytes.length > MAX_AHEAD_BYTES && (this.state === 'busy' || this.#isReadingOn))
      this.#socket.pause()
  }

  #readRequest(): void {
    const bytes = this.#bytes
    const head = (this.#head ??= readRequestHead(bytes))
    // A time-out on the socket is node:http's to set back with every request.
    if (head === undefined || this.#socket.timeout || !this.#host.mayServe(head)) return this.#handOver()
    if (head.isUpgrade) {
      this.state = 'leaving'
      this.#bytes = EMPTY
      this.#host.forget(this)
      return this.#host.upgrade(this.#socket, head, bytes.subarray(head.byteLength))
    }
    const end = head.byteLength + head.bodyBytes
    if (bytes.length < end) {
      if (this.state !== 'reading') this.#expectBody(head)
      if (this.#socket.isPaused()) this.#socket.resume()
      return
    }
    this.#head = undefined
    this.#bytes = bytes.length === end ? EMPTY : bytes.subarray(end)
    this.#isKeptAlive = head.isKeptAlive
    const isExpected = this.state === 'reading'
    this.#enter('busy')
    this.#host.serve(this, head, bytes.subarray(head.byteLength, end))
    if (isExpected) endExpectation(this.#socket)
  }

  #expectBody(head: RequestHead): void {
    this.#enter('reading')
    const end = this.#host.expectBody(head)
    if (end !== undefined) expectations.set(this.#socket, end)
  }

  #enter(state: DirectConnection['state']): void {
    this.state = state
    this.since = this.#host.now
  }

  /** What it waits for takes long: node:http has limits and answers for that. */
  handleLate(): void {
    // Its turn may have come when it was late no more.
    if (this.state === 'reading' || this.state === 'new') this.#handOver()
  }

  #handOver(): void {
    // Nothing can be put back on a stream that has ended.
    if (this.#turnsLeft > 0) return void this.#socket.end()
    const bytes = this.#bytes
    this.#bytes = EMPTY
    // It is waited for all the same.
    if (expectations.has(this.#socket)) this.#socket.once('close', endExpectationOfThis)
    this.#release()
    // Back to where it came from: the next reader finds everything.
    this.#socket.pause()
    if (bytes.length > 0) this.#socket.unshift(bytes)
    this.#host.handOver(this.#socket)
    // Nobody else resumes what was paused here.
    this.#socket.resume()
  }

  #release(): void {
    disown(this.#socket)
    this.#host.forget(this)
  }

  // ---- out

  /** Completes the head, and writes it with the body. `isOneByte`: each character of the body is one byte. */
  answer(head: string, body: string | Uint8Array, isOneByte: boolean): void {
    const socket = this.#socket
    const { isClosing, keepAliveMs } = this.#host
    if (isClosing) this.#isKeptAlive = false
    const keepAlive =
      keepAliveMs > 0
        ? `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}`
        : 'Connection: keep-alive'
    const all = `${head}Date: ${httpDate()}\r\n${this.#isKeptAlive ? keepAlive : 'Connection: close'}\r\n\r\n`
    if (typeof body === 'string') socket.write(all + body, isOneByte ? 'latin1' : 'utf8')
    else {
      socket.cork()
      socket.write(all, 'latin1')
      socket.write(body)
      socket.uncork()
    }
    if (socket.writableLength === 0) this.socketDrained()
  }

  socketDrained(): void {
    const { exchange } = this
    if (exchange === undefined) return
    this.exchange = undefined
    const socket = this.#socket
    if (this.#isKeptAlive) this.#enter('idle')
    else {
      this.#enter('ending')
      this.#bytes = EMPTY
      socket.end()
    }
    exchange.flushed()
    if (socket.destroyed) return
    // Not on the stack of the answer: pipelined requests must not nest.
    if (this.#bytes.length > 0 && !this.#isReadingOn) {
      this.#isReadingOn = true
      setImmediate(readOn, this)
    }
    // One who is always ahead would be read further ahead with every answer.
    if (this.#bytes.length <= LOW_AHEAD_BYTES && socket.isPaused()) socket.resume()
  }

  readOn(): void {
    this.#isReadingOn = false
    if (this.state === 'idle' && this.#bytes.length > 0 && isOwned(this.#socket, this)) {
      if (this.#turnsLeft > 0) this.#turnsLeft = TURNS_AFTER_END
      this.#readRequest()
    }
    if (this.#turnsLeft > 0 && !this.#isReadingOn) this.#goOnAfterEnd()
  }

  /** A handshake is answered at the end of the turn; a poll that is held is not waited for, as node:http does not. */
  #goOnAfterEnd(): void {
    if (this.state !== 'busy' || --this.#turnsLeft === 0) return void this.#socket.end()
    this.#isReadingOn = true
    setImmediate(readOn, this)
  }

  // ---- close

  destroy(): void {
    this.#socket.destroy()
  }

  socketTimedOut(): void {
    this.#host.handleTimeout(this.#socket)
  }

  socketEnded(): void {
    // node:http has answered by then what was sent ahead.
    if (this.#isReadingOn) this.#turnsLeft = TURNS_AFTER_END
    // perf: with nothing left to write, the end of the connection says it without a shutdown before it.
    else if (this.#socket.writableLength === 0 && this.state !== 'leaving') this.#socket.destroy()
    else this.#socket.end()
  }

  socketFailed(): void {
    this.#socket.destroy()
  }

  socketClosed(): void {
    this.#release()
    this.#bytes = EMPTY
    endExpectation(this.#socket)
    const { exchange } = this
    this.exchange = undefined
    exchange?.lost()
  }
}

function endExpectation(socket: Socket): void {
  const end = expectations.get(socket)
  if (end === undefined) return
  expectations.delete(socket)
  end()
}
function endExpectationOfThis(this: Socket): void {
  endExpectation(this)
}
function receive(connection: DirectConnection, chunk: Buffer): void {
  connection.receive(chunk)
}
function readOn(connection: DirectConnection): void {
  connection.readOn()
}
let dateText = ''
let dateSecond = -1

function httpDate(): string {
  const now = Date.now()
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(now).toUTCString()
  }
  return dateText
}
