import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { spawnGroup } from '@tidewire/testkit/daemon'
import { expect, onTestFinished, test } from 'vitest'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))

function startMain(...flags: string[]) {
  const child = spawnGroup(
    process.execPath,
    ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', main, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const firstLine = once(createInterface({ input: child.stdout! }), 'line').then(([line]) => line as string)
  return { child, firstLine, errors: () => errors }
}

test('[IM-10] prints its address, serves the page with the client in it, and ends with 0 on SIGTERM', async () => {
  const { child, firstLine, errors } = startMain('--port', '0', '--data', 'memory')

  const [, url] = /^tidewire chat: (http:\/\/localhost:\d+)$/.exec(await firstLine)!
  const page = await fetch(url!)
  const script = await (await fetch(`${url}/app.js`)).text()
  child.kill('SIGTERM')
  const [code, signal] = await once(child, 'close')

  expect([page.status, page.headers.get('content-type'), script.includes('reconnect_attempt')]).toEqual([
    200,
    'text/html; charset=utf-8',
    true,
  ])
  expect([code, signal, errors()]).toEqual([0, null, ''])
})

test('[IM-10] says that a port is in use and takes another', async () => {
  const blocker = createServer().listen(0)
  await once(blocker, 'listening')
  onTestFinished(() => void blocker.close())
  const { port } = blocker.address() as AddressInfo
  const { firstLine, errors } = startMain('--port', String(port), '--data', 'memory')

  const taken = Number(/:(\d+)$/.exec(await firstLine)![1])

  expect(taken).not.toBe(port)
  await expect.poll(errors).toContain(`port ${port} is in use; taking ${taken}`)
  expect((await fetch(`http://localhost:${taken}/healthz`)).status).toBe(200)
})

test.each([
  [['--port', 'none'], '--port none is not a port'],
  [['--nodes', '0'], '--nodes 0 is not 1 to 32'],
  [['--nodes', '2', '--data', 'memory'], '--nodes needs a --data folder'],
])('[IM-10] refuses flags it cannot use with code 2 and the usage: %j', async (flags, message) => {
  const { child, errors } = startMain(...flags)

  // With all of its output.
  const [code] = await once(child, 'close')

  expect(code).toBe(2)
  expect(errors()).toContain(message)
})
