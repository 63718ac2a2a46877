// One script for both servers: @socket.io/sticky and @socket.io/cluster-adapter, unmodified, over two processes of node:cluster.
// In: "tidewire" or "official" as argument. Out: what six clients observe, as one line of JSON; the process then ends by itself.
import cluster from 'node:cluster'
import type { Worker } from 'node:cluster'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'

const require = createRequire(import.meta.url)
const { createAdapter, setupPrimary } = require('@socket.io/cluster-adapter')
const { setupMaster, setupWorker } = require('@socket.io/sticky')

if (cluster.isPrimary) await observe()
else serve()

function serve(): void {
  const { Server } = require(process.argv[2] === 'tidewire' ? 'tidewire' : 'socket.io-4.8.4')
  const io = new Server(createServer(), { adapter: createAdapter(), allowEIO3: true })
  setupWorker(io)
  io.on('who', (answer: (id: number) => void) => answer(cluster.worker!.id))
  io.on('connection', (socket: any) => {
    socket.on('worker', (answer: (id: number) => void) => answer(cluster.worker!.id))
    socket.on('broadcast', () => io.emit('news', '汉字', Buffer.from([1, 2])))
    socket.on('ask all', async (answer: (answers: number[]) => void) =>
      answer(await io.timeout(5_000).emitWithAck('ask')),
    )
    socket.on('fetch', async (answer: (count: number) => void) => answer((await io.fetchSockets()).length))
    socket.on('ask servers', async (answer: (ids: number[]) => void) =>
      answer(await io.serverSideEmitWithAck('who')),
    )
    socket.on('join', async (room: string, answer: () => void) => {
      await socket.join(room)
      answer()
    })
    socket.on('to room', (room: string) => io.to(room).emit('of room', room))
    socket.on('kick', () => io.except(socket.id).disconnectSockets(true))
  })
  process.send!('ready')
}

async function observe(): Promise<void> {
  const { io: connect } = require('socket.io-client-4.8.4')
  const connectOld = require('socket.io-client-2.5.0')
  const http = createServer()
  setupMaster(http, { loadBalancingMethod: 'round-robin' })
  setupPrimary()
  const connections = new Set<Socket>()
  http.on('connection', (socket) => connections.add(socket))
  // Without it node:cluster sends JSON, which has no binary.
  cluster.setupPrimary({ serialization: 'advanced' })
  const workers = [cluster.fork(), cluster.fork()]
  await Promise.all(workers.map((worker) => ready(worker)))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`

  const clients = [
    connect(url, { transports: ['polling'], forceNew: true }),
    connect(url, { transports: ['websocket'], forceNew: true }),
    connect(url, { forceNew: true }),
    connect(url, { forceNew: true }),
    connectOld(url, { forceNew: true }),
    connectOld(url, { transports: ['polling'], forceNew: true }),
  ]
  await Promise.all(clients.map((client) => next(client, 'connect')))
  const homes: number[] = await Promise.all(clients.map((client) => call(client, 'worker')))

  const news = clients.map((client) => next(client, 'news'))
  clients[0].emit('broadcast')
  const broadcast = (await Promise.all(news)).map(([text, bytes]) => [
    text,
    Buffer.from(bytes).toString('hex'),
  ])

  for (const [index, client] of clients.entries())
    client.on('ask', (answer: (n: number) => void) => answer(index))
  const answers: number[] = await call(clients[0], 'ask all')
  const fetched: number = await call(clients[0], 'fetch')
  const servers: number[] = await call(clients[0], 'ask servers')

  await call(clients[1], 'join', 'room')
  const ofRoom = next(clients[1], 'of room')
  clients[homes.findIndex((id) => id !== homes[1])].emit('to room', 'room')
  const room = await ofRoom

  const gone = clients.slice(1).map((client) => next(client, 'disconnect'))
  clients[0].emit('kick')
  const reasons = (await Promise.all(gone)).map(([reason]) => reason)

  for (const client of clients) client.disconnect()
  // In this order: sticky throws when a request that is still under way would go to a worker that is gone.
  http.close()
  for (const socket of connections) socket.destroy()
  const ends = workers.map((worker) => once(worker, 'exit'))
  for (const worker of workers) worker.process.kill()
  await Promise.all(ends)
  const trace = {
    workers: new Set(homes).size,
    broadcast,
    answers: answers.toSorted((a, b) => a - b),
    fetched,
    otherServer: servers.length === 1 && servers[0] !== homes[0],
    room,
    reasons,
  }
  process.stdout.write(`${JSON.stringify(trace)}\n`)
}

function ready(worker: Worker): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', (message) => message === 'ready' && resolve())
    worker.once('exit', (code) => reject(new Error(`a worker ended with ${code} before it was ready`)))
  })
}

function next(client: any, event: string): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}"`)), 10_000)
    client.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}

function call(client: any, event: string, ...args: unknown[]): Promise<any> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer to "${event}"`)), 10_000)
    client.emit(event, ...args, (answer: unknown) => {
      clearTimeout(timer)
      resolve(answer)
    })
  })
}
