// Every scenario over the four pairs of official and our server and client. The official pair gives the reference; the others leave the
// same trace, or the one that the scenario's named difference makes of it. The list becomes docs/compat-scenarios.md.
import { afterAll, describe, expect, it } from 'vitest'
import { OTHERS, REFERENCE } from '../src/pairs/pair-list.ts'
import { writeScenarioTable } from '../src/pairs/scenario-table.ts'
import { scenarios } from '../src/pairs/scenarios.ts'
import { traceOf } from '../src/pairs/scenario.ts'

const passed = new Set<string>()

describe.concurrent('over the four pairs of servers and clients', () => {
  it.each(scenarios)('$name', async (scenario) => {
    const { differs } = scenario
    const [reference, ...others] = await Promise.all(
      [REFERENCE, ...OTHERS].map((pair) => traceOf(scenario, pair)),
    )
    const noted = [...reference!.server, ...reference!.client]
    expect(noted.filter((line) => line.startsWith('FAILED'))).toEqual([])
    expect(noted.length).toBeGreaterThan(0)
    const changed = differs?.change(structuredClone(reference!))
    // A difference that has gone is no difference.
    expect(changed).not.toEqual(reference)
    const expected = OTHERS.map((pair) => ({
      pair: pair.name,
      ...(differs !== undefined && pair[differs.of].isOurs ? changed! : reference!),
    }))
    expect(others.map((trace, index) => ({ pair: OTHERS[index]!.name, ...trace }))).toEqual(expected)
    passed.add(scenario.name)
  })
})

it('no two scenarios have one name', () => {
  const names = scenarios.map(({ name }) => name)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})

afterAll(() => writeScenarioTable(scenarios, passed))
