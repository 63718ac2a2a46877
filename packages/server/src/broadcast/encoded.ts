// One Socket.IO packet with its wire forms, each made at most once: a broadcast is encoded once per revision in use, whatever the number
// of recipients (spec: SIO-46).
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'
import type { Codec } from '../codec.ts'
import { OutgoingMessage } from '../engine/outgoing-message.ts'

export class EncodedPacket {
  readonly packet: SocketPacket
  readonly #codec: Codec
  readonly #offset: string | undefined
  #revision4: OutgoingMessage[] | undefined
  #revision5: OutgoingMessage[] | undefined

  /** `offset` travels as last argument to those who can recover with it: revision 5. */
  constructor(packet: SocketPacket, codec: Codec, offset?: string) {
    this.packet = packet
    this.#codec = codec
    this.#offset = offset
  }

  /** The data as a client of that revision gets it. */
  dataOf(revision: SocketRevision): unknown {
    const { data } = this.packet
    return this.#offset === undefined || revision === 4 ? data : [...(data as unknown[]), this.#offset]
  }

  /** The text and its attachments. @throws ProtocolError when the data cannot be encoded. */
  messages(revision: SocketRevision): OutgoingMessage[] {
    return revision === 5 ? (this.#revision5 ??= this.#encode(5)) : (this.#revision4 ??= this.#encode(4))
  }

  #encode(revision: SocketRevision): OutgoingMessage[] {
    const { packet } = this
    const data = this.dataOf(revision)
    return this.#codec.encode(data === packet.data ? packet : { ...packet, data }, revision).map((chunk) => new OutgoingMessage(chunk))
  }
}
