// One of the processes that serve. A WebSocket for a session of another one is handed to it as it is, before its 101: it then costs what a
// WebSocket of its own costs. What cannot be handed over (TLS) is relayed, as between machines.
import nodeCluster from 'node:cluster'
import type { EventEmitter } from 'node:events'
import type { IncomingMessage, Server as HttpServer, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { TidewireError } from '@tidewire/protocol'
import type { DrainOptions } from '../drain.ts'
import { headText } from '../engine/request-facts.ts'
import { markOwn } from '../http/observers.ts'
import type { WorkerServer } from '../workers.ts'
import { handleOf, isHandable, isMessage, sendSocket, stopReading } from './messages.ts'
import type { Message } from './messages.ts'

const INCARNATION_LENGTH = 4
/** Connections that are kept between requests are waited for so long at most. */
const MAX_KEPT_MS = 10_000

export async function serveWorker(server: WorkerServer, drain: DrainOptions | undefined): Promise<void> {
  const { cluster, engine } = server
  if (cluster === undefined || engine === undefined) {
    throw new TidewireError(
      'TW_ERR_CONFIG',
      'A worker returned a server that is not part of the cluster or not attached; make it with new Server(http, { cluster: worker.cluster })',
    )
  }
  await cluster.ready()
  new ServingWorker(server, engine, drain).begin(cluster.incarnation)
}

class ServingWorker {
  readonly #server: WorkerServer
  readonly #engine: NonNullable<WorkerServer['engine']>
  readonly #drain: DrainOptions | undefined
  /** Answers of node:http that are not written yet. */
  readonly #answers = new Set<ServerResponse>()
  readonly #moving = new Set<Promise<void>>()
  #siblings: ReadonlySet<string> = new Set()
  #handedOver = 0
  #takenOver = 0
  #isStopping = false
  #hasStopped = false
  #leave: (() => void) | undefined

  constructor(server: WorkerServer, engine: NonNullable<WorkerServer['engine']>, drain: DrainOptions | undefined) {
    this.#server = server
    this.#engine = engine
    this.#drain = drain
  }

  get #http(): HttpServer {
    return this.#server.httpServer as HttpServer
  }

  begin(incarnation: string): void {
    this.#engine.handOver = (sid, req, socket, head) => {
      const to = sid.slice(0, INCARNATION_LENGTH)
      if (!this.#siblings.has(to) || !isHandable(socket) || process.connected !== true) return false
      stopReading(socket)
      this.#handedOver++
      this.#move({ tidewire: 'upgrade', to, request: requestText(req, head, socket.read() as Buffer | null) }, socket)
      return true
    }
    this.#http.on(
      'request',
      markOwn((_req: IncomingMessage, res: ServerResponse) => {
        this.#answers.add(res)
        res.once('close', () => this.#answers.delete(res))
      }),
    )
    process.on('message', (message: unknown, socket: unknown) => {
      if (isMessage(message)) this.#handleMessage(message, socket as Socket | undefined)
    })
    // Only the primary has the terminal's word.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})
    if (process.platform !== 'win32') process.on('SIGUSR2', () => {})
    // Without the first node:cluster ends the process at once when the primary is gone.
    nodeCluster.worker!.exitedAfterDisconnect = true
    process.on('disconnect', () => this.#stop())
    this.#tell({ tidewire: 'ready', incarnation })
  }

  #tell(message: Message): void {
    if (process.connected === true) process.send!(message)
  }

  #handleMessage(message: Message, socket: Socket | undefined): void {
    if (message.tidewire === 'siblings') this.#siblings = new Set(message.incarnations)
    else if (message.tidewire === 'upgrade') this.#takeOver(message, socket)
    else if (message.tidewire === 'retire') void this.#retire()
    else if (message.tidewire === 'stop') this.#stop()
    else if (message.tidewire === 'left') this.#leave?.()
    else if (message.tidewire === 'ask') this.#answer(message.question)
  }

  #answer(question: number): void {
    const { user, system } = process.cpuUsage()
    this.#tell({
      tidewire: 'figures',
      question,
      figures: {
        sessions: this.#engine.clientsCount,
        relayedWebSockets: this.#engine.relayedWebSockets.length,
        handedOver: this.#handedOver,
        takenOver: this.#takenOver,
        rssBytes: process.memoryUsage.rss(),
        cpuMs: Math.round((user + system) / 1_000),
      },
    })
  }

  /** As if the client had connected here. */
  #takeOver(message: Message & { readonly tidewire: 'upgrade' }, socket: Socket | undefined): void {
    // The client has gone on the way.
    if (socket === undefined) return
    // It was on its way when this process ended its last session: another one says what has become of it.
    if (this.#hasStopped) return this.#move({ ...message, to: '' }, socket)
    this.#takenOver++
    socket.pause()
    socket.unshift(Buffer.from(message.request, 'latin1'))
    ;(this.#http as EventEmitter).emit('connection', socket)
    socket.resume()
  }

  #move(message: Message, socket: Socket): void {
    const sent = sendSocket(process as never, message, socket)
    this.#moving.add(sent)
    void sent.then(() => this.#moving.delete(sent))
  }

  /** No further connection comes here, and those that there are end with their next answer, so that no client comes too late. */
  async #retire(): Promise<void> {
    const http = this.#http
    // What node:cluster put in the place of a listening socket: the primary gives this process no more. close() of the server would cut idle
    // connections, on which a request may be under way, and end the engine with the last of them.
    handleOf(http as unknown as Socket)?.close?.()
    this.#engine.endsConnections = true
    for (const res of this.#answers) if (!res.headersSent) res.setHeader('Connection', 'close')
    http.prependListener('request', (_req, res) => void res.setHeader('Connection', 'close'))
    const kept = http.keepAliveTimeout > 0 ? http.keepAliveTimeout + 1_000 : MAX_KEPT_MS
    await new Promise((resolve) => setTimeout(resolve, Math.min(kept, MAX_KEPT_MS)))
    this.#stop()
  }

  #stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#end().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error('tidewire: a worker could not end in order:', error)
        process.exit(1)
      },
    )
  }

  async #end(): Promise<void> {
    await this.#server.drain(this.#drain)
    this.#hasStopped = true
    await this.#server.close()
    if (process.connected === true) {
      await new Promise<void>((resolve) => {
        this.#leave = resolve
        process.once('disconnect', resolve)
        this.#tell({ tidewire: 'leaving' })
      })
    }
    await Promise.all(this.#moving)
  }
}

/** The request as it came, and what has been read beyond it. */
function requestText(req: IncomingMessage, head: Buffer, rest: Buffer | null): string {
  return `${headText(req)}\r\n\r\n${head.toString('latin1')}${rest?.toString('latin1') ?? ''}`
}
