// Namespaces that clients make: what becomes of them on one node, others know.
import { afterEach, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'

let cluster: Cluster
afterEach(() => cluster.close())

it.each([{ maxEmptyNamespaces: 0 }, { cleanupEmptyChildNamespaces: true }])(
  '[CLU-80, SIO-31] a namespace that others leave while a client is on its way in gets what other nodes send (%o)',
  async (options) => {
    cluster = await Cluster.start(2, options)
    const [near, far] = cluster.servers
    const waiting = Promise.withResolvers<() => void>()
    near!.io.of(/^\/dyn-\d+$/).use((socket, next) => {
      if (socket.handshake.auth['waits'] === true) waiting.resolve(next)
      else next()
    })
    far!.io.of('/dyn-1')
    const first = await cluster.connect(0, '/dyn-1')
    const joining = cluster.connect(0, '/dyn-1', { waits: true })
    const letIn = await waiting.promise
    first.ws.close()
    await first.disconnected()
    await expect.poll(() => near!.io._nsps.get('/dyn-1')?.sockets.size ?? 0).toBe(0)
    letIn()
    const client = await joining
    await cluster.settle()
    far!.io.of('/dyn-1').emit('hello')
    far!.io.of('/dyn-1').emit('fence')

    expect(await client.before('fence')).toEqual(['hello'])
  },
)
