// Every scenario with our server in other runtimes: on Bun.serve, and unchanged on the node:http of Bun and of Deno; with both clients, which run
// there too. The traces are those of the official pair on Node, or the scenario's own named difference.
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { spawnGroup } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { describe, expect, it } from 'vitest'
import { REFERENCE } from '../src/pairs/pair-list.ts'
import { traceOf } from '../src/pairs/scenario.ts'
import type { Trace } from '../src/pairs/scenario.ts'
import { scenarios } from '../src/pairs/scenarios.ts'

interface Result {
  scenario: string
  pair: string
  trace: Trace
}

/** What is not compared, and why. */
const NOT_COMPARED: Record<string, string> = {
  'broadcast with acknowledgement but without time-out':
    'its time-out is 0 ms: whether the answers of the same process are there first depends on the timers of the runtime',
}

const [bun, deno] = await Promise.all([provisionOrSkip('bun'), provisionOrSkip('deno')])
const runtimes = [
  { name: 'Bun.serve', kind: 'bun', program: bun, options: [] },
  { name: 'node:http of Bun', kind: 'http', program: bun, options: [] },
  { name: 'node:http of Deno', kind: 'http', program: deno, options: ['run', '--allow-all', '--no-check'] },
]

/** One runtime after the other: the machine may be small. */
let former: Promise<unknown> = Promise.resolve()
function runOn({ kind, program, options }: (typeof runtimes)[number]): Promise<Result[]> {
  const runner = fileURLToPath(new URL('../src/pairs/runtime-runner.ts', import.meta.url))
  const run = async (): Promise<Result[]> => {
    const child = spawnGroup(program.value!, [...options, '--conditions=tidewire-source', runner, kind], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const results: Result[] = []
    createInterface({ input: child.stdout! }).on('line', (line) => results.push(JSON.parse(line) as Result))
    await new Promise((resolve) => child.once('close', resolve))
    return results
  }
  const running = former.then(run)
  former = running
  return running
}

const references = new Map<string, Promise<Trace>>()
function referenceOf(scenario: (typeof scenarios)[number]): Promise<Trace> {
  let reference = references.get(scenario.name)
  if (reference === undefined) references.set(scenario.name, (reference = traceOf(scenario, REFERENCE)))
  return reference
}

describe.each(runtimes)('our server on $name', (runtime) => {
  const { skip } = runtime.program
  const running = skip === undefined ? runOn(runtime) : Promise.resolve([])

  describe.skipIf(skip !== undefined).concurrent('does what it does on Node', () => {
    it.each(scenarios.filter(({ name }) => !(name in NOT_COMPARED)))('$name', async (scenario) => {
      const reference = await referenceOf(scenario)
      const { differs } = scenario
      const changed = differs?.change(structuredClone(reference))
      const results = (await running).filter((result) => result.scenario === scenario.name)
      const traces = Object.fromEntries(results.map(({ pair, trace }) => [pair, trace]))
      expect(traces).toEqual({
        'socket.io-client': differs?.of === 'server' ? changed : reference,
        '@tidewire/client': changed ?? reference,
      })
    })
  })
})

it('[API-40] names no scenario that is not there', () => {
  const names = new Set(scenarios.map(({ name }) => name))
  expect(Object.keys(NOT_COMPARED).filter((name) => !names.has(name))).toEqual([])
})
