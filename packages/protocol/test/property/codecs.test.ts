// Properties of the codecs: round trips, nothing but ProtocolError on any input, any depth survived, nothing allocated before receipt.
import {
  decodeMsgpack,
  encodeMsgpack,
  encodeSocketPacket,
  engineV3,
  engineV4,
  PacketType,
  ProtocolError,
  SocketPacketDecoder,
} from '@tidewire/protocol'
import type { EnginePacket, PayloadReader, SocketPacket } from '@tidewire/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { normalize } from '../golden.ts'

const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))
const text = fc.string({ unit: 'grapheme', maxLength: 200 })
const enginePackets = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('message' as const), data: fc.oneof(text.filter((data) => data !== '' && !data.includes('\x1e')), bytes.filter((data) => data.length > 0)) }),
    fc.constantFrom<EnginePacket>({ type: 'ping' }, { type: 'pong', data: 'probe' }, { type: 'noop' }, { type: 'close' }),
  ),
  { minLength: 1, maxLength: 20 },
)

function drain(reader: PayloadReader): EnginePacket[] {
  const packets: EnginePacket[] = []
  for (let packet = reader.next(); packet !== undefined; packet = reader.next()) packets.push(packet)
  return packets
}

describe('Engine.IO', () => {
  it('[EIO-5] gives back the packets of a v4 payload', () => {
    fc.assert(fc.property(enginePackets, (packets) => {
      expect(normalize(drain(engineV4.readPayload(engineV4.encodePayload(packets))))).toEqual(normalize(packets))
    }))
  })

  it('[EIO-7] gives back the packets of a v3 binary payload', () => {
    fc.assert(fc.property(enginePackets, (packets) => {
      expect(normalize(drain(engineV3.readBinaryPayload(engineV3.encodeBinaryPayload(packets))))).toEqual(normalize(packets))
    }))
  })

  it('[EIO-8] gives back the JSON of a v3 string payload that was written in ASCII', () => {
    fc.assert(fc.property(fc.array(fc.jsonValue({ maxDepth: 3 }), { minLength: 1, maxLength: 5 }), (values) => {
      const packets = values.map((value) => ({ type: 'message' as const, data: JSON.stringify([value]) }))
      const payload = engineV3.encodeStringPayload(packets, { ascii: true })
      // oxlint-disable-next-line no-control-regex
      expect(payload).toMatch(/^[\0-\x7f]*$/)
      expect(drain(engineV3.readStringPayload(payload)).map(({ data }) => JSON.parse(data as string))).toEqual(values.map((value) => [JSON.parse(JSON.stringify(value))]))
    }))
  })

  it('[EIO-9] reads what a dialect-A sender makes of any text', () => {
    fc.assert(fc.property(text.filter((data) => data !== '' && /[^\0-\x7f]/.test(data) && !/[\ud800-\udfff]/u.test(data)), (data) => {
      const packet = Buffer.from('4' + data, 'utf8').toString('latin1')
      expect(drain(engineV3.readStringPayload(`${packet.length}:${packet}`))).toEqual([{ type: 'message', data }])
    }))
  })

  it('[EIO-13] skips a body full of empty v3 packets without using up the stack', () => {
    expect(drain(engineV3.readStringPayload('0:'.repeat(300_000) + '2:4a'))).toEqual([{ type: 'message', data: 'a' }])
  })

  it('[EIO-14] takes a length that was only told for what it is', () => {
    expect(() => drain(engineV3.readStringPayload('9007199254740991:4'))).toThrow(ProtocolError)
    const told = Buffer.from([1, 9, 9, 9, 9, 9, 9, 9, 9, 9, 0xff, 4, 1])
    expect(normalize(drain(engineV3.readBinaryPayload(told)))).toEqual([{ type: 'message', data: Buffer.from([1]) }])
  })
})

const json = fc.jsonValue({ maxDepth: 4 })
const argument = fc.oneof(json, bytes, fc.record({ nested: bytes, list: fc.array(fc.oneof(json, bytes), { maxLength: 3 }) }))
const socketPackets = fc.record({
  type: fc.constant(PacketType.EVENT),
  nsp: fc.constantFrom('/', '/admin', '/a/b'),
  id: fc.option(fc.nat(), { nil: undefined }),
  data: fc.tuple(fc.constantFrom('event', 'message', '汉字'), argument, argument).map((data) => [...data]),
})

describe('Socket.IO', () => {
  it.each([4, 5] as const)('[SIO-2, SIO-40] gives back an event of revision %s with its binary', (revision) => {
    fc.assert(fc.property(socketPackets, (packet) => {
      // A value that looks like a placeholder is one: the protocol has no escape.
      fc.pre(!JSON.stringify(packet).includes('_placeholder'))
      const chunks = encodeSocketPacket(packet, { revision })
      fc.pre(chunks.length <= 11)
      const decoder = new SocketPacketDecoder({ revision })
      const decoded = chunks.map((chunk) => decoder.add(chunk))
      expect(decoded.slice(0, -1)).toEqual(chunks.slice(0, -1).map(() => undefined))
      expect(JSON.parse(JSON.stringify(normalize(decoded.at(-1))))).toEqual(JSON.parse(JSON.stringify(normalize(packet))))
    }))
  })

  it('[SIO-6] refuses data of any depth with a typed error, both ways', () => {
    let deep: unknown = 'bottom'
    for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { deep }
    for (const type of [PacketType.EVENT, PacketType.CONNECT] as const) {
      const packet: SocketPacket = { type, nsp: '/', data: type === PacketType.EVENT ? ['deep', deep] : { deep } }
      expect(() => encodeSocketPacket(packet)).toThrow(expect.objectContaining({ code: 'TW_ERR_DEPTH' }))
    }
    expect(() => encodeMsgpack(deep)).toThrow(expect.objectContaining({ code: 'TW_ERR_DEPTH' }))
    const decoder = new SocketPacketDecoder({ revision: 5 })
    expect(() => decoder.add(`2["deep",${'['.repeat(100_000)}${']'.repeat(100_000)}]`)).toThrow(expect.objectContaining({ code: 'TW_ERR_DEPTH' }))
    expect(() => decodeMsgpack(new Uint8Array(100_000).fill(0x91))).toThrow(expect.objectContaining({ code: 'TW_ERR_DEPTH' }))
  })

  it('[SIO-6] accepts data up to the depth limit', () => {
    let deep: unknown = 'bottom'
    for (let i = 0; i < 1900; i++) deep = [deep]
    const [encoded] = encodeSocketPacket({ type: PacketType.EVENT, nsp: '/', data: ['deep', deep] })

    expect(new SocketPacketDecoder({ revision: 5 }).add(encoded)?.data[1]).toEqual(deep)
  })

  it('[SIO-7] refuses more attachments than receivers accept', () => {
    const packet: SocketPacket = { type: PacketType.EVENT, nsp: '/', data: ['many', ...Array.from({ length: 11 }, () => Buffer.alloc(1))] }

    expect(() => encodeSocketPacket(packet, { maxAttachments: 10 })).toThrow(expect.objectContaining({ code: 'TW_ERR_ATTACHMENTS' }))
  })

  it('[SIO-6] reports what cannot be written as JSON as a typed error', () => {
    const circular: { self?: unknown } = {}
    circular.self = circular

    expect(() => encodeSocketPacket({ type: PacketType.EVENT, nsp: '/', data: ['x', circular] })).toThrow(ProtocolError)
    expect(() => encodeSocketPacket({ type: PacketType.EVENT, nsp: '/', data: ['x', 1n] })).toThrow(expect.objectContaining({ code: 'TW_ERR_SOCKET_PACKET' }))
  })
})

describe('MessagePack', () => {
  it('[SIO-8] gives back any value', () => {
    fc.assert(fc.property(fc.oneof(json, argument), (value) => {
      expect(normalize(decodeMsgpack(encodeMsgpack(value)))).toEqual(JSON.parse(JSON.stringify(normalize(value)), (_key, item) => (item?.type === 'Buffer' ? Buffer.from(item.data) : item)))
    }))
  })

  it('[EIO-14] refuses lengths that were only told', () => {
    for (const told of [[0xdd, 255, 255, 255, 255], [0xdf, 255, 255, 255, 255], [0xc6, 255, 255, 255, 255], [0xdb, 255, 255, 255, 255]]) {
      expect(() => decodeMsgpack(Uint8Array.from(told))).toThrow(ProtocolError)
    }
  })
})
