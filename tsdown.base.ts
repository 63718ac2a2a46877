import { defineConfig } from 'tsdown'

export default defineConfig({
  entry: ['src/index.ts'],
  format: ['esm', 'cjs'],
  platform: 'node',
  target: 'es2022',
  fixedExtension: false,
  dts: { oxc: {} },
  sourcemap: true,
  clean: true,
  checks: { pluginTimings: false },
})
