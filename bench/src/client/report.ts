// From samples to a table: medians with their spread, and how far our client is ahead. In: the samples of a run. Out: Markdown.
import { readFileSync } from 'node:fs'
import { constants, gzipSync } from 'node:zlib'
import { median } from '../report.ts'
import { bundleOf, clients } from './clients.ts'
import type { ClientName } from './clients.ts'
import { figures } from './figures.ts'
import type { Figure } from './figures.ts'
import type { ClientSample } from './process/loads.ts'

export interface ClientRun {
  readonly at: string
  readonly machine: string
  readonly versions: string
  readonly server: string
  readonly rounds: number
  readonly seconds: number
  readonly shrink: number
  readonly samples: { [figure: string]: { [Client in ClientName]?: ClientSample[] } }
}

const units: Readonly<Record<Figure['unit'], { says: string; show: (value: number) => string }>> = {
  cpu: { says: 'µs of CPU per', show: (value) => `${value.toFixed(value < 10 ? 2 : 1)} µs` },
  heap: { says: 'bytes of heap per', show: (value) => `${(value / 1024).toFixed(1)} KB` },
  time: { says: 'milliseconds in a', show: (value) => `${value.toFixed(0)} ms` },
}

const sortedValues = (samples: readonly ClientSample[] = []): number[] =>
  samples.map(({ value }) => value).toSorted((a, b) => a - b)

function cell(values: readonly number[], show: (value: number) => string): string {
  return values.length === 0
    ? 'no valid round'
    : `${show(median(values))} (${show(values[0]!)} – ${show(values.at(-1)!)})`
}

/** How many times less ours takes; NaN where one has no sample. */
export function ratioOf(samples: ClientRun['samples'][string]): number {
  return median(sortedValues(samples.official)) / median(sortedValues(samples.tidewire))
}

/** As `gzip -9` makes it; undefined where it is not built. */
function bundleBytes(name: ClientName): number | undefined {
  const file = bundleOf(clients[name])
  return file === undefined
    ? undefined
    : gzipSync(readFileSync(file), { level: constants.Z_BEST_COMPRESSION }).length
}

function bundleRow(): string {
  const [theirs, ours] = [bundleBytes('official'), bundleBytes('tidewire')]
  const shown = (bytes?: number): string =>
    bytes === undefined ? 'not built' : `${(bytes / 1000).toFixed(1)} kB`
  const ratio = theirs === undefined || ours === undefined ? '–' : `**${(theirs / ours).toFixed(2)}×**`
  return `| bundle | \`socket.io.esm.min.js\`, gzip | ${shown(theirs)} | ${shown(ours)} | ${ratio} |`
}

export function clientTable(run: ClientRun): string {
  const rows = Object.entries(run.samples).map(([name, samples]) => {
    const { unit, per } = figures[name]!
    const { says, show } = units[unit]
    const ratio = ratioOf(samples)
    return `| ${name} | ${says} ${per} | ${cell(sortedValues(samples.official), show)} | ${cell(sortedValues(samples.tidewire), show)} | ${Number.isNaN(ratio) ? '–' : `**${ratio.toFixed(2)}×**`} |`
  })
  return [
    `Measured ${run.at} on ${run.machine}. ${run.versions}; server: ${run.server}.`,
    `${run.rounds} interleaved rounds of ${run.seconds} s each, medians (min – max).${run.shrink === 1 ? '' : ` **Scaled down by ${run.shrink}: not comparable.**`}`,
    '',
    '| what | figure | socket.io-client 4.8.4 | @tidewire/client | tidewire is ahead by |',
    '|---|---|---|---|---|',
    ...rows,
    bundleRow(),
    '',
    ...Object.keys(run.samples).map((name) => `- **${name}**: ${figures[name]!.says}.`),
    '',
  ].join('\n')
}
