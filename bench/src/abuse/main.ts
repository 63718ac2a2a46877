// `npm run abuse [-- part of a name…] [--official] [--share N] [--results FILE] [--update-docs]`: attacks this server, and with `--official` socket.io
// 4.8.4, with every case or those named, each in fresh processes. Prints a line per case and ends with 1 when a promise is broken on ours.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { official, tidewire } from '../programs.ts'
import { Arena } from './arena.ts'
import type { ServerName, Verdict } from './arena.ts'
import { families } from './cases/all.ts'
import { P99_LIMIT_MS, markdown, outcomesOf, problemsOf, updateDocument } from './report.ts'
import type { AbuseRun } from './report.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    official: { type: 'boolean', default: false },
    share: { type: 'string', default: '1' },
    results: { type: 'string', default: join(root, 'bench/results/abuse.json') },
    'update-docs': { type: 'boolean', default: false },
  },
})
/** Time for what is left behind to be given back. */
const SETTLE_MS = 10_000
/** Enough for a p99 of the neighbour's echoes, however short the attack. */
const LEAST_MS = 3_000
/** Other work of the machine makes p99 worse and never better: what is above the limit is tried once more, and the better counts. */
const ATTEMPTS = 2
const HOPELESS_MS = 500

const share = Number(values.share)
const wanted = families
  .flatMap(({ cases }) => cases)
  .filter(({ name }) => positionals.length === 0 || positionals.some((part) => name.includes(part)))
if (wanted.length === 0 || !(share > 0)) {
  console.error(
    `no such case; there are:\n${families.flatMap(({ name, cases }) => cases.map((one) => `  ${name}: ${one.name}`)).join('\n')}`,
  )
  process.exit(2)
}

const servers: ServerName[] = values.official ? ['tidewire', 'official'] : ['tidewire']
const runtime = { path: process.execPath, version: process.version, conditions: ['tidewire-source'] }
const labels = { tidewire: tidewire.label(runtime), official: official.label(runtime) }
const verdicts: Record<ServerName, Record<string, Verdict>> = { tidewire: {}, official: {} }
/** What the latest run left behind: a run of some cases renews their lines. */
const former = existsSync(values.results)
  ? (JSON.parse(readFileSync(values.results, 'utf8')) as AbuseRun)
  : undefined
let isStopped = false
process.once('SIGTERM', () => {
  isStopped = true
})

function commit(): string {
  try {
    return `, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()}`
  } catch {
    return ''
  }
}

const unfinished: Promise<void>[] = []

/** Resolves when the attack is over: what comes after it is waited for while the next one runs. */
async function measure(server: ServerName, one: (typeof wanted)[number]): Promise<void> {
  let best: { arena: Arena; verdict: Verdict } | undefined
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    try {
      const arena = await Arena.open(server, one.preset ?? 'default')
      const verdict = await arena.attack(one, { share, leastMs: LEAST_MS })
      const isBetter =
        best === undefined ||
        (verdict.neighbours?.p99 ?? Infinity) < (best.verdict.neighbours?.p99 ?? Infinity)
      await (isBetter ? best?.arena.close() : arena.close())
      if (isBetter) best = { arena, verdict }
    } catch (error) {
      console.error(`${server.padEnd(8)} ${one.name}: not run: ${(error as Error).message}`)
    }
    const p99 = best?.verdict.neighbours?.p99 ?? 0
    if (p99 <= P99_LIMIT_MS || p99 > HOPELESS_MS) break
  }
  if (best === undefined) return
  unfinished.push(finish(server, one, best))
}

async function finish(
  server: ServerName,
  one: (typeof wanted)[number],
  { arena, verdict }: { arena: Arena; verdict: Verdict },
): Promise<void> {
  try {
    const whole = await arena.settle(verdict, one, { share, afterMs: SETTLE_MS })
    verdicts[server][one.name] = whole
    console.error(`${server.padEnd(8)} ${one.name}: ${describe(whole)}`)
  } finally {
    await arena.close()
  }
}

function describe(verdict: Verdict): string {
  const { neighbours, before, peak, after, again, seconds } = verdict
  const memory =
    before && peak && after
      ? `${Math.round((peak.peakRssBytes - before.rssBytes) / 1e6)} → ${Math.round((after.rssBytes - before.rssBytes) / 1e6)} MB (heap ${Math.round((after.heapBytes - before.heapBytes) / 1e6)}${again === undefined ? '' : `, again ${Math.round((again.rssBytes - after.rssBytes) / 1e6)}`})`
      : 'memory unknown'
  return `${outcomesOf(verdict)}; ${memory}; p50 ${neighbours?.p50.toFixed(1)} p99 ${neighbours?.p99.toFixed(1)}; ${seconds.toFixed(1)} s; ${problemsOf(verdict).join(', ') || 'ok'}`
}

for (const one of wanted) for (const server of servers) if (!isStopped) await measure(server, one)
await Promise.all(unfinished)

const kept = former?.share === share ? former.verdicts : {}
const shown = (['tidewire', 'official'] as const).filter(
  (server) => servers.includes(server) || kept[server] !== undefined,
)
const run: AbuseRun = {
  at: new Date().toISOString().slice(0, 16).replace('T', ' '),
  versions: `Node ${process.version}${commit()}`,
  labels: Object.fromEntries(shown.map((server) => [server, labels[server]])),
  share,
  verdicts: Object.fromEntries(shown.map((server) => [server, { ...kept[server], ...verdicts[server] }])),
}
const table = markdown(run, families)
console.log(table)
mkdirSync(dirname(values.results), { recursive: true })
writeFileSync(values.results, `${JSON.stringify(run, undefined, 1)}\n`)
if (values['update-docs']) updateDocument(join(root, 'docs/abuse.md'), table)
const problems = (name: string): string[] => {
  const verdict = verdicts.tidewire[name]
  return verdict === undefined ? ['not run'] : problemsOf(verdict)
}
const broken = wanted.filter(({ name }) => problems(name).length > 0)
for (const { name } of broken) console.error(`broken on tidewire: ${name}: ${problems(name).join(', ')}`)
process.exitCode = broken.length > 0 ? 1 : 0
