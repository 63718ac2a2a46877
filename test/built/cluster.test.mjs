// The cluster package as it is installed: loaded as ESM and as CommonJS, two servers over one bus, and no client library of any broker.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { test } from 'node:test'

const require = createRequire(import.meta.url)

for (const [kind, load] of [
  ['ESM', (name) => import(name)],
  ['CommonJS', async (name) => require(name)],
]) {
  void test(`${kind} build on ${process.version}: two nodes find each other over a hub, and leave`, async () => {
    const { createBus, createClusterNode, startInHostHub } = await load('@tidewire/cluster')
    const hub = await startInHostHub()
    const nodes = ['aaaa', 'bbbb'].map((incarnation) => createClusterNode(createBus(`in-host:${hub.path}`), { incarnation, secret: 'built' }))
    await Promise.all(nodes.map((node) => node.start()))

    assert.deepEqual(nodes.map((node) => [...node.members.keys()]), [['bbbb'], ['aaaa']])
    await Promise.all(nodes.map((node) => node.close()))
    await hub.close()
  })

  void test(`${kind} build on ${process.version}: a missing client library is an error with the line that installs it`, async () => {
    const { createBus } = await load('@tidewire/cluster')
    for (const [url, line] of [
      ['redis://127.0.0.1:1', 'npm install redis'],
      ['nats://127.0.0.1:1', 'npm install @nats-io/transport-node'],
      ['postgres://127.0.0.1:1/x', 'npm install pg'],
    ]) {
      await assert.rejects(createBus(url).connect(), (error) => error.code === 'TW_ERR_MISSING_PACKAGE' && error.message.includes(line))
    }
  })

  void test(`${kind} build on ${process.version}: a server with the option cluster loads the package`, async () => {
    const { startInHostHub } = await load('@tidewire/cluster')
    const { Server } = await load('tidewire')
    const hub = await startInHostHub()
    const servers = await Promise.all(
      [0, 1].map(async () => {
        const http = createServer()
        const io = new Server(http, { cluster: `in-host:${hub.path}` })
        http.listen(0, '127.0.0.1')
        await once(http, 'listening')
        return { io, http }
      }),
    )
    const port = (http) => http.address().port
    const open = await (await fetch(`http://127.0.0.1:${port(servers[0].http)}/socket.io/?EIO=4&transport=polling`)).text()
    assert.match(open, /^0\{"sid":"[A-Za-z0-9_-]{20}"/)
    await Promise.all(servers.map(({ io }) => io.close()))
    await hub.close()
  })
}
