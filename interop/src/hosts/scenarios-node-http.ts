// What an application may notice of requests that our engine reads past node:http (docs/decisions/0006): listeners, counts, limits, time-outs,
// instrumentation, classes of its own, contexts. All of it over HTTP/1.1 on a server of node:http, written by hand where that shows more.
import { AsyncLocalStorage } from 'node:async_hooks'
import { channel } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { IncomingMessage, ServerResponse, createServer } from 'node:http'
import type { ServerOptions } from 'node:http'
import { PerformanceObserver } from 'node:perf_hooks'
import { RawConnection } from '@tidewire/testkit/raw-connection'
import type { Answer } from '@tidewire/testkit/raw-connection'
import type { Run, Scenario } from '../pairs/scenario.ts'

export const POLL = '/socket.io/?EIO=4&transport=polling'
export const UPGRADE: [string, { headers: Record<string, string> }] = [
  '/socket.io/?EIO=4&transport=websocket',
  {
    headers: {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    },
  },
]

export const sidOf = (answer: Answer | undefined): string =>
  /"sid":"([^"]+)"/.exec(answer?.body ?? '')?.[1] ?? 'none'

/** A server of node:http made with `options`, and the pair's server on it. */
async function serve(run: Run, options: ServerOptions = {}, settings: object = {}): Promise<void> {
  run.http = createServer(options, (_req, res) => res.end('the application'))
  run.io = new run.pair.server.module.Server(run.http, settings)
  await run.listen(run.http)
  run.atEnd(() => void run.io.close())
}

async function dial(run: Run): Promise<RawConnection> {
  const connection = await RawConnection.open({ port: run.port })
  run.atEnd(() => connection.destroy())
  return connection
}

/** What a condition must become, within the deadline of all that must happen. */
export async function until(run: Run, what: string, isReached: () => boolean): Promise<void> {
  const isOver = { yes: false }
  const waiting = (async () => {
    while (!isReached() && !isOver.yes) await new Promise((resolve) => setImmediate(resolve))
  })()
  await run.within(waiting, what).finally(() => (isOver.yes = true))
}

const requestOf = ({ request }: any): unknown[] => [
  request instanceof IncomingMessage,
  request.method,
  request.httpVersion,
  [request.complete, request.aborted, request.destroyed, request.readable],
  Object.keys(request.headers),
  Object.keys(request.headersDistinct),
  request.rawHeaders.length,
  [request.trailers, request.rawTrailers],
  request.socket === request.connection && request.socket.server !== undefined,
]

const TRANSPORTS = [['polling'], ['websocket']]

const observed: Scenario[] = [
  {
    name: 'listeners of the HTTP server, as it counts them',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      for (const event of [
        'request',
        'upgrade',
        'connection',
        'close',
        'listening',
        'clientError',
        'checkContinue',
        'error',
      ])
        run.s(event, run.http.listenerCount(event))
      run.s(
        Object.keys(run.http).filter(
          (name) => typeof (run.http as any)[name] === 'function' && !name.startsWith('_'),
        ),
      )
    },
  },
  {
    name: 'request of the handshake',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      for (const transports of TRANSPORTS) {
        const { socket, peer } = await run.connected('/?a=1&a=2', { transports })
        run.s(transports, requestOf(peer))
        run.s(peer.handshake.query.hasOwnProperty('a'), peer.handshake.query.a)
        run.s(
          peer.request === peer.conn.request,
          peer.handshake.headers === peer.request.headers,
          peer.handshake.query === peer.request._query,
        )
        socket.disconnect()
      }
    },
  },
  {
    name: 'access log by a later listener for requests',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const connection = await dial(run)
      await connection.request(POLL)
      run.http.on('request', (req) => run.s('log', req.method, req.url))
      await connection.request(POLL)
      await connection.request('/page')
      run.http.on('upgrade', (req) => run.s('log upgrade', req.url))
      run.c((await (await dial(run)).request(...UPGRADE))?.status)
    },
  },
  {
    name: 'a listener before ours writes on the request, and the application finds it there',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const notes = new WeakMap<object, string>()
      run.http.prependListener('request', (req: any) => {
        req.id = 'seen'
        notes.set(req, 'noted')
      })
      run.http.prependListener('upgrade', (req: any) => (req.id = 'seen too'))
      for (const transports of TRANSPORTS) {
        const { socket, peer } = await run.connected('/', { transports })
        run.s(transports, peer.request.id, notes.get(peer.request))
        socket.disconnect()
      }
    },
  },
  {
    name: 'emit of the server patched, as instrumentation does, before and after connections',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const kept = await dial(run)
      await kept.request(POLL)
      const context = new AsyncLocalStorage<string>()
      const { emit } = run.http
      run.http.emit = function patched(this: any, ...args: any[]) {
        if (args[0] === 'request' || args[0] === 'upgrade') run.s('emits', args[0])
        return context.run('traced', () => Reflect.apply(emit, this, args))
      }
      run.io.on('connection', (socket: any) => socket.on('x', () => run.s('in', String(context.getStore()))))
      await kept.request(POLL)
      await (await dial(run)).request(...UPGRADE)
    },
  },
  {
    name: 'handleRequest and handleUpgrade of the engine patched',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      for (const method of ['handleRequest', 'handleUpgrade']) {
        const original = run.io.engine[method]
        run.io.engine[method] = function patched(this: any, req: any, ...rest: any[]) {
          req.patched = method
          if (method === 'handleUpgrade') run.s(method)
          return Reflect.apply(original, this, [req, ...rest])
        }
      }
      for (const transports of TRANSPORTS) {
        const { socket, peer } = await run.connected('/', { transports })
        run.s(peer.request.patched)
        socket.disconnect()
      }
    },
  },
  ...['writeHead', 'end', 'setHeader', 'emit'].map((method): Scenario => ({
    name: `${method} of all responses patched`,
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const connection = await dial(run)
      await connection.request(POLL)
      const prototype = ServerResponse.prototype as any
      const had = Object.hasOwn(prototype, method)
      const original = prototype[method]
      let calls = 0
      prototype[method] = function patched(this: any, ...args: any[]) {
        if (this.req?.url.startsWith('/socket.io/')) calls++
        return Reflect.apply(original, this, args)
      }
      const answer = await connection.request(POLL).finally(() => {
        if (had) prototype[method] = original
        else delete prototype[method]
      })
      run.s(calls > 0)
      run.c(answer?.status, answer?.headers['content-type'])
    },
  })),
  ...[
    'http.server.request.start',
    'http.server.response.created',
    'http.server.response.finish',
    'net.server.socket',
  ].map((name): Scenario => ({
    name: `diagnostics channel ${name}`,
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const heard: string[][] = []
      const hear = (message: any): void => {
        if (message.server === undefined || message.server === run.http) heard.push(Object.keys(message))
      }
      const connection = await dial(run)
      await connection.request(POLL)
      channel(name).subscribe(hear)
      try {
        await connection.request(POLL)
        await (await dial(run)).request(POLL)
      } finally {
        channel(name).unsubscribe(hear)
      }
      run.s(heard)
    },
  })),
  {
    name: 'performance entries of requests',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const names: string[] = []
      const observer = new PerformanceObserver((list) =>
        names.push(...list.getEntries().map(({ name }) => name)),
      )
      observer.observe({ entryTypes: ['http'] })
      const connection = await dial(run)
      await connection.request(POLL)
      await connection.request('/page')
      await until(run, 'an entry', () => names.length > 0)
      observer.disconnect()
      run.s(names)
    },
    differs: {
      of: 'server',
      reason: 'what goes past node:http leaves no entry of it; `directHttp: false`',
      change: ({ client }) => ({ server: ['["HttpRequest"]'], client }),
    },
  },
  {
    name: 'classes of the application for requests and responses',
    api: 'hosts',
    run: async (run) => {
      class Request extends IncomingMessage {
        mine = 'request'
      }
      class Response extends ServerResponse {
        constructor(...args: ConstructorParameters<typeof ServerResponse>) {
          super(...args)
          this.setHeader('X-Mine', 'response')
        }
      }
      await serve(run, { IncomingMessage: Request, ServerResponse: Response as any })
      run.c((await (await dial(run)).request(POLL))?.headers['x-mine'])
      for (const transports of TRANSPORTS) {
        const { socket, peer } = await run.connected('/', { transports })
        run.s(transports, peer.request.mine)
        socket.disconnect()
      }
    },
  },
]

observed.push({
  name: 'a poll that is held shows on its socket, where libraries that shut servers down look for it',
  api: 'hosts',
  run: async (run) => {
    await serve(run)
    const sockets: any[] = []
    run.http.on('connection', (socket) => sockets.push(socket))
    const idle = await dial(run)
    await idle.request(POLL)
    const busy = await dial(run)
    const sid = sidOf(await busy.request(POLL))
    const polled = busy.request(`${POLL}&sid=${sid}`)
    const session = run.io.engine.clients[sid]
    await until(run, 'the poll', () => session.transport.writable)
    run.s(sockets.map(({ _httpMessage }) => Boolean(_httpMessage)))
    const [, { _httpMessage: response }] = sockets
    run.s(response.headersSent)
    response.setHeader('connection', 'close')
    session.write('last')
    const answer = await polled
    run.c(answer?.body, answer?.headers['connection'])
    await busy.closed()
  },
})

observed.push(
  {
    name: 'cookie of the engine on the answer to a WebSocket',
    api: 'hosts',
    run: async (run) => {
      await serve(run, {}, { cookie: true })
      const answer = await (await dial(run)).request(...UPGRADE)
      run.c(answer?.status, 'set-cookie' in (answer?.headers ?? {}))
    },
    differs: {
      of: 'server',
      reason: 'a balancer that binds clients by cookie sees those that begin with a WebSocket too',
      change: ({ server }) => ({ server, client: ['101 true'] }),
    },
  },
  {
    name: 'a middleware of the engine answers an upgrade',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      run.io.engine.use((_req: any, res: any) => res.writeHead(418, { 'X-Why': 'teapot' }).end('no'))
      const answer = await (await dial(run)).request(...UPGRADE)
      run.c(answer?.status, answer?.headers['x-why'])
    },
    differs: {
      of: 'server',
      reason: 'the client learns why',
      change: ({ server }) => ({ server, client: ['418 teapot'] }),
    },
  },
)

observed.push({
  name: 'an HTTP server that listens again after io.close(), with a new Socket.IO server and without',
  api: 'hosts',
  run: async (run) => {
    await serve(run)
    await run.io.close()
    await run.listen(run.http)
    const answer = await (await dial(run)).request(POLL)
    run.s('the closed one', answer?.status)
    run.c((await (await dial(run)).request('/page'))?.body)
    // Over polling: a WebSocket is still asked of both.
    run.io = new run.pair.server.module.Server(run.http)
    const { socket } = await run.connected('/', { transports: ['polling'] })
    socket.disconnect()
    run.s(run.http.listening)
  },
  differs: {
    of: 'server',
    reason: 'a server that was closed serves nobody any more',
    change: ({ client }) => ({ server: ['the closed one 503', 'true'], client }),
  },
})

const contexts: Scenario[] = [
  {
    name: 'asynchronous context of an engine middleware',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const context = new AsyncLocalStorage<string>()
      run.io.engine.use((req: any, _res: any, next: any) => context.run(`middleware of ${req.method}`, next))
      run.io.engine.on('connection', () => run.s('engine', String(context.getStore())))
      await (await dial(run)).request(POLL)
      await (await dial(run)).request(...UPGRADE)
    },
    differs: {
      of: 'server',
      reason: 'the context lasts until "connection" of the engine; officially it is lost before',
      change: ({ client }) => ({ server: ['engine middleware of GET', 'engine middleware of GET'], client }),
    },
  },
  {
    name: 'asynchronous context in which the server was told to listen',
    api: 'hosts',
    run: async (run) => {
      const context = new AsyncLocalStorage<string>()
      run.http = createServer()
      run.io = new run.pair.server.module.Server(run.http)
      run.io.on('connection', (socket: any) => {
        run.s('connection', String(context.getStore()))
        socket.on('x', (answer: any) => {
          run.s('x', String(context.getStore()))
          answer()
        })
      })
      await context.run('listening', () => run.listen(run.http))
      for (const transports of TRANSPORTS) {
        const { socket } = await run.connected('/', { transports })
        await socket.emitWithAck('x')
      }
    },
  },
  {
    name: 'asynchronous context entered by a listener for connections',
    api: 'hosts',
    run: async (run) => {
      const context = new AsyncLocalStorage<string>()
      run.http = createServer()
      run.http.on('connection', () => context.enterWith('connected'))
      run.io = new run.pair.server.module.Server(run.http)
      run.http.prependListener('connection', () => context.enterWith('connected'))
      run.io.engine.on('connection', () => run.s('engine', String(context.getStore())))
      await run.listen(run.http)
      await (await dial(run)).request(POLL)
    },
  },
]

const limits: Scenario[] = [
  {
    name: 'maxHeaderSize and maxHeadersCount',
    api: 'hosts',
    run: async (run) => {
      await serve(run, { maxHeaderSize: 1_000 })
      run.c((await (await dial(run)).request(POLL, { headers: { 'X-Long': 'x'.repeat(2_000) } }))?.status)
      run.http.maxHeadersCount = 3
      run.io.engine.on('connection', (conn: any) => run.s(Object.keys(conn.request.headers)))
      const headers = Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`X-${name}`, name]))
      run.c((await (await dial(run)).request(POLL, { headers }))?.status)
    },
  },
  {
    name: 'maxRequestsPerSocket set while a connection is kept',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      run.http.maxRequestsPerSocket = 2
      const connection = await dial(run)
      for (let i = 0; i < 3; i++) run.c((await connection.request(POLL))?.status)
    },
  },
  {
    name: 'shouldUpgradeCallback',
    api: 'hosts',
    run: async (run) => {
      await serve(run, { shouldUpgradeCallback: () => false } as ServerOptions)
      run.c((await (await dial(run)).request(...UPGRADE))?.status)
    },
  },
  {
    name: 'maxConnections and getConnections',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      run.http.maxConnections = 2
      const [first, second] = [await dial(run), await dial(run)]
      await first.request(POLL)
      await second.request(...UPGRADE)
      const dropped = once(run.http, 'drop')
      await (await dial(run)).closed()
      await dropped
      run.s(await new Promise((resolve) => run.http.getConnections((_error, count) => resolve(count))))
    },
  },
  {
    name: 'a silent connection after headersTimeout',
    api: 'hosts',
    run: async (run) => {
      await serve(run, { connectionsCheckingInterval: 100, headersTimeout: 300 })
      const refused = run.once(run.http, 'clientError')
      const silent = await dial(run)
      const [error, socket] = await refused
      run.s(error.code)
      socket.end('HTTP/1.1 408 Enough\r\nContent-Length: 0\r\n\r\n')
      run.c((await silent.next())?.status)
    },
  },
  {
    name: 'a body that stops after requestTimeout',
    api: 'hosts',
    run: async (run) => {
      await serve(run, { connectionsCheckingInterval: 100, requestTimeout: 600, headersTimeout: 500 })
      const connection = await dial(run)
      const sid = sidOf(await connection.request(POLL))
      connection.socket.write(`POST ${POLL}&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n40`)
      run.c((await connection.next())?.status)
      await connection.closed()
    },
  },
  {
    name: 'keepAliveTimeout below a second, over one and none',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      for (const timeout of [300, 1_700, 0]) {
        run.http.keepAliveTimeout = timeout
        const connection = await dial(run)
        const { headers } = (await connection.request(POLL))!
        run.c(headers['connection'], headers['keep-alive'])
        if (timeout > 0) await connection.closed()
      }
    },
  },
  {
    name: 'socket.setTimeout() by a listener for connections',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      run.http.on('connection', (socket) => socket.setTimeout(300))
      await (await dial(run)).closed()
      run.s('closed')
      // The first request sets it back.
      const connection = await dial(run)
      const sid = sidOf(await connection.request(POLL))
      const closing = new Promise((resolve) => setTimeout(resolve, 900))
      const polled = connection.request(`${POLL}&sid=${sid}`)
      await closing
      run.s(connection.isClosed)
      run.io.engine.clients[sid].write('late')
      run.c((await polled)?.body)
    },
  },
  {
    name: 'server.setTimeout() and its event',
    api: 'hosts',
    run: async (run) => {
      await serve(run)
      const timedOut = run.once(run.http, 'timeout')
      run.http.setTimeout(300)
      const connection = await dial(run)
      const sid = sidOf(await connection.request(POLL))
      void connection.request(`${POLL}&sid=${sid}`)
      const [socket] = await timedOut
      run.s(typeof socket.remotePort, socket.destroyed)
      socket.destroy()
    },
  },
]

/** Scenarios that watch or change what all servers of the process share. */
export const alone: Scenario[] = observed
export const besideOthers: Scenario[] = [...contexts, ...limits]
