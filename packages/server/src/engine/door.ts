// The door between the two halves of a session. The OWNER (session.ts) has everything with a memory; the EDGE (transports/*) holds a TCP
// connection and turns bytes into engine packets and back. What passes the door is plain data, so that the same messages can travel
// between nodes (cluster-port.ts); on one node each is a direct call.
import type { EnginePacket, EngineRevision } from '@tidewire/protocol'
import type { LimitName } from '../limits.ts'
import type { CloseReason } from './contract.ts'
import type { OutgoingMessage } from './outgoing-message.ts'

/** The owner's view of a transport. An edge calls its owner, never the other way round while the owner is inside a call of its own. @internal */
export interface Edge {
  readonly name: 'polling' | 'websocket' | 'webtransport'
  /** It pings and watches for silence by itself: a stall between the halves must not count against the client. */
  readonly keepsHeartbeat?: boolean
  /** True when packets delivered now would leave at once. */
  readonly writable: boolean
  /** It has more for its owner that was sent before anything that another edge tells from now on; `handleRead` of the session follows. */
  readonly isReading?: boolean
  /**
   * Takes a batch of packets to write in order. The batch stays in the owner's outbox until the edge reports `handleFlushed`; the edge
   * may do so before it returns. Called only while `writable`.
   */
  deliver(batch: readonly OutgoingMessage[]): void
  /** Answers what is parked with a close packet, or sends a close frame. `handleClosed` follows once, unless it was called before. */
  close(options?: { discard?: boolean; code?: number; reason?: string; isShutdown?: boolean }): void
  /** The owner has moved to another edge: release what is parked with a noop and forget the owner. */
  detach(): void
}

/** An edge's view of the session it serves. @internal */
export interface Owner {
  readonly protocol: EngineRevision
  /** The edge that packets leave through; another one is probing. */
  readonly edge: Edge | undefined
  /** Something waits that no edge has been given yet; unknown of an owner on another node. */
  readonly hasUnsent?: boolean
  /** Hands over what waits for the end of the turn. */
  flush?(): void
  handlePacket(edge: Edge, packet: EnginePacket): void
  /** What the edge has read is no packet. */
  handleMalformed(edge: Edge, error: unknown): void
  /** The first `count` packets of the outbox have been handed to the kernel. */
  handleFlushed(edge: Edge, count: number): void
  /** `writable` has become true. */
  handleWritable(edge: Edge): void
  /** The edge has hit a limit that ends nothing. */
  handleLimit?(limit: LimitName): void
  /** The edge is gone. Called at most once. */
  handleClosed(edge: Edge, reason: CloseReason, description?: unknown): void
}
