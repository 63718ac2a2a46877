// Scenarios about what the server answers by HTTP: refusals and their events, CORS, cookies, allowRequest, engine middleware, header
// events, the path.
import type { Run, Scenario } from './scenario.ts'

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'

function watchRefusals(run: Run, io: any): void {
  io.engine.on('connection_error', ({ req, code, message, context }: any) => {
    run.s('connection_error', typeof req?.url, code, message, context)
  })
}

/** Refused requests: what is asked for, and by which method. */
const REFUSALS: Record<string, [path: string, init?: RequestInit]> = {
  'an unknown transport': ['/socket.io/?EIO=4&transport=carrier-pigeon'],
  'no transport': ['/socket.io/?EIO=4'],
  'a transport named like a property of objects': ['/socket.io/?EIO=4&transport=constructor'],
  'an unknown session': ['/socket.io/?EIO=4&transport=polling&sid=unknown'],
  'a handshake by POST': [HANDSHAKE, { method: 'POST', body: '1' }],
  'a handshake by PUT': [HANDSHAKE, { method: 'PUT' }],
  'WebSocket without an upgrade': ['/socket.io/?EIO=4&transport=websocket'],
  'an unknown protocol version': ['/socket.io/?EIO=5&transport=polling'],
}

const refusals = Object.entries(REFUSALS).map(([what, [path, init]]): Scenario => ({
  name: `request with ${what}`,
  api: '7',
  run: async (run) => {
    // Revision 3 is officially off; here both are asked under the same option.
    const io = await run.serve({ allowEIO3: true })
    watchRefusals(run, io)
    const { status, headers, body } = await run.get(path, init)
    const { code, message } = body.startsWith('{')
      ? (JSON.parse(body) as { code: unknown; message: unknown })
      : { code: 'none', message: '' }
    run.c(status, headers.get('content-type'), code, message)
    run.s(io.engine.clientsCount)
  },
  ...(what === 'an unknown protocol version'
    ? {
        differs: {
          of: 'server' as const,
          reason:
            'a version that does not exist is refused (EIO-20); officially it is taken for 4 when `allowEIO3` is set',
          change: () => ({
            server: ['connection_error string 5 Unsupported protocol version {"protocol":"5"}', '0'],
            client: ['400 application/json 5 Unsupported protocol version'],
          }),
        },
      }
    : {}),
}))

const corsOf = ({ headers }: { headers: Headers }): unknown[] =>
  ['origin', 'credentials', 'methods', 'headers']
    .map((name) => headers.get(`access-control-allow-${name}`))
    .concat(headers.get('vary') ?? '')

const CORS: Record<string, object> = {
  'no cors option': {},
  'any origin': { cors: { origin: '*' } },
  'one origin': { cors: { origin: 'http://good.example' } },
  'a list of origins': { cors: { origin: ['http://good.example', /\.trusted\.example$/] } },
  'origin: true': { cors: { origin: true } },
  'credentials and headers': {
    cors: {
      origin: 'http://good.example',
      credentials: true,
      allowedHeaders: ['x-one'],
      methods: ['GET', 'POST'],
    },
  },
  'a function for the origin': {
    cors: { origin: (_origin: string, done: any) => done(null, 'http://good.example') },
  },
}

const cors = Object.entries(CORS).map(([what, options]): Scenario => ({
  name: `CORS headers with ${what}`,
  api: '7',
  run: async (run) => {
    await run.serve(options)
    const answer = await run.get(HANDSHAKE, { headers: { origin: 'http://good.example' } })
    run.c(answer.status, corsOf(answer))
    if (!('cors' in options)) return
    const preflight = await run.get(HANDSHAKE, {
      method: 'OPTIONS',
      headers: {
        origin: 'http://good.example',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-two',
      },
    })
    run.c(preflight.status, corsOf(preflight), preflight.body)
  },
}))

const COOKIES: Record<string, unknown> = {
  true: true,
  false: false,
  'a name': { name: 'my-cookie' },
  'all its attributes': {
    name: 'io',
    path: '/sub',
    httpOnly: false,
    sameSite: 'strict',
    maxAge: 60,
    secure: true,
    domain: 'example.org',
  },
}

const cookies = Object.entries(COOKIES).map(([what, cookie]): Scenario => ({
  name: `session cookie with ${what}`,
  api: '7',
  run: async (run) => {
    await run.serve({ cookie })
    const first = await run.get(HANDSHAKE)
    const { sid } = JSON.parse(first.body.slice(1)) as { sid: string }
    run.c(first.headers.getSetCookie().map((line) => line.replace(sid, '<id>')))
    const second = await run.get(`${HANDSHAKE}&sid=${sid}`, { method: 'POST', body: '40' })
    run.c(second.status, second.body, second.headers.getSetCookie())
  },
}))

export const http: Scenario[] = [
  ...refusals,
  ...cors,
  ...cookies,
  {
    name: 'open packet by hand',
    api: '6, 7',
    run: async (run) => {
      await run.serve({ pingInterval: 1_000, pingTimeout: 2_000, maxHttpBufferSize: 3_000 })
      const { status, headers, body } = await run.get(HANDSHAKE)
      run.c(
        status,
        headers.get('content-type'),
        headers.get('cache-control'),
        body[0],
        JSON.parse(body.slice(1)),
      )
    },
  },
  {
    name: 'requests outside of the path belong to the application',
    api: '7',
    run: async (run) => {
      await run.serve()
      for (const path of [
        '/',
        '/socket.io',
        '/other/?EIO=4&transport=polling',
        '/socket.iox/?EIO=4&transport=polling',
      ]) {
        const { status, body } = await run.get(path)
        run.c(path, status, body)
      }
    },
  },
  ...['/custom', '/custom/', '/deep/er'].map((path): Scenario => ({
    name: `path ${path}`,
    api: '2, 6',
    run: async (run) => {
      const io = await run.serve({ path })
      run.s(io.path())
      const { peer } = await run.connected('/', { path })
      run.s(peer.handshake.url.split('?')[0])
      run.c(
        (await run.get(`${path.replace(/\/$/, '')}/socket.io.js`)).status,
        (await run.get(HANDSHAKE)).body,
      )
    },
  })),
  ...(['polling', 'websocket'] as const).flatMap((transport): Scenario[] => [
    {
      name: `allowRequest refuses with a text (${transport})`,
      api: '7',
      run: async (run) => {
        const io = await run.serve({ allowRequest: (_req: unknown, done: any) => done('go away', false) })
        watchRefusals(run, io)
        const socket = run.client('/', { transports: [transport] })
        const [error] = await run.once(socket, 'connect_error')
        run.c(error.message, error.type, typeof error.description, socket.active)
      },
    },
    {
      name: `allowRequest refuses without a text (${transport})`,
      api: '7',
      run: async (run) => {
        const io = await run.serve({ allowRequest: (_req: unknown, done: any) => done(null, false) })
        watchRefusals(run, io)
        const [error] = await run.once(run.client('/', { transports: [transport] }), 'connect_error')
        run.c(error.message)
      },
    },
    {
      name: `allowRequest sees the request and lets it in (${transport})`,
      api: '7',
      run: async (run) => {
        await run.serve({
          allowRequest: (req: any, done: any) => {
            run.s('allowRequest', req.headers['x-mine'], req._query.transport)
            done(null, true)
          },
        })
        await run.connected('/', { transports: [transport], extraHeaders: { 'x-mine': 'yes' } })
        run.c('connect')
      },
    },
    {
      name: `engine middleware and header events (${transport})`,
      api: '7',
      run: async (run) => {
        const io = await run.serve()
        io.engine.use((req: any, res: any, next: any) => {
          req.mine = 'seen'
          res.setHeader('x-from-middleware', 'yes')
          next()
        })
        io.engine.once('initial_headers', (headers: any, req: any) =>
          run.s('initial_headers', typeof headers, req._query.transport, req.mine),
        )
        io.engine.once('headers', (headers: any, req: any) =>
          run.s('headers', typeof headers, req._query.transport, req.mine),
        )
        const { peer } = await run.connected('/', { transports: [transport] })
        run.s(peer.request.mine, peer.conn.request.mine)
        const answer = await run.get(HANDSHAKE)
        run.c(answer.headers.get('x-from-middleware'))
      },
    },
    {
      name: `engine middleware refuses (${transport})`,
      api: '7',
      run: async (run) => {
        const io = await run.serve()
        watchRefusals(run, io)
        io.engine.use((_req: any, _res: any, next: any) => next(new Error('no')))
        const [error] = await run.once(run.client('/', { transports: [transport] }), 'connect_error')
        run.c(error.message, error.type)
      },
      differs: {
        of: 'server',
        reason: "the context of `connection_error` also holds the middleware's error",
        change: ({ server, client }) => ({
          server: server.map((line) => line.replace('FAILURE"}', 'FAILURE","error":{"error":"no"}}')),
          client,
        }),
      },
    },
    {
      name: `server does not offer the transport (${transport})`,
      api: '7',
      run: async (run) => {
        const io = await run.serve({ transports: [transport === 'polling' ? 'websocket' : 'polling'] })
        watchRefusals(run, io)
        const [error] = await run.once(run.client('/', { transports: [transport] }), 'connect_error')
        run.c(error.message, error.type)
      },
    },
    {
      name: `query and headers of a client (${transport})`,
      api: '4, 6',
      run: async (run) => {
        await run.serve()
        const options = {
          transports: [transport],
          query: { a: 'b', c: 'd e&=', n: 1 },
          extraHeaders: { 'x-mine': 'yes' },
        }
        const { peer } = await run.connected('/', options)
        const { t: _t, ...query } = peer.handshake.query
        run.s(
          query,
          peer.handshake.headers['x-mine'],
          peer.request._query.a,
          peer.conn.protocol,
          peer.conn.remoteAddress,
        )
      },
    },
  ]),
  {
    name: 'headers set in the events of the engine reach the client',
    api: '7',
    run: async (run) => {
      const io = await run.serve()
      io.engine.on('initial_headers', (headers: any) => (headers['x-initial'] = '1'))
      io.engine.on('headers', (headers: any) => (headers['x-each'] = '2'))
      const first = await run.get(HANDSHAKE)
      const { sid } = JSON.parse(first.body.slice(1)) as { sid: string }
      const second = await run.get(`${HANDSHAKE}&sid=${sid}`, { method: 'POST', body: '40' })
      for (const { headers } of [first, second]) run.c(headers.get('x-initial'), headers.get('x-each'))
    },
  },
  {
    name: 'generateId of the application, sync and async',
    api: '7',
    run: async (run) => {
      const io = await run.serve()
      io.engine.generateId = () => 'sync-id'
      const a = await run.connected()
      run.s(a.peer.conn.id, io.engine.clientsCount, Object.keys(io.engine.clients))
      io.engine.generateId = async () => 'async-id'
      const b = await run.connected()
      run.s(b.peer.conn.id, io.engine.clientsCount)
      run.c(a.socket.io.engine.id, b.socket.io.engine.id)
    },
  },
  {
    name: 'second GET of a session while one is held',
    api: '7',
    run: async (run) => {
      const io = await run.serve()
      const gone = run.once(io.engine, 'connection').then(([conn]) => run.once(conn, 'close'))
      const { sid } = JSON.parse((await run.get(HANDSHAKE)).body.slice(1)) as { sid: string }
      const held = run.get(`${HANDSHAKE}&sid=${sid}`).catch(() => undefined)
      const second = await run.get(`${HANDSHAKE}&sid=${sid}`)
      run.c(second.status, second.body)
      run.s((await gone)[0])
      await held
    },
  },
  {
    name: 'malformed POST',
    api: '7',
    run: async (run) => {
      const io = await run.serve()
      const gone = run.once(io.engine, 'connection').then(([conn]) => run.once(conn, 'close'))
      const { sid } = JSON.parse((await run.get(HANDSHAKE)).body.slice(1)) as { sid: string }
      const answer = await run.get(`${HANDSHAKE}&sid=${sid}`, { method: 'POST', body: 'abc' })
      run.c(answer.status, answer.body, answer.headers.get('content-type'))
      run.s((await gone)[0])
    },
  },
]
