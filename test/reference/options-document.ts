// docs/options.md, made of the declarations: each option with its type, its default and what it is for.
import { readPublicSurface } from './public-surface.ts'
import type { Declaration } from './public-surface.ts'

interface Section {
  readonly title: string
  readonly text: string
  /** Interfaces in the order of their options; an option that comes twice is that of the first. */
  readonly of: readonly string[]
  readonly file: string
}

const SECTIONS: readonly Section[] = [
  {
    title: 'Server',
    text: '`new Server(httpServer, options)`, `new Server(options)`, `io.attach(httpServer, options)`.',
    of: ['ServerOptions', 'EngineOptions', 'AttachOptions'],
    file: 'packages/server/',
  },
  {
    title: 'Server: `connectionStateRecovery`',
    text: 'What it does and does not: [guide](guides/recovery.md).',
    of: ['RecoveryOptions'],
    file: 'packages/server/',
  },
  {
    title: 'Server: `cluster`',
    text: 'The whole form of the option; its `bus` alone is enough. [Guide](guides/deploying.md).',
    of: ['ClusterSettings'],
    file: 'packages/server/',
  },
  {
    title: 'Server: `cors`',
    text: 'Or a function `(req, callback)` that chooses them for each request.',
    of: ['CorsOptions'],
    file: 'packages/server/',
  },
  {
    title: 'Server: `cookie`',
    text: '`true` sets the cookie with the defaults.',
    of: ['CookieOptions'],
    file: 'packages/server/',
  },
  {
    title: '`io.drain(options)`',
    text: 'Empties a node before it is stopped. [Guide](guides/deploying.md).',
    of: ['DrainOptions'],
    file: 'packages/server/',
  },
  {
    title: '`startWorkers(run, options)`',
    text: 'From `tidewire/workers`.',
    of: ['WorkersOptions'],
    file: 'packages/server/',
  },
  {
    title: 'Client',
    text: '`io(url, options)`, `new Manager(url, options)`.',
    of: ['ManagerOptions', 'EngineClientOptions'],
    file: 'packages/client/',
  },
  {
    title: 'Client: one namespace',
    text: '`io(url, options)`, `manager.socket("/name", options)`.',
    of: ['SocketOptions'],
    file: 'packages/client/',
  },
]

const DEFAULT = /\s*\b(?:No default|Default:? (.+?))\.(?=\s|$)/s

export interface Option {
  readonly name: string
  readonly type: string
  readonly standard: string | undefined
  readonly text: string
}

export function optionsOf(surface: readonly Declaration[], { of, file }: Section): Option[] {
  const options = new Map<string, Option>()
  for (const owner of of) {
    for (const one of surface) {
      const name = one.name.slice(owner.length + 1)
      if (!one.name.startsWith(`${owner}.`) || !one.file.startsWith(file) || options.has(name)) continue
      const doc = one.doc.replaceAll(/\s+/g, ' ').trim()
      const match = DEFAULT.exec(doc)
      options.set(name, {
        name,
        type: one.type.replaceAll(/\s+/g, ' '),
        standard: match === null ? undefined : (match[1] ?? '-'),
        text: doc.replace(DEFAULT, '').trim(),
      })
    }
  }
  return [...options.values()]
}

const cell = (text: string): string => text.replaceAll('|', '\\|')

export function optionSections(): { title: string; options: Option[] }[] {
  const surface = readPublicSurface()
  return SECTIONS.map((section) => ({ title: section.title, options: optionsOf(surface, section) }))
}

export function renderOptions(sections: readonly { title: string; options: Option[] }[]): string {
  const parts = sections.map(({ title, options }, index) => {
    const rows = options.map(
      ({ name, type, standard, text }) =>
        `| \`${name}\` | \`${cell(type)}\` | ${cell(standard ?? '')} | ${cell(text)} |`,
    )
    return [
      `## ${title}`,
      '',
      SECTIONS[index]!.text,
      '',
      '| option | type | default | what for |',
      '|---|---|---|---|',
      ...rows,
      '',
    ].join('\n')
  })
  return [
    '# Options',
    '',
    'Made from the declarations, which editors show as well; `TIDEWIRE_UPDATE_DOCS=1 npm run test:unit -- test/reference` writes it anew. Times are milliseconds, sizes are',
    'bytes, unless something else is said. The server warns once of a name that it does not know (`TW_WARN_UNKNOWN_OPTION`) and says which',
    'one is nearest. Where a default differs from the official one: [compat.md](compat.md), [decision 5](decisions/0005-stricter-defaults.md).',
    '',
    ...parts,
  ].join('\n')
}
