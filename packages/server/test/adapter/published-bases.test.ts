// The base classes of tidewire/adapter where nodes come, fall silent and go: questions never hang, and nobody waits for who is gone.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { ClusterAdapterWithHeartbeat } from 'tidewire/adapter'
import type { ClusterMessage, ClusterResponse } from 'tidewire/adapter'
import type { Namespace } from 'tidewire'
import { start } from '../start.ts'
import type { Started } from '../start.ts'

const hub = new Set<HubAdapter>()
/** A machine may stand still for longer than a test would wait for the silence of a node. */
let heartbeatTimeout: number
const isMute = new WeakSet<object>()

class HubAdapter extends ClusterAdapterWithHeartbeat {
  readonly sent: number[] = []

  constructor(nsp: Namespace) {
    super(nsp, { heartbeatInterval: 200, heartbeatTimeout })
    hub.add(this)
  }

  protected override async doPublish(message: ClusterMessage): Promise<string> {
    this.sent.push(message.type)
    if (!isMute.has(this)) for (const other of hub) if (!isMute.has(other)) setImmediate(() => other.onMessage(structuredClone(message)))
    return ''
  }

  protected override async doPublishResponse(uid: string, response: ClusterResponse): Promise<void> {
    if (isMute.has(this)) return
    for (const other of hub) if (other.uid === uid) setImmediate(() => other.onResponse(structuredClone(response)))
  }

  override close(): void {
    void super.close()
    hub.delete(this)
  }
}

const servers: Started[] = []
beforeEach(() => void (heartbeatTimeout = 60_000))
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

async function node(): Promise<{ server: Started; adapter: HubAdapter }> {
  const server = await start({ adapter: HubAdapter as never })
  servers.push(server)
  return { server, adapter: server.io.of('/').adapter as unknown as HubAdapter }
}

it('[API-18] nodes find each other, and one that says goodbye is forgotten at once', async () => {
  const one = await node()
  const two = await node()
  await expect.poll(() => one.adapter.serverCount()).toBe(2)
  await expect.poll(() => two.adapter.serverCount()).toBe(2)
  expect(two.adapter.sent[0]).toBe(1)
  await servers.pop()!.close()
  await expect.poll(() => one.adapter.serverCount()).toBe(1)
  expect(two.adapter.sent.at(-1)).toBe(13)
})

it('[API-18] a node that falls silent is forgotten, and who waits for it gets what is known', async () => {
  heartbeatTimeout = 600
  const one = await node()
  const two = await node()
  await expect.poll(() => one.adapter.serverCount()).toBe(2)
  isMute.add(two.adapter)
  expect(await one.server.io.fetchSockets()).toEqual([])
  expect(await one.adapter.serverCount()).toBe(1)
})

it('[API-18] a question to a node that does not answer in time fails, and says how many are missing', async () => {
  const one = await node()
  const two = await node()
  await expect.poll(() => one.adapter.serverCount()).toBe(2)
  // Alive, but it answers nothing.
  ;(two.adapter as unknown as { doPublishResponse: () => Promise<void> }).doPublishResponse = () => Promise.resolve()
  await expect(one.server.io.timeout(50).fetchSockets()).rejects.toThrow('timeout reached: missing 1 responses')
})
