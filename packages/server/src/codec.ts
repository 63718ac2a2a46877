// How Socket.IO packets become Engine.IO messages: our own codec, or a parser of the application's (the `parser` option).
import { PacketType, ProtocolError, SocketPacketDecoder, encodeBody, encodeSocketPacket, isDataValid } from '@tidewire/protocol'
import type { PacketBody, SocketPacket, SocketRevision } from '@tidewire/protocol'
import { debugScope } from './debug.ts'

const debug = debugScope('socket.io-parser')

export interface PacketDecoder {
  /** Gives the packet that `chunk` completes, if any. @throws any error for malformed input */
  add(chunk: string | Uint8Array): SocketPacket | undefined
  destroy(): void
}

export interface Codec {
  encode(packet: SocketPacket, revision: SocketRevision): (string | Uint8Array)[]
  createDecoder(revision: SocketRevision): PacketDecoder
  /** The packet of a text that is all of it; undefined if attachments follow, which needs a decoder. @throws any error for malformed input */
  decodeWhole?(text: string, revision: SocketRevision): SocketPacket | undefined
  /** The arguments of an event for other nodes. @throws ProtocolError */
  encodeBody(data: readonly unknown[]): PacketBody
  /** True when the text of a packet is its head and that body. */
  readonly isJson: boolean
}

/** A parser as the official packages take it: an object with the two classes. */
export interface Parser {
  Encoder: new () => { encode(packet: any): (string | Uint8Array)[] }
  Decoder: new () => {
    on(event: 'decoded', listener: (packet: any) => void): unknown
    add(chunk: any): void
    destroy(): void
  }
}

/** Types 5 and 6 announce attachments. */
function isBinary(text: string): boolean {
  const type = text.charCodeAt(0)
  return type === 0x35 || type === 0x36
}

export function createJsonCodec(limits: { maxAttachments: number; maxDepth: number }): Codec {
  const options = { 4: { revision: 4 as const, ...limits }, 5: { revision: 5 as const, ...limits } }
  const whole = { 4: new SocketPacketDecoder(options[4]), 5: new SocketPacketDecoder(options[5]) }
  return {
    encode(packet, revision) {
      debug?.('encoding a packet of type %d for %s', packet.type, packet.nsp)
      return encodeSocketPacket(packet, options[revision])
    },
    createDecoder: (revision) => new SocketPacketDecoder(options[revision]),
    decodeWhole: (text, revision) => (isBinary(text) ? undefined : whole[revision].add(text)),
    encodeBody: (data) => encodeBody(data, limits),
    isJson: true,
  }
}

/** Not every parser looks at what it has decoded: an event may be called `{ toString: 1 }`, which no list of listeners can be asked for. */
function mayDispatch({ type, nsp, data }: SocketPacket, revision: SocketRevision): boolean {
  return typeof nsp === 'string' && ((type !== PacketType.EVENT && type !== PacketType.ACK) || isDataValid(type, data, revision))
}

export function createParserCodec(parser: Parser): Codec {
  const encoder = new parser.Encoder()
  return {
    encode: (packet) => encoder.encode(packet),
    createDecoder(revision) {
      const decoder = new parser.Decoder()
      let decoded: SocketPacket | undefined
      decoder.on('decoded', (packet: SocketPacket) => {
        decoded = packet
      })
      return {
        add(chunk) {
          decoded = undefined
          decoder.add(chunk)
          if (decoded !== undefined && !mayDispatch(decoded, revision)) throw new ProtocolError('TW_ERR_SOCKET_PACKET', 'Malformed Socket.IO packet: data of the wrong shape')
          return decoded
        },
        destroy: () => decoder.destroy(),
      }
    },
    encodeBody,
    isJson: false,
  }
}
