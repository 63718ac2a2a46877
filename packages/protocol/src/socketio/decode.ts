// Incremental decoder: a text, then its attachments; returns a value, emits nothing.
import type { SocketPacket, SocketRevision } from './packet.ts'

export interface SocketPacketDecoderOptions {
  revision: SocketRevision
  maxAttachments?: number
  maxDepth?: number
  reviver?: (this: any, key: string, value: any) => any
}

/** @throws ProtocolError from `add`; the caller then closes the connection. */
export declare class SocketPacketDecoder {
  constructor(options: SocketPacketDecoderOptions)
  /** Feeds one Engine.IO message; gives the packet it completes, if any (types 5 and 6 come out as 2 and 3). */
  add(chunk: string | Uint8Array): SocketPacket | undefined
  /** True while attachments are due. */
  get isWaiting(): boolean
  /** Forgets a half-received packet. */
  destroy(): void
}
