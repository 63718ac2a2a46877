// docs/guides/bun.md, run: each of its programs by Bun, as it stands, with the official client on polling, WebSocket and upgrade.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, spawnGroup, stopGroup } from '@tidewire/testkit/daemon'
import { npmPackages, provisionOrSkip } from '@tidewire/testkit/provision'
import { afterEach, describe, expect, it } from 'vitest'

const require = createRequire(import.meta.url)
const { io: connect } = require('socket.io-client-4.8.4')
const root = new URL('../..', import.meta.url).pathname
const guide = readFileSync(join(root, 'docs/guides/bun.md'), 'utf8')
const programs = [...guide.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, program]) => program!)
const bun = await provisionOrSkip('bun')

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Runs a program with the packages that it imports beside it. */
async function start(program: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-bun-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'node_modules/@tidewire'), { recursive: true })
  symlinkSync(join(root, 'packages/server'), join(folder, 'node_modules/tidewire'))
  symlinkSync(join(root, 'packages/protocol'), join(folder, 'node_modules/@tidewire/protocol'))
  if (program.includes('"hono"'))
    symlinkSync(
      join(npmPackages('hono-4.13.19', { hono: '4.13.19' }), 'hono'),
      join(folder, 'node_modules/hono'),
    )
  writeFileSync(join(folder, 'main.ts'), program)
  const port = await freePort()
  const child = spawnGroup(bun.value!, ['--conditions=tidewire-source', 'main.ts'], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  cleanups.push(() => stopGroup(child, 'SIGKILL'))
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text))
  const url = `http://127.0.0.1:${port}`
  const deadline = Date.now() + 40_000
  while (
    !(await fetch(url).then(
      () => true,
      () => false,
    ))
  ) {
    if (Date.now() > deadline || child.exitCode !== null) throw new Error(`does not serve: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return url
}

describe.skipIf(bun.skip !== undefined)('the guide to Bun', () => {
  it.each(programs.map((program, index) => [index + 1, program] as const))(
    '[API-40] program %i serves the official client',
    async (_number, program) => {
      const url = await start(program)
      for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
        const client = connect(url, { transports, forceNew: true })
        cleanups.push(() => client.disconnect())
        if (transports.length === 2)
          await new Promise((resolve) =>
            client.io.once('open', () => client.io.engine.once('upgrade', resolve)),
          )
        expect(await client.timeout(5_000).emitWithAck('echo', '汉字')).toBe('汉字')
      }
      const other = await fetch(url)
      expect(other.status).toBe(program.includes('hono') ? 200 : 404)
    },
  )
})
