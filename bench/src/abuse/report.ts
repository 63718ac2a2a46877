// From verdicts to a table: a line per case, both servers side by side.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { MEMORY_LIMIT_BYTES } from './arena.ts'
import type { ServerName, Verdict } from './arena.ts'
import type { Family } from './case.ts'

export interface AbuseRun {
  readonly at: string
  readonly versions: string
  readonly labels: Readonly<Partial<Record<ServerName, string>>>
  readonly share: number
  readonly verdicts: Readonly<Partial<Record<ServerName, Readonly<Record<string, Verdict>>>>>
}

/** What the promises are: F15 of the fault suite. */
export const P99_LIMIT_MS = 50

function megabytes(bytes: number | undefined): string {
  if (bytes === undefined) return '–'
  const rounded = Math.round(bytes / 1048576)
  return rounded < 0 ? `−${-rounded}` : `+${rounded}`
}
const milliseconds = (value: number): string => (value < 10 ? value.toFixed(1) : value.toFixed(0))
const escape = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

export interface Judgement {
  readonly problems: readonly string[]
}

/** What is wrong with a line; nothing when all promises are kept. */
export function problemsOf(
  { isAlive, isAcceptable, failure, neighbours, before, after, again }: Verdict,
  limits: { p99Ms: number } = { p99Ms: P99_LIMIT_MS },
): string[] {
  const problems: string[] = []
  if (!isAlive) return ['process died']
  if (failure !== undefined) problems.push(failure)
  else if (!isAcceptable) problems.push('outcome')
  if (neighbours === undefined) problems.push('neighbours cut off')
  else {
    if (!(neighbours.p99 <= limits.p99Ms)) problems.push(`p99 ${milliseconds(neighbours.p99)} ms`)
    if (neighbours.lost > 0 || neighbours.echoesLost > 0) problems.push('losses')
  }
  if (before === undefined || after === undefined) problems.push('no answer about memory')
  else if (
    after.heapBytes - before.heapBytes > MEMORY_LIMIT_BYTES ||
    (again !== undefined && again.rssBytes - after.rssBytes > MEMORY_LIMIT_BYTES)
  )
    problems.push('memory')
  return problems
}

export function outcomesOf({ outcomes, failure }: Verdict): string {
  const counts = outcomes
    .slice(0, 6)
    .map(([outcome, count]) => (count === 1 ? outcome : `${count.toLocaleString('en')} × ${outcome}`))
  if (outcomes.length > 6) counts.push('…')
  return escape([...(failure === undefined ? [] : [failure]), ...counts].join(', '))
}

function cellsOf(verdict: Verdict | undefined): string[] {
  if (verdict === undefined) return ['–', '–', '–', '–']
  const { before, peak, after, neighbours, isAlive } = verdict
  const problems = problemsOf(verdict)
  const mark = (text: string, isBad: boolean): string => (isBad ? `**${text}**` : text)
  const rss =
    before === undefined
      ? '–'
      : `${megabytes(peak && peak.peakRssBytes - before.rssBytes)} / ${megabytes(after && after.rssBytes - before.rssBytes)} (${megabytes(after && after.heapBytes - before.heapBytes)})`
  return [
    mark(outcomesOf(verdict), !isAlive || !verdict.isAcceptable),
    mark(isAlive ? rss : '–', problems.includes('memory')),
    neighbours === undefined
      ? mark('cut off', true)
      : mark(
          `${milliseconds(neighbours.p50)} / ${milliseconds(neighbours.p99)}`,
          neighbours.p99 > P99_LIMIT_MS,
        ),
    neighbours === undefined
      ? '–'
      : mark(
          `${neighbours.lost} of ${neighbours.published}`,
          neighbours.lost > 0 || neighbours.echoesLost > 0,
        ),
  ]
}

/** Of how many cases a server came out alive, and with every promise kept. */
function summaryOf(name: ServerName, verdicts: Readonly<Record<string, Verdict>>): string {
  const all = Object.values(verdicts)
  const kept = all.filter((verdict) => problemsOf(verdict).length === 0)
  return `- **${name}**: the process lives after ${all.filter(({ isAlive }) => isAlive).length} of ${all.length} cases; ${kept.length} lines have nothing in bold.`
}

export function markdown(run: AbuseRun, families: readonly Family[]): string {
  const servers = Object.keys(run.labels) as ServerName[]
  const columns = servers.flatMap((name) => [
    `${name}: what happened`,
    'MB peak / after (heap)',
    'p50 / p99 ms',
    'lost',
  ])
  const lines = [
    `Run ${run.at}. ${run.versions}; ${Object.values(run.labels).join('; ')}.${run.share === 1 ? '' : ` **A share of ${run.share} of all counts: not comparable.**`}`,
    '',
  ]
  lines.push(...servers.map((name) => summaryOf(name, run.verdicts[name] ?? {})), '')
  for (const { name, cases } of families) {
    const ran = cases.filter((one) =>
      servers.some((server) => run.verdicts[server]?.[one.name] !== undefined),
    )
    if (ran.length === 0) continue
    lines.push(
      `## ${name[0]!.toUpperCase()}${name.slice(1)}`,
      '',
      `| attack | ${columns.join(' | ')} |`,
      `|---|${columns.map(() => '---|').join('')}`,
    )
    for (const one of ran) {
      const cells = servers.flatMap((server) => cellsOf(run.verdicts[server]?.[one.name]))
      lines.push(`| **${escape(one.name)}**: ${escape(one.sends)} | ${cells.join(' | ')} |`)
    }
    lines.push('')
  }
  return lines.join('\n')
}

const BEGIN = '<!-- abuse: begin -->'
const END = '<!-- abuse: end -->'

export function updateDocument(file: string, table: string): void {
  const old = existsSync(file) ? readFileSync(file, 'utf8') : `# Abuse\n\n${BEGIN}\n${END}\n`
  const [before, rest] = old.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined)
    throw new Error(`${file} lacks the markers ${BEGIN} and ${END}`)
  writeFileSync(file, `${before}${BEGIN}\n${table}${END}${after}`)
}
