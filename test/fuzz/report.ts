// docs/fuzz.md: what was run last, and what came out.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import process from 'node:process'
import type { TargetResult } from './runner.ts'

interface FuzzRun {
  readonly seed: number
  readonly seconds: number
  readonly commit: string
  readonly results: readonly TargetResult[]
}

const NOTES = '## Notes'

const INTRODUCTION = `# Fuzzing

\`npm run fuzz\` (an hour; \`--seconds N\`, \`--seed N\`, \`--target NAME\`; a minute of it is part of \`npm test\`) makes inputs from grammars, most of
them right and some damaged, and compares what we make of them with what the published packages make of the same: accepted or refused, the
same packets, the same bytes, the same events. Our own codecs may throw nothing but a protocol error. Whole sessions go over real sockets to both
servers, each in a process of its own. Differences that are meant are those of [decision 2](decisions/0002-codec-differences.md), counted by
name; everything else fails, is made smaller and kept in \`test/fuzz/corpus\`, which is replayed first. Each input has a seed of its own, so that
\`npm run fuzz -- --target NAME --seed N --cases 1\` repeats it.
`

export function updateDocument(file: string, { seed, seconds, commit, results }: FuzzRun): void {
  const processors = cpus()
  const failures = results.reduce((sum, result) => sum + result.failures.length, 0)
  const known = results.flatMap(({ target, known }) => Object.entries(known).map(([name, count]) => `| ${name.replaceAll('|', '\\|')} | ${target} | ${count} |`))
  const text = [
    INTRODUCTION,
    `The last long run: ${new Date().toISOString().slice(0, 10)}, seed ${seed}, ${(seconds / 60).toFixed(0)} minutes, commit ${commit}, Node ${process.version}, ${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${process.platform} ${release()}, at low priority beside other work.`,
    `**${results.reduce((sum, { inputs }) => sum + inputs, 0)} inputs, ${failures} unexplained differences.**`,
    '',
    '| target | inputs | kept inputs replayed | failures |',
    '|---|---|---|---|',
    ...results.map((result) => `| ${result.target} | ${result.inputs} | ${result.replayed} | ${result.failures.length} |`),
    '',
    '| difference that is meant | target | inputs |',
    '|---|---|---|',
    ...known,
    '',
  ].join('\n')
  // What people have written at the end of the page stays.
  const old = existsSync(file) ? readFileSync(file, 'utf8') : ''
  writeFileSync(file, text + (old.includes(NOTES) ? `\n${old.slice(old.indexOf(NOTES))}` : ''))
}
