// Socket.IO packets of both revisions: ours against socket.io-parser 4.2.7 and 3.4.5, reading and writing.
import { ProtocolError, SocketPacketDecoder, encodeSocketPacket } from '@tidewire/protocol'
import type { SocketPacket } from '@tidewire/protocol'
import { normalize } from '../../../packages/protocol/test/golden.ts'
import { valueOf, valueSpec } from '../grammar/json.ts'
import type { ValueSpec } from '../grammar/json.ts'
import { socketChunks } from '../grammar/socket.ts'
import type { ChunkSpec } from '../grammar/socket.ts'
import type { KnownDifference } from '../known-differences.ts'
import { socketParser4, socketParser5 } from '../official.ts'
import { difference, isSameOutcome } from '../target.ts'
import type { Outcome, Target } from '../target.ts'

const chunkOf = (chunk: ChunkSpec): string | Buffer => ('text' in chunk ? chunk.text : Buffer.from(chunk.hex, 'hex'))

/** Binary types become plain ones; absent, null and undefined ids are one. */
function plain({ type, nsp, id, data }: any): unknown {
  return normalize({ type: type === 5 ? 2 : type === 6 ? 3 : type, nsp, id: id ?? undefined, data })
}

export function decodeOurs(revision: 4 | 5, chunks: readonly (string | Uint8Array)[]): Outcome {
  const decoder = new SocketPacketDecoder({ revision })
  const out: unknown[] = []
  try {
    for (const chunk of chunks) {
      const packet = decoder.add(chunk)
      if (packet !== undefined) out.push(plain(packet))
    }
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw new Error('threw something else than a protocol error', { cause: error })
    return { out, isRefused: true }
  }
  return { out, isRefused: false }
}

/** The parser of 2.x refuses by an ERROR packet with its own text. */
export function decodeTheirs(parser: any, chunks: readonly (string | Uint8Array)[]): Outcome {
  const decoder = new parser.Decoder()
  const out: unknown[] = []
  let isRefused = false
  decoder.on('decoded', (packet: any) => {
    if (packet.type === 4 && typeof packet.data === 'string' && packet.data.startsWith('parser error')) isRefused = true
    else out.push(plain(packet))
  })
  try {
    for (const chunk of chunks) {
      decoder.add(chunk)
      if (isRefused) break
    }
  } catch {
    isRefused = true
  }
  return { out, isRefused }
}

export const NO_DATA = /^(?:[23]|[56]\d+-)(?:\/[^,]*,?)?\d*$/

/** The row of decision 2 that the chunk is about at which the outcomes part. */
export function knownOf(revision: 4 | 5, chunks: readonly (string | Uint8Array)[]): KnownDifference | undefined {
  for (let count = 1; count <= chunks.length; count++) {
    const some = chunks.slice(0, count)
    const [mine, theirs] = [decodeOurs(revision, some), decodeTheirs(revision === 5 ? socketParser5.module : socketParser4.module, some)]
    if (isSameOutcome(mine, theirs)) continue
    const text = some.findLast((chunk) => typeof chunk === 'string') ?? ''
    if (NO_DATA.test(text)) return 'EVENT or ACK without data (`2`, `25`, `2/n["a"]`)'
    if (/^\s$/.test(text[0] ?? '')) return 'a space where the type would be'
    if (/^\d(?:\d*-)?(?:\/[^,]*(?:,|$))?\d*\s/.test(text)) return 'a space where an acknowledgement id would be'
    if (revision === 5 && /^0(?:\/[^,]*,)?\d*null$/.test(text)) return '`0null` in revision 5'
    if (mine.isRefused && /^[56]\d*[^\d/[{"-][^/[{"]*-/.test(text)) return 'a number of attachments that is not written in digits (`51e1-`)'
    if (mine.isRefused && hasFractionalPlaceholder(text)) return 'a placeholder whose number is not whole'
    if (revision === 4 && mine.isRefused) return 'revision 4: unknown type, bad JSON'
    return undefined
  }
  return undefined
}

const hasFractionalPlaceholder = (text: string): boolean => text.includes('_placeholder') && /"num"\s*:\s*\d*(?:\.\d|e-)/i.test(text)

/** V8's own defect, see grammar/json.ts: an escaped key twice in an object is read differently by two calls of JSON.parse. */
export function hasEscapedKeyTwice(text: string): boolean {
  const keys = Array.from(text.matchAll(/"((?:[^"\\]|\\.)*)"\s*:/gs), ([, key]) => key!).filter((key) => key.includes('\\'))
  return new Set(keys).size < keys.length
}

function decoding(revision: 4 | 5): Target<ChunkSpec[]> {
  const parser = revision === 5 ? socketParser5.module : socketParser4.module
  return {
    name: `socket-r${revision}-decode`,
    generate: socketChunks,
    check(specs, known) {
      const chunks = specs.map(chunkOf)
      const [mine, theirs] = [decodeOurs(revision, chunks), decodeTheirs(parser, chunks)]
      if (isSameOutcome(mine, theirs) || specs.some((spec) => 'text' in spec && hasEscapedKeyTwice(spec.text))) return undefined
      const name = knownOf(revision, chunks)
      if (name === undefined) return difference(mine, theirs)
      known(name)
      return undefined
    },
  }
}

interface PacketSpec {
  type: 0 | 2 | 3 | 4
  nsp: string
  id?: number
  data: ValueSpec[]
}

function packetOf({ type, nsp, id, data }: PacketSpec): SocketPacket {
  const values = data.map(valueOf)
  return { type, nsp, ...(id === undefined ? {} : { id }), data: type === 2 || type === 3 ? values : { value: values } }
}

export const hasProtoKey = (spec: ValueSpec): boolean =>
  (spec.kind === 'json' && spec.text.includes('"__proto__"')) ||
  (spec.kind === 'list' && spec.items.some(hasProtoKey)) ||
  (spec.kind === 'map' && spec.entries.some(([key, item]) => key === '__proto__' || hasProtoKey(item)))

/** False for what only the shrinking of an input makes. */
function isPossible(spec: PacketSpec): boolean {
  try {
    packetOf(spec)
    return spec.nsp !== '' && spec.data.length > (spec.type === 2 ? 1 : 0)
  } catch {
    return false
  }
}

const EVENT_NAME: ValueSpec = { kind: 'json', text: '"event"' }

function encoding(revision: 4 | 5): Target<PacketSpec> {
  const parser = revision === 5 ? socketParser5.module : socketParser4.module
  return {
    name: `socket-r${revision}-encode`,
    generate(random) {
      const type = random.pick([2, 2, 2, 3, 3, 0, 4] as const)
      const values = Array.from({ length: 1 + random.below(3) }, () => valueSpec(random, 2))
      return {
        type,
        nsp: random.pick(['/', '/a', '/é', '/a?b=1']),
        ...(random.oneIn(2) || type === 3 ? { id: random.below(1000) } : {}),
        data: type === 2 ? [EVENT_NAME, ...values] : values,
      }
    },
    check(spec, known) {
      if (!isPossible(spec)) return undefined
      let mine: unknown[] | undefined
      try {
        mine = encodeSocketPacket(packetOf(spec), { revision })
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw new Error('threw something else than a protocol error', { cause: error })
      }
      const theirs = encodeTheirs(parser, packetOf(spec), revision)
      if (mine === undefined && theirs === undefined) return undefined
      const same = difference(mine?.map(normalize), theirs?.map(normalize))
      const [left, right] = same.split('\ntheirs: ')
      if (left === `ours:   ${right}`) return undefined
      const isBinary = (mine ?? theirs)!.length > 1
      if (isBinary && spec.data.some(hasProtoKey)) known('`__proto__` as a key of data with binary inside, encoded')
      else if (isBinary && revision === 4 && JSON.stringify(spec.data).includes('"with a prototype"')) known('revision 4: enumerable properties of a prototype, with binary inside, encoded')
      else return same
      return undefined
    },
  }
}

/** Senders of 2.x look for binary themselves and choose the type; the encoder alone does not. */
function encodeTheirs(parser: any, packet: any, revision: 4 | 5): unknown[] | undefined {
  try {
    if (revision === 5) return new parser.Encoder().encode(packet) as unknown[]
    const isBinary = encodeSocketPacket(packetCopy(packet), { revision: 5 }).length > 1
    let encoded: unknown[] | undefined
    new parser.Encoder().encode({ ...packet, type: isBinary && packet.type === 2 ? 5 : isBinary && packet.type === 3 ? 6 : packet.type }, (chunks: unknown[]) => (encoded = chunks))
    return encoded
  } catch {
    return undefined
  }
}

const packetCopy = (packet: any): SocketPacket => ({ ...packet })

export const socketTargets: readonly Target[] = [decoding(5), decoding(4), encoding(5), encoding(4)]
