// What a transport is: it moves Engine.IO packets over one kind of channel and knows nothing of sessions. It is opened once, reports through
// its handler, and is dead after `handleClose`.
import type { EnginePacket } from '@tidewire/protocol'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'
import type { Revision } from '../engine/negotiation.ts'

export interface TransportHandler {
  handlePacket(packet: EnginePacket): void
  /** `writable` has become true. */
  handleDrain(): void
  /** At most once; nothing is called after it. An error when it was not asked for. */
  handleClose(error?: TransportError): void
}

export interface TransportContext {
  url: ServerUrl
  options: EngineClientOptions
  /** Asked for in the URL; what the answers say decides. */
  revision: Revision
  sid: string | undefined
  /** From the open packet: POST bodies stay below it. */
  maxPayload: number | undefined
}

export interface Transport {
  readonly name: string
  readonly writable: boolean
  handler: TransportHandler
  /** The revision in which packets are read and written. */
  revision: Revision
  sid: string | undefined
  maxPayload: number | undefined
  open(): void
  /** Writes packets in order; `handleDrain` follows. */
  send(packets: EnginePacket[]): void
  /** Calls back when nothing is under way any more; no new poll is started. */
  pause(done: () => void): void
  close(): void
}

export type TransportConstructor = new (context: TransportContext, handler: TransportHandler) => Transport

/** Why a transport failed: what it saw, for the application's `connect_error`. */
export class TransportError extends Error {
  readonly type = 'TransportError'
  readonly description: unknown
  readonly context: unknown

  constructor(message: string, description?: unknown, context?: unknown) {
    super(message)
    this.description = description
    this.context = context
  }
}

/** The URL of a request. User query first, as clients do. */
export function requestUrl(context: TransportContext, schemes: [string, string], transport: string, extra: { [key: string]: any } = {}): string {
  const { url, options, revision, sid } = context
  const query: { [key: string]: any } = { ...options.query, EIO: revision, transport, ...extra }
  if (sid !== undefined) query['sid'] = sid
  const path = (options.path ?? '/socket.io').replace(/\/$/, '') + (options.addTrailingSlash === false ? '' : '/')
  const scheme = url.secure ? schemes[1] : schemes[0]
  const isDefaultPort = url.port === (url.secure ? '443' : '80')
  const pairs = Object.entries(query).map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
  return `${scheme}://${url.host}${isDefaultPort ? '' : `:${url.port}`}${path}?${pairs.join('&')}`
}
