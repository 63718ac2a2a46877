// Socket.IO codec against the published parsers: 3.4.5 for revision 4, 4.2.7 for revision 5; what the others encode must decode.
import { encodeSocketPacket, ProtocolError, SocketPacketDecoder } from '@tidewire/protocol'
import type { SocketPacket } from '@tidewire/protocol'
import { describe, expect, it } from 'vitest'
import { fromWire, loadVectors, normalize, revive, toWire } from '../golden.ts'
import type { Wire } from '../golden.ts'

const vectors = loadVectors('socket.io')
const KEYS = Object.keys(vectors)
const keyOf = (version: string): string => KEYS.find((key) => key.startsWith(`socket.io-parser ${version} `))!
const NORMS = [
  { key: keyOf('3.4.5'), revision: 4 },
  { key: keyOf('4.2.7'), revision: 5 },
] as const

/** Deliberate differences (docs/decisions/0002-codec-differences.md): our result by revision and input. */
const DIFFERS = new Map<string, unknown>([
  // An EVENT or ACK without data has nothing to dispatch.
  ...['2', '2/', '21', '2/n["a"]', '2/n,5', '25', '2/n', '3', '31'].flatMap((text): [string, unknown][] => [
    [`4:${text}`, { throws: true }],
    [`5:${text}`, { throws: true }],
  ]),
  // A space is no digit but white space of the JSON; the official parsers read it as acknowledgement id 0.
  ['4:2 ["a"]', { decoded: { type: 2, nsp: '/', data: ['a'] } }],
  ['5:2 ["a"]', { decoded: { type: 2, nsp: '/', data: ['a'] } }],
  // Lenient: some clients write null for no data.
  ['5:0null', { decoded: { type: 0, nsp: '/', data: null } }],
])
/** Values that JSON cannot hold; the recorder wrote their text. */
const UNRECORDED: Record<string, unknown> = { 'event Date': new Date(0), 'event toJSON': { toJSON: () => ({ z: 1 }) } }
/** Revision 4 senders look for binary before they call the encoder; ours looks itself. */
const ENCODING_DIFFERS = new Set(['4:event type 2 with binary inside', '4:ack type 3 with binary inside'])

function decode(wires: readonly Wire[], revision: 4 | 5): unknown[] {
  const decoder = new SocketPacketDecoder({ revision })
  const results: unknown[] = []
  for (const wire of wires) {
    try {
      const packet = decoder.add(fromWire(wire))
      if (packet !== undefined) results.push({ decoded: normalize(packet) })
    } catch (error) {
      expect(error).toBeInstanceOf(ProtocolError)
      results.push({ throws: true })
    }
  }
  return results
}

/** The official results in our terms: an ERROR packet "parser error" is a refusal, binary types are told apart no more. */
function expectedOf(result: any[]): unknown[] {
  return result.filter((one) => one.pending !== true).map((one) => {
    if (one.throws !== undefined) return { throws: true }
    const packet = normalize(revive(one.decoded))
    if (packet.type === 4 && String(packet.data).startsWith('parser error') && packet.nsp === undefined) return { throws: true }
    if (packet.type === 5) packet.type = 2
    if (packet.type === 6) packet.type = 3
    delete packet.attachments
    return { decoded: packet }
  })
}

const isWire = (wire: any): boolean => typeof wire === 'object' && wire !== null && (wire.t ?? wire.b) !== undefined

for (const { key, revision } of NORMS) {
  describe(key, () => {
    const { encode, decode: decodings, sequences } = vectors[key]
    const encodings = encode.filter(({ wire }: any) => Array.isArray(wire) && wire.every(isWire))

    const encodable = encodings.filter(({ name }: any) => !ENCODING_DIFFERS.has(`${revision}:${name}`))
    it.each(encodable.map((entry: any): [string, any] => [entry.name, entry]))('[SIO-1, SIO-2, SIO-3] encodes "%s"', (...[name, { packet, wire }]: any[]) => {
      const revived = revive(packet) as SocketPacket
      if (name in UNRECORDED) revived.data[1] = UNRECORDED[name]

      expect(encodeSocketPacket(revived, { revision }).map(toWire)).toEqual(wire)
    })

    it.each(encodings.map((entry: any): [string, any] => [entry.name, entry]))('[SIO-1, SIO-4] decodes the encoding of "%s"', (...[_name, { wire, roundTrip }]: any[]) => {
      expect(decode(wire, revision)).toEqual(expectedOf(roundTrip))
    })

    const differs = (wire: any): boolean => DIFFERS.has(`${revision}:${wire.t}`)
    const single = decodings.filter(({ wire }: any) => isWire(wire))
    it.each(single.filter(({ wire }: any) => differs(wire)).map((entry: any): [string, any] => [entry.wire.t, entry]))('[SIO-5] decodes "%s" otherwise than the official parser', (...[text, { wire, result }]: any[]) => {
      const own = decode([wire], revision)

      expect(own).toEqual([DIFFERS.get(`${revision}:${text}`)])
      expect(own).not.toEqual(expectedOf(result))
    })

    it.each(single.filter(({ wire }: any) => !differs(wire)).map((entry: any): [string, any] => [JSON.stringify(entry.wire), entry]))('[SIO-4, SIO-5] decodes %s as the official parser does', (...[_name, { wire, result }]: any[]) => {
      expect(decode([wire], revision)).toEqual(expectedOf(result))
    })

    it.each(sequences.filter(({ wire }: any) => wire.every(isWire)).map((entry: any): [string, any] => [entry.name, entry]))(
      '[SIO-2, SIO-4] decodes the sequence "%s" as the official parser does',
      (...[_name, { wire, result }]: any[]) => {
        const results = decode(wire, revision)
        // What follows an error does not matter: the connection is closed.
        const end = results.findIndex((one: any) => one.throws)
        const expected = expectedOf(result)
        expect(end < 0 ? results : results.slice(0, end + 1)).toEqual(end < 0 ? expected : expected.slice(0, end + 1))
      },
    )
  })
}

describe('what other generations encode', () => {
  const others: [string, any, any][] = KEYS.filter((key) => !NORMS.some((norm) => norm.key === key)).flatMap((key) =>
    vectors[key].encode
      .filter(({ wire, roundTrip }: any) => Array.isArray(wire) && wire.every(isWire) && roundTrip?.every((one: any) => one.decoded !== undefined))
      .map((entry: any): [string, any, any] => [`${key.split(' ')[1]} ${entry.name}`, entry, /protocol 5/.test(key) ? 5 : 4]),
  )
  /** Ten attachments, no reserved names and no empty binary packets: the rules of today's parsers, which the older ones did not know. */
  const REFUSED = new Set([
    '2.3.1 connect nsp with comma',
    '2.3.1 binary Uint8Array',
    '2.3.1 binary event without binary',
    '2.3.1 binary 11 attachments',
    '4.0.5 event reserved name',
    '4.0.5 error array',
    '4.0.5 binary 11 attachments',
  ])

  it.each(others)('[SIO-1] decodes %s', (...[name, { wire, roundTrip }, revision]: any[]) => {
    const results = decode(wire, revision)
    if (REFUSED.has(name)) expect(results).toContainEqual({ throws: true })
    else expect(results).toEqual(expectedOf(roundTrip))
  })
})
