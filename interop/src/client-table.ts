// Turns the results of the matrix into artifacts/compat-clients.md. Each test file leaves its part as JSON; the table is made of all
// parts present. With TIDEWIRE_UPDATE_DOCS=1 a table without a missing or failed cell also becomes docs/compatibility.md.
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
const name = isOfficial ? 'compat-clients-official' : 'compat-clients'
const partsDir = join(root, 'artifacts', name)
/** The order of the parts in the table. */
const PARTS = ['js', 'java', 'python']

export function writeTable(part: string, rows: readonly string[], cells: readonly Cell[]): void {
  if (cells.length === 0) return
  mkdirSync(partsDir, { recursive: true })
  writeFileSync(join(partsDir, `${part}.json`), JSON.stringify(cells))
  const present = PARTS.filter((known) => readdirSync(partsDir).includes(`${known}.json`))
  const all = present.flatMap(
    (known) => JSON.parse(readFileSync(join(partsDir, `${known}.json`), 'utf8')) as Cell[],
  )
  const table = render(rows, all)
  writeFileSync(join(root, 'artifacts', `${name}.md`), table)
  const isWhole = present.length === PARTS.length && all.every((cell) => cell.state !== 'failed')
  if (
    process.env['TIDEWIRE_UPDATE_DOCS'] === '1' &&
    isWhole &&
    !isOfficial &&
    existsSync(join(root, 'docs'))
  ) {
    writeFileSync(join(root, 'docs/compatibility.md'), table)
  }
}

function render(rows: readonly string[], cells: readonly Cell[]): string {
  const server = isOfficial
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
    '(`TIDEWIRE_UPDATE_DOCS=1 npm run test:interop -- clients-on-server`). *upgrade* begins on polling and moves to WebSocket.',
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
