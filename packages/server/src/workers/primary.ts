// The process that starts the workers. It holds the port and the hub of their bus, passes sockets between them, and serves nothing itself.
import type { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { TidewireError } from '@tidewire/protocol'
import type { WorkerCrash, WorkerStats, Workers, WorkersOptions } from '../workers.ts'
import { stopReading } from './messages.ts'
import type { Message } from './messages.ts'
import { WorkerProcess } from './worker-process.ts'
import type { WorkerHost } from './worker-process.ts'

/** Between the end of a worker and the next one in its place: a program that fails at its start must not spin. */
const RESTART_MS = [100, 500, 2_000, 5_000]
/** A worker that lived so long was no false start. */
const STABLE_MS = 10_000
/** A worker that has been emptied gets so long to end, and one that retires to see its kept connections end. */
const END_MS = 10_000
const RETIRE_MS = 12_000

interface ClusterPackage {
  readonly IN_HOST_VARIABLE: string
  startInHostHub(): Promise<{ readonly path: string; close(): Promise<void> }>
}

export class Primary implements Workers, WorkerHost {
  readonly #options: WorkersOptions
  readonly #environment: Record<string, string>
  readonly #closeHub: () => Promise<void>
  readonly #count: number
  readonly #workers = new Set<WorkerProcess>()
  readonly #byIncarnation = new Map<string, WorkerProcess>()
  readonly #restarts = new Set<NodeJS.Timeout>()
  readonly #whenReady = new Map<WorkerProcess, () => void>()
  #falseStarts = 0
  #turn = 0
  crashes = 0
  #reloading: Promise<void> | undefined
  #closing: Promise<void> | undefined

  static async start(options: WorkersOptions): Promise<Primary> {
    const { startInHostHub, IN_HOST_VARIABLE } = await load()
    const hub = await startInHostHub()
    const primary = new Primary(options, { [IN_HOST_VARIABLE]: hub.path }, () => hub.close())
    await primary.#startAll()
    return primary
  }

  private constructor(options: WorkersOptions, environment: Record<string, string>, closeHub: () => Promise<void>) {
    this.#options = options
    this.#count = options.count ?? availableParallelism()
    this.#environment = environment
    this.#closeHub = closeHub
  }

  get pids(): readonly number[] {
    return [...this.#workers].map(({ pid }) => pid)
  }

  async #startAll(): Promise<void> {
    const stop = (): void => void this.close()
    process.on('SIGTERM', stop).on('SIGINT', stop)
    if (process.platform !== 'win32') {
      process.on('SIGUSR2', () => {
        this.reload().catch((error: Error) => console.error(`tidewire: ${error.message}`))
      })
    }
    await Promise.all(Array.from({ length: this.#count }, () => this.#startOne())).catch(async (error: unknown) => {
      // Who has been stopped meanwhile wanted no worker to start.
      const isStopped = this.#closing !== undefined
      await this.close()
      if (!isStopped) throw error
    })
  }

  #fork(): WorkerProcess {
    const worker = new WorkerProcess(this.#environment, this)
    this.#workers.add(worker)
    return worker
  }

  /** Resolves when it serves; rejects when it ends before. */
  async #startOne(): Promise<WorkerProcess> {
    const worker = this.#fork()
    const ready = new Promise<undefined>((resolve) => this.#whenReady.set(worker, () => resolve(undefined)))
    const end = await Promise.race([ready, worker.ended])
    this.#whenReady.delete(worker)
    if (end === undefined) return worker
    throw new TidewireError('TW_ERR_WORKER', `a worker ended with ${end} before it served; its output says why`)
  }

  // ---- what workers say

  handleReady(worker: WorkerProcess): void {
    this.#byIncarnation.set(worker.incarnation!, worker)
    this.#tellSiblings()
    this.#whenReady.get(worker)?.()
  }

  handleLeaving(worker: WorkerProcess): void {
    this.#byIncarnation.delete(worker.incarnation!)
    this.#tellSiblings()
  }

  passOn(message: Message & { readonly tidewire: 'upgrade' }, socket: Socket): void {
    // In the turn in which it came, so that nothing has been read.
    stopReading(socket)
    const owner = this.#byIncarnation.get(message.to)
    // Any other one tells the client that its session is gone.
    const taker = owner?.isReachable === true ? owner : this.#anyServing()
    if (taker === undefined) socket.destroy()
    else taker.give(message, socket)
  }

  #anyServing(): WorkerProcess | undefined {
    const serving = [...this.#byIncarnation.values()].filter(({ state, isReachable }) => state === 'serving' && isReachable)
    return serving[this.#turn++ % Math.max(1, serving.length)]
  }

  handleExit(worker: WorkerProcess, code: number | null, signal: string | null): void {
    this.#workers.delete(worker)
    if (worker.incarnation !== undefined) this.#byIncarnation.delete(worker.incarnation)
    if (this.#closing !== undefined) return
    this.#tellSiblings()
    // Whoever waits for it to serve is told otherwise.
    if (worker.state === 'retiring' || this.#whenReady.has(worker)) return
    this.crashes++
    this.#falseStarts = performance.now() - worker.startedAt < STABLE_MS ? this.#falseStarts + 1 : 0
    // All of them, several times in a row.
    const rounds = Math.floor(Math.max(0, this.#falseStarts - 1) / this.#count)
    const restartInMs = RESTART_MS[Math.min(rounds, RESTART_MS.length - 1)]!
    const timer = setTimeout(() => {
      this.#restarts.delete(timer)
      this.#fill()
    }, restartInMs)
    this.#restarts.add(timer)
    this.#reportCrash({ number: worker.number, pid: worker.pid, code, signal, restartInMs })
  }

  /** What is missing; a reload may have filled a place already. */
  #fill(): void {
    const missing = this.#count - this.#restarts.size - [...this.#workers].filter(({ state }) => state !== 'retiring').length
    for (let n = 0; n < missing; n++) this.#fork()
  }

  #reportCrash(crash: WorkerCrash): void {
    const { onCrash } = this.#options
    if (onCrash !== undefined) return onCrash(crash)
    const { number, pid, code, signal, restartInMs } = crash
    console.error(`tidewire: worker ${number} (pid ${pid}) ended with ${signal ?? code}; another one takes its place in ${restartInMs} ms`)
  }

  #tellSiblings(): void {
    const message: Message = { tidewire: 'siblings', incarnations: [...this.#byIncarnation.keys()] }
    for (const worker of this.#byIncarnation.values()) worker.tell(message)
  }

  // ---- what the application wants

  async stats(): Promise<WorkerStats[]> {
    return Promise.all(
      [...this.#workers].map(async (worker) => {
        const { number, pid, state, startedAt } = worker
        const figures = state === 'starting' ? undefined : await worker.figures()
        return { number, pid, state, uptimeMs: Math.round(performance.now() - startedAt), ...(figures === undefined ? {} : { figures }) }
      }),
    )
  }

  reload(): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(new TidewireError('TW_ERR_WORKER', 'the workers are being ended'))
    return (this.#reloading ??= this.#reload().finally(() => (this.#reloading = undefined)))
  }

  /** First all new ones, then none of the old ones gets a connection, then these end: nobody who moves has to move twice. */
  async #reload(): Promise<void> {
    const old = [...this.#workers]
    const fresh: WorkerProcess[] = []
    try {
      // One at a time: what starts takes its core from those that serve.
      for (let n = 0; n < this.#count; n++) fresh.push(await this.#startOne())
    } catch (error) {
      for (const worker of fresh) worker.state = 'retiring'
      await Promise.all(fresh.map((worker) => this.#end(worker, 'retire')))
      if (this.#closing === undefined) this.#fill()
      throw new TidewireError('TW_ERR_WORKER', `the workers are not reloaded, the old ones go on: ${(error as Error).message}`, { cause: error })
    }
    for (const worker of old) worker.state = 'retiring'
    // A new one may have crashed while the old ones still filled its place.
    if (this.#closing === undefined) this.#fill()
    await Promise.all(old.map((worker) => this.#end(worker, 'retire')))
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    for (const timer of this.#restarts) clearTimeout(timer)
    await Promise.all([...this.#workers].map((worker) => this.#end(worker, 'stop')))
    await this.#closeHub()
  }

  async #end(worker: WorkerProcess, how: 'retire' | 'stop'): Promise<void> {
    // It does not listen to us yet.
    if (worker.incarnation === undefined) worker.kill()
    const { notice = 0, timeout = 20_000 } = this.#options.drain ?? {}
    const force = setTimeout(() => worker.kill(), notice + timeout + END_MS + (how === 'retire' ? RETIRE_MS : 0))
    worker.tell({ tidewire: how })
    await worker.ended
    clearTimeout(force)
  }
}

async function load(): Promise<ClusterPackage> {
  // A name in a variable: the package is optional, and bundlers must not look for it.
  const name = '@tidewire/cluster'
  try {
    return (await import(name)) as ClusterPackage
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new TidewireError(
      'TW_ERR_MISSING_PACKAGE',
      'tidewire/workers needs the package "@tidewire/cluster", which is not installed: npm install @tidewire/cluster',
      { cause },
    )
  }
}
