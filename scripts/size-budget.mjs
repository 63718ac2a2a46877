// Prints the sizes of the client's bundles and fails when one is above its budget. `gzip -9` of the minified file, 1 kB = 1000 bytes.
// Run after `npm run build`; `--build` builds the client first.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants, brotliCompressSync, gzipSync } from 'node:zlib'

const BUDGETS = {
  'socket.io.esm.min.js': { kB: 11, what: 'polling and WebSocket, servers 1.x to 4.x' },
  'socket.io.websocket.esm.min.js': { kB: 6, what: 'WebSocket only, servers 3.x and 4.x' },
  'socket.io.min.js': { kB: 12, what: 'the same and WebTransport, for a script tag' },
  'socket.io.msgpack.min.js': { kB: 13.1, what: 'with MessagePack' },
}

if (process.argv.includes('--build')) {
  const build = new URL('build.mjs', import.meta.url).pathname
  if (spawnSync(process.execPath, [build, 'protocol', 'client'], { stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) process.exit(1)
}

let isAbove = false
console.log('bundle                            raw    gzip  budget  brotli')
for (const [name, { kB, what }] of Object.entries(BUDGETS)) {
  const code = readFileSync(new URL(`../packages/client/dist/${name}`, import.meta.url))
  const gzip = gzipSync(code, { level: constants.Z_BEST_COMPRESSION }).length
  const budget = kB * 1000
  isAbove ||= gzip > budget
  const numbers = [code.length, gzip, budget, brotliCompressSync(code).length].map((n) => String(n).padStart(8)).join('')
  console.log(`${name.padEnd(31)}${numbers}  ${gzip > budget ? `ABOVE by ${gzip - budget}` : what}`)
}
process.exit(isAbove ? 1 : 0)
