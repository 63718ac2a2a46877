// One Socket.IO packet with its wire forms, each made at most once: a broadcast is encoded once per revision in use, whatever the number
// of recipients (spec: SIO-46).
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'
import type { Codec } from '../codec.ts'
import { OutgoingMessage } from '../engine/outgoing-message.ts'

export class EncodedPacket {
  readonly packet: SocketPacket
  readonly #codec: Codec
  #revision4: OutgoingMessage[] | undefined
  #revision5: OutgoingMessage[] | undefined

  constructor(packet: SocketPacket, codec: Codec) {
    this.packet = packet
    this.#codec = codec
  }

  /** The text and its attachments. @throws ProtocolError when the data cannot be encoded. */
  messages(revision: SocketRevision): OutgoingMessage[] {
    return revision === 5 ? (this.#revision5 ??= this.#encode(5)) : (this.#revision4 ??= this.#encode(4))
  }

  #encode(revision: SocketRevision): OutgoingMessage[] {
    return this.#codec.encode(this.packet, revision).map((chunk) => new OutgoingMessage(chunk))
  }
}
