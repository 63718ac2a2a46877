// docs/guides/replacing-socket.io.md: its manifests are installed by npm, pnpm and yarn beside an application that brings the official server,
// from packages as they would be published; then its program runs, and its types compile against both.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { packOurs } from '../applications/variants.ts'
import { blocksOf } from '../src/guide.ts'

const execute = promisify(execFile)
const root = fileURLToPath(new URL('../..', import.meta.url))
const blocks = blocksOf(readFileSync(join(root, 'docs/guides/replacing-socket.io.md'), 'utf8'))
/** Depends on socket.io 4.x by itself. */
const DEPENDENT = { '@feathersjs/feathers': '5.0.50', '@feathersjs/socketio': '5.0.50' }

/** The package managers, with the file of the guide that each takes and how it installs. */
const MANAGERS = [
  {
    name: 'npm',
    manifest: 'npm.json',
    command: ['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts'],
  },
  {
    name: 'pnpm 10',
    manifest: 'npm.json',
    command: ['npx', '--yes', 'pnpm@10.34.9', 'install', '--ignore-scripts'],
  },
  {
    name: 'yarn 1',
    manifest: 'yarn.json',
    command: ['npx', '--yes', 'yarn@1.22.22', 'install', '--ignore-scripts', '--non-interactive'],
  },
  {
    name: 'yarn 4',
    manifest: 'yarn.json',
    command: ['npx', '--yes', '@yarnpkg/cli-dist@4.9.1', 'install', '--mode=skip-build'],
  },
]

describe('docs/guides/replacing-socket.io.md', () => {
  let published: (spec: string) => string
  let protocol: string
  beforeAll(async () => {
    const tarballs = await packOurs()
    const file = (name: string): string => `file:${join(tarballs, `${name}-4.100.0.tgz`)}`
    protocol = file('tidewire-protocol')
    // Not on npm yet: the tarballs stand for what the aliases name.
    published = (spec) =>
      spec
        .replaceAll('npm:tidewire@^4.100.0', file('tidewire'))
        .replaceAll('npm:@tidewire/client@^4.100.0', file('tidewire-client'))
  }, 300_000)

  it.each(MANAGERS)(
    'the manifest for $name replaces every copy, and the program prints tidewire',
    { timeout: 240_000 },
    async ({ name, manifest, command }) => {
      const folder = mkdtempSync(join(tmpdir(), 'tidewire-replacing-'))
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
      const parsed = JSON.parse(published(blocks.get(manifest)!)) as Record<string, Record<string, string>>
      Object.assign(parsed['dependencies']!, DEPENDENT, { '@tidewire/protocol': protocol })
      for (const field of ['overrides', 'resolutions'])
        if (parsed[field] !== undefined) parsed[field]['@tidewire/protocol'] = protocol
      let workspace = published(blocks.get('pnpm-workspace.yaml')!)
      if (name.startsWith('pnpm')) {
        delete parsed['overrides']
        workspace += `  '@tidewire/protocol': ${protocol}\n`
        writeFileSync(join(folder, 'pnpm-workspace.yaml'), workspace)
      }
      if (name === 'yarn 4') {
        writeFileSync(join(folder, '.yarnrc.yml'), 'nodeLinker: node-modules\nenableTelemetry: false\n')
        writeFileSync(join(folder, 'yarn.lock'), '')
      }
      writeFileSync(
        join(folder, 'package.json'),
        JSON.stringify({ name: 'application', version: '1.0.0', private: true, ...parsed }),
      )
      writeFileSync(join(folder, 'app.mjs'), blocks.get('app.mjs')!)
      const run = (program: string, ...args: string[]) =>
        execute(program, args, {
          cwd: folder,
          env: { ...process.env, NODE_OPTIONS: '', CI: '' },
          maxBuffer: 1 << 26,
        })

      await run(command[0]!, ...command.slice(1))

      expect((await run(process.execPath, 'app.mjs')).stdout).toBe('tidewire\n')
      const copy = `require('module').createRequire(require.resolve('@feathersjs/socketio'))('socket.io/package.json').name`
      expect((await run(process.execPath, '-p', copy)).stdout).toBe('tidewire\n')
      if (name !== 'npm') return
      const { stdout } = await run('npm', 'ls', 'socket.io', 'socket.io-client')
      expect(
        stdout
          .split('\n')
          .filter((line) => / socket\.io(-client)?@/.test(line) && !/tidewire|overridden/.test(line)),
      ).toEqual([])
    },
  )

  it.each(['ours', 'official'])('the types of the guide compile with %s', async (whose) => {
    const folder = mkdtempSync(join(root, 'interop/.guide-types-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const paths =
      whose === 'ours'
        ? {
            'socket.io': ['../../packages/server/src/index.ts'],
            'socket.io-client': ['../../packages/client/src/index.ts'],
          }
        : {
            'socket.io': ['../../node_modules/socket.io-4.8.4/dist/index.d.ts'],
            'socket.io-client': ['../../node_modules/socket.io-client-4.8.4/build/esm/index.d.ts'],
          }
    writeFileSync(join(folder, 'check.ts'), blocks.get('check.ts')!)
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        extends: '../../tsconfig.base.json',
        compilerOptions: {
          noEmit: true,
          composite: false,
          incremental: false,
          emitDeclarationOnly: false,
          isolatedDeclarations: false,
          skipLibCheck: true,
          customConditions: ['tidewire-source'],
          lib: ['ES2024', 'DOM'],
          types: ['node'],
          paths,
        },
        include: ['check.ts'],
      }),
    )

    const { stdout } = await execute(join(root, 'node_modules/.bin/tsc'), ['-p', folder]).catch(
      (error: { stdout: string }) => error,
    )

    expect(stdout).toBe('')
    expect(existsSync(join(folder, 'check.ts'))).toBe(true)
  })
})
