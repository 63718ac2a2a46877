// How Socket.IO packets become Engine.IO messages: our own codec, or a parser of the application's.
import { SocketPacketDecoder, encodeSocketPacket } from '@tidewire/protocol'
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'

export interface ClientCodec {
  encode(packet: SocketPacket): (string | Uint8Array)[]
  add(chunk: string | Uint8Array): SocketPacket | undefined
  destroy(): void
}

export function createCodec(parser: any, revision: SocketRevision): ClientCodec {
  if (parser === undefined) {
    const decoder = new SocketPacketDecoder({ revision })
    return {
      encode: (packet) => encodeSocketPacket(packet, { revision, maxAttachments: 10 }),
      add: (chunk) => decoder.add(chunk),
      destroy: () => decoder.destroy(),
    }
  }
  const encoder = new parser.Encoder()
  const decoder = new parser.Decoder()
  let decoded: SocketPacket | undefined
  decoder.on('decoded', (packet: SocketPacket) => (decoded = packet))
  return {
    encode: (packet) => encoder.encode(packet),
    add(chunk) {
      decoded = undefined
      decoder.add(chunk)
      return decoded
    },
    destroy: () => decoder.destroy(),
  }
}
