// `--nodes`: the chat as several processes behind nginx.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { spawnGroup } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { expect, onTestFinished, test } from 'vitest'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const daemons = await Promise.all([provisionOrSkip('redis'), provisionOrSkip('nginx')])

test.skipIf(daemons.some(({ skip }) => skip !== undefined))(
  '[IM-14] runs several processes behind one address, and ends them all with 0 on SIGTERM',
  async () => {
    const data = mkdtempSync(join(tmpdir(), 'tidewire-chat-'))
    onTestFinished(() => rmSync(data, { recursive: true }))
    const args = [main, '--nodes', '3', '--port', '0', '--data', data]
    const child = spawnGroup(
      process.execPath,
      ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    let errors = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text))
    const [line] = await once(createInterface({ input: child.stdout! }), 'line')
    const [, url] = /^tidewire chat: (http:\/\/localhost:\d+)$/.exec(line as string)!

    const opened = await fetch(`${url}/socket.io/?EIO=4&transport=polling`).then((answer) => answer.text())
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string }
    // Each of these lands on the next node.
    const session = `${url}/socket.io/?EIO=4&transport=polling&sid=${sid}`
    const joined = await fetch(session, { method: 'POST', body: '40/im,{"name":"ann"}' })
    const answer = await fetch(session).then((response) => response.text())
    const health = await fetch(`${url}/socket.io/health`)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')

    expect([joined.status, answer.slice(0, 6), health.status]).toEqual([200, '40/im,', 200])
    expect([code, errors]).toEqual([0, ''])
  },
)
