// Compression of polling answers, the same whichever way a request has come. In: a body and the headers of its request. Out: compressed bytes.
// One place for all servers of the process bounds how many are at it: the threads of the pool take the processor from the loop, and are shared
// with name resolution and files (docs/decisions/0011).
import type { IncomingHttpHeaders } from 'node:http'
import { availableParallelism } from 'node:os'
import { deflate, gzip, gzipSync } from 'node:zlib'
import type { ZlibOptions } from 'node:zlib'
import type { EngineOptions } from '../engine/engine-options.ts'
import type { PollAnswer } from '../engine/poll-exchange.ts'

const DEFAULT_THRESHOLD = 1024
/** Of the pool's four threads, and of the processors that this process may use, one stays free. */
const MAX_AT_ONCE: number = Math.max(1, Math.min(4, availableParallelism()) - 1)

interface Job {
  readonly isWanted: () => boolean
  readonly run: (done: () => void) => void
}

/** Takes a fraction of a millisecond: it does not wait behind answers that take fifty times as long. */
const SMALL_BYTES = 16_384
/** ... and so many of them at most come before a large one that waits. */
const SMALL_IN_A_ROW = 16

let atOnce = 0
let smallInARow = 0
const small: Job[] = []
let large: Job[] = []
/** How many large ones there may be before those whose clients have gone are looked for: each holds its body. */
let lookAt = 64

export class AnswerCompression {
  readonly #threshold: number
  readonly #options: ZlibOptions

  constructor(options: EngineOptions['httpCompression'] = true) {
    const { threshold = DEFAULT_THRESHOLD, ...zlib } = typeof options === 'object' ? options : {}
    this.#threshold = options === false ? Infinity : threshold
    // With `info` zlib gives an object instead of the bytes.
    this.#options = { ...zlib, info: false }
    // What zlib does not take is told where it was given, and not with the first answer.
    if (Object.keys(zlib).length > 0) gzipSync('', zlib)
  }

  /** Undefined: the answer goes as it is. `byteLength` of its body. */
  encodingOf({ isCompressible }: PollAnswer, byteLength: number, headers: IncomingHttpHeaders): 'gzip' | 'deflate' | undefined {
    return isCompressible === true && byteLength >= this.#threshold ? acceptedEncoding(headers['accept-encoding']) : undefined
  }

  /**
   * `done` gets the bytes, or undefined if that failed, and is not called when nobody wants them any more: `isWanted` is asked when
   * its turn has come, and when they are there.
   */
  compress(
    body: string | Uint8Array,
    encoding: 'gzip' | 'deflate',
    isWanted: () => boolean,
    done: (compressed: Buffer | undefined) => void,
  ): void {
    const compress = encoding === 'gzip' ? gzip : deflate
    enqueue(body.length, {
      isWanted,
      run: (end) =>
        compress(body, this.#options, (error, compressed) => {
          end()
          if (isWanted()) done(error === null ? compressed : undefined)
        }),
    })
    runJobs()
  }
}

function enqueue(size: number, job: Job): void {
  if (size <= SMALL_BYTES) return void small.push(job)
  large.push(job)
  if (large.length < lookAt) return
  large = large.filter(({ isWanted }) => isWanted())
  lookAt = Math.max(64, 2 * large.length)
}

function nextJob(): Job | undefined {
  if (small.length > 0 && (large.length === 0 || smallInARow < SMALL_IN_A_ROW)) {
    smallInARow++
    return small.shift()
  }
  smallInARow = 0
  return large.shift()
}

function runJobs(): void {
  while (atOnce < MAX_AT_ONCE) {
    const job = nextJob()
    if (job === undefined) return
    if (!job.isWanted()) continue
    atOnce++
    job.run(endJob)
  }
}

function endJob(): void {
  atOnce--
  runJobs()
}

function acceptedEncoding(accepted: string | string[] | undefined): 'gzip' | 'deflate' | undefined {
  if (typeof accepted !== 'string') return undefined
  if (/\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted)) return 'gzip'
  return /\bdeflate\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))/.test(accepted) ? 'deflate' : undefined
}
