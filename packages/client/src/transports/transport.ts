// What a transport is: it moves Engine.IO packets over one kind of channel and knows nothing of sessions. It is opened once, reports through
// its handler, and is dead after `handleClose`.
import type { EnginePacket } from '@tidewire/protocol'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'
import type { TransportError } from './transport-error.ts'
import type { Revision } from '../engine/negotiation.ts'

/** Whom a transport reports to. It must not throw. */
export interface TransportHandler {
  /** A packet has come, the open packet included. In order. */
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

/** What a transport is made with. */
export interface TransportContext {
  /** Where the server is. */
  url: ServerUrl
  /** The options, with those of `transportOptions` for this transport over them. */
  options: EngineClientOptions
  /** Asked for in the URL; what the answers say decides. */
  revision: Revision
  /** Of the session that it is to join by an upgrade; undefined for a first transport. */
  sid: string | undefined
  /** From the open packet, on a second transport: messages and POST bodies stay below it. */
  maxPayload: number | undefined
}

/** Moves Engine.IO packets over one kind of channel. Opened once, dead after its handler's `handleClose`. */
export interface Transport {
  /** As in `transport=…` of the URL. */
  readonly name: string
  /** `send` may be called. */
  readonly writable: boolean
  /** Whom it reports to; changes once, when an upgrade has succeeded. */
  handler: TransportHandler
  /** The revision in which packets are read and written. */
  revision: Revision
  /** The session that it belongs to; undefined until the open packet of the first one. */
  sid: string | undefined
  /** Begins to connect. Called once. */
  open(): void
  /** Writes packets in order; `handleDrain` follows. */
  send(packets: EnginePacket[]): void
  /** Calls back when nothing is under way any more; no new poll is started. */
  pause(done: () => void): void
  /** Ends it; `handleClose` follows. */
  close(): void
}

/** What the option `transports` takes beside names: a class with this constructor and `name` on its prototype. */
export type TransportConstructor = new (context: TransportContext, handler: TransportHandler) => Transport
