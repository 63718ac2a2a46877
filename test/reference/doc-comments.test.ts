// Everything that users can import or hold has a doc comment that an editor shows.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ENTRIES, readPublicSurface, root } from './public-surface.ts'

/** Others are typos, or text that begins with an @ and is cut there. */
const TAGS: ReadonlySet<string> = new Set([
  'throws',
  'deprecated',
  'example',
  'internal',
  'param',
  'returns',
  'see',
])
const OFFICIALLY_DEPRECATED = ['BroadcastOperator.allSockets', 'Namespace.allSockets', 'MainNamespaceCalls.allSockets']

const surface = readPublicSurface()
const placeOf = ({ file, line, name }: (typeof surface)[number]): string => `${file}:${line} ${name}`

describe('doc comments', () => {
  it('reads the exports of every entry', () => {
    const entries = new Set(surface.map(({ entry }) => entry))

    // It has nothing that the client's main entry does not have.
    expect(ENTRIES.map(([name]) => name).filter((name) => !entries.has(name))).toEqual([
      '@tidewire/client/websocket',
    ])
    expect(surface.filter(({ isInternal }) => !isInternal).length).toBeGreaterThan(700)
    for (const name of [
      'MainNamespaceCalls.emit',
      'ServerOptions.path',
      'NamespaceReservedEvents.connection',
      'Engine.generateId',
      'Manager.reconnection',
      'Bus.publish',
      'FrameDecoder.push',
    ]) {
      expect(surface.map((one) => one.name)).toContain(name)
    }
  })

  it('knows every entry of the packages', () => {
    const sources = ['protocol', 'server', 'client', 'cluster'].flatMap((name) => {
      const { exports } = JSON.parse(readFileSync(join(root, 'packages', name, 'package.json'), 'utf8')) as {
        exports: Record<string, { 'tidewire-source'?: string | Record<string, string> }>
      }
      return Object.values(exports).flatMap(({ 'tidewire-source': source }) =>
        Object.values(typeof source === 'string' ? [source] : (source ?? {})).map((file) =>
          join('packages', name, file),
        ),
      )
    })
    // Both export what exports.ts does.
    const entries = [
      ...ENTRIES.map(([, , file]) => file),
      'packages/client/src/index.ts',
      'packages/client/src/browser.ts',
    ]

    expect([...new Set(sources)].filter((file) => !entries.includes(file))).toEqual([])
  })

  it('are on every public declaration', () => {
    expect(surface.filter(({ doc, isInternal }) => !isInternal && doc.trim() === '').map(placeOf)).toEqual([])
  })

  it('say what an exported declaration is for that is marked @internal', () => {
    expect(
      surface
        .filter(({ doc, isInternal, name }) => isInternal && !name.includes('.') && doc.trim() === '')
        .map(placeOf),
    ).toEqual([])
  })

  it('have only tags that exist', () => {
    expect(
      surface.flatMap((one) =>
        one.tags.filter((tag) => !TAGS.has(tag)).map((tag) => `${placeOf(one)} @${tag}`),
      ),
    ).toEqual([])
  })

  it('call deprecated what the official declarations call so', () => {
    const deprecated = new Set(
      surface.filter(({ tags }) => tags.includes('deprecated')).map(({ name }) => name),
    )

    expect(OFFICIALLY_DEPRECATED.filter((name) => !deprecated.has(name))).toEqual([])
  })

  it.each([
    { name: 'EngineSession', file: 'packages/server/src/engine/session.ts', call: /#tell\('(\w+)'/g },
    {
      name: 'EngineClient',
      file: 'packages/client/src/engine/engine-client.ts',
      call: /emitReserved\('(\w+)'/g,
    },
  ])('name the events of $name', ({ name, file, call }) => {
    const emitted = new Set(
      [...readFileSync(join(root, file), 'utf8').matchAll(call)].map(([, event]) => event!),
    )
    const { doc } = surface.find((one) => one.name === name)!

    expect(
      [...doc.slice(doc.indexOf('Events')).matchAll(/"(\w+)"/g)].map(([, event]) => event!).toSorted(),
    ).toEqual([...emitted].toSorted())
  })
})
