import { defineConfig } from 'tsdown'
import { commonJs, esModules } from '../../tsdown.base.ts'

// One copy in Node, Bun and Deno; ES modules for what bundles it for pages.
export default defineConfig([commonJs(), esModules])
