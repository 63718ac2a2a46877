// Artillery's engine for Socket.IO, which takes over the client's `onevent` (socketio-wildcard), runs load scripts against a server: emits,
// acknowledgements that are matched and captured, responses on channels, namespaces, HTTP between them, failures.
import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { Server } from 'socket.io'

const require = createRequire(import.meta.url)
await require('@artilleryio/int-core').updateGlobalObject?.()
const SocketIoEngine = require('@artilleryio/int-core/lib/engine_socketio')

const trace = []
const http = createServer((req, res) => {
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ path: req.url }))
})
const io = new Server(http)
io.on('connection', (socket) => {
  trace.push([
    'connection',
    socket.conn.transport.name,
    socket.handshake.query.who,
    socket.handshake.headers['x-load'],
  ])
  socket.onAny((...args) => trace.push(['heard', args.filter((arg) => typeof arg !== 'function')]))
  socket.on('echo', (data, answer) => answer?.(data))
  socket.on('login', (name, answer) => answer({ token: `token of ${name}` }, 'second'))
  socket.on('ask', (data) => socket.emit('answer', `answer to ${data}`))
  socket.on('many', (count) => {
    for (let i = 0; i < count; i++) socket.emit('item', i)
    socket.emit('end', 'done')
  })
  socket.on('disconnect', (reason) => trace.push(['disconnect', reason]))
})
io.of('/admin').on('connection', (socket) => socket.on('ask', (_data, answer) => answer('admin')))
io.of('/closed').use((_socket, next) => next(new Error('closed to all')))
http.listen(0, '127.0.0.1')
await once(http, 'listening')
const target = `http://127.0.0.1:${http.address().port}`

async function run(name, flow, socketio = {}) {
  const config = { target, timeout: 5, socketio: { reconnection: false, forceNew: true, ...socketio } }
  const engine = new SocketIoEngine({ config })
  await engine.init()
  const events = new EventEmitter()
  events.on('error', (error) => trace.push([name, 'error', error?.message ?? error]))
  const counters = {}
  events.on('counter', (counter, n) => (counters[counter] = (counters[counter] ?? 0) + n))
  const scenario = engine.createScenario({ flow }, events)
  const left = new Promise((resolve) => io.once('connection', (socket) => socket.once('disconnect', resolve)))
  const result = await new Promise((resolve) =>
    scenario({ vars: { who: name, target }, _successCount: 0 }, (error, context) =>
      resolve({ error: error?.message ?? error, context }),
    ),
  )
  const { vars = {}, __receivedMessageCount } = result.context ?? {}
  trace.push([
    name,
    'done',
    result.error ?? null,
    counters['socketio.emit'],
    __receivedMessageCount,
    vars.token,
    vars.path,
  ])
  engine.closeContextSockets?.(result.context)
  await left
}

for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']])
  await run(
    `echo over ${transports}`,
    [
      { emit: ['echo', 'hello {{ who }}'], acknowledge: { data: `hello echo over ${transports}` } },
      { emit: { channel: 'echo', data: { deep: { text: '汉字' } } } },
      { emit: ['many', 5], response: { on: 'end', data: 'done' } },
    ],
    { transports, query: { who: 'artillery' }, extraHeaders: { 'x-load': 'yes' } },
  )
await run('captures', [
  { emit: ['login', 'alice'], acknowledge: { capture: { json: '$.0.token', as: 'token' } } },
  { get: { url: '/page', capture: { json: '$.path', as: 'path' } } },
  { emit: ['ask', '{{ token }}'], response: { on: 'answer', data: 'answer to token of alice' } },
])
await run('a namespace', [{ emit: ['ask', 1], namespace: '/admin', acknowledge: { data: 'admin' } }])
await run('an answer that does not match', [{ emit: ['echo', 'a'], acknowledge: { data: 'b' } }])
await run('a namespace that refuses', [{ emit: ['ask', 1], namespace: '/closed' }])
await run('a loop', [{ loop: [{ emit: ['echo', '{{ $loopCount }}'], acknowledge: {} }], count: 3 }])
console.log(JSON.stringify(trace))
process.exit(0)
