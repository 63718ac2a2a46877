// docs/guides/old-clients.md: its programs, and the answers that it quotes.
import { createRequire } from 'node:module'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync } from 'node:fs'
import { Server } from 'tidewire'
import { JAVA_CLIENTS, PYTHON_CLIENTS, compileJava, provisionOrSkip } from '@tidewire/testkit/provision'
import { afterEach, describe, expect, it, onTestFinished } from 'vitest'
import { Guide } from '../src/guide.ts'

const require = createRequire(import.meta.url)
const java = await provisionOrSkip('java')
const python = await provisionOrSkip('python')
const text = readFileSync(new URL('../../docs/guides/old-clients.md', import.meta.url), 'utf8')

let guide: Guide | undefined
afterEach(() => guide?.close())

/** A server with the options, in this process. */
async function serve(options: object): Promise<{ url: string; io: Server }> {
  const http = createServer()
  const io = new Server(http, options)
  await once(http.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => io.close())
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, io }
}

describe('docs/guides/old-clients.md', { timeout: 120_000 }, () => {
  it.each(['1.7.4', '2.5.0'])('the program for JavaScript runs with %s', async (version) => {
    guide = new Guide('old-clients.md', (code) =>
      code.replace("'socket.io-client'", `'socket.io-client-${version}'`),
    )
    const URL = await guide.serve('server.mjs')

    expect(await guide.node('old.cjs', { URL })).toEqual({ code: 0, out: 'protocol 3\n', errors: '' })
  })

  it.skipIf(java.skip).each(JAVA_CLIENTS)('the program for Java runs with %s', async (version) => {
    guide = new Guide('old-clients.md')
    const URL = await guide.serve('server.mjs')
    const { java: runtime, clients } = java.value!
    const classpath = compileJava(`guide-hello-${version}`, clients[version], [guide.path('Hello.java')])

    const { out, errors } = await guide.run(runtime, ['-cp', classpath, 'Hello'], { URL })

    expect({ out, errors }).toEqual({ out: `protocol ${version < '2' ? 3 : 4}\n`, errors: '' })
  })

  it.skipIf(python.skip).each(PYTHON_CLIENTS)('the program for Python runs with %s', async (version) => {
    guide = new Guide('old-clients.md')
    const URL = await guide.serve('server.mjs')

    const { out, errors } = await guide.run(python.value![version], [guide.path('hello.py')], { URL })

    expect({ out, errors }).toEqual({ out: `protocol ${version < '5' ? 3 : 4}\n`, errors: '' })
  })

  it('JSONP is a script for the own site, and refused to others', async () => {
    guide = new Guide('old-clients.md')
    const URL = await guide.serve('server.mjs')

    const { out } = await guide.run('sh', [guide.path('jsonp.sh')], { URL })

    expect(out).toMatch(
      /^___eio\[0\]\("\d+:0\{.*"\);\{"code":4,"message":"Forbidden","hint":"JSONP is served to other sites only when the cors option allows their origin"\}$/,
    )
  })

  it('a server without old clients says what the guide says, and clients show what it says', async () => {
    guide = new Guide('old-clients.md')
    const { url } = await serve({ allowEIO3: false })

    const { out } = await guide.run('sh', [guide.path('ask.sh')], { URL: url })

    expect(text).toContain(`\n${out}\n`)
    for (const [version, transports, shown] of [
      ['1.7.4', ['polling'], 'xhr poll error'],
      ['2.5.0', ['polling'], 'xhr poll error'],
      ['2.5.0', ['websocket'], 'websocket error'],
    ] as const) {
      const socket = require(`socket.io-client-${version}`)(url, {
        transports,
        forceNew: true,
        reconnection: false,
      })
      const error = await new Promise<Error>((resolve) => socket.on('connect_error', resolve))
      socket.close()
      expect({ version, message: error.message }).toEqual({ version, message: shown })
      expect(text).toContain(`"${shown}"`)
    }
  })

  it.each([['polling'], ['websocket']])(
    'a new official client on an old official server shows over %s what the guide says',
    async (transport) => {
      const http = createServer()
      const old = require('socket.io-2.5.1')(http)
      await once(http.listen(0, '127.0.0.1'), 'listening')
      onTestFinished(() => old.close())
      const socket = require('socket.io-client-4.8.4')(
        `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
        { transports: [transport], forceNew: true, reconnection: false },
      )

      const { message } = await new Promise<Error>((resolve) => socket.on('connect_error', resolve))
      socket.close()

      expect(text).toContain(`"${message.split(' (')[0]}`)
    },
  )

  it.skipIf(java.skip ?? python.skip)('Java and Python show what the guide says', async () => {
    guide = new Guide('old-clients.md', (code) => code.replace('20, TimeUnit', '3, TimeUnit'))
    const { url } = await serve({ allowEIO3: false })
    const { java: runtime, clients } = java.value!
    const classpath = compileJava('guide-refused', clients['1.0.0'], [guide.path('Hello.java')])

    const byJava = await guide.run(runtime, ['-cp', classpath, 'Hello'], { URL: url })
    const byPython = await guide.run(python.value!['4.6.1'], [guide.path('hello.py')], { URL: url })

    expect(byJava.errors).toContain('xhr poll error')
    expect(byPython.errors).toContain('Unexpected status code 400 in server response')
  })

  it('the count of the guide tells old clients from new ones', async () => {
    guide = new Guide('old-clients.md')
    const { url, io } = await serve({})
    const sockets = ['1.7.4', '2.5.0', '4.8.4'].map((version) =>
      require(`socket.io-client-${version}`)(url, { forceNew: true }),
    )
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.on('connect', resolve))))

    const { countByProtocol } = (await import(guide.path('count.mjs'))) as {
      countByProtocol(io: Server): object
    }
    expect(countByProtocol(io)).toEqual({ 3: 2, 4: 1 })
    for (const socket of sockets) socket.close()
  })
})
