// Every client on several nodes, all cells, a minute each (or TIDEWIRE_SOAK_SECONDS). Writes what it saw to artifacts/cluster-soak.md, and with
// TIDEWIRE_UPDATE_DOCS=1 to docs/compatibility-cluster.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { afterAll } from 'vitest'
import { declareCell, soakCells } from '../src/cluster-cells.ts'
import type { Outcome } from '../src/cluster-cells.ts'

const root = new URL('../..', import.meta.url).pathname
const seconds = Number(process.env['TIDEWIRE_SOAK_SECONDS'] ?? 60)
const outcomes: Outcome[] = []
for (const cell of soakCells) await declareCell(cell, seconds * 1000, outcomes)

afterAll(() => {
  if (outcomes.length === 0) return
  const lines = [
    '# Clients on several nodes',
    '',
    'Nodes with `new Server(http, { cluster: url })` and no other option; every client with default transports, polling only and WebSocket only, all at once.',
    `Each emits four events a second for ${seconds} s, each with an acknowledgement; one in six is a broadcast to all. A cell passes when each client connected once,`,
    'saw no disconnect and no error, got every acknowledgement, and every broadcast once and in the order of its sender (`TIDEWIRE_UPDATE_DOCS=1 npm run soak:cluster`).',
    '',
    '| cell | client | connects | disconnects | errors | acked of emitted |',
    '|---|---|---|---|---|---|',
    ...outcomes.map(
      ({ cell, client, connects, disconnects, errors, acked, emitted }) =>
        `| ${cell} | ${client} | ${connects} | ${disconnects} | ${errors} | ${acked} of ${emitted} |`,
    ),
    '',
  ].join('\n')
  mkdirSync(`${root}artifacts`, { recursive: true })
  writeFileSync(`${root}artifacts/cluster-soak.md`, lines)
  if (process.env['TIDEWIRE_UPDATE_DOCS'] === '1')
    writeFileSync(`${root}docs/compatibility-cluster.md`, lines)
})
