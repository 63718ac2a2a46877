// How Socket.IO packets become Engine.IO messages: our own codec, or a parser of the application's.
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'
import { HAS_JSON_CODEC } from './features.ts'
import { platform } from './platform/platform.ts'

export interface ClientCodec {
  encode(packet: SocketPacket): (string | Uint8Array)[]
  add(chunk: string | Uint8Array): SocketPacket | undefined
  destroy(): void
}

let defaultParser: unknown

/** For the bundle that speaks MessagePack unless told otherwise. */
export function setDefaultParser(parser: unknown): void {
  defaultParser = parser
}

export function createCodec(given: unknown, revision: SocketRevision): ClientCodec {
  const parser: any = given ?? defaultParser
  if (HAS_JSON_CODEC && !parser) return platform().createCodec(revision)
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
