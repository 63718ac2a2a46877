import { defineConfig } from 'tsdown'
import type { UserConfig } from 'tsdown'
import { features, minifier, shortErrors } from './build-plugins.ts'
import type { Features } from './build-plugins.ts'

// CommonJS callers expect the module itself to be `io`, with the other exports on it.
const CALLABLE = 'module.exports = Object.assign((...args) => exports.io(...args), exports);'

/** The script bundles work with CommonJS and AMD loaders too. */
const UNIVERSAL = 'typeof module=="object"&&module.exports?module.exports=io:typeof define=="function"&&define.amd&&define(function(){return io});'

const FULL: Features = {
  HAS_COMPAT: true,
  HAS_REVISION_3: true,
  HAS_DEBUG: false,
  HAS_JSON_CODEC: true,
  HAS_NO_PAGE: false,
  HAS_UNREF: false,
  HAS_WEBTRANSPORT: true,
}
/** The build for pages that load it as a module: every byte counts there. */
const SMALL: Features = { ...FULL, HAS_WEBTRANSPORT: false }
/** What bundlers and React Native take. */
const ANYWHERE: Features = { ...FULL, HAS_NO_PAGE: true }
const WITH_DEBUG: Features = { ...ANYWHERE, HAS_DEBUG: true }
const WEBSOCKET_ONLY: Features = { ...SMALL, HAS_COMPAT: false, HAS_REVISION_3: false }
const MSGPACK: Features = { ...FULL, HAS_JSON_CODEC: false }

/** The folder holds script bundles under their official names, so `.js` is no module in it. */
const node: UserConfig = {
  entry: ['src/index.ts'],
  platform: 'node',
  target: 'es2022',
  fixedExtension: true,
  dts: { oxc: {} },
  sourcemap: true,
  clean: false,
  checks: { pluginTimings: false },
}

interface Bundle {
  format?: 'esm' | 'iife'
  with?: Features
  minify?: boolean
  dts?: boolean
}

/** A file for a browser, with everything in it. */
function bundle(entry: string, fileName: string, { format = 'esm', with: wanted = FULL, minify = true, dts = false }: Bundle = {}): UserConfig {
  const isForPeople = format === 'iife' && !minify
  return {
    ...node,
    entry: { [fileName.replace(/\.m?js$/, '')]: entry },
    format: [format],
    platform: 'browser',
    dts: dts && { oxc: {} },
    // Only what a false feature leaves behind; terser does the rest.
    minify: minify ? false : 'dce-only',
    deps: { alwaysBundle: [/^@tidewire\//] },
    define: { 'globalThis.Buffer': 'undefined' },
    plugins: [features(wanted), ...(isForPeople ? [] : [shortErrors()]), ...(minify ? [minifier(format)] : [])],
    inputOptions: { optimization: { inlineConst: true }, resolve: { conditionNames: ['tidewire-source', 'browser', 'import'] } },
    ...(dts ? {} : { outputOptions: { entryFileNames: fileName, ...(format === 'iife' && { name: 'io', exports: 'default', footer: UNIVERSAL }) } }),
  }
}

export default defineConfig([
  { ...node, format: ['esm'], clean: true },
  { ...node, format: ['cjs'], outputOptions: { exports: 'named', footer: CALLABLE } },
  bundle('src/browser.ts', 'browser.mjs', { minify: false, with: ANYWHERE, dts: true }),
  bundle('src/browser.ts', 'debug.mjs', { minify: false, with: WITH_DEBUG }),
  bundle('src/websocket.ts', 'websocket.mjs', { minify: false, with: { ...WEBSOCKET_ONLY, HAS_NO_PAGE: true }, dts: true }),
  bundle('src/global.ts', 'socket.io.js', { format: 'iife', minify: false, with: WITH_DEBUG }),
  bundle('src/global.ts', 'socket.io.min.js', { format: 'iife' }),
  bundle('src/browser.ts', 'socket.io.esm.min.js', { with: SMALL }),
  bundle('src/global-msgpack.ts', 'socket.io.msgpack.min.js', { format: 'iife', with: MSGPACK }),
  bundle('src/websocket.ts', 'socket.io.websocket.esm.min.js', { with: WEBSOCKET_ONLY }),
])
