// `npm run bench [-- scenario…] [--peers | --with PEER,…] [--scale] [--node PATH] [--rounds N] [--seconds S] [--shrink N] [--source] [--update-docs]`:
// every scenario, or those named, on this server and on socket.io 4.8.4 in turn, with `--peers` on all peers of programs.ts too, with `--with` on
// those named; with `--scale` how the costs of this server grow (scale.ts). `--shrink` divides the numbers of connections, for a look at whether
// everything works. Prints a table and leaves the samples in bench/results/latest.json.
// `npm run bench -- --cluster` is bench/src/cluster/main.ts, `npm run bench -- --client` is bench/src/client/main.ts.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { runClientBench } from './client/main.ts'
import { runClusterBench } from './cluster/main.ts'
import { canPin } from './processes.ts'
import { official, peers, tidewire } from './programs.ts'
import type { Command, ServerProgram } from './programs.ts'
import { plot } from './plot.ts'
import { markdown, save, updateDocument } from './report.ts'
import type { Run, Samples } from './report.ts'
import { cellNames, cellScenario, scaleTable } from './scale.ts'
import { runRound } from './round.ts'
import { chooseRuntime, commit, machine, now, root } from './runtime.ts'
import { scenarios } from './scenarios.ts'

// What a cluster costs, and a client, has scenarios of its own.
const others: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = { '--cluster': runClusterBench, '--client': runClientBench }
const other = others[process.argv[2] ?? '']
if (other !== undefined) {
  await other(process.argv.slice(3))
  process.exit()
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    shrink: { type: 'string', default: '1' },
    scale: { type: 'boolean', default: false },
    source: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    with: { type: 'string', default: '' },
    node: { type: 'string', default: process.execPath },
    results: { type: 'string', default: join(root, 'bench/results/latest.json') },
    'update-docs': { type: 'boolean', default: false },
  },
})

const [rounds, seconds, scale] = [values.rounds, values.seconds, values.shrink].map(Number) as [
  number,
  number,
  number,
]
const known = values.scale ? cellNames : Object.keys(scenarios)
const names =
  positionals.length === 0 ? known : values.scale ? known.filter((name) => positionals.includes(name.split('@')[0]!)) : positionals
const unknown = names.filter((name) => !known.includes(name))
if (unknown.length > 0 || ![rounds, seconds, scale].every((value) => value > 0)) {
  console.error(
    `usage: npm run bench -- [${Object.keys(scenarios).join('|')}]… [--peers | --with PEER,…] [--node PATH] [--rounds N] [--seconds S] [--scale] [--shrink N] [--source] [--update-docs]`,
  )
  process.exit(2)
}

/** The soft limit of open files, which children inherit. */
function openFiles(): number {
  try {
    return Number(/Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity)
  } catch {
    return Infinity
  }
}

const needed = Math.max(...names.map((name) => (scenarios[name] ?? cellScenario(name))!.connections)) / scale + 300
if (openFiles() < needed)
  console.warn(
    `[bench] open files are limited to ${openFiles()}, ${Math.ceil(needed)} are needed: run \`ulimit -n 20000\` first`,
  )
if (!canPin) console.warn('[bench] processes cannot be pinned to cores here: figures are rough')

const runtime = chooseRuntime(values.node, ['protocol', 'server'], values.source)
if (runtime === undefined) {
  console.error('[bench] another Node measures what is built: run `npm run build` first')
  process.exit(2)
}
const commands = new Map<ServerProgram, Command>()
const asked = values.with.split(',')
for (const program of values.scale ? [tidewire] : [official, tidewire, ...peers.filter(({ name }) => values.peers || asked.includes(name))]) {
  try {
    commands.set(program, program.command(runtime))
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ProvisionError') throw error
    console.warn(`[bench] SKIPPED ${program.name}: ${error.message}`)
  }
}

const run: Run = {
  at: now(),
  machine: machine(),
  versions: `Node ${runtime.version}${commit()}`,
  servers: Object.fromEntries([...commands.keys()].map((program) => [program.name, program.label(runtime)])),
  leftOut: Object.fromEntries([...commands.keys()].map((program) => [program.name, program.leftOut])),
  rounds,
  seconds,
  scale,
  samples: {},
}

let failures = 0
for (const name of names) {
  const samples: Samples = {}
  run.samples[name] = samples
  for (let round = 1; round <= rounds; round++) {
    for (const [program, command] of commands) {
      if (name in program.leftOut) continue
      const server = program.name
      try {
        const sample = await runRound(server, command, { scenario: name, seconds, scale })
        ;(samples[server] ??= []).push(sample)
        const { value, operations, serverShare, generatorShare } = sample
        console.error(
          `${name} ${round}/${rounds} ${server.padEnd(14)} ${value.toFixed(2).padStart(9)}  ${operations} operations, server ${serverShare.toFixed(2)}, generator ${generatorShare?.toFixed(2) ?? 'spins'}`,
        )
      } catch (error) {
        failures++
        console.error(`${name} ${round}/${rounds} ${server}: FAILED: ${(error as Error).message}`)
      }
    }
  }
}

console.log(values.scale ? scaleTable(run) : markdown(run))
save(values.results, run)
if (values['update-docs'] && values.scale) updateDocument(join(root, 'docs/performance.md'), scaleTable(run), 'scale')
else if (values['update-docs']) {
  updateDocument(join(root, 'docs/performance.md'), markdown(run), 'bench')
  if (values.peers) plot(join(root, 'docs/performance.svg'), run)
}
process.exitCode = failures > 0 ? 1 : 0
