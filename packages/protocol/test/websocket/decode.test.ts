import fc from 'fast-check'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { FrameDecoder, OPCODE, ProtocolError, encodeCloseFrame, encodeFrame } from '../../src/index.ts'
import { decodeNodeText } from './echo-server.ts'
import { RecordingDecoder, decodeAll, hex } from './events.ts'
import { doubtfulBytes, validBytes } from './frame-arbitrary.ts'

const mask = hex('37fa213d')
const server = { role: 'server' } as const
const client = { role: 'client' } as const
/** A mask of zeros leaves the payload readable in the tables. */
const M = '00000000'

describe('what a client sends', () => {
  test.each([
    ['[WS-1]', 'a masked text', '81 85 37fa213d 7f9f4d5158', [['text', 'Hello']]],
    ['[WS-1]', 'an empty text', `81 80 ${M}`, [['text', '']]],
    ['[WS-1]', 'an empty binary', `82 80 ${M}`, [['binary', '']]],
    [
      '[WS-1]',
      'a length written longer than needed',
      `82 fe 0001 ${M} 07 82 ff 0000000000000001 ${M} 08`,
      [
        ['binary', '07'],
        ['binary', '08'],
      ],
    ],
    ['[WS-2]', 'an unmasked frame', '81 05 48656c6c6f', [['error', 1002]]],
    ['[WS-2]', 'an unmasked ping', '89 00', [['error', 1002]]],
    ['[WS-3]', 'the first reserved bit', `c1 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'the second reserved bit', `a1 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'the third reserved bit', `91 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'a reserved bit of a control frame', `c9 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'opcode 3', `83 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'opcode 7', `87 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'opcode 11', `8b 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'opcode 15', `8f 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'a ping in fragments', `09 80 ${M}`, [['error', 1002]]],
    ['[WS-3]', 'a ping of 126 bytes', '89 fe 007e', [['error', 1002]]],
    ['[WS-3]', 'a continuation of nothing', `80 80 ${M}`, [['error', 1002]]],
    [
      '[WS-3]',
      'a continuation after a whole message',
      `81 81 ${M} 61 80 81 ${M} 62`,
      [
        ['text', 'a'],
        ['error', 1002],
      ],
    ],
    ['[WS-3]', 'a message inside another', `01 81 ${M} 61 81 81 ${M} 62`, [['error', 1002]]],
    [
      '[WS-4]',
      'a ping between fragments',
      `01 81 ${M} 61 89 81 ${M} 07 80 81 ${M} 62`,
      [
        ['ping', '07'],
        ['text', 'ab'],
      ],
    ],
    [
      '[WS-4]',
      'a pong between empty fragments',
      `02 80 ${M} 8a 80 ${M} 00 80 ${M} 80 80 ${M}`,
      [
        ['pong', ''],
        ['binary', ''],
      ],
    ],
    [
      '[WS-4]',
      'a close between fragments',
      `01 81 ${M} 61 88 82 ${M} 03e8 80 81 ${M} 62`,
      [['close', 1000, '']],
    ],
    [
      '[WS-4]',
      'two fragmented messages',
      `01 81 ${M} 61 80 81 ${M} 62 02 81 ${M} 63 80 81 ${M} 64`,
      [
        ['text', 'ab'],
        ['binary', '6364'],
      ],
    ],
    ['[WS-5]', 'a character cut by fragments', `01 81 ${M} c3 80 81 ${M} a9`, [['text', 'é']]],
    ['[WS-5]', 'a byte order mark', `81 83 ${M} efbbbf`, [['text', '\ufeff']]],
    ['[WS-5]', 'a byte that is no UTF-8', `81 81 ${M} ff`, [['error', 1007]]],
    ['[WS-5]', 'a surrogate in UTF-8', `81 83 ${M} eda080`, [['error', 1007]]],
    ['[WS-5]', 'an overlong slash', `81 82 ${M} c0af`, [['error', 1007]]],
    ['[WS-5]', 'a character that ends too early', `01 81 ${M} c3 80 80 ${M}`, [['error', 1007]]],
    ['[WS-5]', 'a close reason that is no UTF-8', `88 83 ${M} 03e8 ff`, [['error', 1007]]],
    ['[WS-9]', 'a close without a code', `88 80 ${M}`, [['close', 1005, '']]],
    ['[WS-9]', 'a close with code and reason', `88 85 ${M} 03e9 627965`, [['close', 1001, 'bye']]],
    ['[WS-9]', 'a frame after the close frame', `88 80 ${M} 81 81 ${M} 61`, [['close', 1005, '']]],
    ['[WS-9]', 'nonsense after the close frame', `88 80 ${M} ffffffff`, [['close', 1005, '']]],
    ['[WS-3]', 'a close of one byte', `88 81 ${M} 03`, [['error', 1002]]],
  ] as const)('%s decodes %s', (_rule, _name, bytes, events) => {
    expect(decodeAll([hex(bytes)], server)).toEqual(events)
    expect(decodeAll([hex(bytes)], { ...server, decodeText: decodeNodeText })).toEqual(events)
    // A runtime without Buffer pushes plain arrays.
    expect(new RecordingDecoder(server).push(Uint8Array.from(hex(bytes))).events).toEqual(events)
  })

  test.each([1000, 1001, 1002, 1003, 1007, 1011, 1012, 1014, 3000, 3999, 4000, 4999])(
    '[WS-9] takes close code %i',
    (code) => {
      expect(decodeAll([encodeCloseFrame(code, '', mask)], server)).toEqual([['close', code, '']])
    },
  )

  test.each([0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])(
    '[WS-3] refuses close code %i',
    (code) => {
      expect(decodeAll([encodeCloseFrame(code, '', mask)], server)).toEqual([['error', 1002]])
    },
  )
})

describe('what a server sends', () => {
  test.each([
    ['[WS-1]', 'an unmasked text', '81 05 48656c6c6f', [['text', 'Hello']]],
    [
      '[WS-4]',
      'a ping between fragments',
      '01 01 61 89 01 07 80 01 62',
      [
        ['ping', '07'],
        ['text', 'ab'],
      ],
    ],
    ['[WS-2]', 'a masked text', '81 85 37fa213d 7f9f4d5158', [['error', 1002]]],
    ['[WS-5]', 'a byte that is no UTF-8', '81 01 ff', [['error', 1007]]],
    ['[WS-5]', 'a surrogate in UTF-8', '81 04 61eda080', [['error', 1007]]],
    ['[WS-5]', 'a character that ends too early', '81 02 61c3', [['error', 1007]]],
    ['[WS-5]', 'the character that decoders write for bad ones', '81 04 61efbfbd', [['text', 'a\ufffd']]],
    ['[WS-5]', 'a byte order mark and other characters', '81 09 efbbbfc3a9f09f9880', [['text', '\ufeffé\u{1f600}']]],
    ['[WS-9]', 'a close with code and reason', '88 05 03e9 627965', [['close', 1001, 'bye']]],
  ] as const)('%s decodes %s', (_rule, _name, bytes, events) => {
    expect(decodeAll([hex(bytes)], client)).toEqual(events)
    expect(new RecordingDecoder(client).push(Uint8Array.from(hex(bytes))).events).toEqual(events)
  })
})

describe('limits', () => {
  const limited = { ...server, maxPayloadBytes: 1_000, maxFragments: 3 }

  test('[WS-6] takes a message of exactly the limit, in one frame or in several', () => {
    expect(decodeAll([encodeFrame(OPCODE.TEXT, 'x'.repeat(1_000), { mask })], limited)).toEqual([
      ['text', 'x'.repeat(1_000)],
    ])
    const half = Buffer.from(encodeFrame(OPCODE.TEXT, 'x'.repeat(500), { mask }))
    half[0] = 0x01
    const rest = Buffer.from(encodeFrame(OPCODE.CONTINUATION, 'x'.repeat(500), { mask }))
    expect(decodeAll([half, rest], limited)).toEqual([['text', 'x'.repeat(1_000)]])
  })

  test.each([
    ['one byte above it', '82 fe 03e9'],
    ['4 GiB', '82 ff 0000000100000000'],
    ['2^63 bytes', '82 ff 8000000000000000'],
    ['all ones', '82 ff ffffffffffffffff'],
  ])('[WS-6] refuses a length of %s before anything of it arrives', (_name, header) => {
    expect(decodeAll([hex(header)], limited)).toEqual([['error', 1009]])
    // Also when the length itself comes in pieces.
    expect(
      decodeAll(
        [...hex(header)].map((byte) => Uint8Array.of(byte)),
        limited,
      ),
    ).toEqual([['error', 1009]])
  })

  test('[WS-6] refuses a length that no number holds, even without a limit', () => {
    const unlimited = { ...server, maxPayloadBytes: Number.POSITIVE_INFINITY }
    expect(decodeAll([hex('82 ff 0020000000000000')], unlimited)).toEqual([['error', 1009]])
  })

  test('[WS-6] refuses the fragment that makes the sum too large, before its bytes arrive', () => {
    const first = Buffer.from(encodeFrame(OPCODE.BINARY, Buffer.alloc(600), { mask }))
    first[0] = 0x02
    expect(decodeAll([first, hex('80 fe 0191')], limited)).toEqual([['error', 1009]])
    // The sum starts anew with every message.
    const last = encodeFrame(OPCODE.CONTINUATION, Buffer.alloc(400), { mask })
    expect(decodeAll([first, last, first, last], limited)).toHaveLength(2)
  })

  test('[WS-6] does not count control frames between the fragments', () => {
    const first = Buffer.from(encodeFrame(OPCODE.BINARY, Buffer.alloc(950), { mask }))
    first[0] = 0x02
    const ping = encodeFrame(OPCODE.PING, Buffer.alloc(125), { mask })
    const last = encodeFrame(OPCODE.CONTINUATION, Buffer.alloc(50), { mask })
    expect(decodeAll([first, ping, ping, last], limited).map(([name]) => name)).toEqual([
      'ping',
      'ping',
      'binary',
    ])
  })

  test('[WS-7] takes as many fragments as allowed and no more, empty ones too', () => {
    const allowed = `01 81 ${M} 61 00 80 ${M} 80 81 ${M} 62`
    expect(decodeAll([hex(allowed)], limited)).toEqual([['text', 'ab']])
    expect(decodeAll([hex(`01 81 ${M} 61 ${`00 80 ${M}`.repeat(3)}`)], limited)).toEqual([['error', 1009]])
  })

  test('[WS-6] holds a frame that drips in byte by byte in little more than its bytes', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const frame = encodeFrame(OPCODE.BINARY, Buffer.alloc(300_000), { mask })
    const decoder = new RecordingDecoder(server)
    const used = (): number => {
      collect()
      const { heapUsed, arrayBuffers } = process.memoryUsage()
      return heapUsed + arrayBuffers
    }
    const before = used()
    for (let i = 0; i < frame.length - 1; i++) decoder.push(Uint8Array.of(frame[i]!))
    expect(used() - before).toBeLessThan(2_000_000)
    decoder.push(frame.subarray(frame.length - 1))
    expect(decoder.events).toEqual([['binary', '00'.repeat(300_000)]])
  })
})

describe('chunks', () => {
  const deliver = (bytes: Buffer, cuts: readonly number[]): Buffer[] => {
    const edges = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
    return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))
  }

  test('[WS-8] gives the same events for any split of the bytes', () => {
    fc.assert(
      fc.property(doubtfulBytes, fc.array(fc.nat(3_000), { maxLength: 12 }), (bytes, cuts) => {
        const options = { ...server, maxPayloadBytes: 600, maxFragments: 4 }
        const whole = decodeAll([bytes], options)
        expect(decodeAll(deliver(bytes, cuts), options)).toEqual(whole)
        expect(
          decodeAll(
            [...bytes].map((byte) => Uint8Array.of(byte)),
            options,
          ),
        ).toEqual(whole)
      }),
      { numRuns: 300 },
    )
  })

  test('[WS-8] handles every frame of a valid conversation and its close at the end', () => {
    fc.assert(
      fc.property(validBytes, (bytes) => {
        const events = decodeAll([bytes], server)
        expect(events.at(-1)).toEqual(['close', 1000, 'end'])
        expect(events.some(([name]) => name === 'error')).toBe(false)
      }),
      { numRuns: 200 },
    )
  })

  test('[WS-8] throws nothing but protocol errors for random bytes, and handles nothing after one', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
        fc.boolean(),
        (chunks, isServer) => {
          const events = decodeAll(chunks, { role: isServer ? 'server' : 'client' })
          const end = events.findIndex(([name]) => name === 'error' || name === 'close')
          if (end !== -1) expect(events).toHaveLength(end + 1)
        },
      ),
      { numRuns: 1_000 },
    )
  })

  test('[WS-8] handles frames of one chunk up to the handler that stops it, and none of later chunks', () => {
    const texts: string[] = []
    const decoder: FrameDecoder = new FrameDecoder(
      {
        handleText(text) {
          texts.push(text)
          if (text === 'b') decoder.stop()
        },
        handleBinary() {},
        handlePing() {},
        handlePong() {},
        handleClose() {},
      },
      server,
    )
    const frames = ['a', 'b', 'c'].map((text) => encodeFrame(OPCODE.TEXT, text, { mask }))
    decoder.push(Buffer.concat(frames))
    decoder.push(encodeFrame(OPCODE.TEXT, 'd', { mask }))
    expect(texts).toEqual(['a', 'b'])
  })

  test('[WS-8] passes on what a handler throws and handles nothing more', () => {
    let count = 0
    const decoder = new FrameDecoder(
      {
        handleText() {
          count++
          throw new TypeError('mine')
        },
        handleBinary() {},
        handlePing() {},
        handlePong() {},
        handleClose() {},
      },
      server,
    )
    const two = Buffer.concat([1, 2].map(() => Buffer.from(encodeFrame(OPCODE.TEXT, 'a', { mask }))))
    expect(() => decoder.push(two)).toThrow(new TypeError('mine'))
    decoder.push(encodeFrame(OPCODE.TEXT, 'a', { mask }))
    expect(count).toBe(1)
  })

  test('[WS-3] names its errors by code', () => {
    const codeOf = (bytes: string): string => {
      const decoder = new RecordingDecoder({ ...server, maxPayloadBytes: 10 }).decoder
      try {
        decoder.push(hex(bytes))
      } catch (error) {
        if (error instanceof ProtocolError) return error.code
      }
      return 'none'
    }
    expect(codeOf('83 80')).toBe('TW_ERR_FRAME')
    expect(codeOf('81 8b')).toBe('TW_ERR_FRAME_TOO_LARGE')
    expect(codeOf(`81 81 ${M} ff`)).toBe('TW_ERR_FRAME_UTF8')
  })
})
