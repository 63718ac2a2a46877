import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { Server } from 'tidewire'
const require = createRequire(import.meta.url)
const http = createServer()
const io = new Server(http)
io.on('connection', (s) => {
  s.on('echo', (...a) => { const cb = a.pop(); cb(...a) })
  s.on('join', (r, cb) => { s.join(r); cb() })
  s.on('bye', () => s.disconnect())
  s.emit('question', '汉字 😀 é', Buffer.from([1, 2, 255]), (a, b) => s.emit('answered', a, b))
})
io.of('/custom').on('connection', (s) => s.on('echo', (x, cb) => cb(x)))
await new Promise((r) => http.listen(0, r))
const url = `http://localhost:${http.address().port}`
const next = (c, e, ms = 4000) => new Promise((r, j) => { const t = setTimeout(() => j(new Error('timeout ' + e)), ms); c.once(e, (...a) => { clearTimeout(t); r(a) }) })
for (const v of ['1.7.4', '2.5.0', '3.1.3', '4.8.4']) for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
  const connect = require(`socket.io-client-${v}`)
  const c = (connect.io ?? connect)(url, { transports, forceNew: true, timeout: 3000 })
  const log = []
  try {
    const q = next(c, 'question'), an = next(c, 'answered')
    c.on('question', (a, b, cb) => cb(a, b))
    await next(c, 'connect'); log.push('connect')
    const [t, b] = await q; if (t !== '汉字 😀 é') throw new Error('text ' + t); if (Buffer.from(b).toString('hex') !== '0102ff') throw new Error('bin'); log.push('question')
    const [t2, b2] = await an; if (t2 !== t) throw new Error('answered ' + t2); log.push('answered')
    const e = await new Promise((r, j) => { setTimeout(() => j(new Error('ack')), 3000); c.emit('echo', 'x😀é', Buffer.from([9]), (...a) => r(a)) }); if (e[0] !== 'x😀é') throw new Error('echo ' + e); log.push('echo')
    await new Promise((r) => c.emit('join', 'room', r)); const n = next(c, 'news'); io.to('room').emit('news', '广播'); if ((await n)[0] !== '广播') throw new Error('news'); log.push('room')
    const c2 = (connect.io ?? connect)(url + '/custom', { transports, forceNew: true }); await next(c2, 'connect'); const r2 = await new Promise((r) => c2.emit('echo', 'né', r)); if (r2 !== 'né') throw new Error('custom ' + r2); c2.disconnect(); log.push('nsp')
    const d = next(c, 'disconnect'); c.emit('bye'); log.push((await d)[0])
  } catch (err) { log.push('FAIL ' + err.message) }
  console.log(v, transports.join('+'), log.join(' '), (c.io.engine?.transport?.name))
  c.disconnect()
}
await io.close()
console.log('closed')
