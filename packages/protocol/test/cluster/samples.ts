// One sample of every message of the bus format, with the bytes that the first release writes for it (vectors/cluster-format-1.json).
import { clusterCodec } from '@tidewire/protocol'

const { encodeHello, FRAME_HEADER_BYTES, MAC_BYTES, messageSize, writeFrame, writeMessage } = clusterCodec

export type Sample = { title: string; hex: string } & (
  | { type: 'frame'; frame: clusterCodec.Frame; messages: { service: number; hasMore: boolean; text: string }[] }
  | { type: 'hello'; hello: clusterCodec.Hello; hasMac: boolean }
)

/** As the link writes it; the MAC's place is left zero. */
export function encodeSample(sample: Sample): Uint8Array {
  if (sample.type === 'hello') return encodeHello(sample.hello, sample.hasMac)
  return encodeWhole(sample.frame, sample.messages.map((message) => ({ ...message, bytes: Buffer.from(message.text) })))
}

export function encodeWhole(frame: clusterCodec.Frame, messages: readonly { service: number; hasMore: boolean; bytes: Uint8Array }[]): Uint8Array {
  const body = messages.reduce((sum, { bytes }) => sum + messageSize(bytes.length), 0)
  const target = new Uint8Array(FRAME_HEADER_BYTES + body + (frame.hasMac ? MAC_BYTES : 0))
  writeFrame(target, frame)
  let at = FRAME_HEADER_BYTES
  for (const { service, hasMore, bytes } of messages) at = writeMessage(target, at, service, hasMore, bytes)
  return target
}

const frame: clusterCodec.Frame = {
  format: 1, kind: 'data', from: 'Ab0_', to: 'zZ9-', fromLink: 7, toLink: 9, credit: 4_194_304, sequence: 3, acknowledged: 2, isGap: false, reason: 'none', hasMac: false,
}
const hello: clusterCodec.Hello = {
  kind: 'beat', format: { min: 1, max: 1 }, incarnation: 'Ab0_', boot: '0123456789abcdef', count: 5,
  info: { name: 'node-1', version: '0.1.0', address: 'http://10.0.0.1:3000', sessions: 12 },
}
const none: { service: number; hasMore: boolean; text: string }[] = []

export const samples: (Omit<Extract<Sample, { type: 'frame' }>, 'hex'> | Omit<Extract<Sample, { type: 'hello' }>, 'hex'>)[] = [
  { title: 'two messages and an acknowledgement', type: 'frame', frame, messages: [{ service: 1, hasMore: false, text: 'one' }, { service: 2, hasMore: false, text: '' }] },
  { title: 'a piece of a large message, with a MAC', type: 'frame', frame: { ...frame, hasMac: true }, messages: [{ service: 63, hasMore: true, text: 'x'.repeat(130) }] },
  { title: 'numbers above 32 bits', type: 'frame', frame: { ...frame, sequence: 2 ** 40 + 5, acknowledged: 2 ** 53 - 1, fromLink: 2 ** 32 - 1, credit: 0 }, messages: [{ service: 1, hasMore: false, text: 'm' }] },
  { title: 'an acknowledgement that reports a gap', type: 'frame', frame: { ...frame, sequence: 0, isGap: true }, messages: none },
  { title: 'a first open', type: 'frame', frame: { ...frame, kind: 'open', sequence: 0, acknowledged: 0, toLink: 0 }, messages: none },
  { title: 'an open after a hole', type: 'frame', frame: { ...frame, kind: 'open', sequence: 0, acknowledged: 0, reason: 'hole' }, messages: none },
  { title: 'an open after a death', type: 'frame', frame: { ...frame, kind: 'open', sequence: 0, acknowledged: 0, reason: 'dead' }, messages: none },
  { title: 'a probe', type: 'frame', frame: { ...frame, kind: 'probe', sequence: 4 }, messages: none },
  { title: 'its answer', type: 'frame', frame: { ...frame, kind: 'alive', sequence: 4 }, messages: none },
  ...(['join', 'query', 'answer', 'beat', 'bye', 'taken'] as const).map((kind) => ({ title: `hello: ${kind}`, type: 'hello' as const, hello: { ...hello, kind }, hasMac: false })),
  { title: 'hello without an address, with a MAC', type: 'hello', hello: { ...hello, info: { ...hello.info, address: undefined } }, hasMac: true },
]
