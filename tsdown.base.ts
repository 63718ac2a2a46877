import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig } from 'tsdown'
import type { TsdownPlugin, UserConfig } from 'tsdown'

const base: UserConfig = {
  entry: ['src/index.ts'],
  platform: 'node',
  target: 'es2022',
  fixedExtension: false,
  dts: { oxc: {} },
  sourcemap: true,
  clean: true,
  checks: { pluginTimings: false },
}

const REQUIRED = /^(?:const|let) (\w+) = require\(("(?:\.\/|@tidewire\/|node:)[^"]+")\);$/gm

/**
 * perf: what a chunk takes from another one, from our packages or from Node it keeps in constants: a call then costs what it costs within a chunk. As
 * `require_core.f()` each call would look the function up. Nothing of that changes after it is loaded; what is used as a whole stays as it is. Lines
 * keep their numbers, columns of the source map are off where a name was replaced.
 */
function constants(): TsdownPlugin {
  return {
    name: 'constants',
    renderChunk(code, { fileName }) {
      if (!/\.c?js$/.test(fileName)) return null
      let text = code
      for (const [line, variable, path] of code.matchAll(REQUIRED)) {
        const names = new Set<string>()
        const uses = new RegExp(`\\(0, ${variable}\\.(\\w+)\\)|\\b${variable}\\.(\\w+)\\b`, 'g')
        const replaced = text.replace(uses, (_, called?: string, read?: string) => {
          const name = (called ?? read)!
          names.add(name)
          return `${variable}$${name}`
        })
        const isUsedAsAWhole = new RegExp(`\\b${variable}\\b(?!\\$)`).test(replaced.replace(line, ''))
        if (names.size === 0 || isUsedAsAWhole) continue
        const list = [...names].map((name) => `${name}: ${variable}$${name}`).join(', ')
        text = replaced.replace(line, () => `const { ${list} } = require(${path});`)
      }
      return { code: text, map: null }
    },
  }
}

/** Beside each CommonJS entry an ES module that hands its exports on: one copy of each class and of all state, whichever way it is loaded. */
function wrappers(names: readonly string[], extension: string): TsdownPlugin {
  return {
    name: 'wrappers',
    writeBundle({ dir }, bundle) {
      // The package as a whole is of modules: its sources are.
      if (extension === '.js') writeFileSync(join(dir!, 'package.json'), '{ "type": "commonjs" }\n')
      for (const name of names) {
        const chunk = bundle[`${name}${extension}`]
        if (chunk?.type !== 'chunk') continue
        const values = [...chunk.exports].toSorted().join(', ')
        writeFileSync(
          join(dir!, `${name}.mjs`),
          `import all from './${name}${extension}'\n\nexport const { ${values} } = all\n`,
        )
        writeFileSync(join(dir!, `${name}.d.mts`), `export * from './${name}${extension}'\n`)
      }
    },
  }
}

/** CommonJS, once, and ES modules around those `modules` (default: all entries). See docs/decisions/0017-one-copy.md. */
export function commonJs(
  config: UserConfig & { modules?: readonly string[]; extension?: '.js' | '.cjs' } = {},
): UserConfig {
  const { modules = ['index'], extension = '.cjs', outputOptions, ...rest } = config
  return {
    ...base,
    ...rest,
    format: ['cjs'],
    outExtensions: () => ({ js: extension, dts: extension === '.js' ? '.d.ts' : '.d.cts' }),
    outputOptions: { strict: true, ...(outputOptions as object) },
    plugins: [constants(), wrappers(modules, extension)],
  }
}

/** ES modules alone. */
export const esModules: UserConfig = { ...base, format: ['esm'], clean: false }

export default defineConfig(commonJs())
