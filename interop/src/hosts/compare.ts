// One scenario on the official server and on ours, with the official client on both.
import { OTHERS, REFERENCE } from '../pairs/pair-list.ts'
import { traceOf } from '../pairs/scenario.ts'
import type { Scenario, Trace } from '../pairs/scenario.ts'

const OURS = OTHERS.find(({ server, client }) => server.isOurs && !client.isOurs)!

/** The official trace, ours, and what ours must be: the official one, or what the scenario's named difference makes of it. */
export async function compareServers(
  scenario: Scenario,
  isAlone: boolean = false,
): Promise<{ official: Trace; ours: Trace; expected: Trace }> {
  const first = traceOf(scenario, REFERENCE)
  // What a scenario does to the whole process must not reach the other server.
  if (isAlone) await first
  const [official, ours] = await Promise.all([first, traceOf(scenario, OURS)])
  const expected =
    scenario.differs === undefined ? official : scenario.differs.change(structuredClone(official))
  if (scenario.differs !== undefined && JSON.stringify(expected) === JSON.stringify(official))
    throw new Error('a difference that has gone is no difference')
  return { official, ours, expected }
}
