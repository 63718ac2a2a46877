// `require` and `import` of the installed packages are two ways to one copy: the same classes, the same state. And what patches the files of the
// official package by their names patches the classes that run.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'

const require = createRequire(import.meta.url)
const dist = dirname(require.resolve('tidewire'))

/** What a fresh process prints as JSON. */
const inProcess = (program, type = 'module') =>
  JSON.parse(
    execFileSync(process.execPath, [`--input-type=${type}`, '-e', program], {
      encoding: 'utf8',
      cwd: import.meta.dirname,
    }),
  )

for (const name of [
  'tidewire',
  'tidewire/adapter',
  'tidewire/bun',
  'tidewire/workers',
  '@tidewire/protocol',
  '@tidewire/cluster',
]) {
  void test(`[API-28] ${name} is the same by require and by import on Node ${process.versions.node}`, async () => {
    const required = require(name)
    // Names that only this Node's reader of CommonJS sees.
    const { default: _, 'module.exports': __, ...imported } = await import(name)

    assert.ok(Object.keys(imported).length > 0)
    assert.deepEqual(Object.keys(imported).toSorted(), Object.keys(required).toSorted())
    for (const [key, value] of Object.entries(imported)) assert.equal(value, required[key], key)
  })
}

void test('[API-28] an adapter, an error and a parser are the same from each package', async () => {
  const {
    Adapter,
    ProtocolError,
    Server,
    SessionAwareAdapter,
    TidewireError,
    msgpackParser,
  } = require('tidewire')
  const adapters = await import('tidewire/adapter')
  const protocol = await import('@tidewire/protocol')

  assert.equal(adapters.Adapter, Adapter)
  assert.equal(adapters.SessionAwareAdapter, SessionAwareAdapter)
  assert.ok(adapters.ClusterAdapter.prototype instanceof Adapter)
  assert.deepEqual(
    [protocol.ProtocolError, protocol.TidewireError, protocol.msgpackParser],
    [ProtocolError, TidewireError, msgpackParser],
  )
  class Own extends adapters.Adapter {}
  const io = new Server(createServer(), { adapter: Own })
  assert.ok(io.of('/').adapter instanceof Own)
  await io.close()
})

void test('[API-28] a server that is required has one copy of the errors with the cluster package, which it imports', async () => {
  const { Server, TidewireError } = require('tidewire')
  const io = new Server(createServer(), { cluster: 'redis://127.0.0.1:1' })
  const errors = []
  io.cluster.on('error', (error) => errors.push(error))

  await assert.rejects(io.cluster.ready(), { code: 'TW_ERR_CLUSTER_JOIN' })
  assert.equal(errors[0].code, 'TW_ERR_MISSING_PACKAGE')
  // Not by instanceof: errors know each other over copies, too.
  assert.equal(errors[0].constructor, TidewireError)
  await io.close()
})

for (const [how, type, load] of [
  ['require', 'commonjs', `require('tidewire')`],
  [
    'import',
    'module',
    `await import('tidewire'); const { createRequire } = await import('node:module'); const require = createRequire(import.meta.url)`,
  ],
]) {
  void test(`[API-28] ${how} loads the files of the official package under their names, and one chunk with all that runs`, () => {
    const loaded = inProcess(
      `${load}; console.log(JSON.stringify(Object.keys(require.cache).filter((file) => file.startsWith(${JSON.stringify(dist)})).map((file) => file.slice(${dist.length + 1})).sort()))`,
      type,
    )

    assert.deepEqual(loaded, [
      'broadcast-operator.js',
      'client.js',
      'core.js',
      'index.js',
      'namespace.js',
      'parent-namespace.js',
      'socket-types.js',
      'socket.js',
      'typed-events.js',
    ])
  })
}

void test('[API-28] the classes in these files are those that run', async () => {
  const { Server, Socket, Namespace, BroadcastOperator, RemoteSocket } = await import('tidewire')
  const file = (name) => require(join(dist, `${name}.js`))
  const io = new Server(createServer())

  assert.equal(file('index').Server, Server)
  assert.equal(file('socket').Socket, Socket)
  assert.equal(file('namespace').Namespace, Namespace)
  assert.equal(file('broadcast-operator').BroadcastOperator, BroadcastOperator)
  assert.equal(file('broadcast-operator').RemoteSocket, RemoteSocket)
  assert.equal(Object.getPrototypeOf(io.sockets), file('namespace').Namespace.prototype)
  assert.equal(Object.getPrototypeOf(io.to('room')), file('broadcast-operator').BroadcastOperator.prototype)
  assert.equal(Object.getPrototypeOf(io.of(/x/)), file('parent-namespace').ParentNamespace.prototype)
  await io.close()
})

void test('[API-28] the primary process of workers does not load the server', () => {
  const loaded = inProcess(`
    await import('tidewire/workers')
    const { createRequire } = await import('node:module')
    console.log(JSON.stringify(Object.keys(createRequire(import.meta.url).cache).some((file) => file.endsWith('core.js'))))
  `)

  assert.equal(loaded, false)
})
