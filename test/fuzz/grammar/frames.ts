// WebSocket frames of a client: a conversation, now and then with one thing wrong. Whole, and cut where it pleases the network.
import type { Random } from '@tidewire/testkit/random'
import { mutateBytes, someBytes } from './mutate.ts'

const TEXTS = ['', 'a', '2probe', '42["a"]', 'é', '汉字', '😀', 'x'.repeat(125), 'x'.repeat(126), 'é'.repeat(200)].map((text) => Buffer.from(text))
const BAD_UTF8 = ['ff', 'c3', 'c0af', 'eda080', 'f4908080', 'f0808080', 'e282', '61f09f98'].map((hex) => Buffer.from(hex, 'hex'))
const CLOSE_CODES = [999, 1000, 1001, 1003, 1004, 1005, 1006, 1007, 1011, 1012, 1014, 1015, 1016, 2999, 3000, 4999, 5000, 65_535]

export interface FrameSpec {
  first: number
  isMasked: boolean
  /** 7, 16 or 64 bits, whatever is the shortest. */
  lengthBits: 7 | 16 | 64
  /** Told, when it is not the payload's. */
  told?: number
  payload: Buffer
}

export function encodeAnyFrame(random: Random, { first, isMasked, lengthBits, told, payload }: FrameSpec): Buffer {
  const length = told ?? payload.length
  const bits = length > 65_535 ? 64 : length > 125 && lengthBits === 7 ? 16 : lengthBits
  const head = Buffer.alloc(bits === 7 ? 2 : bits === 16 ? 4 : 10)
  head[0] = first
  head[1] = (isMasked ? 0x80 : 0) | (bits === 7 ? length : bits === 16 ? 126 : 127)
  if (bits === 16) head.writeUInt16BE(length, 2)
  if (bits === 64) head.writeBigUInt64BE(BigInt(length), 2)
  if (!isMasked) return Buffer.concat([head, payload])
  const mask = Buffer.from([random.below(256), random.below(256), random.below(256), random.below(256)])
  return Buffer.concat([head, mask, payload.map((byte, i) => byte ^ mask[i & 3]!)])
}

function frameSpec(random: Random, first: number, payload: Buffer): FrameSpec {
  const spec: FrameSpec = { first, isMasked: !random.oneIn(30), lengthBits: random.oneIn(20) ? random.pick([16, 64]) : 7, payload }
  if (random.oneIn(60)) spec.told = random.pick([0, payload.length + 1, 65_536, 2 ** 31, 2 ** 53 - 1])
  if (random.oneIn(30)) spec.first ^= 1 << random.below(8)
  return spec
}

const textPayload = (random: Random): Buffer => (random.oneIn(12) ? random.pick(BAD_UTF8) : random.pick(TEXTS))

/** One message, in one frame or in several with control frames between. */
function message(random: Random): FrameSpec[] {
  const isText = random.oneIn(2)
  const payload = isText ? textPayload(random) : someBytes(random, random.oneIn(4) ? 300 : 20)
  const opcode = isText ? 1 : 2
  if (!random.oneIn(3)) return [frameSpec(random, 0x80 | opcode, payload)]
  const frames: FrameSpec[] = []
  let at = 0
  for (let i = random.below(4); i >= 0; i--) {
    const to = i === 0 ? payload.length : at + random.below(payload.length - at + 1)
    frames.push(frameSpec(random, (i === 0 ? 0x80 : 0) | (frames.length === 0 ? opcode : 0), payload.subarray(at, to)))
    if (i > 0 && random.oneIn(4)) frames.push(control(random))
    at = to
  }
  return frames
}

function control(random: Random): FrameSpec {
  return frameSpec(random, 0x80 | random.pick([9, 9, 10]), random.oneIn(20) ? Buffer.alloc(126, 97) : someBytes(random, 10))
}

function close(random: Random): FrameSpec {
  if (random.oneIn(6)) return frameSpec(random, 0x88, random.oneIn(2) ? Buffer.alloc(0) : Buffer.from([3]))
  const code = random.pick(CLOSE_CODES)
  return frameSpec(random, 0x88, Buffer.concat([Buffer.from([code >> 8, code & 255]), random.oneIn(2) ? textPayload(random).subarray(0, 123) : Buffer.alloc(0)]))
}

export function frameBytes(random: Random): Buffer {
  const frames: FrameSpec[] = []
  for (let i = random.below(6); i >= 0; i--) {
    const kind = random.below(10)
    if (kind < 7) frames.push(...message(random))
    else if (kind < 9) frames.push(control(random))
    else frames.push(close(random))
  }
  const bytes = Buffer.concat(frames.map((frame) => encodeAnyFrame(random, frame)))
  return random.oneIn(6) ? mutateBytes(random, bytes) : bytes
}
