// `npm run bench -- --client [figure…] [--against official] [--node PATH] [--rounds N] [--seconds S] [--shrink N] [--source] [--update-docs]`: what a
// client costs its process, socket.io-client 4.8.4 and ours in turn. `--against official` has them served by socket.io 4.8.4. Prints a table.
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import { canPin } from '../processes.ts'
import { official, tidewire } from '../programs.ts'
import { save, updateDocument } from '../report.ts'
import { chooseRuntime, commit, machine, now, root } from '../runtime.ts'
import { clients } from './clients.ts'
import type { ClientName } from './clients.ts'
import { figures } from './figures.ts'
import { clientTable } from './report.ts'
import type { ClientRun } from './report.ts'
import { runRound } from './round.ts'

const servers = { tidewire, official }
const usage = `usage: npm run bench -- --client [${Object.keys(figures).join('|')}]… [--against tidewire|official] [--node PATH] [--rounds N] [--seconds S] [--shrink N] [--source] [--update-docs]`

/** The command line without what chose the client. */
export async function runClientBench(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      against: { type: 'string', default: 'tidewire' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      shrink: { type: 'string', default: '1' },
      source: { type: 'boolean', default: false },
      node: { type: 'string', default: process.execPath },
      results: { type: 'string', default: join(root, 'bench/results/client.json') },
      'update-docs': { type: 'boolean', default: false },
    },
  })
  const [rounds, seconds, shrink] = [values.rounds, values.seconds, values.shrink].map(Number) as [
    number,
    number,
    number,
  ]
  const names = positionals.length === 0 ? Object.keys(figures) : positionals
  const server = servers[values.against as keyof typeof servers]
  if (
    server === undefined ||
    names.some((name) => !(name in figures)) ||
    ![rounds, seconds, shrink].every((value) => value > 0)
  ) {
    console.error(usage)
    process.exit(2)
  }
  const runtime = chooseRuntime(values.node, ['protocol', 'client', 'server'], values.source)
  if (runtime === undefined) {
    console.error('[bench] another Node measures what is built: run `npm run build` first')
    process.exit(2)
  }
  if (!canPin) console.warn('[bench] processes cannot be pinned to cores here: figures are rough')

  const samples: ClientRun['samples'] = {}
  let failures = 0
  for (const figure of names) {
    const { processes = 1 } = figures[figure]!
    const own: ClientRun['samples'][string] = {}
    samples[figure] = own
    for (let round = 1; round <= rounds * processes; round++) {
      for (const client of Object.keys(clients) as ClientName[]) {
        try {
          const sample = await runRound(server, client, runtime, { figure, seconds, shrink })
          ;(own[client] ??= []).push(sample)
          console.error(
            `${figure} ${round}/${rounds * processes} ${client.padEnd(9)} ${sample.value.toFixed(2).padStart(9)}  ${sample.operations} operations, ${sample.share.toFixed(2)} of its core`,
          )
        } catch (error) {
          failures++
          console.error(`${figure} ${round} ${client}: FAILED: ${(error as Error).message}`)
        }
      }
    }
  }
  const isFromSource = runtime.conditions.length > 0
  const run: ClientRun = {
    at: now(),
    machine: machine(),
    versions: `Node ${runtime.version}${commit()}${isFromSource ? ', client from source' : ''}`,
    server: server.label(runtime),
    rounds,
    seconds,
    shrink,
    samples,
  }
  console.log(clientTable(run))
  save(values.results, run)
  if (values['update-docs']) updateDocument(join(root, 'docs/performance.md'), clientTable(run), 'client')
  process.exitCode = failures > 0 ? 1 : 0
}
