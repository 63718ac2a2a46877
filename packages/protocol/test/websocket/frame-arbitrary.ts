// Frame sequences for property tests: mostly a valid conversation, now and then with one thing wrong.
import fc from 'fast-check'
import { encodeCloseFrame, encodeFrame } from '../../src/index.ts'

export interface FrameSpec {
  /** The first byte: FIN, reserved bits, opcode. */
  first: number
  isMasked: boolean
  payload: Uint8Array
}

/** Unlike encodeFrame this writes any nonsense. */
export function rawFrame({ first, isMasked, payload }: FrameSpec, mask: Uint8Array): Buffer {
  const frame = Buffer.from(encodeFrame(first & 0x0f, payload, isMasked ? { mask } : {}))
  frame[0] = first
  return frame
}

const textBytes = fc
  .string({ unit: 'grapheme', maxLength: 40 })
  .map((text) => new Uint8Array(Buffer.from(text, 'utf8')))
const longText = fc
  .integer({ min: 30, max: 230 })
  .map((count) => new Uint8Array(Buffer.from('aé'.repeat(count), 'utf8')))
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 140 }),
  fc.uint8Array({ minLength: 250, maxLength: 520 }),
)
const control = fc.record({
  first: fc.constantFrom(0x89, 0x8a),
  isMasked: fc.constant(true),
  payload: fc.uint8Array({ maxLength: 125 }),
})

const text = fc.record({
  first: fc.constant(0x81),
  isMasked: fc.constant(true),
  payload: fc.oneof(textBytes, longText),
})
const binary = fc.record({ first: fc.constant(0x82), isMasked: fc.constant(true), payload: anyBytes })
/** One message cut at any bytes, with a control frame between the parts. */
const fragmented = fc
  .tuple(
    fc.boolean(),
    fc.oneof(textBytes, longText),
    fc.array(fc.nat(700), { maxLength: 4 }),
    fc.option(control, { nil: undefined }),
  )
  .map(([isText, payload, cuts, between]): FrameSpec[] => {
    const edges = [
      0,
      ...cuts.map((cut) => cut % (payload.length + 1)).toSorted((a, b) => a - b),
      payload.length,
    ]
    const parts = edges.slice(1).map((end, i): FrameSpec => ({
      first: (i === 0 ? (isText ? 1 : 2) : 0) | (i === edges.length - 2 ? 0x80 : 0),
      isMasked: true,
      payload: payload.slice(edges[i], end),
    }))
    return between === undefined ? parts : [parts[0]!, between, ...parts.slice(1)]
  })
const valid: fc.Arbitrary<FrameSpec[]> = fc.oneof(
  text.map((frame) => [frame]),
  binary.map((frame) => [frame]),
  control.map((frame) => [frame]),
  fragmented,
)
const close = fc
  .tuple(fc.integer({ min: 0, max: 5100 }), fc.oneof(textBytes, fc.uint8Array({ maxLength: 20 })))
  .map(([code, reason]): FrameSpec[] => [
    { first: 0x88, isMasked: true, payload: Uint8Array.of(code >>> 8, code & 0xff, ...reason.slice(0, 123)) },
  ])
const anything = fc
  .record({ first: fc.nat(255), isMasked: fc.boolean(), payload: fc.uint8Array({ maxLength: 130 }) })
  .map((frame) => [frame])

const conversation = (parts: fc.Arbitrary<FrameSpec[]>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.array(parts, { maxLength: 6 }), fc.uint8Array({ minLength: 4, maxLength: 4 }))
    .map(([frames, mask]) =>
      Buffer.concat([
        ...frames.flat().map((frame) => rawFrame(frame, mask)),
        encodeCloseFrame(1000, 'end', mask),
      ]),
    )

/** A client's bytes up to its close frame. */
export const validBytes: fc.Arbitrary<Buffer> = conversation(valid)
/** The same with frames that break the protocol in some way, or in none. */
export const doubtfulBytes: fc.Arbitrary<Buffer> = conversation(
  fc.oneof(
    { weight: 5, arbitrary: valid },
    { weight: 1, arbitrary: close },
    { weight: 2, arbitrary: anything },
  ),
)
