// `npm run bench [-- scenario…] [--rounds N] [--seconds S] [--scale N] [--source] [--update-docs]`: every scenario, or those named, on
// this server and on socket.io 4.8.4 in turn. Prints a table and leaves the samples in bench/results/latest.json.
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release } from 'node:os'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { markdown, save, updateDocument } from './report.ts'
import type { Run, Samples } from './report.ts'
import { canPin, runRound } from './round.ts'
import type { ServerName } from './round.ts'
import { scenarios } from './scenarios.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    source: { type: 'boolean', default: false },
    results: { type: 'string', default: join(root, 'bench/results/latest.json') },
    'update-docs': { type: 'boolean', default: false },
  },
})

const [rounds, seconds, scale] = [values.rounds, values.seconds, values.scale].map(Number) as [
  number,
  number,
  number,
]
const names = positionals.length > 0 ? positionals : Object.keys(scenarios)
const unknown = names.filter((name) => !(name in scenarios))
if (unknown.length > 0 || ![rounds, seconds, scale].every((value) => value > 0)) {
  console.error(
    `usage: npm run bench -- [${Object.keys(scenarios).join('|')}]… [--rounds N] [--seconds S] [--scale N] [--source] [--update-docs]`,
  )
  process.exit(2)
}

/** What was built is measured, unless it is missing or older than the sources. */
function chooseBuild(): { conditions: string[]; says: string } {
  const source = { conditions: ['tidewire-source'], says: 'from source' }
  if (values.source) return source
  for (const name of ['protocol', 'server']) {
    const built = join(root, 'packages', name, 'dist/index.js')
    const newest = Math.max(
      ...globSync(join(root, 'packages', name, 'src/**/*.ts')).map((file) => statSync(file).mtimeMs),
    )
    if (!existsSync(built) || statSync(built).mtimeMs < newest)
      return { ...source, says: 'from source (dist is missing or older)' }
  }
  return { conditions: [], says: 'built' }
}

function versions(build: string): string {
  const require = createRequire(import.meta.url)
  const version = (path: string): string =>
    (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
  // The copy of `ws` that engine.io finds; package.json is not among the exports of socket.io.
  const official = createRequire(require.resolve('socket.io-4.8.4'))
  const ws = version(
    join(dirname(createRequire(official.resolve('engine.io')).resolve('ws')), 'package.json'),
  )
  const own = version(join(root, 'packages/server/package.json'))
  return `Node ${process.version}, socket.io 4.8.4 with ws ${ws}, tidewire ${own} ${build}${commit()}`
}

function commit(): string {
  try {
    return `, commit ${execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: root, encoding: 'utf8' }).trim()}`
  } catch {
    return ''
  }
}

/** The soft limit of open files, which children inherit. */
function openFiles(): number {
  try {
    return Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}

const needed = Math.max(...names.map((name) => scenarios[name]!.connections)) / scale + 300
if (openFiles() < needed)
  console.warn(
    `[bench] open files are limited to ${openFiles()}, ${Math.ceil(needed)} are needed: run \`ulimit -n 20000\` first`,
  )
if (!canPin) console.warn('[bench] processes cannot be pinned to cores here: figures are rough')

const { conditions, says } = chooseBuild()
const processors = cpus()
const run: Run = {
  at: new Date().toISOString().slice(0, 16).replace('T', ' '),
  machine: `${processors.length} × ${processors[0]?.model ?? 'unknown processor'}, ${process.platform} ${release()}`,
  versions: versions(says),
  rounds,
  seconds,
  scale,
  samples: {},
}

let failures = 0
for (const name of names) {
  const samples: Samples = { official: [], tidewire: [] }
  run.samples[name] = samples
  for (let round = 1; round <= rounds; round++) {
    for (const server of ['official', 'tidewire'] satisfies ServerName[]) {
      try {
        const sample = await runRound(server, { scenario: name, seconds, scale, conditions })
        samples[server].push(sample)
        const { value, operations, serverShare, generatorShare } = sample
        console.error(
          `${name} ${round}/${rounds} ${server.padEnd(8)} ${value.toFixed(2).padStart(9)}  ${operations} operations, server ${serverShare.toFixed(2)}, generator ${generatorShare.toFixed(2)}`,
        )
      } catch (error) {
        failures++
        console.error(`${name} ${round}/${rounds} ${server}: FAILED: ${(error as Error).message}`)
      }
    }
  }
}

console.log(markdown(run))
save(values.results, run)
if (values['update-docs']) updateDocument(join(root, 'docs/performance.md'), run)
process.exitCode = failures > 0 ? 1 : 0
