// The documents among themselves: both READMEs in step, no link that leads nowhere, nothing that no index names.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './public-surface.ts'

const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const withoutCode = (markdown: string): string => markdown.replaceAll(/^```[\s\S]*?^```$/gm, '')
/** Targets of links to files of the repository. */
const linksOf = (markdown: string): string[] =>
  [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target!.split('#')[0]!)
    .filter((target) => /^[\w.]/.test(target) && !/^[a-z]+:/.test(target))

function* markdownBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!['node_modules', 'dist', 'artifacts', 'data'].includes(entry.name) && !entry.name.startsWith('.'))
        yield* markdownBelow(path)
    } else if (entry.name.endsWith('.md')) yield path
  }
}
const documents = [...markdownBelow('.')]

it('both READMEs have the same sections, code, tables, versions and links', () => {
  const outline = (file: string): object => {
    const text = read(file)
    return {
      headings: [...withoutCode(text).matchAll(/^(#+) /gm)].map(([, level]) => level),
      code: [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => [
        language,
        code!.replaceAll(/ *#.*$/gm, ''),
      ]),
      rows: [...withoutCode(text).matchAll(/^\|.*\|$/gm)].map(([row]) => row.split('|').length),
      versions: (text.match(/\d+\.\d+\.\d+/g) ?? []).toSorted(),
      links: linksOf(text)
        .filter((link) => !link.startsWith('README'))
        .toSorted(),
      bullets: [...text.matchAll(/^- /gm)].length,
    }
  }

  expect(outline('README.zh-CN.md')).toEqual(outline('README.md'))
})

it('the page of the server package begins with the same program', () => {
  const program = (file: string): string => /^```js\n[\s\S]*?^```$/m.exec(read(file))![0]

  expect(program('packages/server/README.md')).toBe(program('README.md'))
})

it('every link of a document leads to a file', () => {
  const dead = documents.flatMap((file) =>
    linksOf(read(file))
      .filter((link) => !existsSync(join(root, dirname(file), link)))
      .map((link) => `${file}: ${link}`),
  )

  expect(dead).toEqual([])
  expect(documents.length).toBeGreaterThan(20)
})

it('docs/README.md names every document, and the first page every guide', () => {
  const named = (file: string): Set<string> =>
    new Set(linksOf(read(file)).map((link) => join(dirname(file), link)))
  const index = named('docs/README.md')
  const start = named('README.md')
  const ours = documents.filter(
    (file) => file.startsWith('docs/') && file !== 'docs/README.md' && !file.startsWith('docs/decisions/'),
  )

  expect(ours.filter((file) => !index.has(file))).toEqual([])
  expect(ours.filter((file) => file.startsWith('docs/guides/') && !start.has(file))).toEqual([])
})

it('every guide is run by a test', () => {
  const tests = ['interop/test', 'interop/long', 'test/docs']
    .flatMap((folder) => readdirSync(join(root, folder)).map((file) => read(join(folder, file))))
    .join('\n')
  const guides = readdirSync(join(root, 'docs/guides'))

  // Needs an HTTP/3 engine that npm does not have; interop/long/webtransport-http3 does what it says, with a bridge.
  expect(guides.filter((guide) => !tests.includes(guide))).toEqual(['webtransport.md'])
})

it('every file that ARCHITECTURE.md names is there', () => {
  const bases = [
    '.',
    'packages',
    ...['server', 'client', 'cluster', 'protocol'].flatMap((name) => [
      `packages/${name}`,
      `packages/${name}/src`,
    ]),
  ]
  const text = read('ARCHITECTURE.md')
  // In the pictures without the ending; `http/attach`, not `node:http`.
  const pictured = [...text.matchAll(/^```\n([\s\S]*?)^```$/gm)].flatMap(([, picture]) =>
    [...picture!.matchAll(/(?<![\w:-])[a-z]+\/[a-z-]+/g)].map(([path]) => path),
  )
  const paths = [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)+|[\w-]+\.ts)`/g)].map(([, path]) => path!)
  const files = [
    ...pictured,
    ...paths.filter((path) => !/^(tidewire|@)/.test(path) && (path.includes('.') || path.includes('/'))),
  ]
  const isThere = (path: string): boolean =>
    bases.some((base) => existsSync(join(root, base, path)) || existsSync(join(root, base, `${path}.ts`)))

  expect(files.filter((path) => path.includes('/') && !isThere(path))).toEqual([])
  expect(files.length).toBeGreaterThan(30)
})

it('docs/compat.md has no row of something that is still to come', () => {
  const late = read('docs/compat.md')
    .split('\n')
    .filter((line) => /\| not yet/i.test(line))

  expect(late).toEqual([])
})
