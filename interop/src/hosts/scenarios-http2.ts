// Clients that speak HTTP/2 to a server of node:http2, and one Socket.IO server on several HTTP servers.
import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { connect, createSecureServer } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { tls } from '../../../packages/client/test/start-tls.ts'
import type { Run, Scenario } from '../pairs/scenario.ts'
import { RawConnection } from '@tidewire/testkit/raw-connection'

interface Answer {
  status: number
  type: unknown
  cacheControl: unknown
  body: string
}

/** One request on a session of HTTP/2. */
async function ask(
  session: ClientHttp2Session,
  path: string,
  { method = 'GET', body }: { method?: string; body?: string } = {},
): Promise<Answer> {
  const stream = session.request({ ':method': method, ':path': path, cookie: 'a=b', 'x-extra': 'e' })
  stream.end(body)
  const [headers] = await once(stream, 'response')
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return {
    status: headers[':status'],
    type: headers['content-type'],
    cacheControl: headers['cache-control'],
    body: Buffer.concat(chunks).toString(),
  }
}

async function serve(run: Run, options: object = {}): Promise<ClientHttp2Session> {
  const http = createSecureServer({ ...tls.server, allowHTTP1: true }, (_req, res) =>
    res.end('the application'),
  )
  run.http = http as unknown as HttpServer
  run.io = new run.pair.server.module.Server(http, options)
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const session = connect(`https://127.0.0.1:${(http.address() as AddressInfo).port}`, {
    rejectUnauthorized: false,
  })
  run.atEnd(() => {
    session.destroy()
    void run.io.close()
    http.close()
  })
  return session
}

const generations = [4, 3].map(
  // In revision 3 the CONNECT may come with the open packet or with the next poll.
  (revision): Scenario => ({
    name: `polling of revision ${revision} over HTTP/2`,
    api: 'hosts',
    run: async (run) => {
      const session = await serve(run, { allowEIO3: true, httpCompression: { threshold: 100 } })
      const arrives = run.once(run.io, 'connection')
      const poll = `/socket.io/?EIO=${revision}&transport=polling`
      const opened = await ask(session, poll)
      const sid = /"sid":"([^"]+)"/.exec(opened.body)![1]!
      run.c(
        opened.status,
        opened.type,
        opened.cacheControl,
        opened.body.replaceAll(sid, '*').replace(/2:40$/, ''),
      )
      const packet = (text: string): string => (revision === 3 ? `${text.length}:${text}` : text)
      run.c((await ask(session, '/page')).body)
      if (revision === 4) run.c(await ask(session, `${poll}&sid=${sid}`, { method: 'POST', body: '40' }))
      const [peer] = await arrives
      const { handshake, request, conn } = peer
      run.s('secure', handshake.secure)
      run.s(typeof handshake.address, conn.remoteAddress === handshake.address)
      run.s(
        request.constructor.name,
        request.method,
        request.httpVersion,
        request.url.replace(/sid=.*/, 'sid'),
      )
      run.s(Object.keys(handshake.headers).toSorted(), handshake.headers['x-extra'], handshake.headers.cookie)
      // What is left of the handshake, then a poll that waits while a message is posted on the same connection.
      if (!/\d:40/.test(opened.body)) {
        const connected = await ask(session, `${poll}&sid=${sid}`)
        run.s(connected.status, connected.body.length > 0)
      } else run.s(200, true)
      const waiting = ask(session, `${poll}&sid=${sid}`)
      peer.on('ask', (answer: any) => answer('text '.repeat(100)))
      run.c(await ask(session, `${poll}&sid=${sid}`, { method: 'POST', body: packet('420["ask"]') }))
      const { status, type, body } = await waiting
      run.c(status, type, body)
      const left = run.once(peer, 'disconnect')
      run.c(await ask(session, `${poll}&sid=${sid}`, { method: 'POST', body: packet('41') }))
      run.s(await left)
      const refused = await ask(session, `${poll}&sid=nobody`)
      run.c(refused.status, refused.type)
      run.c((await ask(session, `/socket.io/?EIO=${revision}&transport=websocket`)).status)
      const large = await ask(session, `${poll}&sid=${sid}`, {
        method: 'POST',
        body: 'x'.repeat(2_000_000),
      }).catch((error: Error) => error)
      run.c('status' in large ? large.status : 'cut')
    },
    ...(revision === 3
      ? {}
      : {
          differs: {
            of: 'server',
            reason:
              'the connection of a request over HTTP/2 is officially looked at when its stream has ended, and nothing is seen of TLS',
            change: ({ server, client }) => ({
              server: server.map((line) => (line === 'secure false' ? 'secure true' : line)),
              client,
            }),
          },
        }),
  }),
)

export const http2: Scenario[] = [
  ...generations,
  {
    name: 'engine middlewares and headers over HTTP/2',
    api: 'hosts',
    run: async (run) => {
      const session = await serve(run)
      run.io.engine.use((req: any, res: any, next: any) => {
        req.seen = true
        res.setHeader('x-middleware', req.method)
        next()
      })
      run.io.engine.on('headers', (headers: any) => (headers['x-event'] = 'e'))
      run.io.engine.on('connection', ({ request }: any) => run.s(request.seen, request.httpVersion))
      const stream = session.request({ ':path': '/socket.io/?EIO=4&transport=polling' })
      const [headers] = await once(stream, 'response')
      run.c(headers[':status'], headers['x-middleware'], headers['x-event'])
      stream.resume()
      await once(stream, 'close')
    },
  },
]

/** Two HTTP servers, one after the other on one Socket.IO server. */
async function serveTwo(run: Run): Promise<[HttpServer, HttpServer]> {
  const pair = [
    createServer((_req, res) => res.end('first')),
    createServer((_req, res) => res.end('second')),
  ] as [HttpServer, HttpServer]
  run.io = new run.pair.server.module.Server({ allowEIO3: true })
  for (const http of pair) {
    run.io.attach(http)
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
  }
  run.atEnd(() => {
    void run.io.close()
    for (const http of pair) {
      http.closeAllConnections()
      http.close()
    }
  })
  return pair
}

const portOf = (http: HttpServer): number => (http.address() as AddressInfo).port

export const severalServers: Scenario[] = [
  {
    name: 'one Socket.IO server on two HTTP servers',
    api: 'hosts',
    run: async (run) => {
      const pair = await serveTwo(run)
      run.s(run.io.httpServer === pair[1])
      const clients: any[] = []
      for (const http of pair) {
        run.port = portOf(http)
        const connection = await RawConnection.open({ port: run.port })
        run.c((await connection.request('/'))?.body)
        connection.destroy()
        for (const transports of [['polling'], ['websocket']])
          clients.push((await run.connected('/', { transports })).socket)
      }
      run.port = 0
      const all = Promise.all(clients.map((socket) => run.once(socket, 'news')))
      run.io.emit('news', 'for all')
      run.c(await all)
      run.s(run.io.sockets.sockets.size, run.io.engine.clientsCount)
    },
  },
  {
    name: 'io.close() of a Socket.IO server on two HTTP servers',
    api: 'hosts',
    run: async (run) => {
      const pair = await serveTwo(run)
      const clients: any[] = []
      for (const http of pair) {
        run.port = portOf(http)
        clients.push((await run.connected()).socket)
      }
      const gone = run.once(clients[1], 'disconnect')
      await run.within(run.io.close(), 'the end of io.close()')
      run.c(await gone)
      run.s(
        pair.map(({ listening }) => listening),
        clients[0].connected,
      )
      run.port = portOf(pair[0])
      const late = run.watch(run.client(), 'late')
      run.c(
        await Promise.race([
          run.once(late, 'connect').then(() => 'connect'),
          run.once(late, 'connect_error').then(() => 'refused'),
        ]),
      )
    },
  },
]
