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
    plugins: [wrappers(modules, extension)],
  }
}

/** ES modules alone. */
export const esModules: UserConfig = { ...base, format: ['esm'], clean: false }

export default defineConfig(commonJs())
