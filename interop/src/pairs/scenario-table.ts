// Turns the scenarios and what became of them into artifacts/compat-scenarios.md; with TIDEWIRE_UPDATE_DOCS=1 a run in which every
// scenario passed also becomes docs/compat-scenarios.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Scenario } from './scenario.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

export function writeScenarioTable(scenarios: readonly Scenario[], passed: ReadonlySet<string>): void {
  // A run with a filter says nothing about the rest.
  if (passed.size === 0) return
  const table = render(scenarios, passed)
  mkdirSync(join(root, 'artifacts'), { recursive: true })
  writeFileSync(join(root, 'artifacts/compat-scenarios.md'), table)
  const isWhole = scenarios.every(({ name }) => passed.has(name))
  if (process.env['TIDEWIRE_UPDATE_DOCS'] === '1' && isWhole)
    writeFileSync(join(root, 'docs/compat-scenarios.md'), table)
}

function render(scenarios: readonly Scenario[], passed: ReadonlySet<string>): string {
  const differing = scenarios.filter(({ differs }) => differs !== undefined)
  const result = (scenario: Scenario): string => {
    if (!passed.has(scenario.name)) return '**not passed**'
    return scenario.differs === undefined ? 'same' : `differs (${differing.indexOf(scenario) + 1})`
  }
  return [
    '# Scenarios over four pairs',
    '',
    'Each scenario runs over {`socket.io` 4.8.4, `tidewire`} × {`socket.io-client` 4.8.4, `@tidewire/client`} and notes what both',
    'applications see: events, arguments, order, reasons, error texts, codes, return values. The trace of the official pair is the',
    'reference; *same* means that the other three are identical to it. Made by',
    '`TIDEWIRE_UPDATE_DOCS=1 npm run test:interop -- interop/test/pairs`.',
    '',
    `${passed.size} of ${scenarios.length} scenarios pass; ${differing.length} of them with a named difference, whose own trace is asserted.`,
    '',
    '## Differences',
    '',
    ...differing.map(
      ({ name, differs }, index) => `${index + 1}. *${name}* (our ${differs!.of}): ${differs!.reason}`,
    ),
    '',
    '## Scenarios',
    '',
    '| scenario | api | result |',
    '|---|---|---|',
    ...scenarios.map((scenario) => `| ${scenario.name} | ${scenario.api} | ${result(scenario)} |`),
    '',
  ].join('\n')
}
