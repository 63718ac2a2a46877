// The load generator, a process of its own: runs one scenario against one port and reports. Told what to do on the command line, asks
// for the costs of the server over the channel to its parent: `{ask}` out, `{usage}` in; at the end `{sample}` or `{failure}`.
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { scenarios } from '../scenarios.ts'
import type { ServerQuestion, ServerUsage } from '../servers/application.ts'
import { cellScenario } from '../scale.ts'
import { openIdle } from './loads.ts'
import type { Load } from './loads.ts'

export interface Sample {
  operations: number
  seconds: number
  /** CPU time of the server per operation in microseconds, p99 in milliseconds, or bytes per connection. */
  value: number
  /** Share of a core. That of a generator that spins, so as to send on time, is not told. */
  serverShare: number
  generatorShare: number | null
}

const [name = '', port = '', seconds = '', scale = ''] = process.argv.slice(2)

function fail(error: Error): never {
  // The parent needs the message before the process is gone.
  process.send!({ failure: error.message }, undefined, undefined, () => process.exit(1))
  throw error
}

function ask(question: ServerQuestion): Promise<ServerUsage> {
  return new Promise((resolve) => {
    process.once('message', ({ usage }: { usage: ServerUsage }) => resolve(usage))
    process.send!({ ask: question })
  })
}

/** Runs `work` and says what it took of the server and of this process. */
async function meter(
  question: ServerQuestion,
  work: () => Promise<unknown>,
): Promise<{
  cpuMicros: number
  rssBytes: number
  seconds: number
  serverShare: number
  generatorShare: number
}> {
  const before = await ask(question)
  const own = process.cpuUsage()
  const startedAt = performance.now()
  await work()
  const elapsed = (performance.now() - startedAt) / 1000
  const { user, system } = process.cpuUsage(own)
  const after = await ask(question)
  const cpuMicros = after.cpuMicros - before.cpuMicros
  return {
    cpuMicros,
    rssBytes: after.rssBytes - before.rssBytes,
    seconds: elapsed,
    serverShare: cpuMicros / 1e6 / elapsed,
    generatorShare: (user + system) / 1e6 / elapsed,
  }
}

const MAX_WARM_UP_MS = 15_000

/** By time and by operations: on a machine that is busy otherwise, time alone would measure code that is not compiled yet. */
async function warmUp(load: Load, operations: number): Promise<void> {
  const end = performance.now() + MAX_WARM_UP_MS
  const isWarm = (): boolean => load.operations >= operations || performance.now() > end
  if (load.isOnce === true) {
    do {
      load.start()
      await load.stop()
      await load.reset?.()
    } while (!isWarm())
    return
  }
  load.start()
  await delay(Math.max(200, Number(seconds) * 400))
  while (!isWarm()) await delay(20)
  await load.stop()
}

const WINDOW = 1_000

const percentile = (values: readonly number[], share: number): number => Float64Array.from(values).toSorted()[Math.floor(values.length * share)] ?? Number.NaN

/**
 * The p99 of 1,000 operations that follow each other, the median of all such windows. A virtual machine stops each of its cores for some
 * milliseconds several times a second: over the whole run, p99 would be the length of that, whatever the server does.
 */
function typicalP99(latencies: readonly number[]): number {
  const windows = Array.from({ length: Math.max(1, Math.floor(latencies.length / WINDOW)) }, (_, index) => latencies.slice(index * WINDOW, (index + 1) * WINDOW))
  return percentile(windows.map((window) => percentile(window, 0.99)), 0.5)
}

async function run(): Promise<Sample> {
  const scenario = scenarios[name] ?? cellScenario(name)
  if (scenario === undefined) throw new Error(`no scenario ${name}`)
  const divisor = Number(scale)
  if (scenario.open === undefined) {
    const count = Math.round(scenario.connections / divisor)
    // The first connections pay for code and pools, which are no cost of a connection.
    await openIdle(Number(port), Math.min(200, count), fail)
    const { rssBytes, ...shares } = await meter('memory', () => openIdle(Number(port), count, fail))
    return { operations: count, value: rssBytes / count, ...shares }
  }
  const load = await scenario.open(Number(port), divisor, fail)
  await warmUp(load, (scenario.warmUp ?? 0) / divisor)
  const operations = load.operations
  const taken = await meter('usage', async () => {
    load.start()
    if (load.isOnce !== true) await delay(Number(seconds) * 1000)
    await load.stop()
  })
  const done = load.operations - operations
  if (done === 0) throw new Error('no operation was finished')
  let value = taken.cpuMicros / done
  if (scenario.metric === 'latency') {
    value = typicalP99(load.latencies ?? [])
  }
  const { serverShare, generatorShare } = taken
  return { operations: done, seconds: taken.seconds, value, serverShare, generatorShare: load.isSpinning === true ? null : generatorShare }
}

process.on('disconnect', () => process.exit(0))
try {
  const sample = await run()
  process.send!({ sample }, undefined, undefined, () => process.exit(0))
} catch (error) {
  fail(error as Error)
}
