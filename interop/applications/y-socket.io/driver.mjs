// Two editors share a Yjs document through y-socket.io: binary updates both ways, awareness, refusal, a document per namespace.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { Server } from 'socket.io'

// One copy of Yjs for both sides: its CommonJS one, which the package itself requires.
const require = createRequire(import.meta.url)
const Y = require('yjs')
const { YSocketIO } = require('y-socket.io/dist/server')
const { SocketIOProvider } = require('y-socket.io')

const trace = []
const http = createServer()
const io = new Server(http)
const shared = new YSocketIO(io, { authenticate: ({ auth }) => auth.token === 'valid' })
shared.on('document-loaded', ({ name }) => trace.push(['loaded', name]))
shared.on('all-document-connections-closed', ({ name }) => trace.push(['all closed', name]))
shared.initialize()
http.listen(0)
await once(http, 'listening')
const address = `ws://localhost:${http.address().port}`

const open = (room, token) =>
  new SocketIOProvider(address, room, new Y.Doc(), { auth: { token }, disableBc: true, autoConnect: true })
const until = (emitter, event, holds) =>
  new Promise((resolve) => {
    const look = (...args) => {
      if (!holds(...args)) return
      emitter.off(event, look)
      resolve(args)
    }
    emitter.on(event, look)
  })

const intruder = open('paper', 'forged')
const [error] = await until(intruder, 'connection-error', () => true)
trace.push(['refused', error.message])
intruder.destroy()

const first = open('paper', 'valid')
await until(first, 'sync', (synced) => synced)
first.doc.getText('body').insert(0, 'Hello')
const second = open('paper', 'valid')
await until(second, 'sync', (synced) => synced)
if (second.doc.getText('body').toString() === '')
  await until(second.doc, 'update', () => second.doc.getText('body').length > 0)
trace.push(['synced', second.doc.getText('body').toString()])

const arrived = until(first.doc, 'update', () => first.doc.getText('body').length === 11)
second.doc.getText('body').insert(5, ' world')
await arrived
trace.push(['edited', first.doc.getText('body').toString()])
const large = until(second.doc, 'update', () => second.doc.getText('large').length === 200_000)
first.doc.getText('large').insert(0, 'x'.repeat(200_000))
await large
trace.push(['large', second.doc.getText('large').length])

const seen = until(
  first.awareness,
  'change',
  () => first.awareness.getStates().get(second.doc.clientID)?.user === 'second',
)
second.awareness.setLocalStateField('user', 'second')
await seen
trace.push(['aware', first.awareness.getStates().size])

const other = open('other paper', 'valid')
await until(other, 'sync', (synced) => synced)
trace.push(['apart', other.doc.getText('body').toString(), [...shared.documents.keys()].toSorted()])

second.disconnect()
second.doc.getText('body').insert(0, '> ')
const caughtUp = until(first.doc, 'update', () => first.doc.getText('body').toString().startsWith('> '))
second.connect()
await caughtUp
trace.push(['caught up', first.doc.getText('body').toString()])

const closed = until(shared, 'all-document-connections-closed', ({ name }) => name === 'other paper')
other.disconnect()
await closed
const dropped = Promise.all(
  [first, second].map((provider) => new Promise((resolve) => provider.socket.on('disconnect', resolve))),
)
await io.close()
trace.push(['closed', await dropped])
console.log(JSON.stringify(trace))
process.exit(0)
