// A worker as the primary sees it: a process that starts, serves, retires and ends.
import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import type { Socket } from 'node:net'
import { handleOf, isMessage, sendSocket } from './messages.ts'
import type { Handle, Message, WorkerFigures } from './messages.ts'

/** Where a worker is in its life: a retiring one gets no more connections, and ends. */
export type WorkerState = 'starting' | 'serving' | 'retiring'

/** A worker that does not say how it is within this time is busy with something else. */
const ANSWER_MS = 1_000
/** Connections on their way to a worker; above this number those that have arrived are forgotten. */
const MANY_HANDLES = 32

export interface WorkerHost {
  handleReady(worker: WorkerProcess): void
  handleLeaving(worker: WorkerProcess): void
  passOn(message: Message & { readonly tidewire: 'upgrade' }, socket: Socket): void
  handleExit(worker: WorkerProcess, code: number | null, signal: string | null): void
}

export class WorkerProcess {
  state: WorkerState = 'starting'
  /** Known when it serves. */
  incarnation: string | undefined
  readonly startedAt: number = performance.now()
  /** Its exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
  readonly #worker: Worker
  readonly #asked = new Map<number, (figures: WorkerFigures | undefined) => void>()
  #underWay: Handle[] = []
  #questions = 0

  constructor(environment: Record<string, string>, host: WorkerHost) {
    this.#worker = cluster.fork(environment)
    this.#worker.on('message', (message: unknown, socket: unknown) => {
      if (!isMessage(message)) return
      if (message.tidewire === 'ready') {
        this.incarnation = message.incarnation
        this.state = 'serving'
        host.handleReady(this)
      } else if (message.tidewire === 'upgrade') {
        // Undefined when the client has gone on the way.
        if (socket !== undefined) host.passOn(message, socket as Socket)
      } else if (message.tidewire === 'leaving') {
        host.handleLeaving(this)
        this.tell({ tidewire: 'left' })
      } else if (message.tidewire === 'figures') this.#asked.get(message.question)?.(message.figures)
    })
    // A worker that dies while something is sent to it is told by its exit.
    this.#worker.on('error', () => {})
    this.ended = new Promise((resolve) => {
      this.#worker.once('exit', (code: number | null, signal: string | null) => {
        // Node would keep what was on its way for ever, and its clients wait.
        for (const handle of this.#underWay) handle.close?.()
        for (const answer of this.#asked.values()) answer(undefined)
        resolve(signal ?? code ?? 0)
        host.handleExit(this, code, signal)
      })
    })
  }

  get number(): number {
    return this.#worker.id
  }

  get pid(): number {
    return this.#worker.process.pid ?? 0
  }

  get isReachable(): boolean {
    return this.#worker.isConnected()
  }

  tell(message: Message): void {
    if (this.#worker.isConnected()) this.#worker.send(message)
  }

  /** Hands a connection to it. */
  give(message: Message, socket: Socket): void {
    const handle = handleOf(socket)
    if (handle) {
      if (this.#underWay.length >= MANY_HANDLES) this.#underWay = this.#underWay.filter(({ fd = -1 }) => fd >= 0)
      this.#underWay.push(handle)
    }
    void sendSocket(this.#worker as never, message, socket)
  }

  kill(): void {
    this.#worker.process.kill('SIGKILL')
  }

  /** Undefined when it does not answer. */
  figures(): Promise<WorkerFigures | undefined> {
    if (!this.#worker.isConnected()) return Promise.resolve(undefined)
    const question = ++this.#questions
    return new Promise((resolve) => {
      const answer = (figures: WorkerFigures | undefined): void => {
        clearTimeout(timer)
        this.#asked.delete(question)
        resolve(figures)
      }
      const timer = setTimeout(() => answer(undefined), ANSWER_MS)
      this.#asked.set(question, answer)
      this.tell({ tidewire: 'ask', question })
    })
  }
}
