// What the builds for browsers do beyond bundling: leave out what a build has no use for, keep error texts out, minify. Used by
// tsdown.config.ts. In: modules or chunks as text. Out: the same, shorter; positions stay those of the source, so maps stay true.
import { parseAst } from 'rolldown/parseAst'
import type { Plugin } from 'rolldown'
import { minify as terser } from 'terser'

export interface Features {
  HAS_COMPAT: boolean
  HAS_REVISION_3: boolean
  HAS_DEBUG: boolean
  HAS_NO_PAGE: boolean
  HAS_JSON_CODEC: boolean
  HAS_UNREF: boolean
  HAS_WEBTRANSPORT: boolean
}

/** Replaces src/features.ts, whose constants are all true, and the class that a build goes without; what depends on a false one is dropped as dead code. */
export function features(values: Features): Plugin {
  const code = Object.entries(values).map(([name, value]) => `export const ${name} = ${value};`)
  return {
    name: 'features',
    load(id) {
      if (/client\/src\/features\.ts$/.test(id)) return code.join('\n')
      // The name stays, so that what imports it still can.
      return !values.HAS_WEBTRANSPORT && /transports\/webtransport\.ts$/.test(id) ? 'export const WebTransportTransport = undefined' : null
    },
  }
}

/** How many arguments are left of the calls that make an error: its code says enough, README and docs say the rest. */
const ERROR_CALLS: { [callee: string]: number } = { ProtocolError: 1, malformed: 0, malformedPacket: 0, malformedPayload: 0, tooDeep: 0, typeOf: 1 }

/** Errors of the codecs without their texts: `message` is the code. */
export function shortErrors(): Plugin {
  const isCodec = (id: string): boolean => /protocol\/src\/.*\.ts$/.test(id)
  return {
    name: 'short-errors',
    load: (id) => (/protocol\/src\/errors\.ts$/.test(id) ? { code: SHORT_ERRORS, moduleType: 'ts' } : null),
    transform(source, id) {
      if (!isCodec(id)) return null
      let code = source
      walk(parseAst(source, { lang: 'ts' }), (node) => {
        const kept = node.callee?.type === 'Identifier' ? ERROR_CALLS[node.callee.name] : undefined
        if (kept === undefined || node.arguments.length <= kept) return
        const from = kept === 0 ? node.arguments[0].start : node.arguments[kept - 1].end
        const blank = source.slice(from, node.end - 1).replace(/[^\n]/g, ' ')
        code = code.slice(0, from) + blank + code.slice(node.end - 1)
      })
      return { code, map: null }
    },
  }
}

const SHORT_ERRORS = `
export class ProtocolError extends Error {
  constructor(code) {
    super(code)
    this.name = 'ProtocolError'
    this.code = code
  }
}
export { ProtocolError as TidewireError }
`

function walk(node: any, visit: (node: any) => void): void {
  if (typeof node?.type === 'string') visit(node)
  for (const child of Object.values(node)) if (typeof child === 'object' && child !== null) walk(child, visit)
}

/** Members that neither applications nor their transports and parsers see. */
const INTERNAL = /^(withError|isPending|tryCount|fromQueue|_isTooLarge|_watch|_route)$/

/** Terser: 170 bytes less after gzip than the bundler's own minifier makes of the same. */
export function minifier(format: 'esm' | 'iife'): Plugin {
  return {
    name: 'minifier',
    renderChunk: {
      order: 'post',
      async handler(code) {
        // One keyword for all declarations compresses better; as wide as before, so that positions stay.
        const even = code.replace(/\bconst (?=[\w$[{])/g, 'let   ')
        const { code: small, map } = await terser(even, {
          module: format === 'esm',
          toplevel: format === 'esm',
          ecma: 2020,
          compress: { passes: 3, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false, sequences: false, unsafe: true },
          sourceMap: { asObject: true },
          format: { comments: false },
          mangle: { properties: { regex: INTERNAL } },
        })
        return { code: small!, map: map as any }
      },
    },
  }
}
