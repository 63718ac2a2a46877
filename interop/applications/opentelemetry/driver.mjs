// The published instrumentation of socket.io patches the server's files by their names: the same program, loaded in each way that it works with,
// must leave the same spans. Each way has a process of its own, because what is loaded first decides.
import { execFileSync } from 'node:child_process'

const WAYS = {
  require: ['--require', './setup.cjs', 'start.cjs'],
  'require, callable': ['--require', './setup.cjs', 'start.cjs', 'callable'],
  'require, reserved events too': ['--require', './setup.cjs', 'start.cjs', 'reserved'],
  import: ['--import', './setup.mjs', 'start.mjs'],
  'import, after a require hook alone': ['--require', './setup.cjs', 'start.mjs'],
}

const trace = Object.entries(WAYS).map(([way, args]) => {
  const output = execFileSync(process.execPath, ['--no-warnings', ...args], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return [way, JSON.parse(output.trim().split('\n').at(-1))]
})
console.log(JSON.stringify(trace))
