// From samples to a page: the trend of each resource with its band and verdict, what was left over at the end, what the traffic did, and the
// samples themselves. Pure but for updateDocument.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Sample } from './sample.ts'
import { trendOf, verdictOf } from './trend.ts'
import type { Verdict } from './trend.ts'

export interface SoakRun {
  at: string
  machine: string
  versions: string
  seed: number
  seconds: number
  sampleSeconds: number
  clients: number
  actMs: number
  /** Before the first client. */
  before: Sample
  samples: Sample[]
  /** After the last client, with nothing left to wait for. */
  after?: Sample | undefined
  counts: Record<string, number>
  failures: string[]
  failureCount: number
}

interface Resource {
  readonly name: string
  readonly of: (sample: Sample) => number
  readonly unit: 'MiB' | ''
  /** Growth per hour that a verdict lets pass: what a process of this size may take for compiled code and the like. */
  readonly tolerance: number
}

const MIB = 2 ** 20
const resources: readonly Resource[] = [
  { name: 'heap used', of: (sample) => sample.heapUsed / MIB, unit: 'MiB', tolerance: 0.25 },
  { name: 'RSS', of: (sample) => sample.rss / MIB, unit: 'MiB', tolerance: 4 },
  { name: 'external', of: (sample) => sample.external / MIB, unit: 'MiB', tolerance: 0.25 },
  { name: 'handles', of: (sample) => sample.handles, unit: '', tolerance: 0.5 },
  { name: 'timers', of: (sample) => sample.timers, unit: '', tolerance: 0.5 },
  { name: 'listeners', of: (sample) => sample.listeners, unit: '', tolerance: 0.5 },
  { name: 'sessions', of: (sample) => sample.sessions, unit: '', tolerance: 0.5 },
  { name: 'sockets', of: (sample) => sample.sockets, unit: '', tolerance: 0.5 },
  { name: 'rooms', of: (sample) => sample.rooms, unit: '', tolerance: 0.5 },
]

/** What must be as before the first client; namespaces and listeners belong to the application. */
const leftovers = ['handles', 'timers', 'listeners', 'sessions', 'sockets', 'namespaces', 'rooms'] as const

/** What the server itself says after the last client, as far as it must add up. */
function accountsOf(stats: Stats | undefined): { text: string[]; wrong: string[] } {
  if (stats === undefined) return { text: [], wrong: [] }
  const closed = Object.values(stats.sessions.closed).reduce((sum, count) => sum + count, 0)
  const reasons = Object.entries(stats.sessions.closed).map(([reason, count]) => `${count} ${reason}`)
  const limits = Object.entries(stats.limits).flatMap(([name, count]) => (count > 0 ? [`${name} ${count}`] : []))
  return {
    text: [
      `\`io.stats()\` after the last client: ${stats.sessions.opened} sessions opened, ${closed} closed (${reasons.join(', ')}); ${stats.traffic.packetsIn} packets in, ${stats.traffic.packetsOut} out; ` +
        `outbox ${stats.outbox.bytes} bytes; limits hit: ${limits.join(', ') || 'none'}.`,
      '',
    ],
    wrong: [
      ...(stats.sessions.opened === closed ? [] : [`io.stats(): ${stats.sessions.opened} sessions opened, ${closed} closed`]),
      ...(stats.outbox.bytes === 0 ? [] : [`io.stats(): ${stats.outbox.bytes} bytes in outboxes`]),
    ],
  }
}

interface Stats {
  sessions: { opened: number; closed: Record<string, number> }
  traffic: { packetsIn: number; packetsOut: number }
  outbox: { bytes: number }
  limits: Record<string, number>
}

function show(value: number, unit: string): string {
  return `${value.toFixed(2)}${unit === '' ? '' : ` ${unit}`}`
}

export function markdown(run: SoakRun): { text: string; isGood: boolean } {
  const { samples, before, after, counts, failures } = run
  const fitted = samples.slice(Math.floor(samples.length / 4))
  const verdicts: Verdict[] = []
  const rows = resources.map(({ name, of, unit, tolerance }) => {
    const trend = trendOf(fitted.map((sample) => ({ atSeconds: sample.atSeconds, value: of(sample) })))
    const verdict = verdictOf(trend, tolerance)
    verdicts.push(verdict)
    return `| ${name} | ${show(trend.mean, unit)} | ${show(trend.slope, unit)} | ${trend.low.toFixed(2)} … ${trend.high.toFixed(2)} | ${tolerance} | ${verdict} |`
  })
  const left =
    after === undefined
      ? ['the server was gone']
      : leftovers
          .filter((name) => after[name] > before[name])
          .map((name) => `${name}: ${before[name]} before, ${after[name]} after`)
  const accounts = accountsOf(after?.stats as Stats | undefined)
  left.push(...accounts.wrong)
  const last = samples.at(-1)
  const share = (of: (sample: Sample) => number): string =>
    last === undefined
      ? '–'
      : `${((of(last) - of(before)) / 1e4 / (last.atSeconds - before.atSeconds)).toFixed(1)} %`
  const worst = (of: (sample: Sample) => number): string => Math.max(0, ...samples.map(of)).toFixed(0)
  const client = trendOf(
    fitted.map((sample) => ({ atSeconds: sample.atSeconds, value: sample.clientHeapUsed / MIB })),
  )
  const isGood =
    run.failureCount === 0 &&
    left.length === 0 &&
    verdicts.every((verdict) => verdict !== 'GROWS' && verdict !== 'too few samples')
  const text = [
    `## Run of ${run.at}`,
    '',
    `On ${run.machine}. ${run.versions}. Seed ${run.seed}; ${((last?.atSeconds ?? 0) / 60).toFixed(1)} minutes of ${(run.seconds / 60).toFixed(1)} asked for, a sample each ${run.sampleSeconds} s,`,
    `${run.clients} places for each of 13 kinds of client, an act of each every ${run.actMs} ms on average. CPU of a core: server ${share((sample) => sample.cpuMicros)}, clients ${share((sample) => sample.clientCpuMicros)}.`,
    `Longest stall of an event loop: server ${worst((sample) => sample.stallMs)} ms, clients ${worst((sample) => sample.clientStallMs)} ms.`,
    '',
    `**${isGood ? 'Passed' : 'Failed'}**: ${run.failureCount} wrong answers, ${verdicts.filter((verdict) => verdict === 'GROWS').length} resources growing, ${left.length} things left over.`,
    '',
    `| resource of the server | mean | slope per hour | 99 % band of the slope | tolerance | verdict |`,
    '|---|---|---|---|---|---|',
    ...rows,
    '',
    `Fitted to the last three quarters (${fitted.length} samples). Heap of the process with all clients: ${show(client.mean, 'MiB')}, slope ${client.slope.toFixed(2)} (${client.low.toFixed(2)} … ${client.high.toFixed(2)}) MiB per hour.`,
    '',
    left.length === 0
      ? `Nothing is left over at the end: ${leftovers.join(', ')} are at most what they were before the first client.`
      : `Left over at the end: ${left.join('; ')}.`,
    ...(after === undefined
      ? []
      : [
          `Heap before the first client ${show(before.heapUsed / MIB, 'MiB')}, after the last ${show(after.heapUsed / MIB, 'MiB')}.`,
        ]),
    '',
    ...(failures.length === 0
      ? []
      : ['Wrong answers (the first fifty):', '', ...failures.map((failure) => `- ${failure}`), '']),
    '| what the traffic did | times |',
    '|---|---|',
    ...Object.entries(counts).map(([name, count]) => `| ${name} | ${count} |`),
    '',
    '| minute | heap MiB | RSS MiB | external MiB | handles | timers | listeners | sessions | sockets | rooms |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...thinned(samples).map(
      (sample) =>
        `| ${(sample.atSeconds / 60).toFixed(1)} | ${(sample.heapUsed / MIB).toFixed(2)} | ${(sample.rss / MIB).toFixed(1)} | ${(sample.external / MIB).toFixed(2)} | ${sample.handles} | ${sample.timers} | ${sample.listeners} | ${sample.sessions} | ${sample.sockets} | ${sample.rooms} |`,
    ),
    '',
  ].join('\n')
  return { text, isGood }
}

/** At most thirty rows. */
function thinned(samples: readonly Sample[]): readonly Sample[] {
  const step = Math.ceil(samples.length / 30)
  return samples.filter((_sample, i) => i % step === step - 1 || i === samples.length - 1)
}

const INTRODUCTION = `# Soak

\`npm run soak\` (two hours; \`--seconds N\`, \`--seed N\`, \`--update-docs\` rewrites this page) runs a server in a process of its own under mixed traffic
with churn: our client, socket.io-client 4.8.4 and 2.5.0 on polling, on WebSocket and from one to the other, raw sockets of both revisions, and
clients that break off, send nonsense or fall silent. They connect and leave in every way, join rooms and namespaces, publish, ask and are asked,
with text and binary, lose their connection and come back; every answer and every number of every room is checked, so that one message lost,
twice or out of order fails the run. Each minute, after a forced garbage collection, the server's resources are sampled. A straight line is fitted to
the last three quarters; a resource grows when the 99 % band of its slope, widened for the correlation of neighbouring samples, lies above
zero by more than the tolerance. The server's young generation has a fixed size, because V8 lets it grow to 128 MiB over hours. The code is in \`bench/src/soak\`.
`

const NOTES = '## Notes'

/** What people have written at the end of the page stays. */
export function updateDocument(file: string, sections: readonly string[]): void {
  const old = existsSync(file) ? readFileSync(file, 'utf8') : ''
  const notes = old.includes(NOTES) ? `\n${old.slice(old.indexOf(NOTES))}` : ''
  writeFileSync(file, `${INTRODUCTION}\n${sections.join('\n')}${notes}`)
}
