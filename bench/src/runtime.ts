// Which Node the measured processes run on, whether they run what is built, and what a table says of machine and commit.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { NodeRuntime } from './programs.ts'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

function isBuilt(name: string): boolean {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
    module?: string
    main: string
  }
  const built = join(root, 'packages', name, manifest.module ?? manifest.main)
  const newest = Math.max(
    ...globSync(join(root, 'packages', name, 'src/**/*.ts')).map((file) => statSync(file).mtimeMs),
  )
  return existsSync(built) && statSync(built).mtimeMs >= newest
}

/** What was built is measured, unless it is missing or older than the sources; only this Node runs sources. Undefined: neither can be had. */
export function chooseRuntime(
  path: string,
  packages: readonly string[],
  isSourceWanted: boolean,
): NodeRuntime | undefined {
  const version = execFileSync(path, ['--version'], { encoding: 'utf8' }).trim()
  if (!isSourceWanted && packages.every(isBuilt)) return { path, version, conditions: [] }
  return path === process.execPath ? { path, version, conditions: ['tidewire-source'] } : undefined
}

/** For the head of a table. */
export function commit(): string {
  try {
    return `, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()}`
  } catch {
    return ''
  }
}

export function machine(): string {
  const processors = cpus()
  return `${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${process.platform} ${release()}`
}

/** Now, to the minute. */
export const now = (): string => new Date().toISOString().slice(0, 16).replace('T', ' ')
