// Turns the results of the matrix into tables in artifacts/. Each test file leaves its part as JSON; the table is made of all
// parts present. With TIDEWIRE_UPDATE_DOCS=1 a table without a missing or failed cell also becomes a document.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isOfficial } from './server-under-test.ts'

export interface Cell {
  client: string
  mode: string
  row: string
  /** "ok", "failed", or the client's own limitation. */
  state: string
  note?: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))
/** A table is a document with its parts in order. */
const TABLES = [
  {
    artefact: 'compat-clients',
    document: 'docs/compatibility.md',
    command: 'npm run test:interop -- clients-on-server',
    parts: ['js', 'java', 'python'],
  },
  {
    artefact: 'compat-clients-long',
    document: 'docs/compatibility-long.md',
    command: 'npm run test:long',
    parts: ['go', 'rust'],
  },
  {
    artefact: 'compat-clients-bun',
    document: 'docs/compatibility-bun.md',
    command: 'npm run test:interop -- clients-on-bun',
    parts: ['bun'],
  },
]

export function writeTable(part: string, rows: readonly string[], cells: readonly Cell[]): void {
  if (cells.length === 0) return
  const { artefact, document, command, parts } = TABLES.find((table) => table.parts.includes(part))!
  const name = isOfficial ? `${artefact}-official` : artefact
  const partsDir = join(root, 'artifacts', name)
  mkdirSync(partsDir, { recursive: true })
  writeFileSync(join(partsDir, `${part}.json`), JSON.stringify(cells))
  const present = parts.filter((known) => readdirSync(partsDir).includes(`${known}.json`))
  const all = present.flatMap(
    (known) => JSON.parse(readFileSync(join(partsDir, `${known}.json`), 'utf8')) as Cell[],
  )
  const table = render(rows, all, command, part === 'bun')
  writeFileSync(join(root, 'artifacts', `${name}.md`), table)
  const isWhole = present.length === parts.length && all.every((cell) => cell.state !== 'failed')
  if (
    process.env['TIDEWIRE_UPDATE_DOCS'] === '1' &&
    isWhole &&
    !isOfficial &&
    existsSync(join(root, 'docs'))
  ) {
    writeFileSync(join(root, document), table)
  }
}

function render(rows: readonly string[], cells: readonly Cell[], command: string, isOnBun: boolean): string {
  const server = isOnBun
    ? '`serve(new Server())` of tidewire/bun, no option set'
    : isOfficial
      ? 'socket.io 4.8.4 with `allowEIO3: true`'
      : '`new Server(http)` of tidewire, no option set'
  const notes: string[] = []
  const mark = (cell: Cell | undefined): string => {
    if (cell === undefined) return 'not run'
    if (cell.state === 'failed') return '**failed**'
    const note = cell.state === 'ok' ? cell.note : cell.state
    if (note === undefined) return 'ok'
    if (!notes.includes(note)) notes.push(note)
    return `${cell.state === 'ok' ? 'ok' : 'client'} (${notes.indexOf(note) + 1})`
  }
  const lines = [...new Set(cells.map((cell) => `${cell.client}\n${cell.mode}`))].map((key) => {
    const [client, mode] = key.split('\n')
    const marks = rows.map((row) =>
      mark(cells.find((cell) => cell.client === client && cell.mode === mode && cell.row === row)),
    )
    return `| ${client} | ${mode} | ${marks.join(' | ')} |`
  })
  const passed = cells.filter((cell) => cell.state === 'ok').length
  return [
    '# Clients on the server',
    '',
    `Server: ${server}. Each cell is a test with the real, unmodified client; this table is what they left behind`,
    `(\`TIDEWIRE_UPDATE_DOCS=1 ${command}\`). *upgrade* begins on polling and moves to WebSocket.`,
    `${passed} of ${cells.length} cells pass.`,
    '',
    `| client | transport | ${rows.join(' | ')} |`,
    `|---|---|${rows.map(() => '---').join('|')}|`,
    ...lines,
    '',
    ...notes.map((note, index) => `(${index + 1}) ${note}`),
    ...(notes.length > 0 ? [''] : []),
  ].join('\n')
}
