// WebTransport in memory: both ends of a session over Web Streams, and a global WebTransport class whose sessions arrive at whoever listens
// on the port of its URL. In: bytes, cut anew on the way. Like the real thing, a close breaks the streams of both ends.

export interface BidirectionalStream {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

export interface CloseInfo {
  closeCode?: number
  reason?: string
}

/** One end, with the members of the standard that Socket.IO uses. */
export class SessionEnd {
  readonly ready: Promise<void>
  readonly closed: Promise<CloseInfo>
  readonly incomingBidirectionalStreams: ReadableStream<BidirectionalStream>
  /** What its own side has closed it with. */
  readonly closeCalls: CloseInfo[] = []
  peer!: SessionEnd
  /** Writing to a closed session is no error. */
  isLenient = false
  readonly #chunkBytes: number
  readonly #broken = new AbortController()
  #incoming!: ReadableStreamDefaultController<BidirectionalStream>
  #settle!: { resolve: (info: CloseInfo) => void; reject: (error: Error) => void }
  #isClosed = false

  constructor(ready: Promise<void>, chunkBytes: number) {
    this.ready = ready
    this.#chunkBytes = chunkBytes
    this.closed = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    this.closed.catch(() => {})
    this.incomingBidirectionalStreams = new ReadableStream({
      start: (controller) => void (this.#incoming = controller),
    })
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  async createBidirectionalStream(): Promise<BidirectionalStream> {
    await this.ready
    if (this.#isClosed) throw new Error('the session is closed')
    const there = this.#channel()
    const back = this.#channel()
    this.peer.#incoming.enqueue({ readable: there.readable, writable: back.writable })
    return { readable: back.readable, writable: there.writable }
  }

  /**
   * A writable side that takes what is written after a close and loses it, in place of one that rejects: the official packages leave that
   * rejection unhandled, which would end the process of the test.
   */
  #lenient(writable: WritableStream<Uint8Array>): WritableStream<Uint8Array> {
    const writer = writable.getWriter()
    writer.closed.catch(() => {})
    return new WritableStream<Uint8Array>({
      write: (chunk) => writer.write(chunk).catch(() => {}),
      close: () => writer.close().catch(() => {}),
    })
  }

  /** One direction: cut into pieces, as a network does, and broken when either end closes. */
  #channel(): { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> } {
    const chunkBytes = this.#chunkBytes
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>(
      {
        start: (controller) => {
          const breakOff = (): void => {
            try {
              controller.error(new Error('the session is closed'))
            } catch {}
          }
          for (const end of [this, this.peer]) end.#broken.signal.addEventListener('abort', breakOff)
        },
        transform(chunk, controller) {
          for (let at = 0; at < chunk.length; at += chunkBytes)
            controller.enqueue(chunk.slice(at, at + chunkBytes))
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }),
      new ByteLengthQueuingStrategy({ highWaterMark: 65_536 }),
    )
    return { readable, writable: this.isLenient || this.peer.isLenient ? this.#lenient(writable) : writable }
  }

  close(info: CloseInfo = {}): void {
    this.closeCalls.push(info)
    this.#end(info)
    this.peer.#end(info)
  }

  /** The network is gone. */
  fail(error = new Error('the connection is lost')): void {
    this.#end({}, error)
    this.peer.#end({}, error)
  }

  #end(info: CloseInfo, error?: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#broken.abort()
    try {
      this.#incoming.close()
    } catch {}
    if (error === undefined) this.#settle.resolve(info)
    else this.#settle.reject(error)
  }
}

/** `chunkBytes`: what the network delivers at once. */
export function sessionPair(
  chunkBytes = 1200,
  ready: Promise<void> = Promise.resolve(),
): { client: SessionEnd; server: SessionEnd } {
  const client = new SessionEnd(ready, chunkBytes)
  const server = new SessionEnd(ready, chunkBytes)
  client.peer = server
  server.peer = client
  return { client, server }
}

export interface Accepted {
  url: string
  options: unknown
  client: SessionEnd
}

export interface FakeNetwork {
  /** Hands over the server's end of sessions for `port`. */
  listen(port: number, handler: (session: SessionEnd, accepted: Accepted) => void): void
  uninstall(): void
}

/** Puts a `WebTransport` class on the global object; a port that nobody listens on never becomes ready. */
export function installWebTransport(chunkBytes?: number): FakeNetwork {
  const listeners = new Map<number, (session: SessionEnd, accepted: Accepted) => void>()
  const global = globalThis as { WebTransport?: unknown }
  const former = global.WebTransport
  global.WebTransport = function WebTransport(url: string, options: unknown): SessionEnd {
    const handler = listeners.get(Number(new URL(url).port))
    const { client, server } = sessionPair(
      chunkBytes,
      handler === undefined ? new Promise(() => {}) : Promise.resolve(),
    )
    handler?.(server, { url, options, client })
    return client
  }
  return {
    listen: (port, handler) => void listeners.set(port, handler),
    uninstall() {
      if (former === undefined) delete global.WebTransport
      else global.WebTransport = former
    },
  }
}
