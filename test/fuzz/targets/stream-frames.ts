// Engine.IO packets on a WebTransport stream: our decoder, whole and cut anywhere, against the decoder stream of engine.io-parser 5.2.3.
import { ProtocolError, StreamFrameDecoder } from '@tidewire/protocol'
import type { Random } from '@tidewire/testkit/random'
import { normalize } from '../../../packages/protocol/test/golden.ts'
import { enginePacketText } from '../grammar/engine.ts'
import { mutateBytes, someBytes } from '../grammar/mutate.ts'
import { engineParser4 } from '../official.ts'
import { difference, isSameOutcome } from '../target.ts'
import type { Outcome, Target } from '../target.ts'

const MAX_PAYLOAD_BYTES = 300

interface StreamInput {
  hex: string
  cuts: number[]
}

function frame(random: Random): Buffer {
  const isBinary = random.oneIn(3)
  const body = isBinary ? someBytes(random, 12) : Buffer.from(enginePacketText(random))
  const flag = isBinary ? 0x80 : 0
  const told = random.oneIn(20) ? random.pick([0, 1, MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES + 1]) : body.length
  const form = random.oneIn(8) ? random.below(3) : 0
  if (form === 0 && told < 126) return Buffer.concat([Buffer.from([flag | told]), body])
  const head = Buffer.alloc(form === 2 ? 9 : 3)
  head[0] = flag | (form === 2 ? 127 : 126)
  if (form === 2) head.writeBigUInt64BE(random.oneIn(10) ? 2n ** 63n : BigInt(told), 1)
  else head.writeUInt16BE(told, 1)
  return Buffer.concat([head, body])
}

function plain(packet: unknown): unknown {
  const { type, data } = normalize(packet) as { type: string; data?: { length: number } }
  return data === undefined || data.length === 0 ? { type } : { type, data }
}

function decodeOurs(chunks: readonly Buffer[]): Outcome {
  const out: unknown[] = []
  const decoder = new StreamFrameDecoder(MAX_PAYLOAD_BYTES, (packet) => out.push(plain(packet)))
  try {
    for (const chunk of chunks) decoder.push(chunk)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw new Error('threw something else than a protocol error', { cause: error })
    return { out, isRefused: true }
  }
  return { out, isRefused: false }
}

async function decodeTheirs(bytes: Buffer): Promise<Outcome> {
  const { readable, writable } = engineParser4.module.createPacketDecoderStream(MAX_PAYLOAD_BYTES, 'nodebuffer') as TransformStream<Buffer, { type: string }>
  const writer = writable.getWriter()
  const ignore = (): void => {}
  writer.write(bytes).catch(ignore)
  writer.close().catch(ignore)
  const out: unknown[] = []
  const reader = readable.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return { out, isRefused: false }
    // Its transport closes at an error, whatever else comes out.
    if (value.type === 'error') return { out, isRefused: true }
    out.push(plain(value))
  }
}

export const streamTarget: Target<StreamInput> = {
  name: 'webtransport-frames',
  concurrency: 8,
  generate(random) {
    const bytes = Buffer.concat(Array.from({ length: 1 + random.below(4) }, () => frame(random)))
    return { hex: (random.oneIn(4) ? mutateBytes(random, bytes) : bytes).toString('hex'), cuts: Array.from({ length: random.below(5) }, () => random.below(1001)) }
  },
  async check({ hex, cuts }, known) {
    const bytes = Buffer.from(hex, 'hex')
    const edges = [0, ...cuts.map((cut) => Math.floor((cut * bytes.length) / 1000)).toSorted((a, b) => a - b), bytes.length]
    const whole = decodeOurs([Buffer.from(bytes)])
    const cut = decodeOurs(edges.slice(1).map((end, i) => Buffer.from(bytes.subarray(edges[i], end))))
    if (!isSameOutcome(whole, cut)) return `whole and in pieces:\n${difference(whole, cut)}`
    const theirs = await decodeTheirs(bytes)
    if (isSameOutcome(whole, theirs)) return undefined
    if (!hex.includes('efbbbf')) return difference(whole, theirs)
    known('WebTransport: a packet that begins with a byte order mark')
    return undefined
  },
}
