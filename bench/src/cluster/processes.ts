// Nodes as processes, and the brokers between them.
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { startInHostHub } from '@tidewire/cluster'
import { spawnGroup, startNats, startPostgres, startRedis, stopGroup } from '@tidewire/testkit/daemon'

const program = fileURLToPath(new URL('node.ts', import.meta.url))

export class BenchNode {
  port = 0
  incarnation = ''
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>

  private constructor(bus: string) {
    const args = ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', program, bus]
    this.#child = spawnGroup(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]()
  }

  static async start(bus: string): Promise<BenchNode> {
    const node = new BenchNode(bus)
    Object.assign(node, await node.#next())
    return node
  }

  async #next(): Promise<Record<string, unknown>> {
    const { value, done } = await this.#lines.next()
    if (done === true) throw new Error('a node has ended')
    return JSON.parse(value) as Record<string, unknown>
  }

  /** Microseconds of CPU time, user and system, of all its threads since it started; and how many other nodes it knows. */
  async ask(): Promise<{ cpu: number; members: number }> {
    this.#child.stdin!.write('\n')
    return (await this.#next()) as { cpu: number; members: number }
  }

  stop(): Promise<void> {
    return stopGroup(this.#child, 'SIGKILL')
  }
}

export async function startNodes(bus: string, count: number): Promise<BenchNode[]> {
  const nodes = await Promise.all(Array.from({ length: count }, () => BenchNode.start(bus)))
  for (const node of nodes)
    while ((await node.ask()).members < count - 1) await new Promise((resolve) => setTimeout(resolve, 20))
  return nodes
}

export const brokers: Record<string, () => Promise<{ readonly url: string; stop(): Promise<unknown> }>> = {
  'in-host': async () => {
    const hub = await startInHostHub()
    return { url: `in-host:${hub.path}`, stop: () => hub.close() }
  },
  NATS: async () => {
    const daemon = await startNats()
    return { url: `nats://127.0.0.1:${daemon.port}`, stop: daemon.stop }
  },
  Redis: async () => {
    const daemon = await startRedis()
    return { url: `redis://127.0.0.1:${daemon.port}`, stop: daemon.stop }
  },
  Postgres: async () => startPostgres(),
}
