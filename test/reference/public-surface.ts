// What the packages make public, read with the TypeScript compiler: the exports of their entries, the types that these extend or name, and
// their members, each with its doc comment. Private names are not public.
import { API } from 'typescript/unstable/sync'
import type { Checker, Project, Symbol } from 'typescript/unstable/sync'
import { SyntaxKind } from 'typescript/unstable/ast'
import type { Node } from 'typescript/unstable/ast'

export const root: string = new URL('../..', import.meta.url).pathname

/** Each entry that users import, with the project that compiles it. */
export const ENTRIES: readonly (readonly [name: string, project: string, file: string])[] = [
  ['@tidewire/protocol', 'packages/protocol', 'packages/protocol/src/index.ts'],
  ['tidewire', 'packages/server', 'packages/server/src/index.ts'],
  ['tidewire/adapter', 'packages/server', 'packages/server/src/adapter.ts'],
  ['tidewire/bun', 'packages/server', 'packages/server/src/bun.ts'],
  ['tidewire/workers', 'packages/server', 'packages/server/src/workers.ts'],
  ['@tidewire/client', 'packages/client', 'packages/client/src/exports.ts'],
  ['@tidewire/client/websocket', 'packages/client', 'packages/client/src/websocket.ts'],
  ['@tidewire/cluster', 'packages/cluster', 'packages/cluster/src/index.ts'],
]

/** Not exported, but users hold them: `io.engine`, `socket.client`; or listen to them. */
const HELD: readonly (readonly [name: string, entry: string, project: string, file: string])[] = [
  ['Engine', 'tidewire', 'packages/server', 'packages/server/src/engine/engine.ts'],
  ['SocketReservedEvents', 'tidewire', 'packages/server', 'packages/server/src/socket/socket.ts'],
  ['Connection', 'tidewire', 'packages/server', 'packages/server/src/connection.ts'],
]

export interface Declaration {
  /** `ServerOptions`, or `ServerOptions.path` for a member. */
  readonly name: string
  readonly entry: string
  /** Below the root of the repository. */
  readonly file: string
  /** Where it begins, from 1. */
  readonly line: number
  readonly doc: string
  /** Names of its tags, without the @. */
  readonly tags: readonly string[]
  /** Marked @internal: exported for our other packages. Its members are not read. */
  readonly isInternal: boolean
  /** Of a member: its type as it is written. */
  readonly type: string
  readonly isOptional: boolean
}

const PUBLIC_KINDS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.ClassDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
  SyntaxKind.FunctionDeclaration,
  SyntaxKind.VariableDeclaration,
  SyntaxKind.EnumDeclaration,
  SyntaxKind.SourceFile,
])
const ONE_FOR_ALL: ReadonlySet<string> = new Set([
  '__constructor',
  '__call',
  '__index',
  '__new',
  'prototype',
  '__computed',
])

class Reader {
  readonly found: Map<string, Declaration> = new Map()
  readonly #seen: Set<number> = new Set()
  readonly #checker: Checker
  readonly #entry: string

  constructor(project: Project, entry: string, found: Map<string, Declaration>) {
    this.#checker = project.checker
    this.#entry = entry
    this.found = found
  }

  readModule(module: Symbol, only?: string): void {
    for (const symbol of this.#checker.getExportsOfModule(module)) {
      if (only === undefined || symbol.name === only) this.#read(symbol)
    }
  }

  #read(alias: Symbol): void {
    const symbol = this.#resolve(alias)
    if (symbol === undefined || this.#seen.has(symbol.id)) return
    this.#seen.add(symbol.id)
    const nodes = symbol.declarations.map((handle) => handle.resolve()).filter((node) => node !== undefined)
    const node = nodes.find((one) => PUBLIC_KINDS.has(one.kind))
    if (node === undefined || !isOurs(node)) return
    if (node.kind === SyntaxKind.SourceFile) {
      this.readModule(symbol)
      return
    }
    this.#add(symbol.name, symbol, node)
    if (this.#isInternal(symbol)) return
    const bases =
      node.kind === SyntaxKind.ClassDeclaration || node.kind === SyntaxKind.InterfaceDeclaration
        ? this.#basesOf(node)
        : []
    for (const one of nodes) this.#followTypes(one, /(Options|Settings|Option|Events)/.test(symbol.name))
    for (const member of [
      ...symbol.getMembers().values(),
      ...(node.kind === SyntaxKind.ClassDeclaration ? symbol.getExports().values() : []),
    ])
      this.#readMember(symbol.name, member, bases)
  }

  #readMember(owner: string, member: Symbol, bases: readonly Symbol[]): void {
    const handle = member.valueDeclaration ?? member.declarations[0]
    const node = handle?.resolve()
    if (
      node === undefined ||
      node.kind === SyntaxKind.TypeParameter ||
      ONE_FOR_ALL.has(member.name) ||
      /^__#|^__@/.test(member.name)
    )
      return
    if (isHidden(node)) return
    this.#add(`${owner}.${member.name}`, member, node, bases)
  }

  #add(name: string, symbol: Symbol, node: Node, bases: readonly Symbol[] = []): void {
    const file = node.getSourceFile().fileName.slice(root.length)
    const key = `${file} ${name}`
    if (this.found.has(key)) return
    const tags = this.#checker.getJsDocTagsOfSymbol(symbol).map((tag) => tag.name)
    const typed = node as Node & { type?: Node; questionToken?: Node }
    this.found.set(key, {
      name,
      entry: this.#entry,
      file,
      line: lineOf(node),
      doc: this.#docOf(symbol, bases),
      tags,
      isInternal: tags.includes('internal'),
      type: typed.type?.getText() ?? '',
      isOptional: typed.questionToken !== undefined,
    })
  }

  /** Its own comment, or that of the member of a base type that it implements: editors show it as well. */
  #docOf(symbol: Symbol, bases: readonly Symbol[]): string {
    const own = this.#checker.getDocumentationCommentOfSymbol(symbol)
    if (own !== '') return own
    const inherited = bases
      .map((base) => base.getMembers().get(symbol.escapedName))
      .find((one) => one !== undefined && this.#checker.getDocumentationCommentOfSymbol(one) !== '')
    return inherited === undefined ? '' : this.#checker.getDocumentationCommentOfSymbol(inherited)
  }

  /** What a class or an interface extends and implements, and what that does. */
  #basesOf(node: Node): Symbol[] {
    const bases: Symbol[] = []
    node.forEachChild((clause) => {
      if (clause.kind !== SyntaxKind.HeritageClause) return undefined
      clause.forEachChild((type) => {
        const { expression } = type as Node & { expression?: Node }
        const named = expression === undefined ? undefined : this.#checker.getSymbolAtLocation(expression)
        const base = named === undefined ? undefined : this.#resolve(named)
        const declaration = base?.declarations
          .map((handle) => handle.resolve())
          .find((one) => one !== undefined && PUBLIC_KINDS.has(one.kind))
        if (base !== undefined && declaration !== undefined) bases.push(base, ...this.#basesOf(declaration))
        return undefined
      })
      return undefined
    })
    return bases
  }

  #isInternal(symbol: Symbol): boolean {
    return this.#checker.getJsDocTagsOfSymbol(symbol).some((tag) => tag.name === 'internal')
  }

  #resolve(symbol: Symbol): Symbol | undefined {
    const target = (symbol.flags & 0x20_0000) === 0 ? symbol : this.#checker.getAliasedSymbol(symbol)
    return target.declarations.length === 0 ? undefined : target
  }

  /** The types that a declaration extends; of options and events, those that they name too. */
  #followTypes(node: Node, isWanted: boolean): void {
    node.forEachChild((child) => {
      if (child.kind === SyntaxKind.Block || isHidden(child)) return undefined
      if (!isWanted && child.kind !== SyntaxKind.HeritageClause) return undefined
      if (child.kind === SyntaxKind.TypeReference || child.kind === SyntaxKind.ExpressionWithTypeArguments) {
        const name =
          (child as Node & { typeName?: Node; expression?: Node }).typeName ??
          (child as Node & { expression?: Node }).expression
        const symbol = name === undefined ? undefined : this.#checker.getSymbolAtLocation(name)
        if (symbol !== undefined) this.#read(symbol)
      }
      this.#followTypes(child, true)
      return undefined
    })
  }
}

function lineOf(node: Node): number {
  return node.getSourceFile().text.slice(0, node.getStart()).split('\n').length
}

function isOurs(node: Node): boolean {
  const file = node.getSourceFile().fileName
  return file.startsWith(`${root}packages/`) && file.includes('/src/')
}

/** `#name`, `private`, `protected`. */
function isHidden(node: Node): boolean {
  const { name, modifiers } = node as Node & { name?: Node; modifiers?: readonly Node[] }
  if (name?.kind === SyntaxKind.PrivateIdentifier) return true
  return (
    modifiers?.some(
      ({ kind }) => kind === SyntaxKind.PrivateKeyword || kind === SyntaxKind.ProtectedKeyword,
    ) ?? false
  )
}

export function readPublicSurface(): Declaration[] {
  const api = new API({ cwd: root })
  try {
    const projects = [...new Set(ENTRIES.map(([, project]) => `${root}${project}/tsconfig.json`))]
    const snapshot = api.updateSnapshot({ openProjects: projects })
    const found = new Map<string, Declaration>()
    const wanted: (readonly [entry: string, project: string, file: string, only?: string])[] = [
      ...ENTRIES,
      ...HELD.map(([name, entry, project, file]) => [entry, project, file, name] as const),
    ]
    for (const [entry, projectFolder, file, only] of wanted) {
      const project = snapshot.getProject(`${root}${projectFolder}/tsconfig.json`)!
      const source = project.program.getSourceFile(root + file)!
      new Reader(project, entry, found).readModule(project.checker.getSymbolAtLocation(source)!, only)
    }
    return [...found.values()]
  } finally {
    api.close()
  }
}
