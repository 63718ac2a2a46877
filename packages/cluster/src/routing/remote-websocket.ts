// OWNER: a WebSocket on another node that serves a session of this one. In: packets of the client, and how much the kernel over there has
// taken. Out: frames, built once for all recipients. Not writable while the link is full or the client behind: then the outbox's bound holds.
import type { EnginePacket } from '@tidewire/protocol'
import type { Edge, EngineSession, OutgoingMessage, Owner } from 'tidewire'
import { KIND, writeFacts } from './messages.ts'
import type { CloseFacts, EdgeCloseReason } from './messages.ts'
import type { PeerSessions } from './peer-sessions.ts'

/** What may be under way to one client: more than a fast one needs within a round trip, little enough for a slow one. */
const WINDOW_BYTES = 512 << 10

export class RemoteWebSocket implements Edge {
  readonly name = 'websocket'
  readonly keepsHeartbeat = true
  readonly number: number
  readonly supportsBinary: boolean
  readonly session: EngineSession & Owner
  readonly #peer: PeerSessions
  #underWayBytes = 0
  #isClosed = false

  constructor(peer: PeerSessions, number: number, session: EngineSession & Owner, supportsBinary: boolean) {
    this.#peer = peer
    this.number = number
    this.session = session
    this.supportsBinary = supportsBinary
  }

  get writable(): boolean {
    return !this.#isClosed && !this.#peer.isFull && this.#underWayBytes < WINDOW_BYTES
  }

  deliver(batch: readonly OutgoingMessage[]): void {
    // A burst leaves in parts, so that it does not overfill the link.
    let count = 0
    let bytes = 0
    while (count < batch.length && (count === 0 || this.#underWayBytes + bytes < WINDOW_BYTES))
      bytes += batch[count++]!.byteLength
    this.#underWayBytes += this.#peer.deliver(this, count === batch.length ? batch : batch.slice(0, count))
    this.session.handleFlushed(this, count)
  }

  detach(): void {}

  close(options: CloseFacts = {}): void {
    if (this.#isClosed) return
    this.#end()
    const { discard, code, reason, isShutdown } = options
    this.#peer.send(KIND.close, this.number, (writer) =>
      writeFacts(writer, {
        ...(discard === undefined ? {} : { discard }),
        ...(code === undefined ? {} : { code }),
        ...(reason === undefined ? {} : { reason }),
        ...(isShutdown === undefined ? {} : { isShutdown }),
      }),
    )
  }

  // ---- from the edge

  handlePacket(packet: EnginePacket): void {
    if (!this.#isClosed) this.session.handlePacket(this, packet)
  }

  handleMalformed(message: string): void {
    if (!this.#isClosed) this.session.handleMalformed(this, new Error(message))
  }

  handleTaken(bytes: number): void {
    const wasWritable = this.writable
    this.#underWayBytes = Math.max(0, this.#underWayBytes - bytes)
    if (!wasWritable && this.writable) this.session.handleWritable(this)
  }

  handleDrain(): void {
    if (this.writable) this.session.handleWritable(this)
  }

  handleClosed(reason: EdgeCloseReason, description: unknown): void {
    if (this.#isClosed) return
    this.#end()
    this.session.handleClosed(this, reason, description)
  }

  #end(): void {
    this.#isClosed = true
    this.#peer.forgetRemote(this.number)
  }
}
