// What every host goes through: the same story on the official server and on ours. A story notes what the client sees and what the server and
// its host see; hosts differ from each other, the two servers must not.
import { createRequire } from 'node:module'
import { WebSocketServer } from 'ws'
import type { Run } from '../pairs/scenario.ts'
import { connected, client, dial, serve } from './host.ts'
import type { Host } from './host.ts'
import { PAGE } from './host-table.ts'
import type { Answer, RawConnection } from '@tidewire/testkit/raw-connection'
import { POLL, UPGRADE, sidOf, until } from './scenarios-node-http.ts'

const require = createRequire(import.meta.url)

export interface Story {
  name: string
  isFor?: (host: Host) => boolean
  run: (run: Run, host: Host) => Promise<void>
}

/** Status, kind and the start of the body, without what differs by chance, and without our hint to who reads a refusal. */
function brief(answer: Answer | undefined): unknown[] {
  if (answer === undefined) return ['closed']
  const { status, headers, body } = answer
  return [
    status,
    headers['content-type'],
    headers['content-encoding'],
    headers['connection'],
    body
      .replace(/"sid":"[^"]+"/, '"sid":"*"')
      .replace(/,"hint":"[^"]*"/, '')
      .slice(0, 120),
  ]
}

const ROUTES: [string, Parameters<RawConnection['request']>[1]?][] = [
  ['/plain'],
  ['/json', { headers: { Origin: PAGE, Cookie: 'a=b', 'X-Forwarded-For': '10.1.2.3' } }],
  ['/large', { headers: { 'Accept-Encoding': 'gzip' } }],
  ['/cookie'],
  ['/fail'],
  ['/nowhere'],
  ['/echo', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"x":[1,"é"]}' }],
  ['/plain', { method: 'OPTIONS', headers: { Origin: PAGE, 'Access-Control-Request-Method': 'GET' } }],
]

const ANSWERS_OF_HOST = [
  'access-control-allow-origin',
  'vary',
  'set-cookie',
  'x-frame-options',
  'content-security-policy',
  'x-powered-by',
]

async function askRoutes(run: Run, connection: RawConnection): Promise<void> {
  for (const [path, init] of ROUTES) {
    const answer = await run.within(connection.request(path, init), path)
    const isText = answer?.headers['content-encoding'] === undefined
    run.c(path, isText ? brief(answer) : [answer?.status, answer?.headers['content-encoding']])
    run.c(ANSWERS_OF_HOST.filter((name) => answer !== undefined && name in answer.headers))
  }
}

/** Text, binary and acknowledgements both ways. */
async function converse(run: Run, { socket, peer }: { socket: any; peer: any }): Promise<void> {
  peer.on('ask', (text: string, bytes: Buffer, answer: any) =>
    answer(`${text}!`, Buffer.concat([bytes, bytes])),
  )
  run.c(
    await run.within(
      new Promise((resolve) =>
        socket.emit('ask', '汉字', Buffer.from([0, 255]), (...args: any[]) => resolve(args)),
      ),
      'the answer',
    ),
  )
  const heard = run.once(socket, 'news')
  const large = 'x'.repeat(100_000)
  peer.emit('news', large, Buffer.alloc(70_000, 7))
  const [text, bytes] = await heard
  run.c(text === large, Buffer.from(bytes).equals(Buffer.alloc(70_000, 7)))
}

export const stories: Story[] = [
  {
    name: 'polling, WebSocket and the upgrade, with text and binary',
    run: async (run, host) => {
      const served = await serve(run, host)
      for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
        const pair = await connected(run, served, {
          transports,
          auth: { a: 1 },
          extraHeaders: { 'x-extra': 'e' },
        })
        const { socket, peer } = pair
        if (transports.length > 1 && socket.io.engine.transport.name === 'polling')
          await run.once(socket.io.engine, 'upgrade')
        await converse(run, pair)
        await until(run, 'the upgrade on the server', () => peer.conn.transport.name === transports.at(-1))
        const { handshake, conn, request } = peer
        run.s(
          transports,
          handshake.secure,
          typeof handshake.address,
          conn.remoteAddress === handshake.address,
          handshake.xdomain,
        )
        run.s(
          handshake.headers['x-extra'],
          handshake.auth,
          typeof handshake.issued,
          request.method,
          request.httpVersion,
        )
        const left = run.once(peer, 'disconnect')
        socket.disconnect()
        run.s(await left)
      }
    },
  },
  {
    name: 'routes before, during and after',
    isFor: ({ hasNoRoutes }) => hasNoRoutes !== true,
    run: async (run, host) => {
      const served = await serve(run, host)
      const connection = await dial(run, served)
      await askRoutes(run, connection)
      const pair = await connected(run, served, { transports: ['polling'] })
      await askRoutes(run, connection)
      await converse(run, pair)
      const left = run.once(pair.peer, 'disconnect')
      pair.socket.disconnect()
      await left
      await askRoutes(run, connection)
      if (served.log !== undefined)
        await until(run, 'the access log', () => served.log!.length >= 3 * ROUTES.length)
      run.s(served.log)
    },
  },
  ...['/plain', POLL].map((first): Story => ({
    name: `one connection for all requests, ${first === POLL ? 'the engine' : 'the application'} first`,
    run: async (run, host) => {
      const served = await serve(run, host)
      const connection = await dial(run, served)
      const ask = async (
        path: string,
        init?: Parameters<RawConnection['request']>[1],
      ): Promise<Answer | undefined> => {
        const answer = await run.within(connection.request(path, init), path)
        run.c(init?.method ?? 'GET', path.replace(/sid=.*/, 'sid=*'), brief(answer))
        return answer
      }
      await ask(first)
      const sid = sidOf(await ask(POLL))
      await ask('/json')
      await ask(`${POLL}&sid=${sid}`, { method: 'POST', body: '40' })
      run.c((await run.within(connection.request(`${POLL}&sid=${sid}`), 'the poll'))?.status)
      await ask('/nowhere')
      await ask(`${POLL}&sid=nobody`)
      await ask('/socket.io/trailing/path?EIO=4&transport=polling')
      await ask('/socket.io?EIO=4&transport=polling')
      await ask('/socket.iox/?EIO=4&transport=polling')
      await ask('/fail')
      await ask('/socket.io/?EIO=4&transport=websocket')
      await ask(POLL, { method: 'PUT', body: 'x' })
      await ask(POLL, { headers: { 'Content-Type': 'application/json' } })
      await ask('/echo', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"x":1}' })
      await ask('/socket.io/none.js')
      await ask(`${POLL}&sid=${sid}`, { method: 'POST', body: '41' })
      await ask('/plain')
      run.c(connection.isClosed)
    },
  })),
  {
    name: 'middlewares of the engine, and the session of the host',
    isFor: ({ name }) => /^(node|Express|a Unix)/.test(name),
    run: async (run, host) => {
      const session = require('express-session')
      const helmet = require('helmet')
      const compression = require('compression')
      const shared = session({ secret: 'secret', resave: false, saveUninitialized: true, name: 'visit' })
      const served = await serve(run, host, {}, (http) => {
        // The host's own route counts visits in the session.
        const [inner] = http.listeners('request') as ((...args: any[]) => void)[]
        http.removeAllListeners('request')
        http.on('request', (req: any, res: any) => {
          if (req.url !== '/visit') return inner!.call(http, req, res)
          shared(req, res, () => {
            req.session.visits = (req.session.visits ?? 0) + 1
            res.end(String(req.session.visits))
          })
        })
      })
      const sessions: unknown[] = []
      served.io.engine.use(shared)
      served.io.engine.use((req: any, _res: any, next: any) => {
        sessions.push(req.session)
        next()
      })
      served.io.engine.use(helmet())
      served.io.engine.use(compression({ threshold: 0 }))
      const connection = await dial(run, served)
      const visited = (await connection.request('/visit'))!
      const cookie = visited.headers['set-cookie']!.split(';')[0]!
      run.c(visited.body, cookie.startsWith('visit='))
      const polled = (await connection.request(POLL, { headers: { 'Accept-Encoding': 'gzip' } }))!
      run.c(
        polled.status,
        Object.keys(polled.headers)
          .filter((name) => name !== 'x-content-type-options')
          .toSorted(),
      )
      const [path, { headers }] = UPGRADE
      const upgraded = (await (await dial(run, served)).request(path, { headers }))!
      run.c(upgraded.status, Object.keys(upgraded.headers).toSorted())
      for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
        sessions.length = 0
        const { socket, peer } = await connected(run, served, { transports, extraHeaders: { cookie } })
        run.s(
          transports,
          peer.request.session.visits,
          peer.request.session === sessions[0],
          typeof peer.request.sessionID,
        )
        peer.request.session.user = transports.join()
        await new Promise((resolve) => peer.request.session.save(resolve))
        await connection.request('/visit', { headers: { cookie } })
        await new Promise((resolve) => peer.request.session.reload(resolve))
        run.s(peer.request.session.visits, peer.request.session.user)
        const left = run.once(peer, 'disconnect')
        socket.disconnect()
        await left
      }
      served.io.engine.use((_req: any, res: any) => {
        res.statusCode = 418
        res.setHeader('x-why', 'teapot')
        res.end('no')
      })
      const refused = await connection.request(POLL)
      run.c(refused?.status, refused?.headers['x-why'], refused?.body)
    },
  },
  {
    name: 'io.close() with clients on both transports, an idle connection and one with a poll',
    run: async (run, host) => {
      const served = await serve(run, host)
      const polling = run.watch(client(run, served, { transports: ['polling'] }), 'polling')
      const websocket = run.watch(client(run, served), 'websocket')
      const left = run.calls(2, 'both disconnects')
      served.io.on('connection', (socket: any) => socket.on('disconnect', left.call))
      await Promise.all([polling, websocket].map((socket) => run.once(socket, 'connect')))
      // In this order whatever came first.
      run.trace.client.sort()
      const idle = await dial(run, served)
      await idle.request(POLL)
      const busy = await dial(run, served)
      const sid = sidOf(await busy.request(POLL))
      const polled = busy.request(`${POLL}&sid=${sid}`)
      const session = served.io.engine.clients[sid]
      await until(run, 'the poll', () => session.transport.writable)
      const gone = Promise.all([polling, websocket].map((socket) => run.once(socket, 'disconnect')))
      const error = await run.within(
        new Promise((resolve) => void served.io.close(resolve)),
        'the end of io.close()',
      )
      run.s(error, served.http.listening, served.io.engine.clientsCount)
      run.s((await left.all).map(([reason]) => reason))
      run.c((await polled)?.body)
      await gone
      run.trace.client.sort()
      await idle.closed()
      run.c(
        await dial(run, served)
          .then(
            () => 'connected',
            (failure: any) => failure.code,
          )
          .then((code) => (code === 'ENOENT' ? 'ECONNREFUSED' : code)),
      )
    },
  },
  {
    name: 'the host closes, and its clients leave',
    run: async (run, host) => {
      const served = await serve(run, host)
      const { socket, peer } = await connected(run, served)
      const idle = await dial(run, served)
      await idle.request(POLL)
      let isEnded = false
      const ended = served.end().then(() => (isEnded = true))
      await idle.closed()
      run.s(isEnded, served.http.listening, peer.connected)
      const answer = run.within(socket.emitWithAck('still there'), 'the answer')
      peer.on('still there', (reply: any) => reply('yes'))
      run.c(await answer)
      socket.disconnect()
      await run.within(ended, 'the end of the host')
      run.s(isEnded)
    },
  },
  {
    name: 'closeAllConnections() cuts polls and idle connections, and leaves WebSockets',
    isFor: ({ name }) => !name.includes('http2'),
    run: async (run, host) => {
      const served = await serve(run, host)
      const { socket, peer } = await connected(run, served)
      const [idle, busy] = [await dial(run, served), await dial(run, served)]
      await idle.request(POLL)
      const sid = sidOf(await busy.request(POLL))
      const polled = busy.request(`${POLL}&sid=${sid}`)
      const session = served.io.engine.clients[sid]
      await until(run, 'the poll', () => session.transport.writable)
      const lost = run.once(session, 'close')
      served.http.closeAllConnections()
      run.c(await polled)
      run.s((await lost)[0])
      await idle.closed()
      peer.on('ask', (answer: any) => answer('alive'))
      run.c(await run.within(socket.emitWithAck('ask'), 'the answer'))
    },
  },
  {
    name: 'other upgrades on the same server: a WebSocket server on its own path, one by protocol, and one that nobody takes',
    run: async (run, host) => {
      const other = new WebSocketServer({ noServer: true })
      const served = await serve(run, host, { destroyUpgradeTimeout: 200 }, (http) => {
        http.on('upgrade', (req, netSocket, head) => {
          if (req.url === '/other') other.handleUpgrade(req, netSocket, head, (ws) => ws.send('of the other'))
        })
      })
      served.http.on('upgrade', (req, netSocket, head) => {
        if (req.headers['sec-websocket-protocol'] === 'vite-hmr')
          other.handleUpgrade(req, netSocket, head, (ws) => ws.send('hot'))
      })
      run.atEnd(() => other.close())
      const [, { headers }] = UPGRADE
      for (const [path, more] of [
        ['/other', {}],
        ['/', { 'Sec-WebSocket-Protocol': 'vite-hmr' }],
        ['/nobody', {}],
      ] as const) {
        const connection = await dial(run, served)
        const answer = await run.within(connection.request(path, { headers: { ...headers, ...more } }), path)
        run.c(path, answer?.status, answer?.headers['sec-websocket-protocol'])
        if (answer !== undefined) await until(run, 'a frame', () => connection.rest.length > 2)
        run.c(connection.rest.slice(2))
        // A client of ours beside it.
        const pair = await connected(run, served)
        await converse(run, pair)
        pair.socket.disconnect()
      }
    },
  },
]
