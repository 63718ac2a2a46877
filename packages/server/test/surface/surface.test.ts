// The members of live objects of the official packages, read at run time, are on ours too or named in docs/compat.md as not offered.
// COMPAT_WRITE=1 writes the table anew; what is not offered then shows in the diff.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import * as officialClient from 'socket.io-client-4.8.4'
import * as officialServer from 'socket.io-4.8.4'
import * as ourServer from 'tidewire'
import * as ourClient from '@tidewire/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { liveObjects, surfaceOf } from './surface.ts'
import type { Surface } from './surface.ts'

const FILE = new URL('../../../../docs/compat.md', import.meta.url)
const BEGIN = '<!-- members: begin -->'
const END = '<!-- members: end -->'

/** The two lists of names of each class in the document. */
function documented(text: string): Map<string, { same: string[]; absent: string[] }> {
  const rows = new Map<string, { same: string[]; absent: string[] }>()
  const block = text.slice(text.indexOf(BEGIN), text.indexOf(END))
  for (const line of block.split('\n')) {
    const [, name, same, absent] = /^\| ([^|]+?) \| ([^|]*) \| ([^|]*) \|$/.exec(line) ?? []
    if (name === undefined || name === 'class' || name.startsWith('-')) continue
    const namesIn = (cell: string): string[] => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!)
    rows.set(name, { same: namesIn(same!), absent: namesIn(absent!) })
  }
  return rows
}

describe('the surface', () => {
  let official: Surface
  let ours: Map<string, any>
  let stop: () => Promise<unknown>

  beforeAll(async () => {
    const reference = await liveObjects({ server: officialServer, client: officialClient })
    official = surfaceOf({ server: officialServer, client: officialClient }, reference.objects)
    await reference.stop()
    const live = await liveObjects({ server: ourServer, client: ourClient })
    ours = live.objects
    ours.set('exports of socket.io', ourServer)
    ours.set('exports of socket.io-client', ourClient)
    stop = () => live.stop()
    if (process.env.COMPAT_WRITE !== undefined) writeTable()
  })
  afterAll(() => stop())

  const isThere = (group: string, name: string): boolean => name in ours.get(group)

  function writeTable(): void {
    const list = (names: string[]): string => names.map((name) => `\`${name}\``).join(' ')
    const rows = [...official].map(([group, names]) => {
      const all = [...names].toSorted()
      return `| ${group} | ${list(all.filter((name) => isThere(group, name)))} | ${list(all.filter((name) => !isThere(group, name)))} |`
    })
    const text = readFileSync(FILE, 'utf8')
    const table = ['| class | same | not offered |', '|---|---|---|', ...rows].join('\n')
    writeFileSync(FILE, `${text.slice(0, text.indexOf(BEGIN) + BEGIN.length)}\n${table}\n${text.slice(text.indexOf(END))}`)
  }

  it('[API-15] has every member of the official objects, but for those that docs/compat.md names', () => {
    const rows = documented(readFileSync(FILE, 'utf8'))
    expect([...rows.keys()]).toEqual([...official.keys()])
    for (const [group, names] of official) {
      const row = rows.get(group)!
      const gone = row.same.filter((name) => !isThere(group, name))
      const isAbsentNoMore = row.absent.filter((name) => isThere(group, name))
      expect({ group, names: [...row.same, ...row.absent].toSorted() }).toEqual({ group, names: [...names].toSorted() })
      expect({ group, gone, isAbsentNoMore }).toEqual({ group, gone: [], isAbsentNoMore: [] })
    }
  })

  it('[API-15] has what applications and tools use though it is documented nowhere', () => {
    const used: [group: string, names: string[]][] = [
      ['Server', ['httpServer', '_nsps', 'eio', 'engine', 'encoder', 'opts', '_opts', 'sockets', '_parser', '_path']],
      ['Engine', ['clients', 'clientsCount', 'use', 'handleRequest', 'handleUpgrade', 'opts', 'attach', 'close', 'generateId', 'upgrades']],
      ['handshake request', ['_query']],
      ['engine Socket', ['transport', 'on', 'writeBuffer', 'readyState', 'upgraded', 'upgrading', 'request', 'remoteAddress', 'protocol', 'id']],
      ['Client', ['conn', 'request', 'writeToEngine', 'sockets', 'nsps', 'server', 'id']],
      ['Namespace', ['sockets', 'adapter', '_ids', '_fns', '_onServerSideEmit', 'server', 'name']],
      ['Adapter', ['rooms', 'sids', 'nsp']],
      ['Socket', ['notifyOutgoingListeners', 'acks', 'flags', 'adapter', 'server', 'client', 'conn', 'request', 'handshake', 'data', 'rooms']],
      ['client Manager', ['engine', '_close', 'nsps', 'opts', '_readyState', '_reconnecting', '_autoConnect', '_destroy', '_packet', 'backoff']],
      ['client Socket', ['sendBuffer', 'receiveBuffer', '_pid', '_lastOffset', '_queue', '_queueSeq', 'acks', 'ids', 'nsp', 'flags', 'io']],
      ['client engine', ['id', 'transport', 'writeBuffer', 'readyState', 'binaryType', 'on', 'off', 'close', 'write', 'send']],
    ]
    const missing = used.flatMap(([group, names]) => names.filter((name) => !isThere(group, name)).map((name) => `${group} ${name}`))
    expect(missing).toEqual([])
  })

  it('[API-15] offers views that say what the objects behind them say', async () => {
    const io = ours.get('Server')
    const main = ours.get('Namespace')
    const found = (name: string): Promise<unknown> => new Promise((resolve) => io._checkNamespace(name, {}, resolve))
    expect(await found('/')).toBe(main)
    expect(await found('/nowhere')).toBe(false)
    expect(await found('/family-1')).toBe(io._nsps.get('/family-1'))
    const before = io.of('/family-1').adapter
    io.of('/family-1')._initAdapter()
    expect(io.of('/family-1').adapter).not.toBe(before)
    const operator = io.to('a').except('b').volatile
    expect([operator.adapter, [...operator.rooms], [...operator.exceptRooms], operator.flags]).toEqual([main.adapter, ['a'], ['b'], { volatile: true }])
    expect(io.eio).toBe(io.engine)
    expect(io.encoder.encode({ type: 2, nsp: '/', data: ['a'] })).toEqual(['2["a"]'])
    expect(ours.get('Client').encoder.encode({ type: 2, nsp: '/x', data: ['a'] })).toEqual(['2/x,["a"]'])
    expect([io._path, io._connectTimeout, io._serveClient]).toEqual(['/socket.io', 45_000, true])
  })

  it('[API-15] is on objects that are emitters of Node as the official ones are', async () => {
    const { EventEmitter } = await import('node:events')
    const groups = ['Server', 'Namespace', 'Socket', 'Adapter', 'Engine', 'engine Socket']
    expect(groups.filter((group) => !(ours.get(group) instanceof EventEmitter))).toEqual([])
  })

  it('[API-15] resolves in the published order: the official packages stay what is compared with', () => {
    const require = createRequire(import.meta.url)
    expect(require('socket.io-4.8.4/package.json')).toMatchObject({ version: '4.8.4' })
    expect(require('socket.io-client-4.8.4/package.json')).toMatchObject({ version: '4.8.4' })
  })
})

it('[API-15] version: what stands in the place of an official package has its major, for peer ranges and instrumentation', () => {
  for (const [ours, official] of [['server', 'socket.io'], ['client', 'socket.io-client']] as const) {
    const versionOf = (file: string): string => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
    const own = versionOf(new URL(`../../../${ours}/package.json`, import.meta.url).pathname)
    expect(own.split('.')[0]).toBe(versionOf(createRequire(import.meta.url).resolve(`${official}-4.8.4/package.json`)).split('.')[0])
    expect(own).toBe(versionOf(new URL('../../../protocol/package.json', import.meta.url).pathname))
  }
})
