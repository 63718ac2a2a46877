// docs/limits.md is what the tables of the code say.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const root = new URL('../../../', import.meta.url)

it('[API-23] docs/limits.md is made from the tables of the code: `npm run limits` after a change', async () => {
  const script = fileURLToPath(new URL('scripts/limits-document.ts', root))
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--conditions=tidewire-source',
    '--disable-warning=ExperimentalWarning',
    script,
    '--print',
  ])
  expect(readFileSync(new URL('docs/limits.md', root), 'utf8')).toBe(stdout)
})
