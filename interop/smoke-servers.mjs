import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { io as connect } from '@tidewire/client'
import { Server } from 'tidewire'
const require = createRequire(import.meta.url)
const next = (c, e, ms = 4000) => new Promise((r, j) => { const t = setTimeout(() => j(new Error('timeout ' + e)), ms); c.once(e, (...a) => { clearTimeout(t); r(a) }) })
const makers = { ours: (h, o) => new Server(h, o) }
for (const v of ['1.7.4', '2.5.1', '3.1.2', '4.8.4']) makers[v] = (h, o) => { const m = require(`socket.io-${v}`); return m.Server ? new m.Server(h, o) : m(h, o) }
for (const [v, make] of Object.entries(makers)) for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) for (const delay of [0, 300]) {
  const http = createServer(); const io = make(http, {})
  if (delay) io.use((s, n) => setTimeout(n, delay))
  let connections = 0
  io.on('connection', (s) => {
    connections++
    s.on('echo', (...a) => { const cb = a.pop(); cb(...a) })
    s.on('join', (r, cb) => { s.join(r); cb() })
    s.on('bye', () => s.disconnect())
    s.on('ready', () => s.emit('question', '汉字 😀 é', Buffer.from([1, 2, 255]), (a, b) => s.emit('answered', a, b)))
  })
  io.of('/custom').on('connection', (s) => s.on('echo', (x, cb) => cb(x)))
  await new Promise((r) => http.listen(0, r))
  const url = `http://localhost:${http.address().port}`
  const c = connect(url, { transports, forceNew: true, timeout: 3000 }); const log = []
  c.on('connect_error', (e) => log.push('ERR ' + e.message + ' ' + e.code))
  try {
    c.on('question', (a, b, cb) => cb(a, b))
    await next(c, 'connect'); log.push('connect')
    const q = next(c, 'question'), an = next(c, 'answered'); c.emit('ready')
    const [t, b] = await q; if (t !== '汉字 😀 é') throw new Error('text ' + t); if (Buffer.from(b).toString('hex') !== '0102ff') throw new Error('bin'); log.push('q')
    const [t2] = await an; if (t2 !== t) throw new Error('answered ' + t2); log.push('a')
    const e = await new Promise((r, j) => { setTimeout(() => j(new Error('ack')), 3000).unref(); c.emit('echo', 'x😀é', Buffer.from([9]), (...a) => r(a)) }); if (e[0] !== 'x😀é') throw new Error('echo ' + e); log.push('echo')
    await new Promise((r) => c.emit('join', 'room', r)); const n = next(c, 'news'); io.to('room').emit('news', '广播'); if ((await n)[0] !== '广播') throw new Error('news'); log.push('room')
    const c2 = c.io.socket('/custom'); await next(c2, 'connect'); const r2 = await new Promise((r) => c2.emit('echo', 'né', r)); if (r2 !== 'né') throw new Error('custom ' + r2); log.push('nsp')
    const d = next(c, 'disconnect'); c.emit('bye'); log.push((await d)[0]); c2.disconnect()
  } catch (err) { log.push('FAIL ' + err.message) }
  console.log(v, transports.join('+'), delay, log.join(' '), c.io.engine?.transport?.name, 'rev', c.io.engine?.revision, 'conn', connections)
  c.disconnect(); await new Promise((r) => { io.close(); http.close(() => r()); http.closeAllConnections(); setTimeout(r, 500) })
}
console.log('done'); process.exit(0)
