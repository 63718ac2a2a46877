// `npm run soak [-- --seconds N] [--sample S] [--seed N] [--clients N] [--act MS] [--update-docs]`: mixed traffic with churn against a server in a
// process of its own, two hours unless told otherwise; every answer is checked, resources are sampled after a forced collection and tested
// for growth. `--report FILE…` makes the page of runs that have ended. Exit 1 when an answer was wrong, something grew or something was left over. Samples so far: artifacts/soak.json.
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { dirname, join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { kill } from '../processes.ts'
import { markdown, updateDocument } from './report.ts'
import type { SoakRun } from './report.ts'
import type { Sample } from './sample.ts'
import { startServerUnderSoak } from './server-process.ts'
import { Tally, pause } from './tally.ts'
import { startTraffic } from './traffic.ts'
import { PING_INTERVAL_MS, PING_TIMEOUT_MS, RECOVERY_MS } from './words.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '7200' },
    sample: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    clients: { type: 'string', default: '2' },
    act: { type: 'string', default: '400' },
    results: { type: 'string', default: join(root, 'artifacts/soak.json') },
    report: { type: 'string', multiple: true },
    'update-docs': { type: 'boolean', default: false },
  },
})
const document = join(root, 'docs/soak.md')
if (values.report !== undefined) {
  const sections = values.report.map((file) => markdown(JSON.parse(readFileSync(file, 'utf8')) as SoakRun).text)
  console.log(sections.join('\n'))
  if (values['update-docs']) updateDocument(document, sections)
  process.exit(0)
}
const numbers = {
  seconds: Number(values.seconds),
  sampleSeconds: Number(values.sample),
  seed: Number(values.seed),
  clients: Number(values.clients),
  actMs: Number(values.act),
}
if (!Object.values(numbers).every((value) => value > 0)) {
  console.error(
    'usage: npm run soak -- [--seconds N] [--sample S] [--seed N] [--clients N] [--act MS] [--update-docs]',
  )
  process.exit(2)
}

const versionOf = (name: string): string =>
  (JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string })
    .version
const commit = (): string =>
  execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()

const server = await startServerUnderSoak()
const tally = new Tally()
const delay = monitorEventLoopDelay({ resolution: 20 })
delay.enable()
const startedAt = performance.now()
const elapsed = (): number => (performance.now() - startedAt) / 1000

async function sample(ask: 'sample' | 'silence' = 'sample'): Promise<Sample> {
  const taken = await server.ask(ask)
  for (const failure of taken.failures) tally.fail(`server: ${failure}`)
  for (let pass = 0; pass < 4; pass++) globalThis.gc?.()
  const { heapUsed, rss } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const result = {
    ...taken,
    atSeconds: elapsed(),
    clientHeapUsed: heapUsed,
    clientRss: rss,
    clientCpuMicros: user + system,
    clientStallMs: delay.max / 1e6,
  }
  delay.reset()
  return result
}

/** The first message brings what the process has once and keeps: a listener for its exit. */
async function warmUp(): Promise<void> {
  const url = `http://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=polling`
  const opened = await (await fetch(url)).text()
  const { sid } = JSON.parse(opened.slice(1)) as { sid: string }
  await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '1' })
}

await warmUp()
const processors = cpus()
const run: SoakRun = {
  at: new Date().toISOString().slice(0, 16).replace('T', ' '),
  machine: `${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${process.platform} ${release()}`,
  versions: `Node ${process.version}, commit ${commit()}; socket.io-client ${versionOf('socket.io-client-4.8.4')} and ${versionOf('socket.io-client-2.5.0')}`,
  ...numbers,
  before: await sample(),
  samples: [],
  counts: {},
  failures: tally.failures,
  failureCount: 0,
}

function save(): void {
  run.counts = Object.fromEntries([...tally.counts].toSorted(([a], [b]) => a.localeCompare(b)))
  run.failureCount = tally.failureCount
  mkdirSync(dirname(values.results), { recursive: true })
  writeFileSync(values.results, `${JSON.stringify(run, undefined, 1)}\n`)
}

console.log(
  `[soak] seed ${numbers.seed}, ${numbers.seconds} s, a sample each ${numbers.sampleSeconds} s; ${run.versions}`,
)
const traffic = startTraffic({ port: server.port, ...numbers, tally })
const stopping = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort())
let isOver = false
const died = server.died.then((how) => {
  if (isOver) return
  tally.fail(`the server ended with ${how}`)
  stopping.abort()
  save()
})

let reported = 0
for (
  let next = numbers.sampleSeconds;
  next <= numbers.seconds && !stopping.signal.aborted;
  next += numbers.sampleSeconds
) {
  while (elapsed() < next && !stopping.signal.aborted)
    await pause(Math.min(1000, (next - elapsed()) * 1000 + 1))
  if (stopping.signal.aborted) break
  const taken = await sample()
  run.samples.push(taken)
  save()
  const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2)
  console.log(
    `[soak] ${taken.atSeconds.toFixed(0)} s: heap ${mib(taken.heapUsed)} rss ${mib(taken.rss)} external ${mib(taken.external)} MiB, handles ${taken.handles}, timers ${taken.timers}, ` +
      `listeners ${taken.listeners}, sessions ${taken.sessions}, sockets ${taken.sockets}, rooms ${taken.rooms}; client heap ${mib(taken.clientHeapUsed)}; failures ${tally.failureCount}`,
  )
  for (; reported < tally.failures.length; reported++)
    console.log(`[soak] FAILURE ${tally.failures[reported]}`)
}

await traffic.stop()
// Sessions that were only cut off are kept for recovery, and those that fell silent for two heartbeats.
await pause(Math.max(RECOVERY_MS, PING_INTERVAL_MS + PING_TIMEOUT_MS) + 5_000)
run.after = await Promise.race([sample('silence'), died.then(() => undefined)])
if (
  run.samples.length > 0 &&
  run.after !== undefined &&
  run.after.handlerErrors !== (tally.counts.get('throws asked for') ?? 0)
)
  tally.fail(
    `${tally.counts.get('throws asked for') ?? 0} handlers threw, ${run.after.handlerErrors} were reported`,
  )
save()
const { text, isGood } = markdown(run)
console.log(text)
if (values['update-docs']) updateDocument(document, [text])
console.log(`[soak] ${isGood ? 'passed' : 'FAILED'}`)
process.exitCode = isGood ? 0 : 1
isOver = true
await kill(server.child)
