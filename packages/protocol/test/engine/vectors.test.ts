// Engine.IO codecs against what the published parsers did with the same input. Encoding follows 2.2.1 and 5.2.3; what the other
// generations encode must decode.
import { engineV3, engineV4, ProtocolError } from '@tidewire/protocol'
import type { EnginePacket, PayloadReader } from '@tidewire/protocol'
import { describe, expect, it } from 'vitest'
import { fromWire, loadVectors, normalize, revive, toWire } from '../golden.ts'

const vectors = loadVectors('engine.io')
const NORMS = [
  { key: 'engine.io-parser 2.2.1 (EIO 3, dialect B: socket.io 2.x)', codec: engineV3, revision: 3 },
  { key: 'engine.io-parser 5.2.3 (EIO 4)', codec: engineV4, revision: 4 },
] as const

/** Deliberate differences, by the JSON of the input (docs/decisions/0002-codec-differences.md). */
const DECODING_DIFFERS: Record<string, string> = {
  '{"b":"CQE="}': 'v3: a binary packet of an unknown type is refused; the official parser hands it up without a type',
  '{"b":"NGhp"}': 'v3: the same',
  '{"t":"b"}': 'v3: base64 without a type is refused; the official parser hands it up without a type',
  '{"t":"bAAAA"}': 'v3: the same',
  '{"t":"bnot base64"}': 'v3: the same',
  '{"b":""}': 'v3: an empty binary packet is refused; the official parser throws or hands it up without a type',
}

function packetOf(value: any): EnginePacket {
  const packet = revive(value)
  const { data } = packet
  if (data === undefined || data === '' || data === null) return { type: packet.type }
  if (typeof data === 'string') return packet
  return { type: packet.type, data: data instanceof ArrayBuffer ? new Uint8Array(data) : data }
}

/** Packets that only dynamic typing lets through: numbers, booleans and null as data. */
const isTyped = ({ packet }: { packet: any }): boolean => {
  const data = revive(packet).data
  return data === undefined || typeof data === 'string' || data instanceof Uint8Array || data instanceof ArrayBuffer
}

function drain(reader: () => PayloadReader): unknown[] {
  const packets: unknown[] = []
  try {
    const source = reader()
    for (let packet = source.next(); packet !== undefined; packet = source.next()) packets.push(normalize(packet))
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    packets.push({ type: 'error', data: 'parser error' })
  }
  return packets
}

const isDifferent = (revision: number, wire: unknown): boolean => revision === 3 && JSON.stringify(wire) in DECODING_DIFFERS

for (const { key, codec, revision } of NORMS) {
  describe(key, () => {
    const { packets, payloads, decodePacket, decodePayload } = vectors[key]

    it.each(packets.filter(isTyped).map((entry: any): [string, any] => [entry.name, entry]))('[EIO-1, EIO-3, EIO-4] encodes and decodes the packet "%s"', (...[_name, entry]: any[]) => {
      const packet = packetOf(entry.packet)

      expect({ ws: toWire(codec.encodePacket(packet, true)), b64: toWire(codec.encodePacket(packet, false)) }).toEqual({ ws: entry.ws, b64: entry.b64 })
      expect(normalize(codec.decodePacket(fromWire(entry.ws)))).toEqual(normalize(packet))
      expect(normalize(codec.decodePacket(fromWire(entry.b64)))).toEqual(normalize(packet))
    })

    it.each(decodePacket.filter(({ wire }: any) => (wire?.t ?? wire?.b) !== undefined && !isDifferent(revision, wire)).map((entry: any): [string, any] => [JSON.stringify(entry.wire), entry]))(
      '[EIO-2] decodes the packet %s as the official parser does',
      (...[_name, { wire, result }]: any[]) => {
        let decoded: unknown
        try {
          decoded = normalize(codec.decodePacket(fromWire(wire)))
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
          decoded = { type: 'error', data: 'parser error' }
        }
        if (result.throws) expect(decoded).toEqual({ type: 'error', data: 'parser error' })
        else expect(decoded).toEqual(normalize(packetOrError(result)))
      },
    )

    it.each(decodePacket.filter(({ wire }: any) => isDifferent(revision, wire)).map((entry: any): [string, any] => [JSON.stringify(entry.wire), entry]))(
      '[EIO-2] refuses the packet %s, which the official parser hands up without a type',
      (...[_name, { wire }]: any[]) => {
        expect(() => codec.decodePacket(fromWire(wire))).toThrow(ProtocolError)
      },
    )

    const isTypedList = ({ packets: list }: any): boolean => list.every((packet: any) => isTyped({ packet }))
    it.each(payloads.filter((entry: any) => isTypedList(entry) && entry.string.t !== undefined).map((entry: any): [string, any] => [entry.name, entry]))(
      '[EIO-5, EIO-6, EIO-7] encodes and decodes the payload "%s"',
      (...[_name, entry]: any[]) => {
        const list: EnginePacket[] = entry.packets.map(packetOf)
        if (revision === 4) {
          expect(toWire(engineV4.encodePayload(list))).toEqual(entry.string)
          expect(drain(() => engineV4.readPayload(entry.string.t))).toEqual(drain(() => engineV4.readPayload(engineV4.encodePayload(list))))
          return
        }
        expect(toWire(engineV3.encodeStringPayload(list))).toEqual(entry.string)
        expect(toWire(engineV3.encodeBinaryPayload(list))).toEqual(entry.forcedBinary)
        expect(drain(() => engineV3.readBinaryPayload(Buffer.from(entry.forcedBinary.b, 'base64')))).toHaveLength(list.length)
      },
    )

    it.each(decodePayload.filter(({ wire, result }: any) => (wire?.t ?? wire?.b) !== undefined && Array.isArray(result)).map((entry: any): [string, any] => [JSON.stringify(entry.wire), entry]))(
      '[EIO-5, EIO-13] decodes the payload %s as the official parser does',
      (...[_name, { wire, result }]: any[]) => {
        const body = fromWire(wire)
        const decoded = drain(() =>
          typeof body !== 'string'
            ? engineV3.readBinaryPayload(body)
            : revision === 4
              ? engineV4.readPayload(body)
              : engineV3.readStringPayload(body),
        )
        expect(decoded).toEqual(normalize(result.map(packetOrError)))
      },
    )
  })
}

function packetOrError(value: any): unknown {
  return value.type === 'error' ? { type: 'error', data: 'parser error' } : packetOf(value)
}

describe('what other generations encode', () => {
  it.each(
    Object.entries(vectors)
      .filter(([key]) => key.startsWith('engine.io-parser 1.3.2'))
      .flatMap(([, { payloads }]: any) => payloads.filter(({ string }: any) => string?.t).map((entry: any): [string, any] => [entry.name, entry])),
  )('[EIO-9] a dialect-A payload "%s" decodes to the packets it was made of', (...[_name, { packets, string, forcedBinary }]: any[]) => {
    const list = packets.filter((packet: any) => isTyped({ packet })).map(packetOf)
    const hasLoneSurrogate = JSON.stringify(packets).match(/\\ud[89a-f]/i) !== null && !/\\ud83d\\ude00|😀/i.test(JSON.stringify(packets))
    if (list.length !== packets.length || hasLoneSurrogate) return
    const expected = list.map(normalize)

    expect(drain(() => engineV3.readStringPayload(string.t))).toEqual(expected)
    expect(drain(() => engineV3.readBinaryPayload(Buffer.from(forcedBinary.b, 'base64')))).toEqual(expected)
  })

  it('[EIO-8] the ASCII string form reads the same in both dialects', () => {
    const payload = engineV3.encodeStringPayload([{ type: 'message', data: '2["é€😀"]' }], { ascii: true })

    expect(payload).toBe('30:42["\\u00e9\\u20ac\\ud83d\\ude00"]')
  })
})
