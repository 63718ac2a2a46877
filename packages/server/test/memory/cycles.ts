// Run by memory.test.ts with --expose-gc: clients come and go, with rooms, acknowledgements and namespaces, and the heap is weighed.
// Prints one line of JSON.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'tidewire'
import type { Socket } from 'tidewire'
import { WebSocket } from 'ws'

const CYCLES = Number(process.argv[2])
const WARM_UP = Math.ceil(CYCLES / 10)
const AT_ONCE = 20
const recovery = process.argv[3] === 'recovery' ? { connectionStateRecovery: { maxDisconnectionDuration: 1 } } : {}

const http = createServer()
const io = new Server(http, recovery)
const waitingAcks = new Set<Socket>()
const refs: WeakRef<Socket>[] = []
for (const namespace of [io.of('/'), io.of('/chat'), io.of(/^\/team-\d$/)]) {
  namespace.on('connection', (socket: Socket) => {
    refs.push(new WeakRef(socket))
    if (refs.length > 300) refs.shift()
    void socket.join(['everyone', `own-${socket.id}`])
    socket.on('question', (answer: (text: string) => void) => answer('yes'))
    socket.use((_event, next) => next())
    socket.onAny(() => {})
    // Never answered by the half of the clients that leave at once.
    socket.emit('ask', () => {})
    waitingAcks.add(socket)
    socket.timeout(20).emit('ask with a limit', () => waitingAcks.delete(socket))
    socket.on('disconnect', () => {})
  })
}
await once(http.listen(0, '127.0.0.1'), 'listening')
const { port } = http.address() as AddressInfo

async function cycle(index: number): Promise<void> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=${index % 3 === 0 ? 3 : 4}&transport=websocket`, { perMessageDeflate: false })
  ws.on('open', () => {
    if (index % 3 !== 0) ws.send('40')
    ws.send('40/chat,')
    ws.send(`40/team-${index % 5},`)
    ws.send('42/chat,7["question"]')
  })
  await new Promise<void>((resolve) => {
    ws.on('message', (data: Buffer) => {
      const text = String(data)
      if (index % 2 === 0 ? text.startsWith('43/chat,7') : text.startsWith('40')) resolve()
    })
  })
  if (index % 4 === 0) ws.terminate()
  else ws.close()
  await once(ws, 'close')
}

async function run(count: number): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await cycle(next++)
    }),
  )
}

const countAlive = (): number => refs.filter((ref) => ref.deref() !== undefined).length

async function settle(): Promise<number> {
  while (io.engine.clientsCount > 0 || waitingAcks.size > 0) await new Promise((resolve) => setImmediate(resolve))
  // With recovery the sessions of those who left expire within a sweep.
  const namespaces = [...io._nsps.values()]
  while (namespaces.some((namespace) => namespace.adapter.pendingSessions > 0)) await new Promise((resolve) => setTimeout(resolve, 100))
  // Timers of closed connections may hold on to a few for some seconds.
  for (let i = 0; i < 5 || (i < 100 && countAlive() > 0); i++) {
    if (i >= 5) await new Promise((resolve) => setTimeout(resolve, 100))
    globalThis.gc!()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return process.memoryUsage().heapUsed
}

await run(WARM_UP)
const before = await settle()
await run(CYCLES)
const after = await settle()
console.log(
  JSON.stringify({
    cycles: CYCLES,
    grownBytes: after - before,
    alive: countAlive(),
    sessions: io.engine.clientsCount,
    sockets: [...io._nsps.values()].reduce((sum, namespace) => sum + namespace.sockets.size, 0),
    rooms: [...io._nsps.values()].reduce((sum, namespace) => sum + namespace.adapter.rooms.size + namespace.adapter.sids.size, 0),
  }),
)
await io.close()
