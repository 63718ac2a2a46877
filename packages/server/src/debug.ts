// Lines for developers on stderr, under the scopes that DEBUG names (with `*`, separated by commas or blanks, `-` before those to leave out).
// Read once, when loaded. A scope that nobody asked for is undefined, so that `debug?.(…)` evaluates none of its arguments.
import { formatWithOptions } from 'node:util'

export type DebugLine = (format: string, ...args: unknown[]) => void

/** Whether a list such as `socket.io:*,-*:socket` names the scope. */
export function isNamed(scope: string, list: string): boolean {
  const names = list.split(/[\s,]+/).filter(Boolean)
  const matches = (name: string): boolean =>
    new RegExp(`^${name.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*?')}$`).test(scope)
  return (
    names.some((name) => !name.startsWith('-') && matches(name)) &&
    !names.some((name) => name.startsWith('-') && matches(name.slice(1)))
  )
}

/** A function that writes lines of one scope, with `%s`, `%d`, `%j` and `%o` for arguments; undefined when DEBUG does not name it. */
export function debugScope(name: string): DebugLine | undefined {
  if (!isNamed(name, process.env['DEBUG'] ?? '')) return undefined
  let last = Date.now()
  return (format, ...args) => {
    const now = Date.now()
    process.stderr.write(
      `${name} ${formatWithOptions({ breakLength: Infinity }, format, ...args)} +${now - last}ms\n`,
    )
    last = now
  }
}
