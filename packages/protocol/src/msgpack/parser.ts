// The MessagePack codec in the form in which servers and clients take a parser: an object with Encoder and Decoder. On the wire it is
// equal to socket.io-msgpack-parser 3.0.2; use it on both sides: `new Server({ parser: msgpackParser })`, `io(url, { parser: msgpackParser })`.
import type { SocketPacket } from '../socketio/packet.ts'
import { decodeMsgpackPacket, encodeMsgpackPacket } from './packet.ts'

type Listener = (packet: SocketPacket) => void

class Encoder {
  /** One binary message, whatever the packet holds. */
  encode(packet: SocketPacket): Uint8Array[] {
    return [encodeMsgpackPacket(packet)]
  }
}

class Decoder {
  #listeners: Listener[] = []

  on(_event: 'decoded', listener: Listener): this {
    this.#listeners.push(listener)
    return this
  }

  off(): this {
    this.#listeners = []
    return this
  }

  /** @throws ProtocolError for anything but a packet */
  add(chunk: Uint8Array | ArrayBuffer): void {
    const packet = decodeMsgpackPacket(chunk instanceof Uint8Array ? chunk : new Uint8Array(chunk))
    for (const listener of this.#listeners) listener(packet)
  }

  destroy(): void {}
}

/** The shape of a parser: what the option `parser` takes. */
export interface MsgpackParser {
  /** The Socket.IO protocol that it speaks. */
  readonly protocol: 5
  /** Makes the encoder that all connections share. */
  readonly Encoder: new () => Encoder
  /** Makes a decoder for one connection; it tells packets by its event "decoded". */
  readonly Decoder: new () => Decoder
}

/**
 * For the option `parser` of both sides: packets as MessagePack, wire-equal to socket.io-msgpack-parser 3.0.2. Clients with another parser
 * cannot join.
 */
export const msgpackParser: MsgpackParser = { protocol: 5, Encoder, Decoder }
