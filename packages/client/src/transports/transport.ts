// What a transport is: it moves Engine.IO packets over one kind of channel and knows nothing of sessions. It is opened once, reports through
// its handler, and is dead after `handleClose`.
import type { EnginePacket } from '@tidewire/protocol'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'
import type { TransportError } from './transport-error.ts'
import type { Revision } from '../engine/negotiation.ts'

export interface TransportHandler {
  handlePacket(packet: EnginePacket): void
  /** `writable` has become true. */
  handleDrain(): void
  /** At most once; nothing is called after it. An error when something failed; else what is known of how it ended. */
  handleClose(why?: TransportError | TransportClosed): void
}

export interface TransportClosed {
  description: string
  context?: unknown
}

export interface TransportContext {
  url: ServerUrl
  options: EngineClientOptions
  /** Asked for in the URL; what the answers say decides. */
  revision: Revision
  sid: string | undefined
  /** From the open packet, on a second transport: messages and POST bodies stay below it. */
  maxPayload: number | undefined
}

export interface Transport {
  readonly name: string
  readonly writable: boolean
  handler: TransportHandler
  /** The revision in which packets are read and written. */
  revision: Revision
  sid: string | undefined
  open(): void
  /** Writes packets in order; `handleDrain` follows. */
  send(packets: EnginePacket[]): void
  /** Calls back when nothing is under way any more; no new poll is started. */
  pause(done: () => void): void
  close(): void
}

export type TransportConstructor = new (context: TransportContext, handler: TransportHandler) => Transport
