// The code of both READMEs is extracted and run, so that the first screen is true.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'

const root = new URL('../..', import.meta.url).pathname
const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  return port
}

function run(file: string): { child: ReturnType<typeof spawn>; lines: string[]; exited: Promise<unknown[]> } {
  const child = spawn(process.execPath, ['--conditions=tidewire-source', file], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines: string[] = []
  child.stdout!.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')))
  return { child, lines, exited: once(child, 'close') }
}

async function untilListening(port: number): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt++) {
    const isUp = await fetch(`http://localhost:${port}/socket.io/?EIO=4&transport=polling`).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`nothing listens on ${port}`)
}

it.each(['README.md', 'README.zh-CN.md'])('%s: its server and client run and print what they should', async (file) => {
  const blocks = [...readFileSync(join(root, file), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]!)
  expect(blocks).toHaveLength(2)
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-readme-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const port = await freePort()
  const [server, client] = ['server.mjs', 'client.mjs'].map((name, index) => {
    const path = join(folder, name)
    writeFileSync(path, blocks[index]!.replaceAll('3000', String(port)))
    return path
  })
  const running = run(server!)
  cleanups.push(async () => {
    running.child.kill()
    await running.exited
  })
  await untilListening(port)

  const { lines, exited } = run(client!)
  const [code] = await exited

  expect({ code, lines: lines.toSorted() }).toEqual({ code: 0, lines: ['hello', 'sent'] })
})

it('examples/hello is the code of the README', () => {
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1]!)
  const withoutComments = (code: string) => code.replace(/^\/\/.*\n/gm, '')

  const examples = ['server.mjs', 'client.mjs'].map((file) => readFileSync(join(root, 'examples/hello', file), 'utf8'))

  expect(examples.map(withoutComments)).toEqual(blocks.map(withoutComments))
})
