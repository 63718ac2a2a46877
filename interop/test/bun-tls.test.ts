// Bun.serve over TLS, and Bun's own compression of WebSocket messages, with the official client.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { spawnGroup, stopGroup } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificate } from '../src/test-certificate.ts'

const require = createRequire(import.meta.url)
const { io: connect } = require('socket.io-client-4.8.4')
const program = fileURLToPath(new URL('../servers/tidewire/bun-tls-app.ts', import.meta.url))
const bun = await provisionOrSkip('bun')

describe.skipIf(bun.skip !== undefined)('TLS and compression on Bun', () => {
  const cleanups: (() => unknown)[] = []
  let url = ''
  beforeAll(async () => {
    const { key, certificate, remove } = makeCertificate()
    cleanups.push(remove)
    const server = spawnGroup(
      bun.value!,
      ['--conditions=tidewire-source', program, key, certificate],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    cleanups.push(() => stopGroup(server, 'SIGKILL'))
    url = `https://127.0.0.1:${String((await once(server.stdout!, 'data'))[0]).trim()}`
  })
  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup()
  })

  it.each([[['polling']], [['websocket']]])('[API-40] serves over %s', async (transports) => {
    const client = connect(url, {
      transports,
      forceNew: true,
      rejectUnauthorized: false,
      perMessageDeflate: true,
    })
    cleanups.push(() => client.disconnect())
    await new Promise((resolve) => client.once('connect', resolve))
    const text = '汉字'.repeat(5_000)
    const answer = await new Promise((resolve) =>
      client.emit('echo', text, (...args: unknown[]) => resolve(args)),
    )
    expect(answer).toEqual([text, true, '127.0.0.1'])
    if (transports[0] === 'websocket')
      expect(client.io.engine.transport.ws.extensions).toContain('permessage-deflate')
  })
})
