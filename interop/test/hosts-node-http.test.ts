// What an application may see of requests that go past node:http: the same as on the official server, or what docs/compat.md names.
import { describe, expect, it } from 'vitest'
import { alone, besideOthers } from '../src/hosts/scenarios-node-http.ts'
import { compareServers } from '../src/hosts/compare.ts'
import type { Scenario } from '../src/pairs/scenario.ts'

async function compare(scenario: Scenario, isAlone: boolean): Promise<void> {
  const { official, expected, ours } = await compareServers(scenario, isAlone)
  expect(official.client.concat(official.server).filter((line) => line.startsWith('FAILED'))).toEqual([])
  expect(official.client.length + official.server.length).toBeGreaterThan(0)
  expect(ours).toEqual(expected)
}

describe('[HTTP-3] an application sees of requests of the engine what it sees on the official server', () => {
  it.each(alone)('$name', (scenario) => compare(scenario, true))
  it.concurrent.each(besideOthers)('$name', (scenario) => compare(scenario, false))
})
