// A program: two workers under node:cluster with @socket.io/sticky and @socket.io/cluster-adapter as published, on the server that is named, and
// clients of both generations that try everything between them. Prints what they observe as one line of JSON.
import cluster from 'node:cluster'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import process from 'node:process'

const require = createRequire(import.meta.url)

function work(): void {
  const { Server } = require(process.argv[2] === 'tidewire' ? 'tidewire' : 'socket.io-4.8.4')
  const http = createServer()
  const io = new Server(http, { adapter: require('@socket.io/cluster-adapter').createAdapter(), allowEIO3: true })
  require('@socket.io/sticky').setupWorker(io)
  io.on('who', (answer: (text: string) => void) => answer('a worker'))
  io.on('connection', (socket: any) => {
    socket.on('worker', (answer: any) => answer(cluster.worker!.id))
    socket.on('broadcast', () => io.emit('news', '汉字', Buffer.from([1, 2])))
    socket.on('ask all', async (answer: any) => answer((await io.timeout(5_000).emitWithAck('ask')).toSorted()))
    socket.on('fetch', async (answer: any) => answer((await io.fetchSockets()).length))
    socket.on('ask the other', async (answer: any) => answer(await io.serverSideEmitWithAck('who')))
    socket.on('join', async (room: string, answer: any) => {
      await socket.join(room)
      answer()
    })
    socket.on('to room', (room: string) => io.to(room).emit('far', room))
    socket.on('kick the others', () => io.except(socket.id).disconnectSockets(true))
  })
  process.send!('ready')
}

async function lead(): Promise<void> {
  const { io: connect } = require('socket.io-client-4.8.4')
  const connectOld = require('socket.io-client-2.5.0')
  const http = createServer()
  require('@socket.io/sticky').setupMaster(http, { loadBalancingMethod: 'round-robin' })
  require('@socket.io/cluster-adapter').setupPrimary()
  // The adapter's messages hold Buffers.
  cluster.setupPrimary({ serialization: 'advanced', args: process.argv.slice(2) })
  const workers = [cluster.fork(), cluster.fork()]
  await Promise.all(workers.map(async (worker) => once(worker, 'message')))
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
  const next = (client: any, event: string): Promise<any[]> => new Promise((resolve) => client.once(event, (...args: any[]) => resolve(args)))
  const call = (client: any, ...args: any[]): Promise<any> => new Promise((resolve) => client.emit(...args, resolve))
  await Promise.all(clients.map(async (client) => next(client, 'connect')))
  const ids: number[] = await Promise.all(clients.map(async (client) => call(client, 'worker')))
  const news = Promise.all(clients.map(async (client) => next(client, 'news')))
  clients[0].emit('broadcast')
  const seen = (await news).map(([text, bytes]) => [text, Buffer.from(bytes).toString('hex')])
  for (const [index, client] of clients.entries()) client.on('ask', (answer: any) => answer(index))
  const answers = await call(clients[0], 'ask all')
  const count = await call(clients[0], 'fetch')
  const side = await call(clients[0], 'ask the other')
  await call(clients[1], 'join', 'room')
  const far = next(clients[1], 'far')
  // From a client of the other worker.
  clients[ids.findIndex((id) => id !== ids[1])].emit('to room', 'room')
  const fromAfar = await far
  const gone = Promise.all(clients.slice(1).map(async (client) => next(client, 'disconnect')))
  clients[0].emit('kick the others')
  const reasons = (await gone).map(([reason]) => reason)
  console.log(JSON.stringify({ workers: new Set(ids).size, seen, answers, count, side, fromAfar, reasons }))
  for (const client of clients) client.disconnect()
  for (const worker of workers) worker.kill()
  http.close()
  process.exit(0)
}

if (cluster.isPrimary) void lead()
else work()
