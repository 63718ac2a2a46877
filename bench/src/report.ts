// From samples to a table: medians, spread and ratios. In: the samples of a run. Out: Markdown, and the same as JSON.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Sample } from './generator/main.ts'
import { scenarios } from './scenarios.ts'

/** Above this share of its core the generator may be what is measured. */
export const GENERATOR_LIMIT = 0.85

/** By server. */
export type Samples = Record<string, Sample[]>

export interface Run {
  at: string
  machine: string
  versions: string
  /** What each server is, by name, in the order of the tables. */
  servers: Record<string, string>
  /** Scenarios that a server cannot run, and why, by name. */
  leftOut: Record<string, Readonly<Record<string, string>>>
  rounds: number
  seconds: number
  scale: number
  samples: Record<string, Samples>
}

export interface Figure {
  median: number
  min: number
  max: number
  kept: number
  discarded: number
  /** NaN: it spins. */
  generatorShare: number
}

export function figure(samples: readonly Sample[]): Figure {
  const kept = samples.filter(({ generatorShare }) => generatorShare === null || generatorShare <= GENERATOR_LIMIT)
  const values = kept.map((sample) => sample.value).toSorted((a, b) => a - b)
  return {
    median: median(values),
    min: values[0] ?? Number.NaN,
    max: values.at(-1) ?? Number.NaN,
    kept: kept.length,
    discarded: samples.length - kept.length,
    generatorShare: median(samples.map((sample) => sample.generatorShare ?? Number.NaN).toSorted((a, b) => a - b)),
  }
}

export function median(sorted: readonly number[]): number {
  const middle = sorted.length >> 1
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

const units = {
  cpu: { says: 'µs of server CPU per', show: (value: number) => `${value.toFixed(value < 1 ? 2 : 1)} µs` },
  latency: { says: 'p99 of an', show: (value: number) => `${value.toFixed(2)} ms` },
  memory: { says: 'resident bytes per', show: (value: number) => `${(value / 1024).toFixed(1)} KB` },
}

/** How many times less a server takes than the official one, or which share of its memory and latency. */
export function ratioTo(official: Figure, other: Figure, metric: keyof typeof units): number {
  return metric === 'cpu' ? official.median / other.median : other.median / official.median
}

function cellOf({ median: middle, min, max, kept, discarded }: Figure, metric: keyof typeof units): string {
  const { show } = units[metric]
  if (kept === 0) return 'no valid round'
  return `${show(middle)} (${show(min)} – ${show(max)}${discarded > 0 ? `; ${discarded} discarded` : ''})`
}

function rowOf(name: string, samples: Samples): string {
  const { metric, operation } = scenarios[name]!
  const [theirs, ours] = [figure(samples.official ?? []), figure(samples.tidewire ?? [])]
  const ratio = ratioTo(theirs, ours, metric)
  const shown = Number.isNaN(ratio) ? '–' : metric === 'cpu' ? `**${ratio.toFixed(2)}×**` : `**${ratio.toFixed(2)} of it**`
  const shares = Number.isNaN(ours.generatorShare) ? 'spins' : `${theirs.generatorShare.toFixed(2)} / ${ours.generatorShare.toFixed(2)}`
  return `| ${name} | ${units[metric].says} ${operation} | ${cellOf(theirs, metric)} | ${cellOf(ours, metric)} | ${shown} | ${shares} |`
}

/** Ratios of all servers to the official one. */
function peersTable(run: Run): string[] {
  const names = Object.keys(run.servers)
  if (names.length <= 2) return []
  const rows = Object.entries(run.samples).map(([scenario, samples]) => {
    const { metric } = scenarios[scenario]!
    const official = figure(samples.official ?? [])
    const cells = names.map((name) => {
      const own = samples[name]
      if (own === undefined) return '–'
      const ratio = ratioTo(official, figure(own), metric)
      return Number.isNaN(ratio) ? 'no valid round' : name === 'tidewire' ? `**${ratio.toFixed(2)}**` : ratio.toFixed(2)
    })
    return `| ${scenario} | ${cells.join(' | ')} |`
  })
  const reasons = names.flatMap((name) => {
    const reason = Object.entries(run.leftOut[name] ?? {}).filter(([scenario]) => scenario in run.samples)
    return reason.length === 0 ? [] : [`${name}: ${reason.map(([scenario, why]) => `${scenario} (${why})`).join(', ')}`]
  })
  return [
    'All of them in the same run, as ratios to the official server; latency and idle memory as shares of its, where less is better:',
    '',
    `| scenario | ${names.join(' | ')} |`,
    `|---|${names.map(() => '---|').join('')}`,
    ...rows,
    '',
    ...names.map((name) => `- **${name}**: ${run.servers[name]}`),
    ...(reasons.length === 0 ? [] : ['', `Left out: ${reasons.join('; ')}.`]),
    '',
    '![The same as bars](performance.svg)',
    '',
  ]
}

export function markdown(run: Run): string {
  return [
    `Measured ${run.at} on ${run.machine}. ${run.versions}; ${run.servers.official}; ${run.servers.tidewire}.`,
    `${run.rounds} interleaved rounds of ${run.seconds} s each, medians (min – max).${run.scale === 1 ? '' : ` **Scaled down by ${run.scale}: not comparable.**`}`,
    '',
    '| scenario | figure | socket.io 4.8.4 | tidewire | tidewire is ahead by | generator, share of its core |',
    '|---|---|---|---|---|---|',
    ...Object.entries(run.samples).map(([name, samples]) => rowOf(name, samples)),
    '',
    ...peersTable(run),
    ...Object.keys(run.samples).map((name) => `- **${name}**: ${scenarios[name]!.says}.`),
    '',
  ].join('\n')
}

export function save(file: string, run: object): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(run, undefined, 1)}\n`)
}

/** Puts a table between its markers in a document; a new document gets an introduction. */
export function updateDocument(file: string, table: string, section: 'bench' | 'scale' | 'client'): void {
  const [begin, end] = [`<!-- ${section}: begin -->`, `<!-- ${section}: end -->`]
  const old = existsSync(file) ? readFileSync(file, 'utf8') : `${INTRODUCTION}\n${begin}\n${end}\n`
  const [before, rest] = old.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined) throw new Error(`${file} lacks the markers ${begin} and ${end}`)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${before}${begin}\n${table}${end}${after}`)
}

const INTRODUCTION = `# Performance

Both servers run the same application (\`bench/src/servers\`), each round in a fresh process, one after the other in turn. The server is
pinned to one core and the load generator, raw sockets that check every answer, to another. The figure is CPU time of the server, user
and system of all threads, per operation, so the speed of the generator does not enter; rounds in which the generator took more than
${GENERATOR_LIMIT} of its core are discarded nevertheless. Differences below 15 % mean nothing on a shared machine, and absolute figures drift: compare ratios.

\`npm run bench\` repeats it, \`npm run bench -- echo\` one scenario, \`--update-docs\` rewrites the table.
`
