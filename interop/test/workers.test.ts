// `tidewire/workers` with real clients of every generation: all workers are replaced while they are connected and emit, and new connections come all
// the time. Nobody is refused, and each client sees the one reconnect that is announced to it.
import { Agent, request } from 'node:http'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { expect, it, onTestFinished } from 'vitest'
import { ClientProcess } from '../src/client-process.ts'
import { javaClients, javascriptClients, pythonClients } from '../src/client-specs.ts'
import { WorkersProcess } from '../src/workers-process.ts'

const java = await provisionOrSkip('java')
const python = await provisionOrSkip('python')
const specs = [
  ...javascriptClients,
  ...(java.skip === undefined ? javaClients.filter(({ label }) => label !== 'Java 0.8.3') : []),
  ...(python.skip === undefined ? pythonClients : []),
]
const MODES = [['polling', 'websocket'], ['polling'], ['websocket']]

function get(port: number, agent: Agent | false): Promise<number> {
  return new Promise((resolve, reject) => {
    const req = request({ host: '127.0.0.1', port, path: '/', agent }, (res) => {
      res.resume().on('end', () => resolve(res.statusCode!))
    })
    req.on('error', reject).end()
  })
}

it('[CLU-95] all workers are reloaded under real clients: no connection is refused, each client sees one announced reconnect', async () => {
  const workers = await WorkersProcess.start(3)
  onTestFinished(() => workers.stop())
  const url = `http://127.0.0.1:${workers.port}`
  const visitors: { label: string; client: ClientProcess; name: string }[] = []
  const load = { isOver: false, answered: 0, failed: [] as string[] }
  const emits: Promise<void>[] = []
  onTestFinished(() => void (load.isOver = true))
  // From its connection on: while the others took long to connect, the client for Java 1.0.0 has given up a poll to which nothing was said.
  const talk = async (client: ClientProcess, name: string): Promise<void> => {
    while (!load.isOver) {
      client.emit(name, 'tell me', 1)
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
  for (const spec of specs) {
    const [command, ...args] = await spec.command()
    const client = await ClientProcess.start(command, args)
    onTestFinished(() => client.stop())
    for (const transports of MODES) {
      const name = client.connect({ url, transports })
      visitors.push({ label: `${spec.label} ${transports.join()}`, client, name })
      await client.next(name, 'connect', 20_000)
      // python-socketio throws while it is not connected; the others keep what is emitted until they are.
      if (!spec.label.startsWith('python')) emits.push(talk(client, name))
    }
  }
  const before = workers.connectsByPid()
  const early = visitors.flatMap(({ label, client, name }) => client.unread(name).filter((event) => event !== 'event').map((event) => `${label}: ${event}`))
  expect([early, [...before.values()].reduce((sum, count) => sum + count)]).toEqual([[], visitors.length])

  const agents = [false, new Agent({ keepAlive: true, maxSockets: 1 })] as const
  const requests = Promise.all(
    agents.map(async (agent) => {
      while (!load.isOver) {
        await get(workers.port, agent).then(
          () => load.answered++,
          (error: Error) => load.failed.push(error.message),
        )
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }),
  )
  await workers.reload()
  for (const { label, client, name } of visitors)
    await client.next(name, 'connect', 20_000).catch((error: Error) => {
      throw new Error(
        `${label}: ${client
          .unread(name)
          .filter((event) => event !== 'event')
          .join()} ${error.message}`,
      )
    })
  load.isOver = true
  await Promise.all([requests, ...emits])

  expect([load.failed, load.answered > 100]).toEqual([[], true])
  const seen = await Promise.all(
    visitors.map(async ({ label, client, name }) => {
      const answer = await client.emitWithAck(name, 'echo', 'after')
      const trouble = client.unread(name).filter((event) => event !== 'event')
      return { label, answer, trouble }
    }),
  )
  // OkHttp takes no notice of a close frame: its connection is ended without one, which the Java client 1.x tells as an error too.
  const isJavaSocket = (label: string): boolean => label.startsWith('Java 1') && label.includes('websocket')
  expect(seen).toEqual(
    visitors.map(({ label }) => ({
      label,
      answer: ['after'],
      trouble: isJavaSocket(label) ? ['error', 'disconnect'] : ['disconnect'],
    })),
  )
  const after = workers.connectsByPid()
  for (const [pid, count] of before) expect(after.get(pid)).toBe(count)
  expect([...after.values()].reduce((sum, count) => sum + count)).toBe(2 * visitors.length)
  expect(workers.stderr).toBe('')
}, 300_000)
