// The client's bundles as installed: reached under the official paths, each way that a page or a loader takes.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'

const require = createRequire(import.meta.url)
const SCRIPTS = ['socket.io.js', 'socket.io.min.js', 'socket.io.msgpack.min.js']
const MODULES = ['socket.io.esm.min.js', 'socket.io.websocket.esm.min.js']

const next = (emitter, event) => new Promise((resolve) => emitter.once(event, (...args) => resolve(args)))

/** Connects over what the runtime has of the web, exchanges text and bytes. */
async function exchange(io, transports) {
  const http = createServer()
  const { Server } = await import('tidewire')
  const server = new Server(http)
  server.on('connection', (socket) => socket.on('echo', (...args) => args.pop()(...args)))
  await new Promise((resolve) => http.listen(0, '127.0.0.1', resolve))
  const client = io(`http://127.0.0.1:${http.address().port}`, { forceNew: true, ...(transports && { transports }) })
  await next(client, 'connect')
  assert.equal(await client.emitWithAck('echo', '汉字'), '汉字')
  assert.deepEqual([...new Uint8Array(await client.emitWithAck('echo', Uint8Array.of(1, 2)))], [1, 2])
  const { name } = client.io.engine.transport
  client.disconnect()
  await server.close()
  return name
}

for (const file of SCRIPTS) {
  void test(`[CLI-39] dist/${file} gives io to require, to a script tag and to an AMD loader, and has its map`, async () => {
    const path = `@tidewire/client/dist/${file}`
    const io = require(path)
    assert.equal(typeof io, 'function')
    assert.equal(typeof io.Manager, 'function')
    const code = readFileSync(require.resolve(path), 'utf8')
    const page = { setTimeout, clearTimeout, TextEncoder, TextDecoder, queueMicrotask }
    runInNewContext(code, page)
    assert.equal(typeof page.io, 'function')
    let defined
    const define = Object.assign((factory) => (defined = factory()), { amd: {} })
    runInNewContext(code, { ...page, io: undefined, define })
    assert.equal(typeof defined.connect, 'function')
    assert.equal(JSON.parse(readFileSync(require.resolve(`${path}.map`), 'utf8')).version, 3)
    if (!file.includes('msgpack')) assert.equal(await exchange(io, ['polling']), 'polling')
  })
}

for (const file of MODULES) {
  void test(`[CLI-39] dist/${file} is a module, and has its map`, async () => {
    const path = `@tidewire/client/dist/${file}`
    const { io, Manager } = await import(path)
    assert.equal(typeof Manager, 'function')
    assert.equal(JSON.parse(readFileSync(require.resolve(`${path}.map`), 'utf8')).version, 3)
    if (typeof WebSocket === 'function') assert.equal(await exchange(io, ['websocket']), 'websocket')
  })
}

void test('[CLI-39] ./debug and ./websocket are entries, typed and loadable', async () => {
  assert.equal(typeof (await import('@tidewire/client/debug')).io, 'function')
  assert.equal(typeof require('@tidewire/client/debug'), 'function')
  const { io, protocol } = await import('@tidewire/client/websocket')
  assert.equal(protocol, 5)
  if (typeof WebSocket === 'function') assert.equal(await exchange(io), 'websocket')
})

void test('[CLI-38] lines for developers are in ./debug and socket.io.js, and in no other build for browsers', () => {
  const has = (path) => readFileSync(require.resolve(path), 'utf8').includes('engine.io-client:socket')
  const dist = new URL('.', `file://${require.resolve('@tidewire/client/dist/socket.io.js')}`).pathname
  const found = ['debug.mjs', 'browser.mjs', 'websocket.mjs', ...SCRIPTS, ...MODULES].filter((file) => has(dist + file))
  assert.deepEqual(found, ['debug.mjs', 'socket.io.js'])
})
