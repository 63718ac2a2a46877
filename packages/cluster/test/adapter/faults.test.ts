// Questions to nodes that do not answer: nothing hangs, what is known comes back, and who is missing is named.
import { afterEach, expect, it } from 'vitest'
import { Cluster } from './cluster.ts'

let cluster: Cluster
afterEach(() => cluster.close())

async function start(options = {}): Promise<any[]> {
  cluster = await Cluster.start(3, {}, options)
  const clients = []
  for (const server of [0, 1, 2]) {
    const client = await cluster.connect(server)
    client.answer('ask', () => server)
    clients.push(client)
  }
  await cluster.settle()
  return clients
}

const second = { incarnation: 'bbbb', name: 'node bbbb' }

function suspect(state: 'suspect' | 'alive' = 'suspect'): void {
  const { service, node } = cluster.servers[0]!
  service.handleMemberState({ ...node.members.get('bbbb')!, state })
}

it('[CLU-87] a node that stops in the middle of fetchSockets: the others come back, and it is named', async () => {
  await start({ queryTimeoutMs: 1_500 })
  const [io] = cluster.io as any[]
  cluster.servers[1]!.node.isHeld = true

  const found = await io.fetchSockets()
  const ids = await io.allSockets()

  expect(found).toHaveLength(2)
  expect(found.missingNodes).toEqual([second])
  expect(Object.keys(found)).toEqual(['0', '1'])
  expect(ids.size).toBe(2)
  expect(ids.missingNodes).toEqual([second])
  cluster.servers[1]!.node.release()
  expect((await io.fetchSockets()).missingNodes).toBeUndefined()
})

it('[CLU-87] a node that leaves in the middle of fetchSockets ends the waiting at once', async () => {
  await start({ queryTimeoutMs: 1_000_000 })
  const [io] = cluster.io as any[]
  cluster.servers[1]!.node.isHeld = true

  const asked = io.fetchSockets()
  await cluster.servers.splice(1, 1)[0]!.close()
  const found = await asked

  expect(found).toHaveLength(2)
  expect(found.missingNodes).toEqual([second])
})

it('[CLU-87] a suspect node is not asked', async () => {
  await start({ queryTimeoutMs: 1_000_000 })
  const [io] = cluster.io as any[]
  suspect()

  const found = await io.fetchSockets()

  expect(found).toHaveLength(2)
  expect(found.missingNodes).toEqual([second])
  expect(await io.of('/').adapter.serverCount()).toBe(2)
  suspect('alive')
  expect(await io.fetchSockets()).toHaveLength(3)
})

it('[CLU-88] broadcast acknowledgements end when a node dies: an error of the official form, with the answers and the node', async () => {
  await start()
  const [io] = cluster.io as any[]
  cluster.servers[1]!.node.isHeld = true

  const asked = io
    .timeout(60_000)
    .emitWithAck('ask')
    .then(undefined, (reason: unknown) => reason)
  await cluster.servers.splice(1, 1)[0]!.close()
  const error = await asked

  expect(error.message).toBe('operation has timed out')
  expect(error.responses.toSorted()).toEqual([0, 2])
  expect(error.missingNodes).toEqual([second])
})

it('[CLU-88] a node that dies after it has counted its clients is not waited for either', async () => {
  const clients = await start()
  const [io] = cluster.io as any[]
  const silent = await cluster.connect(1)

  const asked = io
    .timeout(60_000)
    .emitWithAck('ask')
    .then(undefined, (reason: unknown) => reason)
  await Promise.all([clients[1].event('ask'), silent.event('ask')])
  await cluster.settle()
  await cluster.servers.splice(1, 1)[0]!.close()
  const error = await asked

  expect(error.responses.toSorted()).toEqual([0, 1, 2])
  expect(error.missingNodes).toEqual([second])
})

it('[CLU-88] a node whose clients have all answered may die', async () => {
  const clients = await start()
  const [io, , third] = cluster.io as any[]
  const late = await cluster.connect(2)

  const asked = io.to([clients[1].id, late.id]).timeout(60_000).emitWithAck('ask')
  await Promise.all([clients[1].event('ask'), late.event('ask')])
  await cluster.settle()
  await cluster.servers.splice(1, 1)[0]!.close()
  for (const ack of third.sockets.sockets.get(late.id).acks.values()) ack('late')

  expect((await asked).toSorted()).toEqual([1, 'late'])
})

it('[CLU-88] a suspect node gets the event, and its answers are not waited for', async () => {
  const clients = await start()
  const [io] = cluster.io as any[]
  suspect()

  const error = await io
    .timeout(60_000)
    .emitWithAck('ask')
    .then(undefined, (reason: unknown) => reason)

  expect([error.responses.toSorted(), error.missingNodes]).toEqual([[0, 2], [second]])
  await clients[1].event('ask')
})

it('[CLU-89] serverSideEmitWithAck names the nodes that did not answer', async () => {
  await start({ answerTimeoutMs: 1_500 })
  const [io, , third] = cluster.io as any[]
  third.on('question', (answer: (n: number) => void) => answer(3))

  const error = await io.serverSideEmitWithAck('question').then(undefined, (reason: unknown) => reason)

  expect([error.message, error.responses, error.missingNodes]).toEqual([
    'timeout reached: only 1 responses received out of 2',
    [3],
    [second],
  ])
})

it('[CLU-89] serverSideEmitWithAck does not wait for a node that dies', async () => {
  await start({ answerTimeoutMs: 1_000_000 })
  const [io, , third] = cluster.io as any[]
  third.on('question', (answer: (n: number) => void) => answer(3))

  const asked = io.serverSideEmitWithAck('question').then(undefined, (reason: unknown) => reason)
  await cluster.servers.splice(1, 1)[0]!.close()
  const error = await asked

  expect([error.responses, error.missingNodes]).toEqual([[3], [second]])
})

it('[CLU-90] a link that loses something tells the application of the gap', async () => {
  await start()
  const { io, service, node } = cluster.servers[0]!
  const gaps: unknown[] = []
  io.of('/').adapter.on('gap', (gap) => gaps.push(gap))

  service.handleLinkDown('bbbb', 'hole')
  service.handleLinkUp(node.members.get('bbbb')!)

  expect(gaps).toEqual([{ ...second, reason: 'hole' }])
})

it('[CLU-90] what is no message of an adapter is reported, and ends nothing', async () => {
  const errors: any[] = []
  await start({ onError: (error: unknown) => errors.push(error) })
  const { io, service } = cluster.servers[0]!

  for (const bytes of [[], [7], [7, 99, 0], [4, 1, 200, 200], [7, 1, 0, 9, 9], [200, 1, 2]])
    service.handleMessage('bbbb', new Uint8Array(bytes))
  service.handleMessage('zzzz', new Uint8Array([1]))

  expect(errors.map(({ code }) => code)).toEqual(Array.from({ length: 5 }, () => 'TW_ERR_CLUSTER_FRAME'))
  expect(await io.fetchSockets()).toHaveLength(3)
})

it('[CLU-90] socket data that cannot travel is left out, and the rest arrives', async () => {
  const clients = await start()
  const errors: unknown[] = []
  const far = cluster.servers[1]!.io
  ;(far.opts as any).onHandlerError = (error: unknown) => errors.push(error)
  const circular: any = {}
  circular.self = circular
  far.sockets.sockets.get(clients[1].id)!.data = circular
  far.sockets.sockets.get((await cluster.connect(1)).id)!.data = { n: 1 }

  const found = await cluster.io[0]!.fetchSockets()

  expect(found.map(({ data }) => data)).toContainEqual({ n: 1 })
  expect(found).toHaveLength(4)
  expect(errors).toHaveLength(1)
})
