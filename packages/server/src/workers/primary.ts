// The process that starts the workers. It holds the port and the hub of their bus, passes sockets between them, and serves nothing itself.
import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import type { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { TidewireError } from '@tidewire/protocol'
import type { Workers, WorkersOptions } from '../workers.ts'
import { isMessage, sendSocket, stopReading } from './messages.ts'
import type { Message } from './messages.ts'

/** Between the end of a worker and the next one in its place: a program that fails at its start must not spin. */
const RESTART_MS = [100, 500, 2_000, 5_000]
/** A worker that lived so long was no false start. */
const STABLE_MS = 10_000
/** A worker that has been emptied gets so long to end. */
const END_MS = 10_000

interface ClusterPackage {
  readonly IN_HOST_VARIABLE: string
  startInHostHub(): Promise<{ readonly path: string; close(): Promise<void> }>
}

export class Primary implements Workers {
  readonly #options: WorkersOptions
  readonly #environment: Record<string, string>
  readonly #closeHub: () => Promise<void>
  readonly #workers = new Set<Worker>()
  readonly #byIncarnation = new Map<string, Worker>()
  readonly #restarts = new Set<NodeJS.Timeout>()
  #falseStarts = 0
  #closing: Promise<void> | undefined

  static async start(options: WorkersOptions): Promise<Primary> {
    const { startInHostHub, IN_HOST_VARIABLE } = await load()
    const hub = await startInHostHub()
    const primary = new Primary(options, { [IN_HOST_VARIABLE]: hub.path }, () => hub.close())
    await primary.#startAll()
    return primary
  }

  private constructor(
    options: WorkersOptions,
    environment: Record<string, string>,
    closeHub: () => Promise<void>,
  ) {
    this.#options = options
    this.#environment = environment
    this.#closeHub = closeHub
  }

  get pids(): readonly number[] {
    return [...this.#workers].map((worker) => worker.process.pid!)
  }

  async #startAll(): Promise<void> {
    const count = this.#options.count ?? availableParallelism()
    const stop = (): void => void this.close()
    process.on('SIGTERM', stop).on('SIGINT', stop)
    await Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<void>((resolve, reject) => {
            const worker = this.#fork(resolve)
            worker.once('exit', (code, signal) =>
              reject(
                new TidewireError(
                  'TW_ERR_WORKER',
                  `a worker ended with ${signal ?? code} before it served; its output says why`,
                ),
              ),
            )
          }),
      ),
    ).catch(async (error: unknown) => {
      await this.close()
      throw error
    })
  }

  #fork(handleReady: () => void = () => {}): Worker {
    const worker = cluster.fork(this.#environment)
    const startedAt = performance.now()
    let incarnation: string | undefined
    this.#workers.add(worker)
    worker.on('message', (message: unknown, socket: unknown) => {
      if (!isMessage(message)) return
      if (message.tidewire === 'upgrade') return this.#passOn(message, socket as Socket | undefined)
      if (message.tidewire !== 'ready') return
      incarnation = message.incarnation
      this.#byIncarnation.set(incarnation, worker)
      this.#tellSiblings()
      handleReady()
    })
    worker.once('exit', () => {
      this.#workers.delete(worker)
      if (incarnation !== undefined) this.#byIncarnation.delete(incarnation)
      if (this.#closing !== undefined) return
      this.#tellSiblings()
      this.#falseStarts = performance.now() - startedAt < STABLE_MS ? this.#falseStarts + 1 : 0
      const timer = setTimeout(
        () => {
          this.#restarts.delete(timer)
          this.#fork()
        },
        RESTART_MS[Math.min(this.#falseStarts, RESTART_MS.length - 1)],
      )
      this.#restarts.add(timer)
    })
    return worker
  }

  #tellSiblings(): void {
    const message: Message = { tidewire: 'siblings', incarnations: [...this.#byIncarnation.keys()] }
    for (const worker of this.#byIncarnation.values()) worker.send(message)
  }

  #passOn(message: Message & { tidewire: 'upgrade' }, socket: Socket | undefined): void {
    // The client has gone on the way.
    if (socket === undefined) return
    // In the turn in which it came, so that nothing has been read.
    stopReading(socket)
    socket.on('error', () => socket.destroy())
    const owner = this.#byIncarnation.get(message.to)
    if (owner === undefined || !owner.isConnected()) return void socket.destroy()
    sendSocket(owner as never, message, socket)
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    for (const timer of this.#restarts) clearTimeout(timer)
    const { notice = 0, timeout = 20_000 } = this.#options.drain ?? {}
    await Promise.all(
      [...this.#workers].map(async (worker) => {
        const ended = new Promise((resolve) => worker.once('exit', resolve))
        const force = setTimeout(() => worker.process.kill('SIGKILL'), notice + timeout + END_MS)
        if (worker.isConnected()) worker.send({ tidewire: 'stop' } satisfies Message)
        await ended
        clearTimeout(force)
      }),
    )
    await this.#closeHub()
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
