// What primary and workers say to each other. A socket travels with `upgrade`.
import { TLSSocket } from 'node:tls'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export type Message =
  /** Worker: it serves, under this incarnation. */
  | { readonly tidewire: 'ready'; readonly incarnation: string }
  /** Primary: the incarnations of all workers. */
  | { readonly tidewire: 'siblings'; readonly incarnations: readonly string[] }
  /** The request of a WebSocket, before its 101, for the worker that owns the session; latin1. */
  | { readonly tidewire: 'upgrade'; readonly to: string; readonly request: string }
  /** Primary: empty yourself and end. */
  | { readonly tidewire: 'stop' }

export function isMessage(value: unknown): value is Message {
  return (
    typeof value === 'object' && value !== null && typeof (value as Partial<Message>).tidewire === 'string'
  )
}

/** What Node gives no public name: the handle of a connection. */
interface Reading {
  readStart?(): number
  readStop?(): number
}

const handleOf = (socket: Socket): Reading | null | undefined =>
  (socket as unknown as { _handle?: Reading | null })._handle

/** Plain TCP only: what a TLS connection knows cannot be handed over. */
export function isHandable(socket: Duplex): socket is Socket {
  return (
    socket instanceof Socket &&
    !(socket instanceof TLSSocket) &&
    !socket.destroyed &&
    typeof handleOf(socket)?.readStop === 'function'
  )
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
  send?(
    message: Message,
    handle: Socket,
    options: { keepOpen: boolean },
    callback: (error: Error | null) => void,
  ): unknown
}

/** Hands a socket over with its message; here it is gone. */
export function sendSocket(channel: Channel, message: Message, socket: Socket): void {
  // Otherwise close() of this server would wait for a connection that lives on in another process.
  ;(socket as { server?: unknown }).server = null
  channel.send!(message, socket, { keepOpen: false }, () => socket.destroy())
}
