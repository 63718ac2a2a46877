// Every client on several nodes, all cells, a minute each (or TIDEWIRE_SOAK_SECONDS), or those whose title TIDEWIRE_SOAK_CELLS (a RegExp) finds. Writes what
// it saw to artifacts/cluster-soak.md; with TIDEWIRE_UPDATE_DOCS=1 the rows of cells that were run take their place in docs/compatibility-cluster.md.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll } from 'vitest'
import { declareCell, soakCells } from '../src/cluster-cells.ts'
import type { Outcome } from '../src/cluster-cells.ts'

const root = new URL('../..', import.meta.url).pathname
const document = `${root}docs/compatibility-cluster.md`
const seconds = Number(process.env['TIDEWIRE_SOAK_SECONDS'] ?? 60)
const wanted = new RegExp(process.env['TIDEWIRE_SOAK_CELLS'] ?? '')
const outcomes: Outcome[] = []
for (const cell of soakCells) if (wanted.test(cell.title)) await declareCell(cell, seconds * 1000, outcomes)

const head = [
  '# Clients on several nodes',
  '',
  'Nodes with `new Server(http, { cluster: url })` and no other option; every client with default transports, polling only and WebSocket only, all at once.',
  'Each emits four events a second for a minute, each with an acknowledgement; one in six is a broadcast to all. A cell passes when each client connected once,',
  'saw no disconnect and no error, got every acknowledgement, and every broadcast once and in the order of its sender.',
  '',
  '`TIDEWIRE_UPDATE_DOCS=1 npm run soak:cluster` writes this table; `TIDEWIRE_SOAK_CELLS=TLS` runs the cells that the expression finds.',
  '',
  '| cell | client | connects | disconnects | errors | acked of emitted |',
  '|---|---|---|---|---|---|',
]

const rowOf = ({ cell, client, connects, disconnects, errors, acked, emitted }: Outcome): string =>
  `| ${cell} | ${client} | ${connects} | ${disconnects} | ${errors} | ${acked} of ${emitted} |`

afterAll(() => {
  if (outcomes.length === 0) return
  const rows = outcomes.map(rowOf)
  mkdirSync(`${root}artifacts`, { recursive: true })
  writeFileSync(`${root}artifacts/cluster-soak.md`, [...head, ...rows, ''].join('\n'))
  if (process.env['TIDEWIRE_UPDATE_DOCS'] !== '1' || seconds < 60) return
  const earlier = readFileSync(document, 'utf8').split('\n')
  const all = soakCells.flatMap(({ title }) => {
    const belongs = (row: string): boolean => row.startsWith(`| ${title} |`)
    const fresh = rows.filter(belongs)
    return fresh.length > 0 ? fresh : earlier.filter(belongs)
  })
  writeFileSync(document, [...head, ...all, ''].join('\n'))
})
