// `tidewire/workers`: the same server on several processes of one machine, behind one port. In: a function that makes the server. The process
// that calls it first becomes the primary: it starts the workers, hands connections to them in turn, and starts anew what has crashed.
import cluster from 'node:cluster'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { DrainOptions } from './drain.ts'
import type { WorkerFigures } from './workers/messages.ts'
import { Primary } from './workers/primary.ts'
import type { WorkerState } from './workers/worker-process.ts'

/** How many processes, and how they end. */
export interface WorkersOptions {
  /** Processes. Default: one for each core that this process may use. */
  count?: number
  /** How a worker is emptied when it is stopped. Default: as `io.drain()` without options. */
  drain?: DrainOptions
  /** Told of a worker that ended without being asked to. Default: one line on standard error. */
  onCrash?: (crash: WorkerCrash) => void
}

/** A worker ended without being asked to. */
export interface WorkerCrash {
  /** Which one: as `WorkerContext.number`. */
  readonly number: number
  /** Its process id. */
  readonly pid: number
  /** Its exit code, unless a signal ended it. */
  readonly code: number | null
  /** The signal that ended it, if one did. */
  readonly signal: string | null
  /** When another one takes its place: 100 ms, and up to 5 s while all workers fail at their start again and again. */
  readonly restartInMs: number
}

/** What a worker is told. */
export interface WorkerContext {
  /** 1, 2, …; a worker that takes the place of one that crashed has a new one. */
  readonly number: number
  /** For the server: `new Server(http, { cluster: worker.cluster })`. */
  readonly cluster: string
}

/** What a worker needs of its server: a `Server` of tidewire has it. */
export interface WorkerServer {
  /** Its membership; undefined without the option `cluster`, which is refused. */
  readonly cluster: { readonly incarnation: string; ready(): Promise<void> } | undefined
  /** Its engine, once attached. */
  readonly engine:
    | {
        handOver: ((sid: string, req: IncomingMessage, socket: Duplex, head: Buffer) => boolean) | undefined
        endsConnections: boolean
        readonly clientsCount: number
        readonly relayedWebSockets: readonly unknown[]
      }
    | undefined
  /** The HTTP server that connections are handed to. */
  readonly httpServer: unknown
  /** Empties it before the process ends. */
  drain(options?: DrainOptions): Promise<unknown>
  /** Ends what is left. */
  close(): Promise<void>
}

export type { WorkerFigures, WorkerState }

/** One worker, as `Workers.stats()` tells. */
export interface WorkerStats {
  /** As `WorkerContext.number`. */
  readonly number: number
  /** Its process id. */
  readonly pid: number
  /** Where it is in its life. */
  readonly state: WorkerState
  /** Since it was started. */
  readonly uptimeMs: number
  /** Not there while it starts, or when it does not answer within a second. */
  readonly figures?: WorkerFigures
}

/** The running workers, in the primary. */
export interface Workers {
  /** Process ids. */
  readonly pids: readonly number[]
  /** Workers that ended without being asked to. */
  readonly crashes: number
  /** How each worker is. One that does not answer within a second has no `figures`. */
  stats(): Promise<WorkerStats[]>
  /**
   * Puts new workers, which load the program anew, in the place of all: no connection is refused, and each client sees one reconnect. Resolves when
   * the old ones have ended; rejects, and they go on, when a new one ends before it serves. SIGUSR2 of the primary does the same.
   */
  reload(): Promise<void>
  /** Empties and ends all workers. */
  close(): Promise<void>
}

/**
 * Runs `run` in each worker; it makes a server with `cluster: worker.cluster`, listens, and returns it. Resolves when all serve: in the
 * primary with the workers, in a worker with undefined. SIGTERM and SIGINT of the primary end all in order, SIGUSR2 reloads them.
 */
export async function startWorkers(
  run: (worker: WorkerContext) => WorkerServer | Promise<WorkerServer>,
  options: WorkersOptions = {},
): Promise<Workers | undefined> {
  if (cluster.isPrimary) return Primary.start(options)
  // Not before: the primary has no use for the server, with which this shares its state.
  const { serveWorker } = await import('./workers/worker.ts')
  const server = await run({ number: cluster.worker!.id, cluster: 'in-host' })
  await serveWorker(server, options.drain)
  return undefined
}
