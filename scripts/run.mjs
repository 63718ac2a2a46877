// `node scripts/run.mjs <command> [args]`: runs a development command on a fresh clone with any Node >= 18.
//  1. When this Node cannot develop here (< 22.18: no type stripping, too old for vitest), take one from the npm registry.
//  2. Install dependencies when node_modules is missing or older than the lockfile.
//  3. Run the command with that Node first on PATH.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [major, minor] = process.versions.node.split('.').map(Number)
const isCapable = major > 22 || (major === 22 && minor >= 18)

const env = { ...process.env }
const pathKey = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
let node = process.execPath

function npm(args, cwd) {
  const cli = process.env.npm_execpath
  const result = cli
    ? spawnSync(process.execPath, [cli, ...args], { cwd, env, stdio: ['ignore', 2, 2] })
    : spawnSync('npm', args, { cwd, env, stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (result.status !== 0) process.exit(result.status ?? 1)
}

/** True when `npm ci` has to run in `dir`: nothing installed, or the lockfile is newer than what is. */
function isStale(dir) {
  const mark = join(dir, 'node_modules/.package-lock.json')
  return !existsSync(mark) || statSync(mark).mtimeMs < statSync(join(dir, 'package-lock.json')).mtimeMs
}

if (!isCapable) {
  const dir = join(root, 'tools/node')
  if (isStale(dir)) {
    console.error(`[setup] Node ${process.version} runs tidewire but is too old to develop it; fetching one from npm`)
    npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], dir)
  }
  const os = process.platform === 'win32' ? 'win' : process.platform
  const binary = join(dir, `node_modules/node-${os}-${process.arch}/bin/node${os === 'win' ? '.exe' : ''}`)
  if (!existsSync(binary)) {
    console.error(`[setup] npm has no Node for ${process.platform}-${process.arch}: install Node >= 22.18 and run this again`)
    process.exit(1)
  }
  node = binary
}
env[pathKey] = [dirname(node), join(root, 'node_modules/.bin'), env[pathKey]].join(delimiter)
// The Node the user started with, so that the built packages are also tested on it.
env.TIDEWIRE_USER_NODE ??= process.execPath

if (isStale(root)) {
  console.error('[setup] npm ci')
  npm(['ci', '--no-audit', '--no-fund', '--loglevel=error'], root)
}

const [command, ...args] = process.argv.slice(2)
const child = spawn(command === 'node' ? node : command, args, {
  cwd: root,
  env,
  stdio: 'inherit',
  shell: process.platform === 'win32' && command !== 'node',
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('error', (error) => {
  console.error(error.message)
  process.exit(127)
})
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 143)))
