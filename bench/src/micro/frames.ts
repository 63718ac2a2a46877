// `node --conditions=tidewire-source bench/src/micro/frames.ts`: nanoseconds to encode and to decode one WebSocket frame. Every figure is the
// best of several rounds: other work on the machine only ever makes a round slower.
import { FrameDecoder, OPCODE, encodeFrame } from '@tidewire/protocol'
import { isUtf8 } from 'node:buffer'

const ROUNDS = 7
const ROUND_MS = 60

/** Keeps the work of every round observable, so that none of it can be optimised away. */
let sink = 0

function nanosecondsPerCall(call: () => void): number {
  let calls = 1
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round <= ROUNDS; round++) {
    const startedAt = process.hrtime.bigint()
    for (let i = 0; i < calls; i++) call()
    const elapsed = Number(process.hrtime.bigint() - startedAt)
    // Until one round takes its time, the rounds grow: this is also the warm-up.
    if (elapsed < ROUND_MS * 1e6 && calls < 1e8) {
      calls = Math.ceil(calls * Math.min(100, (ROUND_MS * 1.3e6) / Math.max(elapsed, 1)))
      round = -1
    } else best = Math.min(best, elapsed / calls)
  }
  return best
}

function decodeText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new RangeError('not UTF-8')
  return (bytes as Buffer).toString('utf8')
}

const handler = {
  handleText: (text: string) => void (sink += text.length),
  handleBinary: (data: Uint8Array) => void (sink += data.length),
  handlePing() {},
  handlePong() {},
  handleClose() {},
}

/**
 * A decoder masks in place, so a frame pushed twice would come out garbled. With a mask of zeros the bytes stay what they are, and the
 * work is the same.
 */
const zeroMask = new Uint8Array(4)
const mask = Uint8Array.of(0x37, 0xfa, 0x21, 0x3d)

const payloads: [string, string | Uint8Array][] = [
  ['text, 20 B', `["chat","${'a'.repeat(9)}"]`],
  ['text, 100 B', `["chat","${'a'.repeat(89)}"]`],
  ['text, 100 B, not ASCII', 'é'.repeat(50)],
  ['text, 1 kB', 'a'.repeat(1_000)],
  ['text, 64 kB', 'a'.repeat(65_536)],
  ['binary, 100 B', Buffer.alloc(100, 1)],
  ['binary, 64 kB', Buffer.alloc(65_536, 1)],
]

console.log(`Node ${process.versions.node}; ns per frame, best of ${ROUNDS}`)
console.log('| payload | encode | encode masked | decode | decode, 16 per chunk | decode, cut in two |')
console.log('|---|---:|---:|---:|---:|---:|')
for (const [name, payload] of payloads) {
  const opcode = typeof payload === 'string' ? OPCODE.TEXT : OPCODE.BINARY
  const frame = Buffer.from(encodeFrame(opcode, payload, { mask: zeroMask }))
  const batch = Buffer.concat(Array.from({ length: 16 }, () => frame))
  const [head, tail] = [frame.subarray(0, frame.length >> 1), frame.subarray(frame.length >> 1)]
  const decoder = new FrameDecoder(handler, { role: 'server', decodeText })
  const figures = [
    nanosecondsPerCall(() => void (sink += encodeFrame(opcode, payload).length)),
    nanosecondsPerCall(() => void (sink += encodeFrame(opcode, payload, { mask }).length)),
    nanosecondsPerCall(() => decoder.push(frame)),
    nanosecondsPerCall(() => decoder.push(batch)) / 16,
    nanosecondsPerCall(() => {
      decoder.push(head)
      decoder.push(tail)
    }),
  ]
  console.log(`| ${name} | ${figures.map((figure) => figure.toFixed(0)).join(' | ')} |`)
}
if (sink === 0) throw new Error('nothing was measured')
