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

let atOnce = 0
const waiting: Job[] = []

export class AnswerCompression {
  readonly #threshold: number
  readonly #options: ZlibOptions

  constructor(options: EngineOptions['httpCompression'] = true) {
    const { threshold = DEFAULT_THRESHOLD, ...zlib } = typeof options === 'object' ? options : {}
    this.#threshold = options === false ? Infinity : threshold
    this.#options = zlib
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
    waiting.push({
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

function runJobs(): void {
  while (atOnce < MAX_AT_ONCE) {
    const job = waiting.shift()
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
