// Runs on the built and installed packages with plain node:test, so that it needs no development tooling.
import assert from 'node:assert/strict'
import { createServer, get } from 'node:http'
import { createRequire } from 'node:module'
import { test } from 'node:test'

const require = createRequire(import.meta.url)
const TEXT = '汉字 😀 é'

const next = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)))

function listen(http) {
  return new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${http.address().port}`)))
}

async function exchange({ Server, io: connect }, transports) {
  const http = createServer()
  const io = new Server(http)
  io.on('connection', (socket) => {
    socket.on('echo', (...args) => args.pop()(...args))
    socket.on('join', (room, ack) => {
      void socket.join(room)
      ack()
    })
    socket.emitWithAck('question', TEXT).then((answer) => socket.emit('answered', answer))
  })
  io.of('/admin').use((socket, done) => done(socket.handshake.auth.token === 'x' ? undefined : new Error('refused')))
  const url = await listen(http)
  const client = connect(url, { transports, forceNew: true })
  client.on('question', (text, ack) => ack(text))
  const answered = next(client, 'answered')
  await next(client, 'connect')
  assert.deepEqual(await answered, [TEXT])
  assert.equal(await client.emitWithAck('echo', TEXT), TEXT)
  const bytes = await client.emitWithAck('echo', Buffer.from([0, 1, 2, 255]))
  assert.deepEqual([...new Uint8Array(bytes.buffer ?? bytes, bytes.byteOffset ?? 0, bytes.byteLength)], [0, 1, 2, 255])
  await client.emitWithAck('join', 'room')
  const broadcast = next(client, 'news')
  io.to('room').emit('news', TEXT)
  assert.deepEqual(await broadcast, [TEXT])
  const admin = connect(`${url}/admin`, { transports, forceNew: true, auth: { token: 'y' } })
  const [error] = await next(admin, 'connect_error')
  assert.equal(error.message, 'refused')
  admin.disconnect()
  const gone = next(client, 'disconnect')
  io.disconnectSockets()
  assert.deepEqual((await gone)[0], 'io server disconnect')
  await io.close()
}

for (const [kind, load] of [
  ['ESM', (name) => import(name)],
  ['CommonJS', async (name) => require(name)],
]) {
  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    void test(`[API-1] the ${kind} build talks to itself over ${transports.join(' and ')} on Node ${process.versions.node}`, async () => {
      const { Server } = await load('tidewire')
      const { io } = await load('@tidewire/client')
      await exchange({ Server, io }, transports)
    })
  }
}

void test('[API-1] the CommonJS modules are callable like the ones they replace', async () => {
  const http = createServer()
  const io = require('tidewire')(http)
  io.on('connection', (socket) => socket.emit('hello'))
  const url = await listen(http)
  const client = require('@tidewire/client')(url)
  await next(client, 'hello')
  client.disconnect()
  await io.close()
})

void test('[API-5] the server serves the browser bundle with an ETag', async () => {
  const http = createServer()
  const { Server } = await import('tidewire')
  const io = new Server(http)
  const url = await listen(http)
  const fetchFile = (file, headers = {}) =>
    new Promise((resolve, reject) => {
      get(`${url}/socket.io/${file}`, { headers, agent: false }, (res) => {
        let body = ''
        res.setEncoding('utf8').on('data', (chunk) => (body += chunk)).on('end', () => resolve({ status: res.statusCode, headers: res.headers, body }))
      }).on('error', reject)
    })
  for (const file of ['socket.io.js', 'socket.io.min.js', 'socket.io.esm.min.js', 'socket.io.msgpack.min.js']) {
    const first = await fetchFile(file)
    assert.equal(first.status, 200, file)
    assert.ok(first.body.length > 5000, file)
    const second = await fetchFile(file, { 'if-none-match': first.headers.etag })
    assert.equal(second.status, 304, file)
  }
  await io.close()
})
