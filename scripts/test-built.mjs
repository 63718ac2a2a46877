// Builds and packs the packages, installs the tarballs into an empty project and runs test/built/*.test.mjs there with plain node:test
// on every Node that the packages promise to work on: 20, 22 and 24.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = new URL('..', import.meta.url).pathname
const NODE_VERSIONS = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0' }

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) throw result.error
  return result.status
}

function must(command, args, options) {
  const status = run(command, args, options)
  if (status !== 0) {
    console.error(`${command} ${args.join(' ')} ended with ${status}`)
    process.exit(1)
  }
}

/** A Node of `major`: this one, the user's own, or one from the npm registry kept in .cache. */
function nodeOf(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath
  const own = process.env.TIDEWIRE_USER_NODE
  if (own && spawnSync(own, ['--version'], { encoding: 'utf8' }).stdout?.startsWith(`v${major}.`)) return own
  const dir = join(root, '.cache/node', major)
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const binary = join(dir, 'node_modules', name, 'bin/node')
  if (!existsSync(binary)) {
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'package.json'), '{"private":true}')
    run('npm', ['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${NODE_VERSIONS[major]}`], { cwd: dir })
  }
  return existsSync(binary) ? binary : undefined
}

/** "tidewire-client-4.100.0.tgz" is `@tidewire/client`, "tidewire-4.100.0.tgz" is `tidewire`. */
function packageOf(tarball) {
  const scoped = /^tidewire-([a-z]+)-/.exec(tarball)
  return scoped === null ? 'tidewire' : `@tidewire/${scoped[1]}`
}

must(process.execPath, ['scripts/build.mjs'])
const project = mkdtempSync(join(tmpdir(), 'tidewire-built-'))
try {
  for (const name of ['protocol', 'server', 'client', 'cluster']) {
    must('npm', ['pack', '--silent', '--pack-destination', project], { cwd: join(root, 'packages', name), stdio: ['ignore', 'ignore', 'inherit'] })
    must(process.execPath, [join(root, 'node_modules/publint/src/cli.js'), '--strict', join(root, 'packages', name)])
  }
  const tarballs = readdirSync(project).filter((file) => file.endsWith('.tgz'))
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      private: true,
      type: 'module',
      dependencies: Object.fromEntries(
        tarballs.map((file) => [packageOf(file), `file:./${file}`]),
      ),
      // Not ours: projects with an older compiler read our declarations too (declarations.test.mjs), and servers are bundled (bundled.test.mjs).
      devDependencies: { esbuild: '0.28.2', typescript: '5.9.3', '@types/node': '20.19.25' },
    }),
  )
  must('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: project })
  cpSync(join(root, 'test/built'), join(project, 'test'), { recursive: true })
  let failed = 0
  for (const major of ['20', '22', '24']) {
    const node = nodeOf(major)
    if (node === undefined) {
      console.log(`SKIPPED built packages on Node ${major}: the registry has none for this platform`)
      if (process.env.CI === 'true') failed++
      continue
    }
    console.log(`--- built packages on Node ${major}`)
    const files = readdirSync(join(project, 'test')).filter((file) => file.endsWith('.test.mjs')).map((file) => join('test', file))
    if (run(node, ['--test', '--test-reporter=spec', ...files], { cwd: project }) !== 0) failed++
  }
  process.exitCode = failed > 0 ? 1 : 0
} finally {
  rmSync(project, { recursive: true, force: true })
}
