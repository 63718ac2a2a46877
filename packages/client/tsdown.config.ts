import { defineConfig } from 'tsdown'
import type { UserConfig } from 'tsdown'

// CommonJS callers expect the module itself to be `io`, with the other exports on it.
const CALLABLE = 'module.exports = Object.assign((...args) => exports.io(...args), exports);'

const node: UserConfig = {
  entry: ['src/index.ts'],
  platform: 'node',
  target: 'es2022',
  fixedExtension: false,
  dts: { oxc: {} },
  sourcemap: true,
}

/** A file for a browser, with everything in it. */
function bundle(fileName: string, format: 'esm' | 'iife', minify: boolean, entry: string = format === 'iife' ? 'src/global.ts' : 'src/browser.ts'): UserConfig {
  return {
    entry: [entry],
    format: [format],
    platform: 'browser',
    target: 'es2022',
    dts: false,
    sourcemap: true,
    minify,
    clean: false,
    deps: { alwaysBundle: [/^@tidewire\//] },
    inputOptions: { resolve: { conditionNames: ['tidewire-source', 'browser', 'import'] } },
    outputOptions: { entryFileNames: fileName },
  }
}

export default defineConfig([
  { ...node, format: ['esm'], clean: true },
  { ...node, format: ['cjs'], clean: false, outputOptions: { exports: 'named', footer: CALLABLE } },
  { ...node, entry: ['src/browser.ts'], format: ['esm'], platform: 'browser', clean: false },
  bundle('socket.io.js', 'iife', false),
  bundle('socket.io.min.js', 'iife', true),
  bundle('socket.io.esm.min.js', 'esm', true),
  bundle('socket.io.msgpack.min.js', 'iife', true, 'src/global-msgpack.ts'),
])
