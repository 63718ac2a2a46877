// WebSocket frames: our decoder against the receiver of ws 8.23, whole and cut anywhere: the same messages, the same close code.
import { FrameDecoder, ProtocolError } from '@tidewire/protocol'
import * as ws from 'ws'
import { frameBytes } from '../grammar/frames.ts'
import { difference, isSameOutcome } from '../target.ts'
import type { Outcome, Target } from '../target.ts'

const MAX_PAYLOAD_BYTES = 600

interface FrameInput {
  hex: string
  /** Where the network cuts, as shares of the length in thousandths. */
  cuts: number[]
}

function chunksOf({ hex, cuts }: FrameInput, isCut: boolean): Buffer[] {
  const bytes = Buffer.from(hex, 'hex')
  if (!isCut) return [bytes]
  const edges = [0, ...cuts.map((cut) => Math.floor((cut * bytes.length) / 1000)).toSorted((a, b) => a - b), bytes.length]
  return edges.slice(1).map((end, i) => Buffer.from(bytes.subarray(edges[i], end)))
}

function decodeOurs(chunks: Buffer[]): Outcome {
  const out: unknown[] = []
  const add = (kind: string) => (data: string | Uint8Array) => void out.push([kind, typeof data === 'string' ? data : Buffer.from(data).toString('hex')])
  const decoder = new FrameDecoder(
    {
      handleText: add('text'),
      handleBinary: add('binary'),
      handlePing: add('ping'),
      handlePong: add('pong'),
      handleClose: (code, reason) => void out.push(['close', code, reason]),
    },
    { role: 'server', maxPayloadBytes: MAX_PAYLOAD_BYTES },
  )
  try {
    for (const chunk of chunks) decoder.push(chunk)
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw new Error('threw something else than a protocol error', { cause: error })
    out.push(['refused', error.closeCode])
    return { out, isRefused: true }
  }
  return { out, isRefused: false }
}

/** A receiver is a stream: it is done with a chunk when it says so, or has failed. */
async function decodeTheirs(chunks: Buffer[]): Promise<Outcome> {
  const out: unknown[] = []
  // Events at once, as ours; its default is one in a turn.
  const receiver = new (ws as any).Receiver({ isServer: true, maxPayload: MAX_PAYLOAD_BYTES, allowSynchronousEvents: true, binaryType: 'nodebuffer' })
  let isEnded = false
  receiver.on('message', (data: Buffer, isBinary: boolean) => out.push(isBinary ? ['binary', data.toString('hex')] : ['text', data.toString()]))
  receiver.on('ping', (data: Buffer) => out.push(['ping', data.toString('hex')]))
  receiver.on('pong', (data: Buffer) => out.push(['pong', data.toString('hex')]))
  const ended = new Promise<boolean>((resolve) => {
    receiver.on('conclude', (code: number, reason: Buffer) => {
      out.push(['close', code, reason.toString()])
      isEnded = true
      resolve(false)
    })
    receiver.on('error', (error: any) => {
      const code = Object.getOwnPropertySymbols(error).map((symbol) => error[symbol] as unknown).find((value) => typeof value === 'number')
      out.push(['refused', code])
      isEnded = true
      resolve(true)
    })
  })
  for (const chunk of chunks) {
    if (isEnded) break
    await Promise.race([ended, new Promise((resolve) => receiver.write(chunk, resolve))])
  }
  // An error is told in a later turn than the write.
  await new Promise(setImmediate)
  return { out, isRefused: isEnded && (await ended) }
}

export const frameTargets: readonly Target[] = [
  {
    name: 'websocket-frames',
    concurrency: 8,
    generate: (random) => ({ hex: frameBytes(random).toString('hex'), cuts: Array.from({ length: random.below(5) }, () => random.below(1001)) }),
    async check(input: FrameInput) {
      const whole = decodeOurs(chunksOf(input, false))
      const cut = decodeOurs(chunksOf(input, true))
      if (!isSameOutcome(whole, cut)) return `whole and in pieces:\n${difference(whole, cut)}`
      const theirs = await decodeTheirs(chunksOf(input, false))
      return isSameOutcome(whole, theirs) ? undefined : difference(whole, theirs)
    },
  },
]
