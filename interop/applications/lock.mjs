// `node interop/applications/lock.mjs [NAME...]`: writes the lockfile of each application (or the named ones) anew, with the official packages. Run it
// after a change of its package.json; read the diff.
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const here = import.meta.dirname
const named = process.argv.slice(2)
const all = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
for (const name of named.length > 0 ? named : all) {
  const folder = mkdtempSync(join(tmpdir(), 'application-lock-'))
  for (const file of ['package.json', 'package-lock.json'])
    if (existsSync(join(here, name, file))) cpSync(join(here, name, file), join(folder, file))
  const flags = [
    '--package-lock-only',
    '--ignore-scripts',
    '--omit-lockfile-registry-resolved',
    '--no-audit',
    '--no-fund',
  ]
  execFileSync('npm', ['install', ...flags], { cwd: folder, stdio: 'inherit' })
  cpSync(join(folder, 'package-lock.json'), join(here, name, 'package-lock.json'))
  rmSync(folder, { recursive: true })
}
