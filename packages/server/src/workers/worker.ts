// One of the processes that serve. A WebSocket for a session of another one is handed to it as it is, before its 101: it then costs what a
// WebSocket of its own costs. What cannot be handed over (TLS) is relayed, as between machines.
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { TidewireError } from '@tidewire/protocol'
import type { DrainOptions } from '../drain.ts'
import { headText } from '../engine/request-facts.ts'
import type { WorkerServer } from '../workers.ts'
import { isHandable, isMessage, sendSocket, stopReading } from './messages.ts'
import type { Message } from './messages.ts'

const INCARNATION_LENGTH = 4

export async function serveWorker(server: WorkerServer, drain: DrainOptions | undefined): Promise<void> {
  const { cluster, engine } = server
  if (cluster === undefined || engine === undefined) {
    throw new TidewireError(
      'TW_ERR_CONFIG',
      'A worker returned a server that is not part of the cluster or not attached; make it with new Server(http, { cluster: worker.cluster })',
    )
  }
  await cluster.ready()
  let siblings: ReadonlySet<string> = new Set()
  engine.handOver = (sid, req, socket, head) => {
    const to = sid.slice(0, INCARNATION_LENGTH)
    if (!siblings.has(to) || !isHandable(socket) || process.connected !== true) return false
    stopReading(socket)
    sendSocket(
      process as never,
      { tidewire: 'upgrade', to, request: requestText(req, head, socket.read() as Buffer | null) },
      socket,
    )
    return true
  }
  process.on('message', (message: unknown, socket: unknown) => {
    if (!isMessage(message)) return
    if (message.tidewire === 'siblings') siblings = new Set(message.incarnations)
    else if (message.tidewire === 'upgrade') takeOver(server, message, socket as Duplex | undefined)
    else if (message.tidewire === 'stop') stop(server, drain)
  })
  // Only the primary has the terminal's word.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => {})
  process.on('disconnect', () => stop(server, drain))
  process.send!({ tidewire: 'ready', incarnation: cluster.incarnation } satisfies Message)
}

/** The request as it came, and what has been read beyond it. */
function requestText(
  req: IncomingMessage,
  head: Buffer,
  rest: Buffer | null,
): string {
  return `${headText(req)}\r\n\r\n${head.toString('latin1')}${rest?.toString('latin1') ?? ''}`
}

/** As if the client had connected here. */
function takeOver(
  server: WorkerServer,
  { request }: { readonly request: string },
  socket: Duplex | undefined,
): void {
  // The client has gone on the way.
  if (socket === undefined) return
  socket.pause()
  socket.unshift(Buffer.from(request, 'latin1'))
  ;(server.httpServer as EventEmitter).emit('connection', socket)
  socket.resume()
}

let isStopping = false

function stop(server: WorkerServer, drain: DrainOptions | undefined): void {
  if (isStopping) return
  isStopping = true
  server
    .drain(drain)
    .then(() => server.close())
    .then(
      () => process.exit(0),
      (error: unknown) => {
        console.error('tidewire: a worker could not end in order:', error)
        process.exit(1)
      },
    )
}
