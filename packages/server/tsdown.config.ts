import { defineConfig } from 'tsdown'
import type { UserConfig } from 'tsdown'
import base from '../../tsdown.base.ts'

// CommonJS callers expect the module itself to be callable: require("tidewire")(httpServer).
const CALLABLE = 'module.exports = Object.assign((server, options) => new exports.Server(server, options), exports);'

// Together, so that they share their classes: an adapter made from one is an instance of the other's.
const entry = { index: 'src/index.ts', adapter: 'src/adapter.ts', bun: 'src/bun.ts' }

// The paths below dist/ are those of the official declarations, from where projects with the older module resolution import types.
const officialPaths = Object.fromEntries(
  ['broadcast-operator', 'client', 'namespace', 'parent-namespace', 'socket', 'socket-types', 'typed-events'].map((name) => [name, `src/official-paths/${name}.ts`]),
)

export default defineConfig([
  { ...(base as UserConfig), entry: { ...entry, ...officialPaths }, format: ['esm'], clean: true },
  {
    ...(base as UserConfig),
    entry,
    format: ['cjs'],
    clean: false,
    shims: true,
    outputOptions: { footer: (chunk) => (chunk.isEntry && chunk.name === 'index' ? CALLABLE : '') },
  },
  { ...(base as UserConfig), entry: ['src/workers.ts'], clean: false },
])
