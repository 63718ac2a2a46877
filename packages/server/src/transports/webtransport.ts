// The EDGE of a session on WebTransport: one bidirectional stream of a session that an HTTP/3 engine of the application's choice brings. In:
// chunks of the stream. Out: engine packets to the owner, batches of frames in one write. Owns stream and session, and closes both.
import { ProtocolError, StreamFrameDecoder, encodeStreamFrame } from '@tidewire/protocol'
import type { EnginePacket } from '@tidewire/protocol'
import type { Edge, Owner } from '../engine/door.ts'
import { beginSlice, endSlice, mustQueue, spend, takeTurn } from '../engine/fair-turns.ts'
import { PONG_PROBE } from '../engine/outgoing-message.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'
import { copyOf } from './copy-of.ts'
import { LIMITS } from '../limits.ts'

interface StreamReader<T> {
  read(): Promise<{ done: boolean; value?: T | undefined }>
  cancel(reason?: unknown): Promise<void>
  releaseLock(): void
}

interface StreamWriter {
  write(chunk: Uint8Array): Promise<void>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
}

/** A stream of both directions, as the standard has it. */
export interface WebTransportStream {
  readonly readable: { getReader(): StreamReader<Uint8Array> }
  readonly writable: { getWriter(): StreamWriter }
}

/** What is used of a server's WebTransport session; the members are those of the standard, so that any engine's will do. */
export interface WebTransportSession {
  readonly ready?: Promise<unknown>
  readonly closed: Promise<unknown>
  readonly incomingBidirectionalStreams: { getReader(): StreamReader<WebTransportStream> }
  close(info?: { closeCode?: number; reason?: string }): unknown
}

/** How long what is written last may take to arrive before the session is closed over it. */
const CLOSE_TIMEOUT_MS = LIMITS.webSocketCloseTimeout.default
/** How long the session may take to say why its stream has broken. */
const REASON_TIMEOUT_MS = 1_000
/** Binary up to this size is copied, so that it does not pin the chunk it was read in. */
const COPY_BELOW_BYTES = 16_384

/** The bytes built last: receivers of the same broadcasts have equal queues in a turn. */
let lastFlush: { batch: readonly OutgoingMessage[]; bytes: Uint8Array } | undefined

export class WebTransportTransport implements Edge {
  readonly name = 'webtransport'
  readonly supportsBinary = true
  writable = true
  readonly #session: WebTransportSession
  readonly #reader: StreamReader<Uint8Array>
  readonly #writer: StreamWriter
  readonly #decoder: StreamFrameDecoder
  #owner: Owner | undefined
  /** Takes the first packet, which says whose stream this is. */
  #greet: ((packet: EnginePacket) => void) | undefined
  /** Of an upgrade that has not happened yet, or of a close. */
  #timer: NodeJS.Timeout | undefined
  #isClosed = false
  #isShut = false

  constructor(
    session: WebTransportSession,
    stream: WebTransportStream,
    maxPayloadBytes: number,
    greet: (packet: EnginePacket) => void,
  ) {
    this.#session = session
    this.#reader = stream.readable.getReader()
    this.#writer = stream.writable.getWriter()
    this.#decoder = new StreamFrameDecoder(maxPayloadBytes, (packet) => this.#receive(packet))
    this.#greet = greet
    session.closed.then(
      (info) => this.#report('transport close', info),
      (error: unknown) => this.#report('transport error', error),
    )
    void this.#read()
  }

  /** From now on packets go to `owner`; `timer` ends with the stream, if not before. */
  serve(owner: Owner, timer?: NodeJS.Timeout): void {
    this.#owner = owner
    this.#timer = timer
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  // ---- out

  deliver(batch: readonly OutgoingMessage[]): void {
    const count = batch.length
    this.writable = false
    this.#writer.write(bytesOf(batch)).then(
      () => this.#flushed(count),
      (error: unknown) => this.#break(error),
    )
  }

  #flushed(count: number): void {
    if (this.#isClosed) return
    this.writable = true
    this.#owner!.handleFlushed(this, count)
    this.#owner!.handleWritable(this)
  }

  // ---- in

  async #read(): Promise<void> {
    try {
      // A client that sends without a pause waits for its neighbours.
      let isSpent = false
      for (;;) {
        const { done, value } = await this.#reader.read()
        if (this.#isClosed) return
        if (done) return this.#report('transport close')
        if (isSpent || mustQueue(value!.length)) isSpent = await inTurn(() => this.#handle(value!))
        else {
          beginSlice(this)
          isSpent = this.#handle(value!)
          endSlice(0)
        }
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) this.#break(error)
      else if (this.#owner !== undefined) this.#owner.handleMalformed(this, error)
      else this.refuse(error.message)
    }
  }

  /** True: that has used up the slice. */
  #handle(chunk: Uint8Array): boolean {
    if (this.#isClosed) return false
    this.#decoder.push(chunk)
    return spend(0)
  }

  #receive(packet: EnginePacket): void {
    const owner = this.#owner
    if (owner === undefined) {
      const greet = this.#greet
      this.#greet = undefined
      if (greet === undefined) this.refuse('nothing may be sent before the open packet has been answered')
      else greet(packet)
      return
    }
    if (packet.type === 'ping' && packet.data === 'probe' && owner.edge !== this) {
      this.#writer.write(bytesOf([PONG_PROBE])).catch((error: unknown) => this.#break(error))
    }
    const { data } = packet
    spend(data?.length ?? 0)
    owner.handlePacket(
      this,
      data instanceof Uint8Array && data.length <= COPY_BELOW_BYTES
        ? { type: 'message', data: copyOf(data) }
        : packet,
    )
  }

  // ---- close

  /** Ends a session that is nobody's. The reason reaches the client where the engine carries it. */
  refuse(reason: string): void {
    this.#isClosed = true
    this.#shut(reason)
  }

  close(options?: { discard?: boolean; reason?: string }): void {
    if (options?.discard === true) {
      this.#isClosed = true
      return this.#shut(options.reason)
    }
    if (this.#isClosed) return
    this.#isClosed = true
    this.writable = false
    this.#decoder.stop()
    clearTimeout(this.#timer)
    // A session that closes takes back what is on its way: first the stream ends, then the session.
    const shut = (): void => this.#shut(options?.reason)
    this.#timer = setTimeout(shut, CLOSE_TIMEOUT_MS).unref()
    this.#writer.close().then(shut, shut)
  }

  detach(): void {}

  /** The stream is of no use any more. Why, the session says: a client that closes it breaks its streams first. */
  #break(error: unknown): void {
    if (this.#isClosed) return
    this.writable = false
    this.#shut()
    this.#timer = setTimeout(() => this.#report('transport error', error), REASON_TIMEOUT_MS).unref()
  }

  #report(reason: 'transport close' | 'transport error', description?: unknown): void {
    const isFirst = !this.#isClosed
    this.#isClosed = true
    this.#shut()
    clearTimeout(this.#timer)
    if (isFirst) this.#owner?.handleClosed(this, reason, description)
  }

  #shut(reason?: string): void {
    if (this.#isShut) return
    this.#isShut = true
    this.writable = false
    clearTimeout(this.#timer)
    this.#decoder.stop()
    closeSession(this.#session, reason)
    this.#reader.cancel().catch(ignore)
    this.#writer.abort().catch(ignore)
  }
}

/** Whatever an engine makes of it, closing never fails. */
export function closeSession(session: WebTransportSession, reason = ''): void {
  try {
    const closing = session.close({ closeCode: 0, reason })
    if (closing instanceof Promise) closing.catch(ignore)
  } catch {}
}

function bytesOf(batch: readonly OutgoingMessage[]): Uint8Array {
  if (
    lastFlush?.batch.length === batch.length &&
    batch.every((message, index) => message === lastFlush!.batch[index])
  )
    return lastFlush.bytes
  const bytes =
    batch.length === 1 ? encodeStreamFrame(batch[0]!) : Buffer.concat(batch.map(encodeStreamFrame))
  if (lastFlush === undefined) queueMicrotask(forgetLastFlush)
  lastFlush = { batch: batch.slice(), bytes }
  return bytes
}

function forgetLastFlush(): void {
  lastFlush = undefined
}

/** `work` when its turn has come: while that is given, and not after the turns of all. */
function inTurn<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    takeTurn({
      continueTurn() {
        try {
          resolve(work())
        } catch (error) {
          reject(error as Error)
        }
      },
    })
  })
}

function ignore(): void {}
