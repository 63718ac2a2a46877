// Every workspace declares what its own code imports: that it is found in a folder above is an accident of how npm lays packages out.
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './public-surface.ts'

const { workspaces, devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  workspaces: string[]
  devDependencies: Record<string, string>
}
const folders = globSync(workspaces, { cwd: root }).toSorted()

/** `import … from 'name'`, `export … from 'name'`, `import 'name'`, `import('name')`. */
const IMPORT = /^(?:(?:import|export|\}).*?\bfrom|import) '([@\w][^']*)'|\bimport\('([@\w][^']*)'\)/gm
/** What a runtime or a server of others brings along, where it is run; the folder declares its types. */
const PROVIDED = /^declare module '([^']+)'/gm
const packageOf = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

it.each(folders)('%s declares what its src imports', (folder) => {
  const own = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<string, any>
  const declared = new Set([
    own['name'],
    // What is not published is run in this repository, with its tools.
    ...(own['private'] === true ? Object.keys(devDependencies) : []),
    ...['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'].flatMap((kind) => Object.keys(own[kind] ?? {})),
  ])
  const texts = globSync('src/**/*.{ts,tsx,mjs}', { cwd: join(root, folder) }).map((file) => readFileSync(join(root, folder, file), 'utf8'))
  for (const text of texts) for (const [, name] of text.matchAll(PROVIDED)) declared.add(name)
  const imported = new Set(texts.flatMap((text) => [...text.matchAll(IMPORT)].map(([, from, called]) => (from ?? called)!)))
  const missing = [...imported]
    .filter((specifier) => !specifier.startsWith('node:') && !builtinModules.includes(specifier))
    .map(packageOf)
    .filter((name) => !declared.has(name))

  expect([...new Set(missing)].toSorted()).toEqual([])
})
