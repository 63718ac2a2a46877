// One program for two engines: bun bun-engine-app.ts <engine module> <server module>. Says on stdout, in JSON lines, its port and what the
// application sees.
const [engineModule, serverModule] = process.argv.slice(2)
const { Server: Engine } = await import(engineModule!)
const { Server } = await import(serverModule!)
declare const Bun: { serve(options: object): { port: number } }

const say = (...what: unknown[]): void => void process.stdout.write(`${JSON.stringify(what)}\n`)
const io = new Server()
const engine = new Engine({
  path: '/socket.io/',
  pingInterval: 5_000,
  maxHttpBufferSize: 1_000,
  cors: { origin: 'http://good.example', credentials: true },
  allowRequest: (req: Request, server: any) => {
    say('allowRequest', req.headers.get('x-mine'), typeof server.requestIP)
    return req.headers.get('x-mine') === 'no' ? Promise.reject('go away') : Promise.resolve()
  },
  editHandshakeHeaders: (headers: Headers, req: Request, server: any) =>
    headers.set('x-handshake', `${req.method} ${typeof server.upgrade}`),
  editResponseHeaders: async (headers: Headers) => headers.set('x-each', 'yes'),
})
const isChained = io.bind(engine) === io
engine.on('connection', (conn: any, req: Request, server: any) =>
  say('engine connection', conn.id.length, req.method, typeof server.upgrade),
)
engine.on('connection_error', ({ req, code, message, context }: any) =>
  say('connection_error', new URL(req.url).pathname, code, message, context),
)
io.on('connection', (socket: any) => {
  say(
    'connection',
    socket.conn.transport.name,
    socket.handshake.query.EIO,
    socket.handshake.secure,
    socket.handshake.xdomain,
  )
  socket.conn.on('upgrade', ({ name }: any) => say('upgrade', name))
  socket.on('echo', (value: unknown, done: (value: unknown) => void) => done(value))
  socket.on('leave', () => socket.disconnect(true))
  socket.on('end all', () => engine.close())
  socket.on('disconnect', (reason: string) => say('disconnect', reason))
})
const handler = engine.handler()
const { port } = Bun.serve({ port: 0, hostname: '127.0.0.1', ...handler })
say(
  'ready',
  port,
  isChained,
  io.engine === engine,
  typeof handler.fetch,
  typeof handler.websocket.open,
  typeof handler.idleTimeout,
  engine.opts.pingInterval,
  engine.opts.path,
)
