// `node --conditions=tidewire-source scripts/autobahn.mjs [--all] [--update-docs] [case ...]`: runs the Autobahn test suite (fuzzing client)
// against an echo server made of our RFC 6455 codec: cases 1-7 and 10, with `--all` (`npm run autobahn:all`, up to an hour) also 9
// (large messages), and 12 and 13 (compression) against a Server with `perMessageDeflate`. The suite is Python 2 only: it is installed from
// PyPI into .cache/autobahn for the Python 2.7 found here; without one the run is skipped, loudly. Reports are left in artifacts/autobahn,
// with `--update-docs` the outcome in docs/autobahn.md. Exit 1 when a case failed or none ran.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, homedir, release } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startDeflateEchoServer } from '../packages/server/test/deflate-echo-server.ts'
import { startEchoServer } from '../packages/protocol/test/websocket/echo-server.ts'

const VIRTUALENV = 'virtualenv==20.15.1' // the last that runs on Python 2.7
const SUITE = 'autobahntestsuite==25.10.1'
const DEADLINE_MS = 60 * 60_000

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

const args = process.argv.slice(2)
const isAll = args.includes('--all')
const asked = args.filter((arg) => !arg.startsWith('--'))
const isCompression = (id) => id.startsWith('12.') || id.startsWith('13.')

const suites = [
  {
    name: 'codec',
    says: 'an echo server made of the RFC 6455 codec that is our default transport',
    start: startEchoServer,
    cases:
      asked.length > 0
        ? asked.filter((id) => !isCompression(id))
        : ['1.*', '2.*', '3.*', '4.*', '5.*', '6.*', '7.*', ...(isAll ? ['9.*'] : []), '10.*'],
  },
  {
    name: 'deflate',
    says: 'a Server with `perMessageDeflate`, which `ws` does: the WebSocket that it makes, echoing',
    start: startDeflateEchoServer,
    cases: asked.length > 0 ? asked.filter(isCompression) : isAll ? ['12.*', '13.*'] : [],
  },
].filter(({ cases }) => cases.length > 0)

/** Every case with what became of it. */
async function runSuite({ name, start, cases }) {
  const outdir = join(reports, name)
  const server = await start()
  mkdirSync(outdir, { recursive: true })
  const spec = join(outdir, 'fuzzingclient.json')
  writeFileSync(
    spec,
    JSON.stringify({
      outdir,
      servers: [{ agent: 'tidewire', url: server.url }],
      cases,
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
  const index = join(outdir, 'index.json')
  if (status !== 0 || !existsSync(index)) {
    throw new Error(
      `wstest ended with ${status} and ${existsSync(index) ? 'a' : 'no'} report:\n${log.slice(-4_000)}`,
    )
  }
  return Object.entries(JSON.parse(readFileSync(index, 'utf8')).tidewire ?? {})
}

// How the connection was closed is judged apart from how the messages were handled.
const isFailed = ([, { behavior, behaviorClose }]) =>
  !['OK', 'NON-STRICT', 'INFORMATIONAL'].includes(behavior) ||
  !['OK', 'INFORMATIONAL'].includes(behaviorClose)

/** By the number before the first dot: how many cases ended how. */
function groupsOf(cases) {
  const groups = new Map()
  for (const entry of cases) {
    const group = Number(entry[0].split('.')[0])
    const counts = groups.get(group) ?? { ok: 0, 'non-strict': 0, informational: 0, failed: 0 }
    counts[isFailed(entry) ? 'failed' : entry[1].behavior.toLowerCase()]++
    groups.set(group, counts)
  }
  return [...groups].toSorted(([a], [b]) => a - b)
}

rmSync(reports, { recursive: true, force: true })
const rows = []
let failures = 0
for (const suite of suites) {
  const cases = await runSuite(suite)
  for (const [id, { behavior, behaviorClose, reportfile }] of cases.filter(isFailed))
    console.log(
      `FAILED ${id}: ${behavior}, close ${behaviorClose} (${join(reports, suite.name, reportfile)})`,
    )
  const nonStrict = cases
    .filter((entry) => !isFailed(entry) && entry[1].behavior === 'NON-STRICT')
    .map(([id]) => id)
  if (nonStrict.length > 0) console.log(`non-strict ${nonStrict.join(' ')}`)
  const groups = groupsOf(cases)
  const sum = (name) => groups.reduce((total, [, counts]) => total + counts[name], 0)
  console.log(
    `Autobahn, ${suite.name}: ${sum('ok')} ok, ${sum('non-strict')} non-strict, ${sum('informational')} informational, ${sum('failed')} failed`,
  )
  failures += sum('failed') + (cases.length === 0 ? 1 : 0)
  for (const [group, counts] of groups)
    rows.push(`| ${group} | ${suite.says} | ${Object.values(counts).join(' | ')} |`)
}
if (args.includes('--update-docs')) {
  writeFileSync(
    join(root, 'docs/autobahn.md'),
    `# Autobahn

The WebSocket conformance suite (${SUITE.replace('==', ' ')}, its fuzzing client), last run on ${new Date().toISOString().slice(0, 10)} with Node ${process.version} on
${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, ${process.platform} ${release()}. \`npm test\` runs groups 1 to 7 and 10, \`npm run autobahn:all -- --update-docs\` all that are here.

| group | against | ok | non-strict | informational | failed |
|---|---|---|---|---|---|
${rows.join('\n')}

Non-strict means that a failure of invalid UTF-8 is told at the end of a message, not in its middle; informational cases have no right or wrong. The
groups: 1 framing, 2 pings and pongs, 3 reserved bits, 4 opcodes, 5 fragmentation, 6 UTF-8, 7 closing, 9 large messages, 10 fragments of
the sender, 12 and 13 compression (group 8 does not exist, 11 was never finished by its authors).
`,
  )
}
process.exitCode = failures > 0 ? 1 : 0
