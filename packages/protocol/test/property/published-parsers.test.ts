// Our codecs against the published parsers as black boxes, on generated input: the same encoding, the same accept or refuse, the same
// packets. Differences are those of docs/decisions/0002-codec-differences.md.
import { encodeSocketPacket, engineV3, engineV4, PacketType, SocketPacketDecoder } from '@tidewire/protocol'
import type { SocketPacket } from '@tidewire/protocol'
import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { normalize } from '../golden.ts'

const interop = createRequire(new URL('../../../../interop/package.json', import.meta.url))
/** The parser that a published server brings. */
function parserOf(server: string, ...path: string[]): { parser: any; version: string } {
  let require = createRequire(interop.resolve(server))
  for (const step of path.slice(0, -1)) require = createRequire(require.resolve(step))
  const name = path.at(-1)!
  const folder = require.resolve(name).replace(new RegExp(`^(.*node_modules/${name})/.*$`), '$1')
  return { parser: require(name) as any, version: (JSON.parse(readFileSync(`${folder}/package.json`, 'utf8')) as { version: string }).version }
}

const socketR5 = parserOf('socket.io-4.8.4', 'socket.io-parser')
const socketR4 = parserOf('socket.io-2.5.1', 'socket.io-parser')
const engineR4 = parserOf('socket.io-4.8.4', 'engine.io', 'engine.io-parser')
const engineR3 = parserOf('socket.io-2.5.1', 'engine.io', 'engine.io-parser')

const json = fc.jsonValue({ maxDepth: 3 })
const bytes = fc.uint8Array({ maxLength: 20 }).map((array) => Buffer.from(array))
const argument = fc.oneof(json, bytes, fc.record({ nested: bytes, list: fc.array(json, { maxLength: 3 }) }))
const packets = fc.record({
  type: fc.constantFrom(PacketType.EVENT, PacketType.ACK),
  nsp: fc.constantFrom('/', '/admin', '/a/b'),
  id: fc.nat(),
  data: fc.tuple(fc.constantFrom('event', '汉字', 'x'), argument, argument).map((data) => [...data]),
})
const clone = (packet: SocketPacket): SocketPacket => ({ ...packet, data: [...packet.data] })
/** The published parser loses a key `__proto__` beside binary (docs/decisions/0002). */
const isPlain = (packet: SocketPacket): boolean => !/_placeholder|__proto__/.test(JSON.stringify(packet))

function decodeOurs(revision: 4 | 5, chunks: readonly (string | Uint8Array)[]): unknown {
  const decoder = new SocketPacketDecoder({ revision })
  let packet: SocketPacket | undefined
  try {
    for (const chunk of chunks) packet = decoder.add(chunk) ?? packet
  } catch {
    return 'refused'
  }
  return packet === undefined ? 'waiting' : normalize(packet)
}

function decodeTheirs(parser: any, chunks: readonly (string | Uint8Array)[]): unknown {
  const decoder = new parser.Decoder()
  let packet: any
  decoder.on('decoded', (decoded: unknown) => (packet = decoded))
  try {
    for (const chunk of chunks) decoder.add(chunk)
  } catch {
    return 'refused'
  }
  if (packet === undefined) return 'waiting'
  const { type, nsp, id, data } = packet
  if (type === 4 && typeof data === 'string' && data.startsWith('parser error')) return 'refused'
  return normalize({ type: type === 5 ? 2 : type === 6 ? 3 : type, nsp, id, data })
}

it('finds the versions that are the norm', () => {
  expect([socketR5.version, socketR4.version, engineR4.version, engineR3.version]).toEqual(['4.2.7', '3.4.5', '5.2.3', '2.2.1'])
})

describe('socket.io-parser 4.2.7', () => {
  it('[SIO-1, SIO-2, SIO-3] writes the same', () => {
    fc.assert(fc.property(packets.filter(isPlain), (packet) => {
      const theirs = new socketR5.parser.Encoder().encode(clone(packet)) as (string | Buffer)[]

      expect(encodeSocketPacket(packet, { revision: 5 }).map(normalize)).toEqual(theirs.map(normalize))
      expect(decodeOurs(5, theirs)).toEqual(decodeTheirs(socketR5.parser, theirs))
    }))
  })
})

/** Texts near the grammar: pieces of packets, put together in any order. */
const nearPackets = fc.array(fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '-', '/', '/a', ',', '12', '["a"]', '["a",1]', '[]', '{}', '{"a":1}', 'null', '"x"', '["connect"]', '[1]', ' ', '{"_placeholder":true,"num":0}'), { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''))
/** What decision 2 names: no data to dispatch, a space as digit, null for no data. */
const isDeliberate = (text: string): boolean => /^[23](\/[^,]*,?)?\d*$/.test(text) || /^[56]\d+-(\/[^,]*,?)?\d*$/.test(text) || text.includes(' ') || /^0(\/[^,]*,)?\d*null$/.test(text)

describe.each([
  ['socket.io-parser 4.2.7', socketR5.parser, 5],
  ['socket.io-parser 3.4.5', socketR4.parser, 4],
] as const)('%s', (_name, parser, revision) => {
  it('[SIO-4, SIO-62] accepts and refuses the same texts, and reads the same from them', () => {
    fc.assert(
      fc.property(nearPackets.filter((text) => !isDeliberate(text)), (text) => {
        expect({ text, result: decodeOurs(revision, [text]) }).toEqual({ text, result: decodeTheirs(parser, [text]) })
      }),
      { numRuns: 2000 },
    )
  })
})

const enginePackets = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('message' as const), data: fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }).filter((data) => !data.includes('\x1e')), bytes.filter(({ length }) => length > 0)) }),
    fc.constantFrom<{ type: 'ping' | 'noop' | 'close' }>({ type: 'ping' }, { type: 'noop' }, { type: 'close' }),
  ),
  { minLength: 1, maxLength: 8 },
)

describe('engine.io-parser', () => {
  it('[EIO-5] 5.2.3 writes the same payloads and reads ours', () => {
    fc.assert(fc.property(enginePackets, (list) => {
      let theirs: string | undefined
      engineR4.parser.encodePayload(list, (payload: string) => (theirs = payload))
      const ours = engineV4.encodePayload(list)

      expect(ours).toBe(theirs)
      expect(normalize(engineR4.parser.decodePayload(ours, 'nodebuffer'))).toEqual(normalize(list))
    }))
  })

  it('[EIO-6, EIO-7] 2.2.1 writes the same payloads', () => {
    fc.assert(fc.property(enginePackets, (list) => {
      let string: string | undefined
      let binary: Buffer | undefined
      engineR3.parser.encodePayload(list, false, (payload: string) => (string = payload))
      engineR3.parser.encodePayloadAsBinary(list, (payload: Buffer) => (binary = payload))

      expect(engineV3.encodeStringPayload(list)).toBe(string)
      expect(normalize(engineV3.encodeBinaryPayload(list))).toEqual(normalize(binary))
    }))
  })
})
