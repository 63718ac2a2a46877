// An application that uses what the instrumentation patches, step by step; prints the spans of each step as one line of JSON.
import { once } from 'node:events'
import { createServer } from 'node:http'

// A listener that throws: officially the process would end of it.
process.on('uncaughtException', () => {})
process.on('unhandledRejection', () => {})

const DEADLINE_MS = 30_000
const KINDS = ['internal', 'server', 'client', 'producer', 'consumer']
const ID = /[\w-]{20}/g

const next = (emitter, event) => once(emitter, event, { signal: AbortSignal.timeout(DEADLINE_MS) })

async function until(holds) {
  const end = Date.now() + DEADLINE_MS
  while (!holds()) {
    if (Date.now() > end) throw new Error(`waited in vain: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Without ids and times; `under` is the span that was active when it began. */
function describe(span, spans) {
  const parent = spans.find((other) => other.spanContext().spanId === span.parentSpanContext?.spanId)
  const attributes = Object.entries(span.attributes).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return JSON.parse(
    JSON.stringify({
      name: span.name,
      kind: KINDS[span.kind],
      attributes: Object.fromEntries(attributes),
      status: span.status,
      events: span.events.map(({ name, attributes: { 'exception.message': message } }) => [name, message]),
      under: parent && [parent.name, parent.attributes['messaging.socket.io.event_name']],
    }).replaceAll(ID, '<id>'),
  )
}

/** @param {(http: import('node:http').Server) => import('socket.io').Server} serve */
export function run(serve, connect) {
  return runSteps(serve, connect).then(
    (trace) => {
      console.log(JSON.stringify(trace))
      process.exit(0)
    },
    (error) => {
      console.error(error)
      process.exit(1)
    },
  )
}

async function runSteps(serve, connect) {
  const trace = []
  const step = async (name, action, count) => {
    await action()
    const finished = () => globalThis.exporter.getFinishedSpans()
    if (count !== undefined) await until(() => finished().length >= count)
    const spans = [...finished()]
    globalThis.exporter.reset()
    trace.push([
      name,
      spans
        .map((span) => JSON.stringify(describe(span, spans)))
        .toSorted()
        .map((text) => JSON.parse(text)),
    ])
  }

  const http = createServer()
  const io = serve(http)
  const sockets = []
  io.on('connection', (socket) => {
    sockets.push(socket)
    void socket.join(['lobby', `seat ${sockets.length}`])
    socket.emit('welcome', sockets.length)
    socket.on('question', (text, answer) => answer(text.toUpperCase()))
    socket.on('later', async (answer) => {
      await new Promise((resolve) => setImmediate(resolve))
      answer('now')
    })
    socket.on('say', (room, text) => {
      io.to(room).emit('said', text)
      socket.broadcast.emit('heard', text)
    })
    socket.on('throws', () => {
      throw new Error('thrown')
    })
    socket.on('rejects', () => Promise.reject(new Error('rejected')))
    socket.on('untraced', (answer) => answer())
    socket.once('once', (answer) => answer())
    socket.prependListener('first', (answer) => answer())
    socket.addListener('added', (answer) => answer())
    socket.onAny(() => {})
    socket.on('disconnecting', () => {})
    socket.on('disconnect', () => {})
  })
  const chat = io.of('/chat')
  chat.on('connection', (socket) => {
    socket.on('question', (text, answer) => answer(`${text}?`))
    socket.emit('hello')
  })
  io.of(/^\/tenant-\d+$/).on('connection', (socket) =>
    socket.on('question', (text, answer) => answer(socket.nsp.name)),
  )
  http.listen(0, '127.0.0.1')
  await next(http, 'listening')
  const open = (namespace) => {
    const client = connect(`http://127.0.0.1:${http.address().port}${namespace}`, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
    })
    client.onAny((...args) => typeof args.at(-1) === 'function' && args.at(-1)('answer'))
    return client
  }
  /** The server's event has come to both. */
  const atBoth = (event, action) => Promise.all([next(first, event), next(second, event), action()])
  const asked = (client, event, ...args) => client.timeout(DEADLINE_MS).emitWithAck(event, ...args)

  let first, second, chatter, tenant
  await step('a client connects', async () => {
    first = open('/')
    await next(first, 'welcome')
  })
  await step('another one', async () => {
    second = open('/')
    await next(second, 'welcome')
  })
  await step('a client of a namespace', async () => {
    chatter = open('/chat')
    await next(chatter, 'hello')
  })
  await step('a client of a namespace by pattern', async () => {
    tenant = open('/tenant-7')
    await next(tenant, 'connect')
    await asked(tenant, 'question', 'which?')
  })
  for (const event of ['later', 'untraced', 'once', 'first', 'added'])
    await step(`event ${event}`, () => asked(first, event))
  await step('event question', () => asked(first, 'question', 'x'))
  await step('event question of a namespace', () => asked(chatter, 'question', 'x'))
  await step('a listener emits', () =>
    Promise.all([next(first, 'said'), next(second, 'heard'), first.emit('say', 'seat 1', 'hi')]),
  )
  await step('a listener throws', () => first.emit('throws'), 1)
  await step('a listener rejects', () => first.emit('rejects'), 1)

  const [socket] = sockets
  await step('io.emit', () => atBoth('news', () => io.emit('news', 1, { b: [2] })))
  await step('io.send', () => atBoth('message', () => io.send('text')))
  await step('io.write', () => atBoth('message', () => io.write('text')))
  await step('untraced', () => atBoth('untraced', () => io.emit('untraced')))
  await step('to, except', () =>
    Promise.all([next(first, 'some'), io.to(['lobby', 'nowhere']).except('seat 2').emit('some')]),
  )
  await step('flags', () => atBoth('flagged', () => io.volatile.compress(false).local.emit('flagged')))
  await step(
    'io.timeout.emit',
    () => new Promise((resolve) => io.timeout(DEADLINE_MS).emit('asked', resolve)),
  )
  await step('io.emitWithAck', () => io.to('lobby').timeout(DEADLINE_MS).emitWithAck('asked', 1))
  await step('io.sockets.emit', () => atBoth('news', () => io.sockets.emit('news')))
  await step('namespace.emit', () => Promise.all([next(chatter, 'news'), chat.emit('news')]))
  await step('namespace.to', () =>
    Promise.all([next(chatter, 'news'), chat.to([...chat.sockets.keys()]).emit('news')]),
  )
  await step('namespace.send', () => Promise.all([next(chatter, 'message'), chat.send('text')]))
  await step('socket.emit', () => Promise.all([next(first, 'one'), socket.emit('one', 1)]))
  await step('socket.send', () => Promise.all([next(first, 'message'), socket.send(1)]))
  await step('socket.write', () => Promise.all([next(first, 'message'), socket.write(1)]))
  await step('socket.emit, acknowledged', () => new Promise((resolve) => socket.emit('asked', 1, resolve)))
  await step(
    'socket.timeout.emit',
    () => new Promise((resolve) => socket.timeout(DEADLINE_MS).emit('asked', resolve)),
  )
  await step('socket.emitWithAck', () => socket.emitWithAck('asked'))
  await step('socket.volatile', () =>
    Promise.all([next(first, 'one'), socket.volatile.compress(true).emit('one')]),
  )
  await step('socket.broadcast', () => Promise.all([next(second, 'others'), socket.broadcast.emit('others')]))
  await step('socket.to', () =>
    Promise.all([next(second, 'others'), socket.to('lobby').except('x').emit('others')]),
  )
  await step('socket.nsp.emit', () => atBoth('news', () => socket.nsp.emit('news')))
  await step('remote sockets', async () => {
    const remotes = await io.in('seat 2').fetchSockets()
    await Promise.all([next(second, 'one'), remotes[0].emit('one')])
  })
  await step('the room of a remote socket', async () => {
    const [{ id }] = await io.in('seat 2').fetchSockets()
    await Promise.all([next(second, 'one'), io.in(id).emit('one')])
  })
  await step('reserved names', () => {
    for (const target of [io, socket, io.to('x')])
      try {
        target.emit('connect_error')
      } catch (error) {
        trace.push(error.message)
      }
  })
  await step('listeners', () =>
    trace.push(
      ['question', 'once', 'disconnect'].map((event) => socket.listenerCount(event)),
      io.listenerCount('connection'),
    ),
  )
  await step('a client leaves', () =>
    Promise.all([new Promise((resolve) => socket.on('disconnect', resolve)), first.disconnect()]),
  )
  await step('disconnectSockets', () => Promise.all([next(second, 'disconnect'), io.disconnectSockets()]))
  for (const client of [first, second, chatter, tenant]) client.disconnect()
  await new Promise((resolve) => io.close(resolve))
  return trace
}
