// `npm test`: provisions what the tests need, then runs every check in order and adds up the counts.
// `npm test -- unit built` runs only those steps. The last line is `N passed, N failed[, N skipped]`.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const artifacts = join(root, 'artifacts')
mkdirSync(artifacts, { recursive: true })

/** Tests that failed, and tests that passed only when tried again, with what they said: printed last, where whoever reads the end of a log finds them. */
const failures = []
const flaky = []

/** Sorts the tests of a report of vitest into the two. A test that passed at the second try still holds what the first one said. */
function sortOut(project, report) {
  const firstLines = (text) => text.split('\n').filter((line) => !/^\s+at .*node_modules/.test(line)).slice(0, 6).join('\n    ')
  for (const { name, status, message, assertionResults } of report?.testResults ?? []) {
    const file = relative(root, name)
    for (const { fullName, status: outcome, failureMessages } of assertionResults) {
      if (failureMessages.length === 0) continue
      ;(outcome === 'passed' ? flaky : failures).push(`${project}: ${file} > ${fullName}\n    ${firstLines(failureMessages[0])}`)
    }
    if (status === 'failed' && assertionResults.every(({ status: outcome }) => outcome !== 'failed')) failures.push(`${project}: ${file}\n    ${firstLines(message)}`)
  }
}

const totals = { passed: 0, failed: 0, skipped: 0 }
const summary = []

/** Runs a command; its exit code is one check. */
function check(name, command, args) {
  return () => {
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
    return status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 }
  }
}

/**
 * Runs one vitest project; every test is a check, and a run that fails without a failed test (a leak, a broken file) is one more. A test that
 * fails is tried once more: one in thousands may meet a machine that stands still. When it passes then, it is named as flaky, which is a defect to mend.
 */
function vitest(project) {
  return () => {
    const outputFile = join(artifacts, `vitest-${project}.json`)
    rmSync(outputFile, { force: true })
    const { status } = spawnSync(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--project', project, '--retry=1', '--reporter=default', '--reporter=json', `--outputFile.json=${outputFile}`],
      { cwd: root, stdio: 'inherit' },
    )
    const report = existsSync(outputFile) ? JSON.parse(readFileSync(outputFile, 'utf8')) : undefined
    sortOut(project, report)
    const passed = report?.numPassedTests ?? 0
    const skipped = (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0)
    let failed = report?.numFailedTests ?? 0
    if (status !== 0 && failed === 0) failed = 1
    if (status === 0 && passed === 0) failed = 1
    return { passed, failed, skipped }
  }
}

const steps = {
  provision: check('provision', process.execPath, ['scripts/provision.mjs', 'all']),
  types: check('types', join(root, 'node_modules/.bin/tsc'), ['-b']),
  lint: check('lint', join(root, 'node_modules/.bin/oxlint'), ['--type-aware', '--deny-warnings']),
  spec: check('spec', process.execPath, ['scripts/spec-coverage.ts']),
  unit: vitest('unit'),
  autobahn: check('autobahn', process.execPath, ['--conditions=tidewire-source', 'scripts/autobahn.mjs']),
  size: check('size', process.execPath, ['scripts/size-budget.mjs', '--build']),
  built: check('built', process.execPath, ['scripts/test-built.mjs']),
  interop: vitest('interop'),
  browser: vitest('browser'),
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => !(name in steps))
if (unknown.length > 0) {
  console.error(`unknown step ${unknown.join(', ')}: choose from ${Object.keys(steps).join(', ')}`)
  process.exit(2)
}

for (const [name, run] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue
  console.log(`\n=== ${name}`)
  const startedAt = performance.now()
  const counts = run()
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(0)
  for (const key of Object.keys(totals)) totals[key] += counts[key]
  summary.push(`${counts.failed > 0 ? 'FAILED' : 'ok'.padEnd(6)}  ${name.padEnd(10)} ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped (${seconds} s)`)
}

for (const test of flaky) console.log(`\nFLAKY, passed at the second try: ${test}`)
for (const test of failures) console.log(`\nFAILED ${test}`)
console.log(`\n${summary.join('\n')}\n`)
console.log(`${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`)
process.exit(totals.failed > 0 ? 1 : 0)
