// Builds the publishable packages in dependency order: ESM, CommonJS and declarations into packages/*/dist.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'

const packages = process.argv.length > 2 ? process.argv.slice(2) : ['protocol', 'client', 'server', 'cluster']
const tsdown = new URL('../node_modules/tsdown/dist/run.mjs', import.meta.url).pathname

for (const name of packages) {
  const cwd = new URL(`../packages/${name}`, import.meta.url).pathname
  if (!existsSync(`${cwd}/tsdown.config.ts`)) continue
  const startedAt = performance.now()
  const result = spawnSync(process.execPath, [tsdown, '--logLevel', 'warn'], { cwd, stdio: 'inherit' })
  if (result.status !== 0) process.exit(1)
  console.log(`built packages/${name} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
}

// The client's `dist` holds script bundles under the names that pages and CDNs know, so `.js` is no module in it; the one that is a module
// gets a second name, which `import` reaches by the first.
const bundles = new URL('../packages/client/dist/', import.meta.url).pathname
if (packages.includes('client')) {
  writeFileSync(`${bundles}package.json`, '{ "type": "commonjs" }\n')
  for (const name of ['socket.io.esm.min', 'socket.io.websocket.esm.min']) cpSync(`${bundles}${name}.js`, `${bundles}${name}.mjs`)
  // Where editors in projects with the older module resolution import the types of the official client from.
  for (const kind of ['esm', 'esm-debug', 'cjs']) {
    const folder = new URL(`../packages/client/build/${kind}/`, import.meta.url)
    mkdirSync(folder, { recursive: true })
    for (const name of ['index', 'manager', 'socket']) writeFileSync(new URL(`${name}.d.ts`, folder), "export * from '../../dist/index.cjs'\n")
  }
}

// The server serves the browser bundle from its own package, as the package it replaces does.
const served = new URL('../packages/server/dist/client/', import.meta.url).pathname
if (existsSync(bundles)) {
  for (const file of readdirSync(bundles).filter((name) => /^socket\.io\..*js(\.map)?$/.test(name))) cpSync(bundles + file, served + file)
}
