// Lines for developers, as the `debug` package's users know them: switched on by DEBUG in Node's environment or localStorage.debug in a
// page, by names with `*`, separated by commas or blanks, `-` before those to leave out. Builds without HAS_DEBUG have none of it.
import { HAS_DEBUG } from './features.ts'

export type DebugLine = (format: string, ...args: unknown[]) => void

function wanted(): string {
  const { localStorage, process } = globalThis as { localStorage?: { debug?: string }; process?: { env?: { DEBUG?: string } } }
  try {
    // Reading it throws in pages that may not store anything.
    return (process?.env?.DEBUG ?? localStorage?.debug) || ''
  } catch {
    return ''
  }
}

/** Whether a list such as `socket.io-client:*,-*:url` names the scope. */
export function isNamed(scope: string, list: string): boolean {
  const names = list.split(/[\s,]+/).filter(Boolean)
  const matches = (name: string): boolean =>
    new RegExp(`^${name.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*?')}$`).test(scope)
  return names.some((name) => !name.startsWith('-') && matches(name)) && !names.some((name) => name.startsWith('-') && matches(name.slice(1)))
}

const IGNORE: DebugLine = () => {}

/** A function that writes lines of one scope: `%s` and `%j` (or `%o`) stand for the arguments. */
export function scope(name: string): DebugLine {
  if (!HAS_DEBUG || !isNamed(name, wanted())) return IGNORE
  let last = Date.now()
  return (format, ...args) => {
    const now = Date.now()
    const text = format.replace(/%[sdjoO]/g, (mark) => {
      const value = args.shift()
      return mark === '%s' || mark === '%d' ? String(value) : JSON.stringify(value)
    })
    const line = [`${name} ${text}`, ...args, `+${now - last}ms`]
    last = now
    const { process } = globalThis as { process?: { stderr?: { write(text: string): void } } }
    if (process?.stderr === undefined) console.debug(...line)
    else process.stderr.write(`${line.join(' ')}\n`)
  }
}
