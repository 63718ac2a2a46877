// docs/compat.md names tests by file and title: each exists. Rows that say "same" or "differs" have one.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../../../..', import.meta.url)
const text = readFileSync(new URL('docs/compat.md', root), 'utf8')

const cellsOf = (line: string): string[] => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll('\\|', '|'))
const files = new Map([...text.matchAll(/^\| ([a-z-]+) \| `([^`]+\.m?[tj]s)` \|$/gm)].map(([, name, file]) => [name!, file!]))

const rows = text
  .slice(0, text.indexOf('## Members'))
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| item '))
  .map(cellsOf)

describe('docs/compat.md', () => {
  it('[API-15] has three cells in each row and names files that exist', () => {
    expect(rows.filter((cells) => cells.length !== 3)).toEqual([])
    expect(rows.length).toBeGreaterThan(150)
    expect([...files.values()].filter((file) => !existsSync(new URL(file, root)))).toEqual([])
  })

  it('[API-15] names tests that exist', () => {
    const lost = rows
      .map(([item, , test]) => ({ item, test: test! }))
      .filter(({ test }) => test !== '-')
      .filter(({ test }) => {
        const [name, title] = test.split(' › ')
        const file = files.get(name!)
        return file === undefined || !title || !readFileSync(new URL(file, root), 'utf8').includes(title)
      })
    expect(lost).toEqual([])
  })

  it('[API-15] proves what it calls same or different, and nothing else', () => {
    const unproven = rows.filter(([, status, test]) => /^(same|differs)/.test(status!) && test === '-' && !status!.includes('no test of its own'))
    const unknown = rows.filter(([, status]) => !/^(same|differs|not yet|not offered|present|ours alone)/.test(status!))
    expect({ unproven, unknown }).toEqual({ unproven: [], unknown: [] })
  })

  it('[API-15] has every code and text of a refused handshake', () => {
    for (const refusal of ['Transport unknown', 'Session ID unknown', 'Bad handshake method', 'Bad request', 'Forbidden', 'Unsupported protocol version']) {
      expect(text).toContain(refusal)
    }
  })
})
