// Two nodes on Bun.serve with a real Redis between them: requests of a session, its upgrade included, land on the node that does not own it.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { spawnGroup, startRedis, stopGroup } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'

const require = createRequire(import.meta.url)
const { io: connect } = require('socket.io-client-4.8.4')
const program = fileURLToPath(new URL('../servers/tidewire/bun-cluster-node.ts', import.meta.url))
const [bun, redis] = await Promise.all([provisionOrSkip('bun'), provisionOrSkip('redis')])

describe.skipIf((bun.skip ?? redis.skip) !== undefined)('a cluster on Bun', () => {
  const cleanups: (() => unknown)[] = []
  const hosts: string[] = []
  beforeAll(async () => {
    const daemon = await startRedis()
    cleanups.push(() => daemon.stop())
    for (let i = 0; i < 2; i++) {
      const node = spawnGroup(
        bun.value!,
        ['--conditions=tidewire-source', program, `redis://127.0.0.1:${daemon.port}`],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      cleanups.push(() => stopGroup(node, 'SIGKILL'))
      hosts.push(`127.0.0.1:${String((await once(node.stdout!, 'data'))[0]).trim()}`)
    }
  })
  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup()
  })

  it('[API-43] serves polls, posts and the upgrade of a session on the node that does not own it', async () => {
    const [owner, other] = hosts
    const path = '/socket.io/?EIO=4&transport='
    const poll = async (query: string, init: RequestInit = {}): Promise<string> =>
      (await fetch(`http://${other}${path}polling${query}`, init)).text()
    const opened = await (await fetch(`http://${owner}${path}polling`)).text()
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string }
    expect(await poll(`&sid=${sid}`, { method: 'POST', body: '40' })).toBe('ok')
    expect(await poll(`&sid=${sid}&t=1`)).toMatch(/^40\{"sid":/)
    const socket = new WebSocket(`ws://${other}${path}websocket&sid=${sid}`)
    cleanups.push(() => socket.terminate())
    await once(socket, 'open')
    const answers: string[] = []
    for (const text of ['2probe', '5', '421["echo","汉字"]']) {
      socket.send(text)
      if (text !== '5') answers.push(String((await once(socket, 'message'))[0]))
    }
    expect(answers).toEqual(['3probe', '431["汉字"]'])
  })

  it('[API-43] broadcasts to clients of both', async () => {
    const clients = hosts.map((host) =>
      connect(`http://${host}`, { transports: ['websocket'], forceNew: true }),
    )
    cleanups.push(() => clients.forEach((client) => client.disconnect()))
    await Promise.all(clients.map((client) => new Promise((resolve) => client.once('connect', resolve))))
    const news = clients.map(
      (client) => new Promise((resolve) => client.once('news', (...args: unknown[]) => resolve(args))),
    )
    clients[0].emit('all', '汉字', Buffer.from([1, 2]))
    expect(await Promise.all(news)).toEqual([1, 2].map(() => ['汉字', Buffer.from([1, 2])]))
  })
})
