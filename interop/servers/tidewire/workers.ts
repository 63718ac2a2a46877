// The server of the matrix on several processes: node --conditions=tidewire-source workers.ts <port> <count>. Says on stdout, in JSON lines, when all
// serve, and what connects and disconnects. A line of input reloads the workers.
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { Server } from 'tidewire'
import { startWorkers } from 'tidewire/workers'
import { serveMatrix } from './matrix-application.ts'

const [port, count] = process.argv.slice(2).map(Number)
const say = (line: object): void =>
  void process.stdout.write(`${JSON.stringify({ ...line, pid: process.pid })}\n`)

const workers = await startWorkers(
  async (worker) => {
    const http = createServer((_req, res) => res.end(String(process.pid)))
    const io = new Server(http, { cluster: worker.cluster })
    serveMatrix(io, say)
    await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
    return io
  },
  { count: count!, drain: { spread: 0, timeout: 5_000 } },
)
if (workers !== undefined) {
  say({ event: 'ready' })
  ;(process.stdin as Socket).unref()
  createInterface({ input: process.stdin }).on('line', () => {
    workers.reload().then(
      () => say({ event: 'reloaded' }),
      (error: Error) => say({ event: 'not reloaded', message: error.message }),
    )
  })
}
