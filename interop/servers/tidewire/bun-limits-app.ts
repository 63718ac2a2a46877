// Our server on Bun with small limits: bun --conditions=tidewire-source bun-limits-app.ts. Says its port and what becomes of its clients, in JSON lines.
import { Server } from 'tidewire'
import { serve } from 'tidewire/bun'

const say = (...what: unknown[]): void => void process.stdout.write(`${JSON.stringify(what)}\n`)
const io = new Server({
  pingInterval: 6_000,
  maxHttpBufferSize: 10_000,
  maxOutboxBytes: 1_000_000,
  cookie: true,
})

io.on('connection', (socket) => {
  socket.conn.on('close', (reason: string, description: unknown) =>
    say('close', reason, String((description as Error | undefined)?.message ?? '')),
  )
  socket.on('echo', (value: unknown, done: (value: unknown) => void) => done(value))
  // Turn by turn, as an application would.
  socket.on('flood', (count: number) => {
    const text = 'x'.repeat(100_000)
    const next = (n: number): void => {
      if (n === count || !socket.connected) return
      socket.emit('news', n, text)
      setImmediate(next, n + 1)
    }
    next(0)
  })
  // Long to compress.
  socket.on('fat for all', () => io.emit('fat', Array.from({ length: 80_000 }, () => Math.random().toString(36)).join('').slice(0, 900_000)))
  socket.on('burst', (count: number) => {
    for (let n = 0; n < count; n++) socket.emit('n', n)
  })
  socket.on('memory', (done: (bytes: number) => void) => done(process.memoryUsage.rss()))
  socket.on('session', (done: (session: object) => void) => done((socket.request as any).session))
  socket.on('stats', (done: (stats: object) => void) => done(io.stats()))
  socket.on('end', () => void io.close())
})
const server = serve(io, { port: 0, hostname: '127.0.0.1', idleTimeout: 4 })
io.engine.use((req: any, res: any, next: () => void) => {
  req.session = { of: req.url.split('?')[0] }
  res.setHeader('X-From-Middleware', 'yes')
  next()
})
say('ready', server.port)
