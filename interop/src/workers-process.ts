// A server on several processes of one machine (`tidewire/workers`) as a child process, and what its workers say.
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { freePort, spawnGroup, stopGroup } from '@tidewire/testkit/daemon'

const program = fileURLToPath(new URL('../servers/tidewire/workers.ts', import.meta.url))
const READY_MS = 30_000

interface Said {
  readonly event: string
  readonly pid: number
}

export class WorkersProcess {
  readonly port: number
  readonly child: ChildProcess
  readonly said: Said[] = []
  stderr = ''
  #wake = (): void => {}

  private constructor(port: number, count: number) {
    this.port = port
    this.child = spawnGroup(
      process.execPath,
      [
        '--conditions=tidewire-source',
        '--disable-warning=ExperimentalWarning',
        program,
        String(port),
        String(count),
      ],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    )
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.said.push(JSON.parse(line) as Said)
      this.#wake()
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
  }

  static async start(count: number): Promise<WorkersProcess> {
    const workers = new WorkersProcess(await freePort(), count)
    await workers.#until('ready', READY_MS)
    return workers
  }

  /** Resolves when the old workers have ended. */
  async reload(): Promise<void> {
    this.child.stdin!.write('reload\n')
    await this.#until('reloaded', 60_000)
  }

  count(event: string): number {
    return this.said.filter((line) => line.event === event).length
  }

  /** Sessions that each process was given. */
  connectsByPid(): Map<number, number> {
    const counts = new Map<number, number>()
    for (const { event, pid } of this.said)
      if (event === 'connect') counts.set(pid, (counts.get(pid) ?? 0) + 1)
    return counts
  }

  async #until(event: string, withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs
    while (this.count(event) === 0) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) throw new Error(`not ${event}: ${JSON.stringify(this.said.slice(-5))} ${this.stderr}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  stop(): Promise<void> {
    return stopGroup(this.child)
  }
}
