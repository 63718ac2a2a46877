// Packets as MessagePack: ours against socket.io-msgpack-parser 3.0.2, reading and writing.
import { ProtocolError, decodeMsgpackPacket, encodeMsgpackPacket } from '@tidewire/protocol'
import { normalize } from '../../../packages/protocol/test/golden.ts'
import { valueOf, valueSpec } from '../grammar/json.ts'
import type { ValueSpec } from '../grammar/json.ts'
import { msgpackPacket } from '../grammar/msgpack.ts'
import { msgpackParser } from '../official.ts'
import { difference, isSameOutcome } from '../target.ts'
import type { Outcome, Target } from '../target.ts'

function decodeOurs(bytes: Buffer): Outcome {
  try {
    return { out: [normalize(decodeMsgpackPacket(bytes))], isRefused: false }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw new Error('threw something else than a protocol error', { cause: error })
    return { out: [], isRefused: true }
  }
}

function decodeTheirs(bytes: Buffer): Outcome {
  const out: unknown[] = []
  const decoder = new msgpackParser.Decoder()
  decoder.on('decoded', (packet: unknown) => out.push(normalize(packet)))
  try {
    decoder.add(bytes)
  } catch {
    return { out: [], isRefused: true }
  }
  return { out, isRefused: false }
}

const WITH_LENGTH_OF_32_BITS = [0xc6, 0xc9, 0xdb, 0xdd, 0xdf]
const FAR = 100_000

/** The published parser loops over such a length, for minutes: it is not asked. */
function tellsTooMuch(bytes: Buffer): boolean {
  for (let at = 0; at + 5 <= bytes.length; at++) if (WITH_LENGTH_OF_32_BITS.includes(bytes[at]!) && bytes.readUInt32BE(at + 1) > FAR) return true
  return false
}

const hasTyped = (spec: ValueSpec): boolean =>
  (spec.kind === 'bytes' && spec.as !== 'Buffer') || (spec.kind === 'list' && spec.items.some(hasTyped)) || (spec.kind === 'map' && spec.entries.some(([, item]) => hasTyped(item)))

const hasSurrogate = (text: string): boolean => !text.isWellFormed()

const isSurrogate = (spec: ValueSpec): boolean =>
  (spec.kind === 'json' && hasSurrogate(JSON.stringify(JSON.parse(spec.text)).replace(/\\u(d[89a-f]..)/gi, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16))))) ||
  (spec.kind === 'list' && spec.items.some(isSurrogate)) ||
  (spec.kind === 'map' && spec.entries.some(([key, item]) => hasSurrogate(key) || isSurrogate(item)))

const isHuge = (spec: ValueSpec): boolean =>
  (spec.kind === 'json' && /(?<!")-?\d+(?:e\d|\d{19})/i.test(spec.text)) || (spec.kind === 'list' && spec.items.some(isHuge)) || (spec.kind === 'map' && spec.entries.some(([, item]) => isHuge(item)))

export const msgpackTargets: readonly Target[] = [
  {
    name: 'msgpack-decode',
    generate: (random) => ({ hex: msgpackPacket(random).toString('hex') }),
    check({ hex }: { hex: string }, known) {
      const mine = decodeOurs(Buffer.from(hex, 'hex'))
      if (mine.isRefused && tellsTooMuch(Buffer.from(hex, 'hex'))) {
        known('MessagePack: a length of 32 bits that is far above what was received')
        return undefined
      }
      const theirs = decodeTheirs(Buffer.from(hex, 'hex'))
      if (isSameOutcome(mine, theirs)) return undefined
      const { type, data } = (theirs.out[0] ?? {}) as { type?: number; data?: unknown[] }
      if (mine.isRefused && type === 2 && Array.isArray(data) && data.length === 0) {
        known('MessagePack: EVENT with an empty array')
        return undefined
      }
      if (hex.includes(Buffer.from('__proto__').toString('hex'))) {
        known('MessagePack: `__proto__` as a key')
        return undefined
      }
      return difference(mine, theirs)
    },
  },
  {
    name: 'msgpack-encode',
    generate: (random) => ({ type: random.pick([2, 3]), nsp: random.pick(['/', '/é']), data: Array.from({ length: 1 + random.below(3) }, () => valueSpec(random, 2)) }),
    check(spec: { type: 2 | 3; nsp: string; data: ValueSpec[] }, known) {
      const packet = () => ({ type: spec.type, nsp: spec.nsp, data: ['event', ...spec.data.map(valueOf)] })
      try {
        packet()
      } catch {
        // Only the shrinking of an input makes such.
        return undefined
      }
      let mine: Buffer | undefined
      try {
        mine = Buffer.from(encodeMsgpackPacket(packet()))
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw new Error('threw something else than a protocol error', { cause: error })
      }
      let theirs: Buffer | undefined
      try {
        theirs = Buffer.from(new msgpackParser.Encoder().encode(packet())[0] as Uint8Array)
      } catch {
        // Refused.
      }
      if (mine?.toString('hex') === theirs?.toString('hex')) return undefined
      if (spec.data.some(hasTyped)) known('MessagePack: ArrayBuffer and typed arrays in Node')
      else if (spec.data.some(isHuge)) known('MessagePack: whole numbers beyond 64 bits')
      else if (spec.data.some(isSurrogate)) known('MessagePack: lone surrogates')
      else return difference(mine, theirs)
      return undefined
    },
  },
]
