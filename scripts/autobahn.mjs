// `node --conditions=tidewire-source scripts/autobahn.mjs [case ...]`: runs the Autobahn test suite (fuzzing client) against an echo server
// made of our RFC 6455 codec. Cases 1-7 and 10; AUTOBAHN_ALL=1 adds group 9 (speed, minutes). Groups 12 and 13 test compression, which
// the codec does not negotiate. The suite is Python 2 only: it is installed from PyPI into .cache/autobahn for the Python 2.7 found here;
// without one the run is skipped, loudly. The report is left in artifacts/autobahn. Exit 1 when a case failed or none ran.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startEchoServer } from '../packages/protocol/test/websocket/echo-server.ts'

const VIRTUALENV = 'virtualenv==20.15.1' // the last that runs on Python 2.7
const SUITE = 'autobahntestsuite==25.10.1'
const DEADLINE_MS = 20 * 60_000

const root = fileURLToPath(new URL('..', import.meta.url))
const cache = join(root, '.cache/autobahn')
const reports = join(root, 'artifacts/autobahn')

/** A shim of a version manager may stand on PATH and yet refuse, so the interpreter itself is asked. */
function findPython27() {
  const pyenv = join(process.env.PYENV_ROOT ?? join(homedir(), '.pyenv'), 'versions')
  const managed = existsSync(pyenv) ? readdirSync(pyenv).filter((name) => name.startsWith('2.7')) : []
  const candidates = [
    process.env.PYTHON27,
    'python2.7',
    ...managed.map((name) => join(pyenv, name, 'bin/python2.7')),
  ]
  return candidates.find(
    (python) =>
      python !== undefined &&
      spawnSync(python, ['-c', 'import sys, ssl; sys.exit(sys.version_info[:2] != (2, 7))'], {
        stdio: 'ignore',
      }).status === 0,
  )
}

function run(command, args, env) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  })
  if (status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} failed: ${error?.message ?? `${stdout}${stderr}`.trim().slice(-2_000)}`,
    )
}

/** Path of `wstest`. The mark is written last, so that a run that was cut off is done anew. */
function provision(python) {
  const mark = join(cache, '.complete')
  const wanted = [python, VIRTUALENV, SUITE].join('\n')
  const wstest = join(cache, 'venv/bin/wstest')
  if (existsSync(mark) && readFileSync(mark, 'utf8') === wanted) return wstest
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  const boot = join(cache, 'boot')
  run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '--target', boot, VIRTUALENV])
  run(python, ['-m', 'virtualenv', '-q', join(cache, 'venv')], { PYTHONPATH: boot })
  run(join(cache, 'venv/bin/pip'), ['install', '-q', '--disable-pip-version-check', SUITE])
  writeFileSync(mark, wanted)
  return wstest
}

const python = findPython27()
if (python === undefined) {
  console.log(
    'SKIPPED autobahn: no python2.7 on this machine (put one on PATH or name it in PYTHON27); RFC 6455 conformance was NOT checked',
  )
  process.exit(0)
}
const wstest = provision(python)

const asked = process.argv.slice(2)
const groups = [
  '1.*',
  '2.*',
  '3.*',
  '4.*',
  '5.*',
  '6.*',
  '7.*',
  ...(process.env.AUTOBAHN_ALL ? ['9.*'] : []),
  '10.*',
]
const server = await startEchoServer()
rmSync(reports, { recursive: true, force: true })
mkdirSync(reports, { recursive: true })
const spec = join(reports, 'fuzzingclient.json')
writeFileSync(
  spec,
  JSON.stringify({
    outdir: reports,
    servers: [{ agent: 'tidewire', url: server.url }],
    cases: asked.length > 0 ? asked : groups,
    'exclude-cases': [],
    'exclude-agent-cases': {},
  }),
)

let log = ''
const client = spawn(wstest, ['-m', 'fuzzingclient', '-s', spec], {
  stdio: ['ignore', 'pipe', 'pipe'],
  timeout: DEADLINE_MS,
})
client.stdout.on('data', (chunk) => (log += chunk))
client.stderr.on('data', (chunk) => (log += chunk))
const status = await new Promise((resolve, reject) => {
  client.on('error', reject)
  client.on('close', (code, signal) => resolve(code ?? signal))
})
await server.close()

const index = join(reports, 'index.json')
if (status !== 0 || !existsSync(index)) {
  console.error(
    `wstest ended with ${status} and ${existsSync(index) ? 'a' : 'no'} report:\n${log.slice(-4_000)}`,
  )
  process.exitCode = 1
} else {
  const cases = Object.entries(JSON.parse(readFileSync(index, 'utf8')).tidewire ?? {})
  const accepted = ['OK', 'NON-STRICT', 'INFORMATIONAL']
  // How the connection was closed is judged apart from how the messages were handled.
  const isFailed = ([, result]) =>
    !accepted.includes(result.behavior) || !['OK', 'INFORMATIONAL'].includes(result.behaviorClose)
  const failed = cases.filter(isFailed)
  const of = (behavior) => cases.filter((entry) => !isFailed(entry) && entry[1].behavior === behavior)
  for (const [id, result] of failed)
    console.log(
      `FAILED ${id}: ${result.behavior}, close ${result.behaviorClose} (${join(reports, result.reportfile)})`,
    )
  for (const [id] of of('NON-STRICT')) console.log(`non-strict ${id}`)
  console.log(
    `Autobahn: ${of('OK').length} ok, ${of('NON-STRICT').length} non-strict, ${of('INFORMATIONAL').length} informational, ${failed.length} failed`,
  )
  process.exitCode = failed.length > 0 || cases.length === 0 ? 1 : 0
}
