// Turns the results of "our client on servers" into artifacts/compat-servers.md; with TIDEWIRE_UPDATE_DOCS=1 a table without a failed
// cell also becomes docs/compatibility-servers.md.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export interface ServerCell {
  server: string
  mode: string
  row: string
  /** "ok", "failed", or the server's own limitation. */
  state: string
}

const root = fileURLToPath(new URL('../..', import.meta.url))

/** `expected` is the number of cells of a whole run: a filtered one leaves the committed table alone. */
export function writeServerTable(
  rows: readonly string[],
  cells: readonly ServerCell[],
  expected: number,
  leftOut: readonly string[],
): void {
  const table = render(rows, cells, leftOut)
  mkdirSync(join(root, 'artifacts'), { recursive: true })
  writeFileSync(join(root, 'artifacts/compat-servers.md'), table)
  const isWhole = cells.length === expected && cells.every((cell) => cell.state !== 'failed')
  if (process.env['TIDEWIRE_UPDATE_DOCS'] === '1' && isWhole)
    writeFileSync(join(root, 'docs/compatibility-servers.md'), table)
}

function render(rows: readonly string[], cells: readonly ServerCell[], leftOut: readonly string[]): string {
  const notes: string[] = []
  const mark = (state: string | undefined): string => {
    if (state === undefined) return 'not run'
    if (state === 'ok') return 'ok'
    if (state === 'failed') return '**failed**'
    if (!notes.includes(state)) notes.push(state)
    return `server (${notes.indexOf(state) + 1})`
  }
  const lines = [...new Set(cells.map(({ server, mode }) => `${server} | ${mode}`))].map((key) => {
    const marks = rows.map((row) =>
      mark(cells.find((cell) => `${cell.server} | ${cell.mode}` === key && cell.row === row)?.state),
    )
    return `| ${key} | ${marks.join(' | ')} |`
  })
  const passed = cells.filter((cell) => cell.state === 'ok').length
  return [
    '# The client on servers',
    '',
    'Client: `io(url)` of @tidewire/client, not told which server it meets. Each cell is a test against the real server with its default',
    'options (`TIDEWIRE_UPDATE_DOCS=1 npm run test:interop -- client-on-servers`). *upgrade* begins on polling and moves to WebSocket;',
    '*websocket-only* servers have polling switched off; *slow-middleware* servers delay the root namespace by 300 ms.',
    `${passed} of ${cells.length} cells pass.`,
    '',
    `| server | transport | ${rows.join(' | ')} |`,
    `|---|---|${rows.map(() => '---').join('|')}|`,
    ...lines,
    '',
    ...notes.map((note, index) => `(${index + 1}) ${note}`),
    ...(notes.length > 0 ? [''] : []),
    ...leftOut.flatMap((reason) => [`Not tested: ${reason}`, '']),
  ].join('\n')
}
