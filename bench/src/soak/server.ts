// The server under soak: one process, one Server with recovery, dynamic namespaces and short heartbeats, and an application that numbers
// everything it sends so that receivers can tell what is lost, twice or out of order. In: clients, and questions over Node's channel.
// Out: a sample of its own resources after a forced collection, with what clients have sent wrongly since the last one.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import process from 'node:process'
import { Server } from 'tidewire'
import type { Socket } from 'tidewire'
import { PING_INTERVAL_MS, PING_TIMEOUT_MS, RECOVERY_MS, TICK_MS, answerTo, bodyOf } from './words.ts'
import type { ServerSample } from './sample.ts'

const http = createServer()
const io = new Server(http, {
  pingInterval: PING_INTERVAL_MS,
  pingTimeout: PING_TIMEOUT_MS,
  connectTimeout: 10_000,
  cleanupEmptyChildNamespaces: true,
  connectionStateRecovery: { maxDisconnectionDuration: RECOVERY_MS },
})
const failures: string[] = []
/** Thrown by a handler on purpose, and therefore expected here. */
let handlerErrors = 0
const counters = new Map<string, number>()

function publish(
  room: string,
  operator: { emit(event: string, ...args: any[]): unknown } = io.to(room),
): void {
  const n = (counters.get(room) ?? 0) + 1
  counters.set(room, n)
  operator.emit('pub', room, n, ...bodyOf(n))
}

function serve(socket: Socket): void {
  if (socket.recovered) socket.emit('welcome back')
  socket.data.seq ??= 0
  socket.on('echo', (...args: any[]) => args.pop()(...args))
  socket.on('seq', (n: number) => {
    if (n !== socket.data.seq + 1)
      failures.push(`seq: ${n} after ${socket.data.seq} from ${socket.handshake.query['kind']}`)
    socket.data.seq = n
  })
  socket.on('count', (done: (count: number) => void) => done(socket.data.seq))
  socket.on('join', (room: string, done: (n: number) => void) => {
    void socket.join(room)
    done(counters.get(room) ?? 0)
  })
  socket.on('leave', (room: string, done: (n: number) => void) => {
    void socket.leave(room)
    done(counters.get(room) ?? 0)
  })
  socket.on('publish', (room: string) => publish(room))
  socket.on('ask me', (x: number, done: (answer: unknown) => void) => {
    socket
      .timeout(30_000)
      .emit('question', x, (error: Error | null, answer: unknown) =>
        done(error === null ? answer : String(error)),
      )
  })
  socket.on('ask my room', (x: number, done: (answers: unknown) => void) => {
    io.to(socket.id)
      .timeout(30_000)
      .emitWithAck('question', x)
      .then(done, (error: Error) => done(String(error)))
  })
  socket.on('ask all', (x: number, done: (count: number, wrong: number) => void) => {
    // Clients come and go meanwhile, so the number of answers is free; their values are not.
    io.to('ticks')
      .timeout(2_000)
      .emit('question', x, (_error: unknown, answers: unknown[]) => {
        done(answers.length, answers.filter((answer) => answer !== answerTo(x)).length)
      })
  })
  socket.on('throw', () => {
    throw new Error('on purpose')
  })
  socket.on('kick', (close: boolean) => socket.disconnect(close))
  socket.on('never answered', (_done: () => void) => {})
}

io.on('connection', serve)
io.of('/chat')
  .use((_socket, next) => setImmediate(next))
  .on('connection', serve)
io.of('/locked').use((_socket, next) => next(new Error('no entry')))
io.of(/^\/dyn-\d+$/).on('connection', serve)

const ticker = setInterval(() => {
  publish('ticks')
  io.volatile.to('ticks').emit('blink', counters.get('ticks'))
}, TICK_MS)

const originalError = console.error
console.error = (...args: unknown[]) => {
  if (args.some((arg) => String((arg as Error)?.stack ?? arg).includes('on purpose'))) handlerErrors++
  else originalError(...args)
}
process.on('unhandledRejection', (error) => failures.push(`unhandled rejection: ${String(error)}`))

const delay = monitorEventLoopDelay({ resolution: 20 })
delay.enable()
const active = (name: RegExp): number =>
  process.getActiveResourcesInfo().filter((resource) => name.test(resource)).length

function listenersOf(emitter: {
  eventNames(): (string | symbol)[]
  listenerCount(name: any): number
}): number {
  return emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)
}

function sample(): ServerSample {
  for (let pass = 0; pass < 4; pass++) globalThis.gc?.()
  const { heapUsed, heapTotal, rss, external, arrayBuffers } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const namespaces = [...io._nsps.values()]
  const sum = (of: (namespace: (typeof namespaces)[number]) => number): number =>
    namespaces.reduce((total, namespace) => total + of(namespace), 0)
  const stats = (io as { stats?: () => unknown }).stats?.()
  const result: ServerSample = {
    heapUsed,
    heapTotal,
    rss,
    external,
    arrayBuffers,
    handles: active(/Wrap|Handle|Socket|Server/),
    timers: active(/^(Timeout|Immediate)$/),
    requests: active(/Req/),
    listeners: [process, http, io, io.engine, ...namespaces].reduce(
      (total, emitter) => total + listenersOf(emitter as any),
      0,
    ),
    sessions: io.engine.clientsCount,
    sockets: sum((namespace) => namespace.sockets.size),
    namespaces: namespaces.length,
    rooms: sum((namespace) => namespace.adapter.rooms.size),
    cpuMicros: user + system,
    stallMs: delay.max / 1e6,
    handlerErrors,
    failures: failures.splice(0),
    ...(stats === undefined ? {} : { stats }),
  }
  delay.reset()
  return result
}

process.on('message', ({ ask }: { ask: 'sample' | 'silence' }) => {
  if (ask === 'silence') clearInterval(ticker)
  process.send!({ sample: sample() })
})
process.on('disconnect', () => process.exit(0))
http.listen({ port: 0, host: '127.0.0.1' }, () =>
  process.send!({ port: (http.address() as AddressInfo).port }),
)
