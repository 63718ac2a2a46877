// A server on three processes, for workers.test.ts: prints its port, and when it has ended.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'tidewire'
import { startWorkers } from 'tidewire/workers'

const workers = await startWorkers(
  async (worker) => {
    const http = createServer((_req, res) => res.end(String(process.pid)))
    const io = new Server(http, { cluster: worker.cluster })
    io.on('connection', (socket) => {
      socket.on('where', (answer: (pid: number, relayed: number) => void) => answer(process.pid, 0))
      // WebSockets on all processes that serve sessions of another one.
      socket.on('relayed', async (answer: (count: number) => void) => {
        const others = (await io.serverSideEmitWithAck('relayed')) as unknown as number[]
        answer(others.reduce((sum, count) => sum + count, io.engine.relayedWebSockets.length))
      })
    })
    io.on('relayed' as never, ((answer: (count: number) => void) => answer(io.engine.relayedWebSockets.length)) as never)
    await new Promise<void>((resolve) => http.listen(Number(process.env['TEST_PORT'] ?? 0), '127.0.0.1', resolve))
    process.env['TEST_PORT'] = String((http.address() as AddressInfo).port)
    return io
  },
  { count: 3, drain: { spread: 0, timeout: 5_000 } },
)
if (workers !== undefined) console.log(JSON.stringify({ pids: workers.pids }))
