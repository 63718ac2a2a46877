// The bus format: the bytes of the first release stay readable and writable, any message comes back, and bad bytes give ProtocolError.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { clusterCodec, ProtocolError } from '@tidewire/protocol'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeSample, encodeWhole, samples } from './samples.ts'
import type { Sample } from './samples.ts'

const { commonFormat, decodeHello, encodeHello, readFrame, readMessages } = clusterCodec
const vectors = JSON.parse(readFileSync(new URL('../vectors/cluster-format-1.json', import.meta.url), 'utf8')) as Sample[]

function messagesOf(bytes: Uint8Array, hasMac: boolean): { service: number; hasMore: boolean; bytes: Buffer }[] {
  const messages: { service: number; hasMore: boolean; bytes: Buffer }[] = []
  readMessages(bytes, hasMac, (service, hasMore, view) => messages.push({ service, hasMore, bytes: Buffer.from(view) }))
  return messages
}

describe('format 1', () => {
  it.each(vectors)('[CLU-1] writes and reads the bytes of its first release: $title', (sample) => {
    const bytes = Buffer.from(sample.hex, 'hex')

    expect(Buffer.from(encodeSample(sample)).toString('hex')).toBe(sample.hex)
    if (sample.type === 'hello') expect(decodeHello(bytes)).toEqual(sample.hello)
    else {
      expect(readFrame(bytes)).toEqual(sample.frame)
      expect(messagesOf(bytes, sample.frame.hasMac).map(({ bytes: view, ...rest }) => ({ ...rest, text: view.toString() }))).toEqual(sample.messages)
    }
  })

  it('[CLU-1] has a vector for each of its messages', () => {
    expect(vectors.map(({ title }) => title)).toEqual(samples.map(({ title }) => title))
  })

  it('[CLU-1] has the schema of its version: whoever changes it raises the version and adds a line to the history', () => {
    const { CLUSTER_FORMAT, FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_KIND, HELLO_HEADER_BYTES, HELLO_KIND, LINK_REASON, MAC_BYTES, MAX_SERVICE, MESSAGE_FLAG } = clusterCodec
    const schema = JSON.stringify([
      CLUSTER_FORMAT, FRAME_FLAG, FRAME_HEADER_BYTES, FRAME_KIND, HELLO_HEADER_BYTES, HELLO_KIND, LINK_REASON, MAC_BYTES, MAX_SERVICE, MESSAGE_FLAG,
      samples.map((sample) => Buffer.from(encodeSample({ ...sample, hex: '' })).toString('hex')),
    ])

    expect({ version: CLUSTER_FORMAT.max, hash: createHash('sha256').update(schema).digest('hex').slice(0, 16) }).toEqual({ version: 1, hash: '43e2860d08d97c84' })
  })
})

it('[CLU-2] two ranges of formats have their highest common one, or none', () => {
  expect(commonFormat({ min: 1, max: 3 }, { min: 2, max: 2 })).toBe(2)
  expect(commonFormat({ min: 1, max: 1 }, { min: 1, max: 2 })).toBe(1)
  expect(commonFormat({ min: 1, max: 1 }, { min: 2, max: 3 })).toBeUndefined()
})

const incarnation = fc.stringMatching(/^[A-Za-z0-9_-]{4}$/)
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff })
const uint53 = fc.maxSafeNat()
const message = fc.record({ service: fc.integer({ min: 1, max: 63 }), hasMore: fc.boolean(), bytes: fc.uint8Array({ maxLength: 20_000, size: 'large' }).map((bytes) => Buffer.from(bytes)) })

describe('properties', () => {
  it('[CLU-1] any frame comes back as it was written', () => {
    const frame = fc.record({
      format: fc.constant(1), kind: fc.constant('data' as const), from: incarnation, to: incarnation, fromLink: fc.integer({ min: 1, max: 0xffff_ffff }), toLink: uint32, credit: uint32,
      sequence: uint53.map((n) => n || 1), acknowledged: uint53, isGap: fc.boolean(), reason: fc.constant('none' as const), hasMac: fc.boolean(),
    })
    fc.assert(
      fc.property(frame, fc.array(message, { minLength: 1, maxLength: 8 }), (value, messages) => {
        const bytes = encodeWhole(value, messages)
        expect(readFrame(bytes)).toEqual(value)
        expect(messagesOf(bytes, value.hasMac)).toEqual(messages)
      }),
      { numRuns: 300 },
    )
  })

  it('[CLU-1] any hello comes back as it was written', () => {
    const hello = fc.record({
      kind: fc.constantFrom('join' as const, 'query' as const, 'answer' as const, 'beat' as const, 'bye' as const, 'taken' as const),
      format: fc.record({ min: fc.integer({ min: 0, max: 255 }), max: fc.integer({ min: 0, max: 255 }) }), incarnation,
      boot: fc.stringMatching(/^[0-9a-f]{16}$/), count: uint32,
      info: fc.record({ name: fc.string({ unit: 'grapheme', maxLength: 20 }), version: fc.string(), address: fc.option(fc.string(), { nil: undefined }), sessions: fc.nat() }),
    })
    fc.assert(
      fc.property(hello, fc.boolean(), (value, hasMac) => {
        expect(decodeHello(encodeHello(value, hasMac))).toEqual(value)
      }),
      { numRuns: 300 },
    )
  })

  it('[CLU-3] bytes that were changed, cut or made up give ProtocolError and nothing else', () => {
    const seeds = vectors.map(({ hex }) => Buffer.from(hex, 'hex'))
    const mutated = fc
      .tuple(fc.constantFrom(...seeds), fc.array(fc.tuple(fc.nat(300), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }), fc.nat(300))
      .map(([seed, changes, length]) => {
        const bytes = Buffer.from(seed)
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
        return bytes.subarray(0, length)
      })
    let refused = 0
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        for (const read of [decodeHello, (frame: Uint8Array) => messagesOf(frame, readFrame(frame).hasMac)]) {
          try {
            read(bytes)
          } catch (error) {
            refused++
            expect(error).toBeInstanceOf(ProtocolError)
            expect((error as ProtocolError).code).toBe('TW_ERR_CLUSTER_FRAME')
          }
        }
      }),
      { numRuns: 5_000 },
    )
    expect(refused).toBeGreaterThan(1_000)
  })
})
