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
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.stderr += text))
  }

  static async start(count: number): Promise<WorkersProcess> {
    const workers = new WorkersProcess(await freePort(), count)
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`the workers are not ready: ${workers.stderr}`)),
        READY_MS,
      )
      createInterface({ input: workers.child.stdout! }).on('line', (line) => {
        const said = JSON.parse(line) as Said
        workers.said.push(said)
        if (said.event !== 'ready') return
        clearTimeout(timer)
        resolve()
      })
    })
    return workers
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

  stop(): Promise<void> {
    return stopGroup(this.child)
  }
}
