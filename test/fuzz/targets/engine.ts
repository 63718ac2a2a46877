// Engine.IO packets and payloads of both revisions: ours against engine.io-parser 5.2.3 and 2.2.1.
import { ProtocolError, engineV3, engineV4 } from '@tidewire/protocol'
import type { PayloadReader } from '@tidewire/protocol'
import type { Random } from '@tidewire/testkit/random'
import { normalize } from '../../../packages/protocol/test/golden.ts'
import { enginePacketText, payloadV3Binary, payloadV3Text, payloadV4 } from '../grammar/engine.ts'
import { someBytes } from '../grammar/mutate.ts'
import type { KnownDifference } from '../known-differences.ts'
import { engineParser3, engineParser4 } from '../official.ts'
import { difference, isSameOutcome } from '../target.ts'
import type { Outcome, Target } from '../target.ts'

type Wire = { text: string } | { hex: string }
const wireOf = (wire: Wire): string | Buffer => ('text' in wire ? wire.text : Buffer.from(wire.hex, 'hex'))

/** Empty data and none are one: the official parsers do not agree with themselves about it. */
function plain(packet: any): unknown {
  const { type, data } = normalize(packet) as { type: unknown; data?: { length: number } }
  return data === undefined || data.length === 0 ? { type } : { type, data }
}

function collect(run: (add: (packet: unknown) => void) => void): Outcome {
  const out: unknown[] = []
  let isRefused = false
  try {
    run((packet) => {
      if (isRefused) return
      if ((packet as { type: string }).type === 'error') isRefused = true
      else out.push(plain(packet))
    })
  } catch {
    isRefused = true
  }
  return { out, isRefused }
}

/** Nothing but ProtocolError: anything else is a failure of its own. */
function ours(run: (add: (packet: unknown) => void) => void): Outcome {
  return collect((add) => {
    try {
      run(add)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw new Error('threw something else than a protocol error', { cause: error })
      add({ type: 'error' })
    }
  })
}

function drain(open: () => PayloadReader): (add: (packet: unknown) => void) => void {
  return (add) => {
    const reader = open()
    for (let packet = reader.next(); packet !== undefined; packet = reader.next()) add(packet)
  }
}

function compare(mine: Outcome, theirs: Outcome, known: (name: KnownDifference) => void, isKnown: () => KnownDifference | undefined): string | undefined {
  if (isSameOutcome(mine, theirs)) return undefined
  const name = isKnown()
  if (name === undefined) return difference(mine, theirs)
  known(name)
  return undefined
}

const packet = (random: Random): Wire => (random.oneIn(4) ? { hex: someBytes(random, 10).toString('hex') } : { text: enginePacketText(random) })

/** A packet without a type, up to which both agree. */
function isUntyped(mine: Outcome, theirs: Outcome): boolean {
  const at = mine.out.length
  return mine.isRefused && at < theirs.out.length && (theirs.out[at] as { type?: string }).type === undefined
}

/** A payload with a length that is not written in digits, where ours stops reading. */
function hasWideDigit(body: Buffer): boolean {
  for (let at = 0; at < body.length;) {
    const end = body.indexOf(0xff, at + 1)
    const digits = body.subarray(at + 1, end < 0 ? undefined : end)
    if (end < 0) return false
    if (digits.length === 0 || digits.some((digit) => digit > 9)) return true
    at = end + 1 + Number([...digits].join(''))
  }
  return false
}

const UNTYPED = 'v3 binary packet, or base64, of an unknown type'

export const engineTargets: readonly Target[] = [
  {
    name: 'engine-v4-packet',
    generate: packet,
    check(wire: Wire, known) {
      const encoded = wireOf(wire)
      const mine = ours((add) => add(engineV4.decodePacket(encoded)))
      const theirs = collect((add) => add(engineParser4.module.decodePacket(encoded, 'nodebuffer')))
      return compare(mine, theirs, known, () => undefined)
    },
  },
  {
    name: 'engine-v4-payload',
    generate: (random) => ({ text: payloadV4(random) }),
    check({ text }: { text: string }, known) {
      const mine = ours(drain(() => engineV4.readPayload(text)))
      const theirs = collect((add) => {
        for (const each of engineParser4.module.decodePayload(text, 'nodebuffer')) add(each)
      })
      return compare(mine, theirs, known, () => undefined)
    },
  },
  {
    name: 'engine-v3-packet',
    generate: packet,
    check(wire: Wire, known) {
      const encoded = wireOf(wire)
      const mine = ours((add) => add(engineV3.decodePacket(encoded)))
      const theirs = collect((add) => add(engineParser3.module.decodePacket(encoded, 'nodebuffer')))
      return compare(mine, theirs, known, () => (isUntyped(mine, theirs) ? UNTYPED : undefined))
    },
  },
  {
    name: 'engine-v3-payload',
    generate: (random) => ({ text: payloadV3Text(random) }),
    check({ text }: { text: string }, known) {
      // A body of dialect A is read in that dialect by ours; the parser of 2.x knows only its own.
      if (engineV3.isDialectA(text)) return undefined
      const mine = ours(drain(() => engineV3.readStringPayload(text)))
      const theirs = collect((add) => engineParser3.module.decodePayload(text, 'nodebuffer', add))
      return compare(mine, theirs, known, () => (isUntyped(mine, theirs) ? UNTYPED : undefined))
    },
  },
  {
    name: 'engine-v3-binary-payload',
    generate: (random) => ({ hex: payloadV3Binary(random).toString('hex') }),
    check({ hex }: { hex: string }, known) {
      const mine = ours(drain(() => engineV3.readBinaryPayload(Buffer.from(hex, 'hex'))))
      const theirs = collect((add) => engineParser3.module.decodePayload(Buffer.from(hex, 'hex'), 'nodebuffer', add))
      return compare(mine, theirs, known, () => (isUntyped(mine, theirs) ? UNTYPED : hasWideDigit(Buffer.from(hex, 'hex')) ? 'v3 binary payload: a length without digits, or with bytes above 9' : undefined))
    },
  },
]
