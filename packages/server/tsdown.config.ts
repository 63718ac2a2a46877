import { defineConfig } from 'tsdown'
import { commonJs } from '../../tsdown.base.ts'

// CommonJS callers expect the module itself to be callable: require("tidewire")(httpServer).
const CALLABLE =
  'module.exports = Object.assign((server, options) => new exports.Server(server, options), exports);'

// The official package consists of these files, and what patches its classes waits until they are loaded. From here, too, projects with the older
// module resolution import types.
const OFFICIAL = [
  'broadcast-operator',
  'client',
  'namespace',
  'parent-namespace',
  'socket',
  'socket-types',
  'typed-events',
]
const LOAD_OFFICIAL = OFFICIAL.map((name) => `require("./${name}.js");`).join(' ')

// Where its files are. A bundle of ES modules has no __filename; there are no files beside it either, but peers are found from there.
const MODULE_URL =
  'const moduleUrl = require("node:url").pathToFileURL(typeof __filename === "string" ? __filename : process.argv[1] || "bundle.js").href;'

const modules = ['index', 'adapter', 'bun', 'workers']

export default defineConfig(
  commonJs({
    entry: {
      ...Object.fromEntries(modules.map((name) => [name, `src/${name}.ts`])),
      ...Object.fromEntries(OFFICIAL.map((name) => [name, `src/official-paths/${name}.ts`])),
    },
    modules,
    extension: '.js',
    define: { 'import.meta.url': 'moduleUrl' },
    hash: false,
    outputOptions: {
      // perf: all that a server runs is one chunk, where calls need no look-up; the files with the official names hand out its classes.
      codeSplitting: {
        groups: [
          { name: (id) => (id.endsWith('.d.ts') ? 'core.d' : 'core'), test: /src\/server\.(d\.)?ts$/ },
        ],
      },
      intro: (chunk) =>
        chunk.isEntry && chunk.name === 'index' ? LOAD_OFFICIAL : chunk.name === 'core' ? MODULE_URL : '',
      footer: (chunk) => (chunk.isEntry && chunk.name === 'index' ? CALLABLE : ''),
    },
  }),
)
