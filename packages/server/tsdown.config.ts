import { defineConfig } from 'tsdown'
import type { UserConfig } from 'tsdown'
import base from '../../tsdown.base.ts'

// CommonJS callers expect the module itself to be callable: require("tidewire")(httpServer).
const CALLABLE = 'module.exports = Object.assign((server, options) => new exports.Server(server, options), exports);'

export default defineConfig([
  { ...(base as UserConfig), format: ['esm'], clean: true },
  { ...(base as UserConfig), format: ['cjs'], clean: false, shims: true, outputOptions: { footer: CALLABLE } },
  { ...(base as UserConfig), entry: ['src/workers.ts'], clean: false },
])
