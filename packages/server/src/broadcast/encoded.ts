// One Socket.IO packet with its wire forms, each made at most once: a broadcast is encoded once per revision in use, whatever the number
// of recipients (spec: SIO-46), and once more, or instead, for other nodes. One that came from there is decoded only for who asks.
import { PacketType, decodeBody, eventText } from '@tidewire/protocol'
import type { PacketBody, SocketPacket, SocketRevision } from '@tidewire/protocol'
import type { Codec } from '../codec.ts'
import { OutgoingMessage, UncompressedMessage } from '../engine/outgoing-message.ts'

/** So much more than it needs may a kept attachment hold. */
const PIECE_SLACK_BYTES = 256

export class EncodedPacket {
  readonly #codec: Codec
  #packet: SocketPacket | undefined
  #nsp = '/'
  #id: number | undefined
  #body: PacketBody | undefined
  #offset: string | undefined
  #revision4: OutgoingMessage[] | undefined
  #revision5: OutgoingMessage[] | undefined
  /** By revision, for `compress(false)`. */
  #uncompressed: { [revision: number]: OutgoingMessage[] } | undefined

  constructor(packet: SocketPacket | undefined, codec: Codec) {
    this.#packet = packet
    this.#codec = codec
  }

  /** An event that was encoded on another node. */
  static received(body: PacketBody, nsp: string, id: number | undefined, codec: Codec): EncodedPacket {
    const encoded = new EncodedPacket(undefined, codec)
    encoded.#body = body
    encoded.#nsp = nsp
    encoded.#id = id
    return encoded
  }

  /**
   * The same, to be kept for long: without the messages and frames that were made of it. Those, and small attachments, are often pieces of
   * larger buffers (Node's pool is 64 KiB, a read up to that), all of which a piece of 50 bytes would hold. @throws ProtocolError
   */
  toKeep(): EncodedPacket {
    if (!this.#codec.isJson) return new EncodedPacket(this.packet, this.#codec).withOffset(this.#offset)
    const { body } = this
    const attachments = body.attachments.map((bytes) => (isPiece(bytes) ? new Uint8Array(bytes) : bytes))
    return EncodedPacket.received({ json: body.json, attachments }, this.#nsp, this.#id, this.#codec).withOffset(this.#offset)
  }

  /** `offset` travels as last argument to those who can recover with it: revision 5. Before anything else is asked. */
  withOffset(offset: string | undefined): this {
    this.#offset = offset
    return this
  }

  get packet(): SocketPacket {
    if (this.#packet !== undefined) return this.#packet
    const packet: SocketPacket = { type: PacketType.EVENT, nsp: this.#nsp, data: decodeBody(this.#body!) }
    if (this.#id !== undefined) packet.id = this.#id
    return (this.#packet = packet)
  }

  /** The id of the acknowledgement that it asks for. */
  get id(): number | undefined {
    return this.#packet === undefined ? this.#id : this.#packet.id
  }

  /** What other nodes get of an event. @throws ProtocolError when the data cannot be encoded */
  get body(): PacketBody {
    if (this.#body !== undefined) return this.#body
    const { nsp, id, data } = this.packet
    this.#nsp = nsp
    this.#id = id
    return (this.#body = this.#codec.encodeBody(data as unknown[]))
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

  /** The same, not to be compressed. */
  uncompressedMessages(revision: SocketRevision): OutgoingMessage[] {
    this.#uncompressed ??= {}
    return (this.#uncompressed[revision] ??= this.messages(revision).map(({ data }) => new UncompressedMessage(data)))
  }

  #encode(revision: SocketRevision): OutgoingMessage[] {
    if (this.#body !== undefined && this.#codec.isJson) return this.#compose(this.#body, revision)
    const { packet } = this
    const data = this.dataOf(revision)
    return this.#codec.encode(data === packet.data ? packet : { ...packet, data }, revision).map((chunk) => new OutgoingMessage(chunk))
  }

  /** The body is encoded already: only the head and the offset differ. */
  #compose(body: PacketBody, revision: SocketRevision): OutgoingMessage[] {
    const { attachments } = body
    const json = this.#offset === undefined || revision === 4 ? body.json : `${body.json.slice(0, -1)},${JSON.stringify(this.#offset)}]`
    return [eventText({ json, attachments }, this.#nsp, this.#id), ...attachments].map((chunk) => new OutgoingMessage(chunk))
  }
}

function isPiece(bytes: Uint8Array): boolean {
  return bytes.buffer.byteLength > bytes.byteLength + PIECE_SLACK_BYTES
}
