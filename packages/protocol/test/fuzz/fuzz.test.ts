// Feeds every decoder mutated packets for ten seconds (TIDEWIRE_FUZZ_SECONDS): nothing but ProtocolError may be thrown. The seed is printed;
// TIDEWIRE_FUZZ_SEED replays it.
import { decodeMsgpackPacket, encodeMsgpackPacket, engineV3, engineV4, FrameDecoder, ProtocolError, SocketPacketDecoder, StreamFrameDecoder } from '@tidewire/protocol'
import type { PayloadReader } from '@tidewire/protocol'
import { expect, it } from 'vitest'

const seconds = Number(process.env['TIDEWIRE_FUZZ_SECONDS'] ?? 10)
const seed = Number(process.env['TIDEWIRE_FUZZ_SEED'] ?? Date.now() % 2 ** 31)

/** mulberry32: small, seeded, good enough for choices. */
function createRandom(state: number): (below: number) => number {
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below | 0
  }
}

const SEEDS = [
  '2["event",{"a":[1,null,"é😀"]}]', '51-/admin,12["b",{"_placeholder":true,"num":0}]', '0/ns,{"token":"x"}', '43[1]', '4{"message":"no"}',
  '0{"sid":"a"}\x1e42["x"]\x1ebAQID', '2:404:2pro6:42["a"]10:b4AQIDBAUG', '96:0{"sid":"x"}', '5', '2probe', '461-7[{"_placeholder":true,"num":0}]',
  '2["__proto__",{"__proto__":{"x":1}}]', '52-["a",{"_placeholder":true,"num":1e9}]',
]
const JUNK = ['_placeholder', '__proto__', '\x1e', ':', ',', '-', '[', ']', '{', '}', '"', '\\', '\0', '\ud83d', '9'.repeat(30), 'b', '/', ' ']

it(`[EIO-13] decoders throw nothing but protocol errors, seed ${seed}`, { timeout: (seconds + 20) * 1000 }, () => {
  console.log(`fuzz: seed ${seed}, ${seconds} s`)
  const random = createRandom(seed)
  const pick = <T>(items: readonly T[]): T => items[random(items.length)]!
  const mutate = (text: string): string => {
    let mutated = text
    for (let i = random(6); i >= 0; i--) {
      const at = random(mutated.length + 1)
      const kind = random(5)
      if (kind === 0) mutated = mutated.slice(0, at) + pick(JUNK) + mutated.slice(at)
      else if (kind === 1) mutated = mutated.slice(0, at) + mutated.slice(at + 1 + random(4))
      else if (kind === 2) mutated = mutated.slice(0, at) + String.fromCharCode(random(0x10000)) + mutated.slice(at + 1)
      else if (kind === 3) mutated += pick(SEEDS)
      else mutated = mutated.slice(0, at) + mutated.slice(random(at + 1))
    }
    return mutated
  }
  const drain = (reader: PayloadReader): void => {
    while (reader.next() !== undefined);
  }
  const ignore = { handleText() {}, handleBinary() {}, handlePing() {}, handlePong() {}, handleClose() {} }
  const decoders: ((text: string, bytes: Buffer) => void)[] = [
    (text) => drain(engineV4.readPayload(text)),
    (text) => drain(engineV3.readStringPayload(text)),
    (_text, bytes) => drain(engineV3.readBinaryPayload(bytes)),
    (text) => engineV4.decodePacket(text),
    (text, bytes) => {
      engineV3.decodePacket(text)
      engineV3.decodePacket(bytes)
    },
    (text, bytes) => {
      const decoder = new SocketPacketDecoder({ revision: random(2) === 0 ? 4 : 5 })
      if (decoder.add(text) === undefined) for (let i = 0; i < 12 && decoder.isWaiting; i++) decoder.add(bytes)
    },
    (_text, bytes) => decodeMsgpackPacket(bytes),
    (_text, bytes) => {
      const decoder = new FrameDecoder(ignore, { role: random(2) === 0 ? 'server' : 'client', maxPayloadBytes: 1000 })
      const cut = random(bytes.length + 1)
      decoder.push(Buffer.from(bytes.subarray(0, cut)))
      decoder.push(Buffer.from(bytes.subarray(cut)))
    },
    (_text, bytes) => {
      const decoder = new StreamFrameDecoder(1000, () => {})
      // Short lengths, so that frames end within the input and the next one begins.
      if (bytes.length > 0 && random(2) === 0) bytes[0] = random(20) | (random(2) << 7)
      const cut = random(bytes.length + 1)
      decoder.push(bytes.subarray(0, cut))
      decoder.push(bytes.subarray(cut))
    },
  ]
  const packed = Buffer.from(encodeMsgpackPacket({ type: 2, nsp: '/', data: ['a', { b: [1, -1, 1.5, null, true, 'é'] }, Buffer.from([1])] }))

  const end = performance.now() + seconds * 1000
  let runs = 0
  while (performance.now() < end) {
    for (let i = 0; i < 500; i++, runs++) {
      const text = mutate(pick(SEEDS))
      const bytes = random(2) === 0 ? Buffer.from(text, 'latin1') : Buffer.from(packed)
      for (let flips = random(4); flips > 0; flips--) if (bytes.length > 0) bytes[random(bytes.length)] = random(256)
      try {
        pick(decoders)(text, bytes)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw new Error(`seed ${seed}, run ${runs}: ${JSON.stringify(text)} ${bytes.toString('hex')}`, { cause: error })
      }
    }
  }
  console.log(`fuzz: ${runs} inputs`)
  expect(runs).toBeGreaterThan(0)
})
