// Every scenario with our server on Bun.serve, and with both clients, in a process of Bun: the traces are those of the official pair on Node, but
// for the scenarios' own named differences and the few of Bun that are named here.
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

const bun = await provisionOrSkip('bun')

function runOnBun(): Promise<Result[]> {
  const runner = fileURLToPath(new URL('../src/pairs/bun-runner.ts', import.meta.url))
  const child = spawnGroup(bun.value!, ['--conditions=tidewire-source', runner], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const results: Result[] = []
  createInterface({ input: child.stdout! }).on('line', (line) => results.push(JSON.parse(line) as Result))
  return new Promise((resolve) => child.once('close', () => resolve(results)))
}

describe.skipIf(bun.skip !== undefined).concurrent('our server on Bun', () => {
  const running = bun.skip === undefined ? runOnBun() : Promise.resolve([])

  it.each(scenarios.filter(({ name }) => !(name in NOT_COMPARED)))('$name', async (scenario) => {
    const reference = await traceOf(scenario, REFERENCE)
    const { differs } = scenario
    const changed = differs?.change(structuredClone(reference))
    const results = (await running).filter((result) => result.scenario === scenario.name)
    const traces = Object.fromEntries(results.map(({ pair, trace }) => [pair, trace]))
    expect(traces).toEqual({
      'tidewire on Bun and socket.io-client': differs?.of === 'server' ? changed : reference,
      'tidewire on Bun and @tidewire/client': changed ?? reference,
    })
  })

  it('[API-40] names no scenario that is not there', () => {
    expect(
      Object.keys(NOT_COMPARED).filter((name) => !scenarios.some((scenario) => scenario.name === name)),
    ).toEqual([])
  })
})
