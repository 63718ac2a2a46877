// `npm run fuzz [-- --seconds N] [--seed N] [--target NAME]… [--cases N] [--no-keep] [--update-docs]`: every target in turns for an hour unless told
// otherwise. Prints its seed and that of each failure, keeps failing inputs in corpus/, and exits with 1 when there were any.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { updateDocument } from './report.ts'
import { keep, run } from './runner.ts'
import type { TargetResult } from './runner.ts'
import { targets } from './targets.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3600' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string', multiple: true },
    cases: { type: 'string' },
    'no-keep': { type: 'boolean', default: false },
    'update-docs': { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const seed = Number(values.seed)
const chosen = values.target === undefined ? targets : targets.filter(({ name }) => values.target!.includes(name))
if (!(seconds > 0) || !Number.isInteger(seed) || chosen.length === 0) {
  console.error(`usage: npm run fuzz -- [--seconds N] [--seed N] [--target ${targets.map(({ name }) => name).join('|')}]… [--cases N] [--no-keep] [--update-docs]`)
  process.exit(2)
}

console.log(`[fuzz] seed ${seed}, ${seconds} s`)
const totals = new Map<string, TargetResult>()
// Rounds, so that a run that is cut short has been everywhere.
const rounds = values.cases === undefined ? Math.max(1, Math.round(seconds / 120)) : 1
const startedAt = performance.now()
for (let round = 0; round < rounds; round++) {
  const results = await run(chosen, { seed: (seed + round * 1_000_003) % 2 ** 31, seconds: seconds / rounds, ...(values.cases === undefined ? {} : { cases: Number(values.cases) }) })
  for (const result of results) {
    const total = totals.get(result.target)
    if (total === undefined) totals.set(result.target, result)
    else {
      total.inputs += result.inputs
      for (const [name, count] of Object.entries(result.known) as [keyof typeof total.known, number][]) total.known[name] = (total.known[name] ?? 0) + count
      // What the corpus fails at fails in each round.
      for (const failure of result.failures) if (failure.seed !== undefined) total.failures.push(failure)
    }
    for (const failure of result.failures) {
      console.log(`[fuzz] FAILURE ${failure.target}${failure.seed === undefined ? ' (corpus)' : ` --seed ${failure.seed} --cases 1`}\n${JSON.stringify(failure.input)}\n${failure.difference}`)
      if (failure.seed !== undefined && !values['no-keep']) keep(failure)
    }
  }
  console.log(`[fuzz] ${((performance.now() - startedAt) / 1000).toFixed(0)} s: ${[...totals.values()].map(({ target, inputs, failures }) => `${target} ${inputs}${failures.length > 0 ? ` (${failures.length} FAILED)` : ''}`).join(', ')}`)
}
const results = [...totals.values()]
for (const { target, known } of results) for (const [name, count] of Object.entries(known)) console.log(`[fuzz] ${target}: ${count} × ${name}`)
if (values['update-docs']) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()
  updateDocument(join(root, 'docs/fuzz.md'), { seed, seconds: (performance.now() - startedAt) / 1000, commit, results })
}
process.exitCode = results.some(({ failures }) => failures.length > 0) ? 1 : 0
