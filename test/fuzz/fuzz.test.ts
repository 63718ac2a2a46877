// A minute of the fuzzer (TIDEWIRE_FUZZ_SECONDS): what once failed, then the inputs of one seed (TIDEWIRE_FUZZ_SEED), the same everywhere, so that a
// failure here comes of a change. `npm run fuzz` takes a new seed each time, and goes on for longer.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { KNOWN_DIFFERENCES } from './known-differences.ts'
import { engineParser3, engineParser4, socketParser4, socketParser5 } from './official.ts'
import { run, secondsOf, smallerOf } from './runner.ts'
import type { Target } from './target.ts'
import { targets } from './targets.ts'
import { hasEscapedKeyTwice } from './targets/socket.ts'

const seconds = Number(process.env['TIDEWIRE_FUZZ_SECONDS'] ?? 60)
const seed = Number(process.env['TIDEWIRE_FUZZ_SEED'] ?? 20_261_129)
it.each(targets.map((target): [string, Target] => [target.name, target]))(
  `[EIO-13, SIO-4, SIO-62] %s: the same as the published packages make of it, and no error but a protocol error, seed ${seed}`,
  { timeout: (seconds + 180) * 1000 },
  async (_name, target) => {
    const [result] = await run([target], { seed, seconds: secondsOf(target, targets, seconds) })

    expect(result!.failures).toEqual([])
    expect(result!.inputs).toBeGreaterThan(0)
    console.log(`fuzz: ${target.name}, seed ${seed}, ${result!.inputs} inputs, ${result!.replayed} replayed`)
  },
)

it('compares with the versions that are the norm', () => {
  expect([engineParser4, engineParser3, socketParser5, socketParser4].map(({ version }) => version)).toEqual(['5.2.3', '2.2.1', '4.2.7', '3.4.5'])
})

it('lets nothing pass that decision 2 does not name', () => {
  const decision = readFileSync(new URL('../../docs/decisions/0002-codec-differences.md', import.meta.url), 'utf8')
  expect(KNOWN_DIFFERENCES.filter((name) => !decision.includes(`| ${name} |`))).toEqual([])
})

it('repeats an input from its seed and makes it smaller', async () => {
  const inputs: string[][] = []
  const target: Target<string[]> = {
    name: 'none',
    generate: (random) => Array.from({ length: 20 }, () => random.pick(['fine', 'good', 'bad one'])),
    check(input) {
      inputs.push(input)
      return input.some((text) => text.includes('bad')) ? 'different' : undefined
    },
  }
  const [first] = await run([target], { seed: 5, seconds: 10, cases: 1 })
  const [second] = await run([target], { seed: first!.failures[0]!.seed!, seconds: 10, cases: 1 })

  expect(first!.failures).toEqual([{ target: 'none', seed: 5, input: ['bad'], difference: 'different' }])
  expect(second).toEqual(first)
})

it('knows an object with an escaped key twice', () => {
  expect(['{"\\"":1,"b":2,"\\"":3}', '{"\\"":1,"\\n":2}', '{"a":1,"a":2}'].map(hasEscapedKeyTwice)).toEqual([true, false, false])
})

it('makes bytes smaller by whole bytes', () => {
  expect([...smallerOf({ hex: 'aabb', kind: 'x' })]).toEqual([{ hex: 'bb', kind: 'x' }, { hex: 'aa', kind: 'x' }])
})
