// A short version of every case of `npm run abuse`, on this server: it lives, what was sent is handled or refused as the case says, the
// neighbours are served meanwhile and miss nothing, and memory is given back. Full counts, and the official server: docs/abuse.md.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Arena, MEMORY_LIMIT_BYTES } from '../src/abuse/arena.ts'
import type { Verdict } from '../src/abuse/arena.ts'
import type { Preset } from '../src/abuse/case.ts'
import { families } from '../src/abuse/cases/all.ts'

/** Of the counts. */
const SHARE = 0.02
/** Other tests run at the same time: this is no measurement, only the difference between slow and starved. */
const P99_LIMIT_MS = 3_000
/** The shortest heartbeat of a preset is three seconds: neighbours that stand still themselves for so long may be silent for longer. */
const STILL_MS = 1_000

/** Late, or neighbours that lost something when they had been silent by themselves. */
function wasDisturbed({ neighbours }: Verdict): boolean {
  if (neighbours === undefined) return false
  const hasLost = neighbours.echoesLost + neighbours.lost > 0
  return neighbours.p99 >= P99_LIMIT_MS || (hasLost && neighbours.stoodStillMs >= STILL_MS)
}

const presets = [...new Set(families.flatMap(({ cases }) => cases.map(({ preset = 'default' }) => preset)))]

describe.each(presets)('a server with options "%s"', (preset: Preset) => {
  let arena: Arena
  beforeAll(async () => {
    arena = await Arena.open('tidewire', preset)
  }, 180_000)
  afterAll(() => arena.close())

  const cases = families.flatMap((family) => family.cases.map((abuse) => ({ ...abuse, family: family.name })))
  it.each(cases.filter((abuse) => (abuse.preset ?? 'default') === preset))(
    '[ABU-1] survives $family: $name',
    { timeout: 400_000 },
    async (abuse) => {
      const attack = (): Promise<Verdict> => arena.attack(abuse, { share: SHARE, leastMs: 100 })
      let verdict = await attack()
      // A machine that stands still makes it worse and never better; who is starved is so each time.
      for (let again = 0; again < 2 && wasDisturbed(verdict); again++) {
        await arena.close()
        arena = await Arena.open('tidewire', preset)
        verdict = await attack()
      }
      const { isAlive, failure, outcomes, neighbours, before } = verdict

      expect({ isAlive, failure }).toEqual({ isAlive: true, failure: undefined })
      expect(outcomes.length).toBeGreaterThan(0)
      expect(outcomes.filter(([outcome]) => !abuse.acceptable.test(outcome))).toEqual([])
      expect(neighbours).toMatchObject({ echoesLost: 0, lost: 0 })
      expect(neighbours!.echoes).toBeGreaterThan(0)
      expect(neighbours!.p99).toBeLessThan(P99_LIMIT_MS)
      await expect
        .poll(async () => ((await arena.usage(true))?.heapBytes ?? Infinity) - before!.heapBytes, {
          timeout: 30_000,
          interval: 200,
        })
        .toBeLessThan(MEMORY_LIMIT_BYTES)
    },
  )
})
