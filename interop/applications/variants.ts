// Puts an application of this folder into two folders of `.cache/applications`: once with the official packages as published, once with
// `socket.io` and `socket.io-client` replaced by our packed packages through npm overrides. In: the application's folder. Out: the trace
// that its driver prints in either. A folder is named by the hash of all that went into it, so a rerun installs nothing.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { cacheDir, ProvisionError, takeLock } from '@tidewire/testkit/provision'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const here = fileURLToPath(new URL('.', import.meta.url))
const packed = join(cacheDir, 'applications', 'packed')

/** Tarball by the name under which an application resolves it. */
const OURS = {
  'socket.io': 'tidewire',
  'socket.io-client': 'tidewire-client',
  '@tidewire/protocol': 'tidewire-protocol',
}

export type Variant = 'official' | 'ours'

/** Our packages as they would be published; returns the folder of the tarballs. Call once per process. */
export async function packOurs(): Promise<string> {
  const names = ['protocol', 'client', 'server']
  const folder = join(
    packed,
    hashOf([
      join(root, 'tsdown.base.ts'),
      join(root, 'scripts/build.mjs'),
      ...names.flatMap((name) =>
        ['src', 'package.json', 'tsdown.config.ts'].map((part) => join(root, 'packages', name, part)),
      ),
    ]),
  )
  if (existsSync(folder)) return folder
  // Builds write into packages/*/dist: two runs at once would pack each other's half-written files.
  const giveBack = takeLock('applications-packed')
  try {
    if (existsSync(folder)) return folder
    const part = `${folder}.${process.pid}`
    mkdirSync(part, { recursive: true })
    await execute(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root })
    for (const name of names)
      await execute('npm', ['pack', '--silent', '--pack-destination', part], {
        cwd: join(root, 'packages', name),
      })
    renameSync(part, folder)
    return folder
  } finally {
    giveBack()
  }
}

interface Manifest {
  dependencies: Record<string, string>
  overrides?: Record<string, string>
}

interface Lockfile {
  packages: Record<
    string,
    { version?: string; integrity?: string; link?: boolean; dependencies?: Record<string, string> }
  >
}

const readJson = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8'))

/** The official packages that ours take the place of, with what only they need. */
const REPLACED =
  /(^|node_modules\/)(socket\.io|socket\.io-client|socket\.io-adapter|socket\.io-parser|engine\.io|engine\.io-client|engine\.io-parser)(\/|$)/

/** The manifest with the two packages replaced by ours. */
function withOurs(manifest: Manifest, tarballs: string): Manifest {
  const files = Object.entries(OURS).map(
    ([name, file]) => [name, `file:${join(tarballs, `${file}-4.100.0.tgz`)}`] as const,
  )
  const dependencies = { ...manifest.dependencies }
  const overrides: Record<string, string> = Object.fromEntries(
    files.filter(([name]) => !name.startsWith('@')),
  )
  // What is a dependency of the application itself cannot be overridden from outside, only replaced.
  for (const [name, file] of files)
    if (name in dependencies || name.startsWith('@')) dependencies[name] = file
  for (const [name] of files) if (name in dependencies) overrides[name] = `$${name}`
  return { ...manifest, dependencies, overrides }
}

/** The application's lockfile without the packages that are replaced: npm resolves those anew and keeps all others. */
function lockWithoutReplaced(lock: Lockfile, manifest: Manifest): Lockfile {
  const packages = Object.entries(lock.packages).filter(([path]) => !REPLACED.test(path))
  return {
    ...lock,
    packages: {
      ...Object.fromEntries(packages),
      '': { ...lock.packages[''], dependencies: manifest.dependencies },
    },
  }
}

/** Installs one variant of `application`, by its lockfile; returns its folder. */
export async function install(application: string, variant: Variant, tarballs: string): Promise<string> {
  const source = join(here, application)
  const official = readJson(join(source, 'package.json')) as Manifest
  const lock = readJson(join(source, 'package-lock.json')) as Lockfile
  const isOurs = variant === 'ours'
  const manifest = isOurs ? withOurs(official, tarballs) : official
  const text = JSON.stringify(manifest, undefined, 2)
  const lockText = JSON.stringify(isOurs ? lockWithoutReplaced(lock, manifest) : lock, undefined, 2)
  const mark = createHash('sha256').update(text).update(lockText).digest('hex').slice(0, 16)
  const folder = join(cacheDir, 'applications', application, `${variant}-${mark}`)
  const giveBack = takeLock(`application-${application}-${variant}`)
  try {
    if (!existsSync(join(folder, '.complete'))) {
      rmSync(folder, { recursive: true, force: true })
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'package.json'), text)
      writeFileSync(join(folder, 'package-lock.json'), lockText)
      const command = isOurs ? 'install' : 'ci'
      await execute('npm', [command, '--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'], {
        cwd: folder,
      }).catch((error: { stderr?: string }) => {
        throw new ProvisionError(
          `npm cannot install ${application} (${variant}): ${error.stderr ?? String(error)}`,
        )
      })
      checkReplaced(folder, variant)
      checkPinned(folder, lock)
      writeFileSync(join(folder, '.complete'), '')
    }
  } finally {
    giveBack()
  }
  for (const file of readdirSync(source))
    if (!file.startsWith('package')) cpSync(join(source, file), join(folder, file), { recursive: true })
  return folder
}

/** Everything but what is replaced is, in either variant, what the application's lockfile says; npm may put it elsewhere in the tree. */
function checkPinned(folder: string, lock: Lockfile): void {
  const nameOf = ([path, { version, integrity }]: [string, Lockfile['packages'][string]]): string =>
    `${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version} ${integrity}`
  const pinned = new Set(Object.entries(lock.packages).map(nameOf))
  const { packages } = readJson(join(folder, 'node_modules/.package-lock.json')) as Lockfile
  const others = Object.entries(packages)
    .filter(([path]) => !REPLACED.test(path) && !path.startsWith('node_modules/@tidewire/'))
    .map(nameOf)
    .filter((name) => !pinned.has(name))
  if (others.length > 0)
    throw new Error(`${folder} has other packages than its lockfile: ${others.join(', ')}`)
}

/** A copy of the wrong packages anywhere in the tree would make the comparison worthless. */
function checkReplaced(folder: string, variant: Variant): void {
  const found = readdirSync(join(folder, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .filter((path) => /(^|node_modules\/)socket\.io(-client)?\/package\.json$/.test(path))
    .map(
      (path) =>
        (JSON.parse(readFileSync(join(folder, 'node_modules', path), 'utf8')) as { name: string }).name,
    )
  if (found.length === 0 || found.some((name) => name.includes('tidewire') !== (variant === 'ours')))
    throw new Error(`${folder} holds ${found.join(', ') || 'none'}: the overrides of ${variant} did not take`)
}

/** Runs the driver of an installed application; what it prints as its last line is the trace. */
export async function traceOf(folder: string, env: Record<string, string> = {}): Promise<unknown> {
  const { stdout } = await execute(process.execPath, ['driver.mjs'], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    timeout: 120_000,
    maxBuffer: 1 << 26,
  })
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as unknown
}

function hashOf(paths: readonly string[]): string {
  const hash = createHash('sha256')
  for (const path of paths) {
    const files = path.endsWith('src')
      ? readdirSync(path, { recursive: true, encoding: 'utf8' })
          .toSorted()
          .map((file) => join(path, file))
      : [path]
    for (const file of files) if (/\.\w+$/.test(file)) hash.update(file).update(readFileSync(file))
  }
  return hash.digest('hex').slice(0, 16)
}
