// The codec of browsers against the one of @tidewire/protocol: what one writes and reads, the other does too.
import { SocketPacketDecoder, encodeSocketPacket } from '@tidewire/protocol'
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createCompactCodec } from '../src/codec-compact.ts'

const bytes = fc.uint8Array({ maxLength: 8 })
const value = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 3 }, fc.jsonValue({ maxDepth: 1 }), bytes, fc.array(tie('value'), { maxLength: 3 }), fc.dictionary(fc.string(), tie('value'), { maxKeys: 3 })),
})).value
const packet: fc.Arbitrary<SocketPacket> = fc.record({
  type: fc.constantFrom(2, 3),
  nsp: fc.constantFrom('/', '/admin', '/汉'),
  data: fc.tuple(fc.string().map((name) => `e${name}`), value, value),
  id: fc.option(fc.nat(), { nil: undefined }),
})

/** All packets of some chunks, or the code of the error. */
function decode(add: (chunk: string | Uint8Array) => SocketPacket | undefined, chunks: readonly (string | Uint8Array)[]): unknown {
  try {
    return chunks.map(add).filter((one) => one !== undefined).map(({ type, nsp, data, id }) => ({ type, nsp, data, id }))
  } catch {
    return 'refused'
  }
}

function compare(chunks: readonly (string | Uint8Array)[], revision: SocketRevision): void {
  const full = new SocketPacketDecoder({ revision })
  const compact = createCompactCodec(revision)
  expect(decode((chunk) => compact.add(chunk), chunks)).toEqual(decode((chunk) => full.add(chunk), chunks))
}

describe('codec of browsers', () => {
  it('[CLI-36] writes the same bytes', () => {
    fc.assert(
      fc.property(packet, (one) => {
        const full = encodeSocketPacket(one, { revision: 5 })
        fc.pre(full.length <= 11)
        expect(createCompactCodec(5).encode(one)).toEqual(full)
      }),
      { numRuns: 500 },
    )
  })

  it('[CLI-36] reads what the other writes, in both revisions', () => {
    fc.assert(
      fc.property(packet, fc.constantFrom<SocketRevision>(4, 5), (one, revision) => {
        const chunks = encodeSocketPacket(one, { revision })
        fc.pre(chunks.length <= 11)
        compare(chunks, revision)
      }),
      { numRuns: 500 },
    )
  })

  it.each([
    '0', '0{}', '0null', '0/ns', '0/ns,', '0/ns,{"sid":"x"}', '0"text"', '0[]', '1', '1/ns', '1{}', '2', '2[]', '2["a"]', '2[1]', '2[null]', '2{}', '2"a"',
    '212["a"]', '2/ns,12["a"]', '2["connect"]', '2["disconnecting"]', '3["a"]', '35[]', '3{}', '3', '4', '4"no"', '4{"message":"no"}', '4[]', '41', '4true',
    '5["a"]', '5-["a"]', '50-["a"]', '511-["a"]', '51-', '51-["a"', '7', 'x', '', '2["a"', '2/ns["a"]', '2[{"_placeholder":true,"num":0}]', '6', '61-[]',
  ])('[CLI-36] takes and refuses the text %j as the other does', (text) => {
    compare([text], 5)
    compare([text], 4)
  })

  it.each([
    [['51-["a",{"_placeholder":true,"num":0}]', Uint8Array.of(1)]],
    [['51-["a",{"_placeholder":true,"num":1}]', Uint8Array.of(1)]],
    [['51-["a",{"_placeholder":true,"num":"x"}]', Uint8Array.of(1)]],
    [['51-["a",{"_placeholder":true,"num":-1}]', Uint8Array.of(1)]],
    [['51-["a",{"_placeholder":true,"num":0}]', '2["b"]']],
    [[Uint8Array.of(1)]],
    [['52-["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', Uint8Array.of(1), Uint8Array.of(2), '2["b"]']],
    [['61-/ns,3[{"_placeholder":true,"num":0}]', Uint8Array.of(1)]],
    [['51-["connect",{"_placeholder":true,"num":0}]', Uint8Array.of(1)]],
  ])('[CLI-36] treats attachments as the other does: %j', (chunks) => {
    compare(chunks, 5)
    compare(chunks, 4)
  })

  it('[CLI-36] refuses what cannot be sent, with the same codes', () => {
    const codec = createCompactCodec(5)
    const send = (data: unknown): unknown => codec.encode({ type: 2, nsp: '/', data })
    const circular: unknown[] = ['a']
    circular.push(circular)
    let deep: unknown = 1
    for (let i = 0; i < 100_000; i++) deep = [deep]

    expect(() => send(['a', ...Array.from({ length: 11 }, () => new Uint8Array(1))])).toThrow(expect.objectContaining({ code: 'TW_ERR_ATTACHMENTS' }))
    expect(() => send(['a', 1n])).toThrow(expect.objectContaining({ code: 'TW_ERR_SOCKET_PACKET' }))
    expect(() => send(circular)).toThrow(expect.objectContaining({ code: expect.stringMatching(/^TW_ERR_(SOCKET_PACKET|DEPTH)$/) }))
    expect(() => send(['a', deep])).toThrow(expect.objectContaining({ code: 'TW_ERR_DEPTH' }))
  })

  it('[CLI-36] takes every kind of binary value, and the part of a buffer that a view shows', () => {
    const buffer = Uint8Array.of(1, 2, 3, 4).buffer
    const blob = new Blob(['x'])
    const [text, ...attachments] = createCompactCodec(5).encode({ type: 2, nsp: '/', data: ['a', buffer, new DataView(buffer, 1, 2), Buffer.from([9]), blob] })

    expect(text).toBe('54-["a",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2},{"_placeholder":true,"num":3}]')
    expect(attachments.slice(0, 3).map((one) => [...(one as Uint8Array)])).toEqual([[1, 2, 3, 4], [2, 3], [9]])
    expect(attachments[3]).toBe(blob)
  })

  it('[CLI-36] takes objects as their toJSON shows them, though they refer to themselves, with what is binary in that', () => {
    const bytes = Uint8Array.of(1)
    const model = { inner: {}, toJSON: () => ({ id: 1, bytes }) }
    model.inner = { model }
    const [text, ...attachments] = createCompactCodec(5).encode({ type: 2, nsp: '/', data: ['a', null, model, new Date(0), { list: [[{ bytes }]] }] })

    expect(text).toBe('52-["a",null,{"id":1,"bytes":{"_placeholder":true,"num":0}},"1970-01-01T00:00:00.000Z",{"list":[[{"bytes":{"_placeholder":true,"num":1}}]]}]')
    expect(attachments).toEqual([bytes, bytes])
    expect(createCompactCodec(5).encode({ type: 2, nsp: '/', data: ['a', { toJSON: () => 'short', self: model }] })).toEqual(['2["a","short"]'])
  })
})
