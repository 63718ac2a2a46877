// docs/options.md is what the declarations say. TIDEWIRE_UPDATE_DOCS=1 writes it.
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { Manager } from '@tidewire/client'
import { resolveEngineOptions } from '../../packages/server/src/engine/engine-options.ts'
import { DEFAULTS } from '../../packages/server/src/options.ts'
import { RECOVERY_DEFAULTS } from '../../packages/server/src/recovery/session-aware-adapter.ts'
import { optionSections, renderOptions } from './options-document.ts'
import { root } from './public-surface.ts'

const FILE = `${root}docs/options.md`
/** "32 MiB" and "1e6 (at least …)" are numbers too. */
function numberOf(text: string): number {
  const value = Number.parseFloat(text)
  return text.includes('MiB') ? value * 1024 * 1024 : value
}
const sections = optionSections()

it('every option of server and client says its default and what it is for', () => {
  const poor = sections.flatMap(({ title, options }) =>
    options
      .filter(({ standard, text }) => standard === undefined || text === '')
      .map(({ name }) => `${title}: ${name}`),
  )

  expect(poor).toEqual([])
  expect(sections.map(({ options }) => options.length).every((count) => count > 0)).toBe(true)
})

it('the documented numbers are those that hold', () => {
  const stated = new Map(
    sections
      .filter(({ title }) => !title.includes('cookie'))
      .flatMap(({ options }) => options.map(({ name, standard }) => [name, standard] as const)),
  )
  const client = new Manager('http://localhost', { autoConnect: false })
  const actual: Record<string, unknown> = {
    ...DEFAULTS,
    ...resolveEngineOptions({}),
    ...RECOVERY_DEFAULTS,
    ...Object.fromEntries(
      [
        'reconnection',
        'reconnectionAttempts',
        'reconnectionDelay',
        'reconnectionDelayMax',
        'randomizationFactor',
        'timeout',
      ].map((name) => [name, client[name as 'timeout']()]),
    ),
  }
  const numbers = Object.entries(actual).filter(
    ([name, value]) => typeof value === 'number' && stated.has(name),
  )

  expect(numbers.map(([name]) => [name, numberOf(stated.get(name)!)])).toEqual(numbers)
  expect(numbers.length).toBeGreaterThan(15)
})

it('docs/options.md is up to date', () => {
  const text = renderOptions(sections)
  if (process.env.TIDEWIRE_UPDATE_DOCS !== undefined) writeFileSync(FILE, text)

  expect(readFileSync(FILE, 'utf8')).toBe(text)
})
