// Drives targets for a time: what once failed comes first, then new inputs, each from a seed of its own, so that one number repeats it.
// A failing input is made smaller before it is reported. In: targets, a seed, seconds. Out: counts and failures.
import { createRandom } from '@tidewire/testkit/random'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { KnownDifference } from './known-differences.ts'
import type { Target } from './target.ts'

export interface Failure {
  readonly target: string
  /** `npm run fuzz -- --target NAME --seed N --cases 1` makes the input again; none for one of the corpus. */
  readonly seed?: number
  readonly input: unknown
  readonly difference: string
}

export interface TargetResult {
  readonly target: string
  inputs: number
  replayed: number
  readonly known: Partial<Record<KnownDifference, number>>
  readonly failures: Failure[]
}

export interface CorpusEntry {
  /** What it was about. */
  readonly note: string
  readonly input: unknown
}

export interface RunOptions {
  readonly seed: number
  readonly seconds: number
  /** At most so many new inputs for each target. */
  readonly cases?: number
  /** Stops a target after so many different failures. */
  readonly maxFailures?: number
}

const corpusFile = (target: string): URL => new URL(`corpus/${target}.json`, import.meta.url)

export function corpusOf(target: string): CorpusEntry[] {
  const file = corpusFile(target)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as CorpusEntry[]) : []
}

/** Keeps what failed, unless it is there already. */
export function keep(failure: Failure): void {
  const entries = corpusOf(failure.target)
  if (entries.some(({ input }) => JSON.stringify(input) === JSON.stringify(failure.input))) return
  const note = `seed ${failure.seed}: ${failure.difference.split('\n')[0]!.slice(0, 160)}`
  writeFileSync(corpusFile(failure.target), `${JSON.stringify([...entries, { note, input: failure.input }], undefined, 1)}\n`)
}

/** Seeds of single inputs, from that of the run. */
export const caseSeed = (seed: number, index: number): number => (seed + index * 0x9e37_79b1) % 2 ** 31

async function checkOne(target: Target, input: unknown, known: (name: KnownDifference) => void): Promise<string | undefined> {
  try {
    return await target.check(input, known)
  } catch (error) {
    const { stack, cause } = error as Error
    return `${stack ?? String(error)}${cause instanceof Error ? `\n${cause.stack}` : ''}`
  }
}

/** What a target gets of the seconds of all. */
export function secondsOf(target: Target, all: readonly Target[], seconds: number): number {
  return (seconds * (target.share ?? 1)) / all.reduce((sum, { share = 1 }) => sum + share, 0)
}

/** Runs the targets one after the other, each for its share of the time. */
export async function run(targets: readonly Target[], options: RunOptions): Promise<TargetResult[]> {
  const results: TargetResult[] = []
  for (const target of targets) {
    await target.start?.()
    try {
      results.push(await runTarget(target, secondsOf(target, targets, options.seconds), options))
    } finally {
      await target.stop?.()
    }
  }
  return results
}

async function runTarget(target: Target, seconds: number, { seed, cases = Infinity, maxFailures = 5 }: RunOptions): Promise<TargetResult> {
  const result: TargetResult = { target: target.name, inputs: 0, replayed: 0, known: {}, failures: [] }
  const known = (name: KnownDifference): void => void (result.known[name] = (result.known[name] ?? 0) + 1)
  for (const { input } of corpusOf(target.name)) {
    result.replayed++
    const difference = await checkOne(target, input, known)
    if (difference !== undefined) result.failures.push({ target: target.name, input, difference })
  }
  const end = performance.now() + seconds * 1000
  let next = 0
  const work = async (): Promise<void> => {
    while (performance.now() < end && next < cases && result.failures.length < maxFailures) {
      const one = caseSeed(seed, next++)
      const input: unknown = target.generate(createRandom(one))
      result.inputs++
      const difference = await checkOne(target, input, known)
      if (difference === undefined) continue
      const smaller = await shrink(target, input)
      const told = (await checkOne(target, smaller, () => {})) ?? difference
      if (result.failures.every((failure) => JSON.stringify(failure.input) !== JSON.stringify(smaller))) {
        result.failures.push({ target: target.name, seed: one, input: smaller, difference: told })
      }
    }
  }
  await Promise.all(Array.from({ length: target.concurrency ?? 1 }, work))
  return result
}

const SHRINK_TRIES = 400

/** The smallest input found that still fails. */
async function shrink(target: Target, failing: unknown): Promise<unknown> {
  let smallest = failing
  let tries = 0
  for (let isSmaller = true; isSmaller && tries < SHRINK_TRIES;) {
    isSmaller = false
    for (const candidate of smallerOf(smallest)) {
      if (++tries > SHRINK_TRIES) break
      if ((await checkOne(target, candidate, () => {})) === undefined) continue
      smallest = candidate
      isSmaller = true
      break
    }
  }
  return smallest
}

/** Lists without an item, texts without a part, objects with a smaller member. Bytes are written in pairs of digits. */
export function* smallerOf(value: unknown, key?: string): Iterable<unknown> {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) yield value.toSpliced(i, 1)
    for (let i = 0; i < value.length; i++) for (const item of smallerOf(value[i])) yield value.toSpliced(i, 1, item)
  } else if (typeof value === 'string' && value !== '') {
    const unit = key === 'hex' ? 2 : 1
    for (let size = Math.ceil(value.length / unit / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < value.length; at += size * unit) yield value.slice(0, at) + value.slice(at + size * unit)
    }
  } else if (typeof value === 'object' && value !== null) {
    // What says of which kind something is cannot become smaller.
    for (const [name, item] of Object.entries(value)) {
      if (['kind', 'as', 'name', 'transport'].includes(name)) continue
      for (const smaller of smallerOf(item, name)) yield { ...value, [name]: smaller }
    }
  }
}
