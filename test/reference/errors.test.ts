// docs/errors.md has every code, refusal and reason that the packages know, and none else.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ENGINE_ERRORS } from '@tidewire/protocol'
import { expect, it } from 'vitest'
import { root } from './public-surface.ts'

const document = readFileSync(join(root, 'docs/errors.md'), 'utf8')
/** The first cell of each row below a heading, down to the next one. */
function rowsBelow(heading: string): string[][] {
  const from = document.indexOf(heading)
  expect(from, heading).toBeGreaterThan(0)
  const section = document.slice(from + heading.length).split(/^#+ /m)[0]!
  return [...section.matchAll(/^\| (.*) \|$/gm)].slice(1).map(([, row]) => row!.split(' | '))
}

function* sources(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else if (entry.name.endsWith('.ts')) yield readFileSync(path, 'utf8')
  }
}

const packages = ['protocol', 'server', 'client', 'cluster'].map((name) =>
  join(root, 'packages', name, 'src'),
)
const literal = (name: string): RegExp =>
  new RegExp(`type ${name} =((?:\\s*(?:/\\*\\*[^\\n]*\\*/)?\\s*\\|? ?(?:'[^']+'|[A-Z]\\w+))+)`)

/** The members of a union of texts in a source file. */
function union(file: string, name: string): string[] {
  const match = literal(name).exec(readFileSync(join(root, 'packages', file), 'utf8'))
  return [...match![1]!.matchAll(/'([^']+)'/g)].map(([, text]) => text!)
}

it('every code of the packages is in the document, once, with cause and remedy, and none else', () => {
  const used = new Set(
    packages
      .flatMap((folder) => [...sources(folder)])
      .flatMap((text) =>
        [...text.matchAll(/'(TW_(?:ERR|WARN)_[A-Z0-9_]+)'|^\s+(TW_ERR_\w+):/gm)].map(
          ([, quoted, key]) => (quoted ?? key)!,
        ),
      ),
  )
  const rows = [...document.matchAll(/^\| `(TW_\w+)` \| (.+?) \| (.+?) \|$/gm)]

  expect(rows.map(([, code]) => code!).toSorted()).toEqual([...used].toSorted())
  expect(used.size).toBeGreaterThan(30)
})

it('every refusal of a request is in it with its number and text', () => {
  const rows = rowsBelow('## 2. Refused requests (Engine.IO)')

  expect(
    rows
      .map(([code, message]) => ({ code: Number(code), message }))
      .filter(({ code }) => !Number.isNaN(code)),
  ).toEqual(Object.values(ENGINE_ERRORS))
})

it('every context of a bad request is in it', () => {
  const names = new Set(
    packages
      .flatMap((folder) => [...sources(folder)])
      .flatMap((text) => [...text.matchAll(/\b(?:name: |unavailable\()'([A-Z]+(?:_[A-Z]+)+)'/g)].map(([, name]) => name!)),
  )

  const documented = [...document.matchAll(/^\| `([A-Z]+(?:_[A-Z]+)+)` \| [134]/gm)].map(([, name]) => name!)

  expect(documented.toSorted()).toEqual([...names].toSorted())
})

it('every reason of a disconnection and of a failed recovery is in it, and none else', () => {
  const reasonsBelow = (heading: string): string[] =>
    rowsBelow(heading)
      .map(([first]) => first!.replaceAll('`', ''))
      .filter((reason) => !reason.startsWith('-'))
      .toSorted()
  const ofServer = [
    ...union('server/src/engine/contract.ts', 'CloseReason'),
    'client namespace disconnect',
    'server namespace disconnect',
  ]

  expect(reasonsBelow('### On the server')).toEqual(ofServer.toSorted())
  expect(reasonsBelow('### On the client')).toEqual(
    union('client/src/socket.ts', 'DisconnectReason').toSorted(),
  )
  expect(reasonsBelow('### Why a session was not recovered')).toEqual(
    union('server/src/recovery/session-aware-adapter.ts', 'RecoveryFailure').toSorted(),
  )
})
