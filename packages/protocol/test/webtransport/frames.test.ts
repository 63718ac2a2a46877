// The framing of WebTransport streams: the golden vectors, round trips over any split, bounds, and engine.io-parser 5.2.3 as a black box.
import { encodeStreamFrame, engineV4, ProtocolError, StreamFrameDecoder } from '@tidewire/protocol'
import type { EnginePacket, EnginePacketType } from '@tidewire/protocol'
import fc from 'fast-check'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { loadVectors, normalize } from '../golden.ts'

const interop = createRequire(new URL('../../../../interop/package.json', import.meta.url))
const parser = createRequire(createRequire(interop.resolve('socket.io-4.8.4')).resolve('engine.io'))(
  'engine.io-parser',
) as {
  createPacketEncoderStream(): TransformStream
  createPacketDecoderStream(maxPayload: number, binaryType: string): TransformStream
}

const MAX_PAYLOAD = 1_000_000

function decode(chunks: readonly Uint8Array[], maxPayloadBytes = MAX_PAYLOAD): unknown[] {
  const packets: unknown[] = []
  const decoder = new StreamFrameDecoder(maxPayloadBytes, (packet) => packets.push(normalize(packet)))
  try {
    for (const chunk of chunks) decoder.push(chunk)
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError)
    packets.push({ type: 'error', data: 'parser error' })
  }
  return packets
}

/** Cuts bytes at any places, empty chunks included. */
function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return places.slice(1).map((end, index) => bytes.slice(places[index], end))
}

const bytes = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 300 }),
  fc.constantFrom(125, 126, 127, 65_535, 65_536).map((length) => new Uint8Array(length).fill(7)),
)
const packets: fc.Arbitrary<EnginePacket[]> = fc.array(
  fc.oneof(
    fc.record({
      type: fc.constant<EnginePacketType>('message'),
      data: fc.oneof(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), bytes),
    }),
    fc.constantFrom<EnginePacket>(
      { type: 'open' },
      { type: 'open', data: '{"sid":"x"}' },
      { type: 'ping', data: 'probe' },
      { type: 'pong' },
      { type: 'upgrade' },
    ),
  ),
  { minLength: 1, maxLength: 6 },
)

describe('the vectors of engine.io-parser 5.2.3', () => {
  const vectors = loadVectors('engine.io')['webtransport framing (engine.io-parser 5.2.3)'] as any[]

  it.each(
    vectors
      .filter(
        ({ header, payload, dataLength }) => header !== undefined && payload !== undefined && dataLength > 0,
      )
      .map((one): [string, any] => [one.name, one]),
  )('[EIO-90] writes "%s" as the official encoder does', (_name, { header, payload }) => {
    const body = Buffer.from(payload, 'base64')
    const packet =
      parseInt(header.slice(0, 2), 16) > 127
        ? { type: 'message' as const, data: body }
        : engineV4.decodePacket(body.toString())

    expect(Buffer.from(encodeStreamFrame(packet)).toString('hex')).toBe(header + body.toString('hex'))
  })

  it.each([
    ['65535', 65_534, '7effff'],
    ['65536', 65_535, '7f0000000000010000'],
  ] as const)('[EIO-90] writes the header of %s bytes', (_name, length, header) => {
    const frame = encodeStreamFrame({ type: 'message', data: 'a'.repeat(length) })

    expect(Buffer.from(frame.subarray(0, header.length / 2)).toString('hex')).toBe(header)
    expect(frame.length).toBe(header.length / 2 + length + 1)
  })

  it.each(
    vectors
      .filter(({ wireHex }) => wireHex !== undefined)
      .map((one): [string, any] => [one.wireHex, one.result]),
  )('[EIO-90, EIO-91] reads %s as the official decoder does', (hex, result) => {
    expect(decode([Buffer.from(hex, 'hex')])).toEqual(result.pending ? [] : [result])
  })
})

describe('round trips', () => {
  it('[EIO-12, EIO-90] any split of a stream gives the same packets', () => {
    fc.assert(
      fc.property(packets, fc.array(fc.nat(), { maxLength: 12 }), (list, cuts) => {
        expect(decode(split(Buffer.concat(list.map(encodeStreamFrame)), cuts))).toEqual(list.map(normalize))
      }),
    )
  })

  it('[EIO-12] a stream may come byte by byte', () => {
    const list: EnginePacket[] = [
      { type: 'open' },
      { type: 'message', data: '2["é😀"]' },
      { type: 'message', data: new Uint8Array(200).fill(1) },
    ]
    const stream = Buffer.concat(list.map(encodeStreamFrame))

    expect(decode(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(list.map(normalize))
  })

  it('[EIO-92] an empty binary message arrives as one', () => {
    expect(decode([encodeStreamFrame({ type: 'message', data: new Uint8Array(0) })])).toEqual([
      { type: 'message', data: Buffer.alloc(0) },
    ])
  })
})

describe('bounds', () => {
  it('[EIO-14, EIO-91] a length above the limit is refused before a byte of the frame is there', () => {
    for (const [limit, header] of [
      [1000, [126, 0x03, 0xe9]],
      [1000, [0xfe, 0x03, 0xe9]],
      [100, [101]],
      [MAX_PAYLOAD, [127, 0, 0, 0, 0, 0, 15, 66, 65]],
      [Number.MAX_SAFE_INTEGER, [127, 0, 32, 0, 0, 0, 0, 0, 0]],
    ] as const) {
      expect(() => new StreamFrameDecoder(limit, () => {}).push(Uint8Array.from(header))).toThrow(
        expect.objectContaining({ code: 'TW_ERR_FRAME_TOO_LARGE' }),
      )
    }
    const packets: EnginePacket[] = []
    new StreamFrameDecoder(101, (packet) => packets.push(packet)).push(
      encodeStreamFrame({ type: 'message', data: 'a'.repeat(100) }),
    )
    expect(packets).toHaveLength(1)
  })

  it('[EIO-14] a length that was only told holds no memory', () => {
    const decoders = Array.from({ length: 200 }, () => new StreamFrameDecoder(2 ** 40, () => {}))
    const before = process.memoryUsage().arrayBuffers
    for (const decoder of decoders) decoder.push(Uint8Array.of(127, 0, 0, 0, 0xff, 0, 0, 0, 0, 1, 2))

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000)
  })

  it('[EIO-13] what follows an error is thrown away, and what came before it is delivered', () => {
    expect(decode([Buffer.from('0234610002346203', 'hex')])).toEqual([
      { type: 'message', data: 'a' },
      { type: 'error', data: 'parser error' },
    ])
  })
})

describe('engine.io-parser 5.2.3 as a black box', () => {
  async function encodeTheirs(list: readonly EnginePacket[]): Promise<Uint8Array> {
    const { readable, writable } = parser.createPacketEncoderStream()
    const writer = writable.getWriter()
    const written = Promise.all(list.map((packet) => writer.write(packet))).then(() => writer.close())
    const chunks: Uint8Array[] = []
    for await (const chunk of readable as unknown as AsyncIterable<Uint8Array>) chunks.push(chunk)
    await written
    return Buffer.concat(chunks)
  }

  async function decodeTheirs(chunks: readonly Uint8Array[], maxPayload = MAX_PAYLOAD): Promise<unknown[]> {
    const { readable, writable } = parser.createPacketDecoderStream(maxPayload, 'nodebuffer')
    const writer = writable.getWriter()
    const written = Promise.all(chunks.map((chunk) => writer.write(chunk))).then(() => writer.close())
    const read: unknown[] = []
    for await (const packet of readable as unknown as AsyncIterable<EnginePacket>) {
      read.push(normalize(packet))
      // Its error is the last thing that counts: the transport closes then.
      if ((packet.type as string) === 'error') break
    }
    await written.catch(() => {})
    return read
  }

  it('[EIO-90] writes the same bytes, and reads ours', async () => {
    await fc.assert(
      fc.asyncProperty(packets, fc.array(fc.nat(), { maxLength: 6 }), async (list, cuts) => {
        const ours = Buffer.concat(list.map(encodeStreamFrame))

        expect(ours.equals(await encodeTheirs(list))).toBe(true)
        expect(await decodeTheirs(split(ours, cuts).filter(({ length }) => length > 0))).toEqual(
          list.map(normalize),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('[EIO-92] reads our form of an empty binary message', async () => {
    expect(await decodeTheirs([encodeStreamFrame({ type: 'message', data: new Uint8Array(0) })])).toEqual([
      { type: 'message', data: Buffer.alloc(0) },
    ])
  })

  it('[EIO-91] accepts and refuses the same bytes', async () => {
    const near = fc
      .array(
        fc.oneof(
          fc.constantFrom(
            [0],
            [1, 0x30],
            [2, 0x34, 0x61],
            [0x80],
            [0x81, 9],
            [126, 0, 2, 0x34, 0x61],
            [126, 0x10],
            [127, 0, 0, 0, 0, 0, 0, 0, 1, 0x32],
            [127, 0, 32, 0, 0, 0, 0, 0, 0],
            [1, 0x39],
            [3, 0x62, 0x41, 0x51],
          ),
          fc.array(fc.nat(255), { maxLength: 3 }),
        ),
        { maxLength: 6 },
      )
      .map((parts) => Uint8Array.from(parts.flat()))
    await fc.assert(
      fc.asyncProperty(near, async (stream) => {
        expect({ stream: Buffer.from(stream).toString('hex'), read: decode([stream], 200) }).toEqual({
          stream: Buffer.from(stream).toString('hex'),
          read: stream.length === 0 ? [] : await decodeTheirs([stream], 200),
        })
      }),
      { numRuns: 400 },
    )
  })
})
