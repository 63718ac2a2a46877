import fc from 'fast-check'
import { expect, test } from 'vitest'
import { OPCODE, encodeCloseFrame, encodeFrame } from '../../src/index.ts'
import { decodeAll, hex } from './events.ts'

const mask = hex('37fa213d')
const text = (frame: Uint8Array): string => Buffer.from(frame).toString('hex')

test.each([
  ['a text of a server', encodeFrame(OPCODE.TEXT, 'Hello'), '81 05 48656c6c6f'],
  ['a text of a client', encodeFrame(OPCODE.TEXT, 'Hello', { mask }), '81 85 37fa213d 7f9f4d5158'],
  ['a ping of a server', encodeFrame(OPCODE.PING, Buffer.from('Hello')), '89 05 48656c6c6f'],
  [
    'a pong of a client',
    encodeFrame(OPCODE.PONG, Buffer.from('Hello'), { mask }),
    '8a 85 37fa213d 7f9f4d5158',
  ],
  ['an empty text', encodeFrame(OPCODE.TEXT, ''), '81 00'],
  ['an empty text of a client', encodeFrame(OPCODE.TEXT, '', { mask }), '81 80 37fa213d'],
  ['a text outside ASCII', encodeFrame(OPCODE.TEXT, 'é€😀'), '81 09 c3a9 e282ac f09f9880'],
  ['a text within Latin-1', encodeFrame(OPCODE.TEXT, '\u00ff'), '81 02 c3bf'],
  ['a lone surrogate', encodeFrame(OPCODE.TEXT, 'a\ud800'), '81 04 61 efbfbd'],
  ['a digit before a text', encodeFrame(OPCODE.TEXT, '2["é"]', { prefix: '4' }), '81 08 34 32 5b22c3a9225d'],
  ['a byte before a binary', encodeFrame(OPCODE.BINARY, hex('0102'), { prefix: 4 }), '82 03 04 0102'],
  ['a masked prefix', encodeFrame(OPCODE.BINARY, hex('0102'), { prefix: 4, mask }), '82 83 37fa213d 33fb23'],
  ['an empty prefix', encodeFrame(OPCODE.TEXT, 'a', { prefix: '' }), '81 01 61'],
  ['a close without a code', encodeCloseFrame(), '88 00'],
  ['a close with a code', encodeCloseFrame(1000), '88 02 03e8'],
  ['a close with a reason', encodeCloseFrame(1001, 'bye'), '88 05 03e9 627965'],
  ['a close of a client', encodeCloseFrame(1000, undefined, mask), '88 82 37fa213d 3412'],
])('[WS-1] writes %s byte for byte', (_name, frame, bytes) => {
  expect(text(frame)).toBe(bytes.replaceAll(' ', ''))
})

test.each([
  [125, '82 7d'],
  [126, '82 7e 007e'],
  [65_535, '82 7e ffff'],
  [65_536, '82 7f 0000000000010000'],
])('[WS-1] writes a length of %i in the shortest form', (length, header) => {
  const payload = Buffer.alloc(length, 7)
  const start = hex(header)
  expect(Buffer.compare(encodeFrame(OPCODE.BINARY, payload), Buffer.concat([start, payload]))).toBe(0)
  // A prefix counts as payload, and a text of that length has the same header but for its opcode.
  const prefixed = encodeFrame(OPCODE.BINARY, payload.subarray(1), { prefix: 7 })
  expect(Buffer.compare(prefixed, Buffer.concat([start, payload]))).toBe(0)
  start[0] = 0x81
  const ascii = encodeFrame(OPCODE.TEXT, 'x'.repeat(length))
  expect(Buffer.compare(ascii, Buffer.concat([start, Buffer.alloc(length, 'x')]))).toBe(0)
})

test('[WS-1] leaves the payload it is given as it was', () => {
  const payload = Buffer.alloc(1_000, 9)
  encodeFrame(OPCODE.BINARY, payload, { mask })
  expect(Buffer.compare(payload, Buffer.alloc(1_000, 9))).toBe(0)
})

test('[WS-1] cuts a close reason to the 123 bytes that fit, never inside a character', () => {
  const reason = (frame: Uint8Array): string => {
    const [event] = decodeAll([frame], { role: 'client' })
    return event?.[0] === 'close' ? event[2] : 'no close frame'
  }
  expect(reason(encodeCloseFrame(1000, 'x'.repeat(200)))).toBe('x'.repeat(123))
  expect(reason(encodeCloseFrame(1000, 'é'.repeat(100)))).toBe('é'.repeat(61))
  expect(reason(encodeCloseFrame(1000, '😀'.repeat(100)))).toBe('😀'.repeat(30))
  expect(reason(encodeCloseFrame(1000, `${'x'.repeat(122)}😀`))).toBe('x'.repeat(122))
})

test('[WS-1] what either side encodes, the other decodes', () => {
  const payload = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 400 }),
    fc.string({ unit: 'binary-ascii', maxLength: 400 }),
    fc.integer({ min: 250, max: 70_000 }).map((length) => 'y'.repeat(length)),
    fc.uint8Array({ maxLength: 700 }),
  )
  fc.assert(
    fc.property(
      payload,
      fc.option(fc.uint8Array({ minLength: 4, maxLength: 4 }), { nil: undefined }),
      fc.nat(7),
      (data, key, shift) => {
        const opcode = typeof data === 'string' ? OPCODE.TEXT : OPCODE.BINARY
        const frame = encodeFrame(opcode, data, key === undefined ? {} : { mask: key })
        const expected =
          typeof data === 'string'
            ? ['text', data.toWellFormed()]
            : ['binary', Buffer.from(data).toString('hex')]
        // Behind pings of growing length, so that the payload lies at every alignment of the chunk.
        const ahead = encodeFrame(OPCODE.PING, Buffer.alloc(shift), key === undefined ? {} : { mask: key })
        const events = decodeAll([Buffer.concat([ahead, frame])], {
          role: key === undefined ? 'client' : 'server',
        })
        expect(events).toEqual([['ping', '00'.repeat(shift)], expected])
      },
    ),
    { numRuns: 300 },
  )
})
