// What primary and workers say to each other, and how a connection goes from one process to another. A socket travels with `upgrade`.
import { TLSSocket } from 'node:tls'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What a worker tells of itself. */
export interface WorkerFigures {
  /** Sessions that it owns. */
  readonly sessions: number
  /** WebSockets that it holds for sessions of other workers: over TLS alone. */
  readonly relayedWebSockets: number
  /** WebSockets that it has handed to the worker that owns their session. */
  readonly handedOver: number
  /** ... and that it has been handed. */
  readonly takenOver: number
  /** Resident memory. */
  readonly rssBytes: number
  /** Milliseconds of CPU time, of all its threads. */
  readonly cpuMs: number
}

export type Message =
  /** Worker: it serves, under this incarnation. */
  | { readonly tidewire: 'ready'; readonly incarnation: string }
  /** Primary: the incarnations of all workers. */
  | { readonly tidewire: 'siblings'; readonly incarnations: readonly string[] }
  /** The request of a WebSocket, before its 101, for the worker that owns the session (latin1); for any other one when that is gone. */
  | { readonly tidewire: 'upgrade'; readonly to: string; readonly request: string }
  /** Primary: take no more connections, then empty yourself, and end. */
  | { readonly tidewire: 'retire' }
  /** Primary: empty yourself and end. */
  | { readonly tidewire: 'stop' }
  /** Worker: it has no session left, and ends when the primary has said `left`: what had been sent to it before is then there. */
  | { readonly tidewire: 'leaving' }
  | { readonly tidewire: 'left' }
  | { readonly tidewire: 'ask'; readonly question: number }
  | { readonly tidewire: 'figures'; readonly question: number; readonly figures: WorkerFigures }

export function isMessage(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Message>).tidewire === 'string'
}

/** What Node gives no public name: the handle of a connection. */
export interface Handle {
  /** -1 when it is closed. */
  readonly fd?: number
  readStart?(): number
  readStop?(): number
  close?(): void
}

export const handleOf = (socket: Socket): Handle | null | undefined => (socket as unknown as { _handle?: Handle | null })._handle

/** Plain TCP only: what a TLS connection knows cannot be handed over. */
export function isHandable(socket: Duplex): socket is Socket {
  return socket instanceof Socket && !(socket instanceof TLSSocket) && !socket.destroyed && typeof handleOf(socket)?.readStop === 'function'
}

/**
 * This process reads no more of it. `pause()` alone would go on until the buffer is full, and the handle stays open here until the other process
 * has confirmed that it is there: what the client sends meanwhile would be read here and lost.
 */
export function stopReading(socket: Socket): void {
  socket.pause()
  const handle = handleOf(socket)
  if (handle?.readStop === undefined) return
  // The stream starts the handle again by itself, after this turn or when its buffer is read.
  handle.readStart = () => 0
  handle.readStop()
}

interface Channel {
  send?(message: Message, handle: Socket, options: { keepOpen: boolean }, callback: (error: Error | null) => void): unknown
}

/** Hands a socket over with its message; here it is gone. Resolves when it is on its way. */
export function sendSocket(channel: Channel, message: Message, socket: Socket): Promise<void> {
  stopReading(socket)
  // It may have to wait for others before it goes.
  socket.on('error', () => socket.destroy())
  // Otherwise close() of this server would wait for a connection that lives on in another process.
  ;(socket as { server?: unknown }).server = null
  return new Promise((resolve) => {
    channel.send!(message, socket, { keepOpen: false }, () => {
      socket.destroy()
      resolve()
    })
  })
}
