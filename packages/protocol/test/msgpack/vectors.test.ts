// MessagePack packets against socket.io-msgpack-parser 3.0.2.
import { decodeMsgpackPacket, encodeMsgpackPacket, ProtocolError } from '@tidewire/protocol'
import { describe, expect, it } from 'vitest'
import { fromWire, loadVectors, normalize, revive, toWire } from '../golden.ts'

const vectors = loadVectors('msgpack')
const { encode, decode } = vectors['socket.io-msgpack-parser 3.0.2 (protocol 5)']
const hasLoneSurrogate = (value: unknown): boolean => /\\ud[89a-f][0-9a-f]{2}/i.test(JSON.stringify(value).replaceAll(/\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}/gi, ''))

/** Values that JSON cannot hold; the recorder wrote something else. */
const UNRECORDED: Record<string, unknown[]> = {
  'event NaN/Infinity': [Number.NaN, Infinity],
  'event Date': [new Date(0)],
  'event toJSON': [{ toJSON: () => ({ z: 1 }) }],
}
/** Deliberate differences (docs/decisions/0002-codec-differences.md). */
const ENCODED_AS_BIN = new Set(['binary Uint8Array', 'binary ArrayBuffer'])
const REFUSED = new Set(['event empty'])

describe('socket.io-msgpack-parser 3.0.2', () => {
  const encodings = encode.filter(({ wire, packet }: any) => wire?.[0]?.b !== undefined && !hasLoneSurrogate(packet))

  it.each(encodings.map((entry: any): [string, any] => [entry.name, entry]))('[SIO-8] encodes and decodes "%s"', (...[name, { packet, wire, roundTrip }]: any[]) => {
    const revived = revive(packet)
    if (name in UNRECORDED) revived.data = [revived.data[0], ...UNRECORDED[name]!]
    if (!ENCODED_AS_BIN.has(name)) expect(toWire(encodeMsgpackPacket(revived))).toEqual(wire[0])
    if (name in UNRECORDED && name !== 'event toJSON') {
      expect(normalize(decodeMsgpackPacket(fromWire(wire[0]) as Buffer))).toEqual(normalize(revived))
      return
    }
    for (const { decoded, throws } of roundTrip) {
      if (throws === undefined) expect(normalize(decodeMsgpackPacket(fromWire(wire[0]) as Buffer))).toEqual(normalize(revive(decoded)))
      else expect(() => decodeMsgpackPacket(fromWire(wire[0]) as Buffer)).toThrow(ProtocolError)
    }
  })

  it.each(decode.filter(({ wire }: any) => wire?.b !== undefined).map((entry: any): [string, any] => [entry.name, entry]))(
    '[SIO-8, EIO-13] decodes %s as the official parser does',
    (...[name, { wire, result }]: any[]) => {
      const [first] = Array.isArray(result) ? result : [result]
      if (first?.decoded === undefined || REFUSED.has(name)) expect(() => decodeMsgpackPacket(fromWire(wire) as Buffer)).toThrow(ProtocolError)
      else expect(normalize(decodeMsgpackPacket(fromWire(wire) as Buffer))).toEqual(normalize(revive(first.decoded)))
    },
  )
})
