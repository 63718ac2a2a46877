// SECURITY.md names a test for each row, and each exists.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const packages = new URL('../../..', import.meta.url)

it('[API-23] SECURITY.md names tests that exist', () => {
  const files = new Map<string, string>()
  for (const folder of ['server/test', 'protocol/test']) {
    for (const entry of readdirSync(new URL(folder, packages), { withFileTypes: true, recursive: true })) {
      if (!entry.name.endsWith('.test.ts')) continue
      const name = entry.name.slice(0, -'.test.ts'.length)
      files.set(name, (files.get(name) ?? '') + readFileSync(`${entry.parentPath}/${entry.name}`, 'utf8'))
    }
  }
  const rows = readFileSync(new URL('../SECURITY.md', packages), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^\| (what a peer does|id) \|/.test(line))
  const tests = rows.map((row) => row.split(' | ').at(-1)!.replace(/ \|$/, ''))
  const lost = tests.filter((test) => {
    const [file, title] = test.split(' › ')
    return title === undefined || files.get(file!)?.includes(title) !== true
  })

  expect(rows.length).toBeGreaterThan(45)
  expect(lost).toEqual([])
})
