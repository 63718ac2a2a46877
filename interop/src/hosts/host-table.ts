// The hosts, a row each. All offer the same routes in their own way: GET /plain, /json, /large (5,000 characters), /cookie (sets one), /fail (throws),
// POST /echo (JSON), 404 for the rest; those with middlewares run CORS, compression, security headers, body parsers and an access log.
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { createRequire } from 'node:module'
import { createAdaptorServer } from '@hono/node-server'
import fastify from 'fastify'
import { Hono } from 'hono'
import { compress } from 'hono/compress'
import { cors as honoCors } from 'hono/cors'
import { secureHeaders } from 'hono/secure-headers'
import { tls } from '../../../packages/client/test/start-tls.ts'
import type { Application, Host } from './host.ts'

const require = createRequire(import.meta.url)
const LARGE = 'large '.repeat(1_000)
export const PAGE = 'http://page.example'

async function bodyOf(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of req) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

/** By hand, as many small servers are. */
const plain: RequestListener = (req, res) => {
  const json = (status: number, value: unknown): void => {
    res.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
  }
  switch (`${req.method} ${req.url?.split('?')[0]}`) {
    case 'GET /plain':
      return void res.end('plain')
    case 'GET /json':
      return json(200, { a: 1 })
    case 'GET /large':
      return void res.end(LARGE)
    case 'GET /cookie':
      return void res.writeHead(200, { 'Set-Cookie': 'visited=1; Path=/' }).end('cookie')
    case 'GET /fail':
      return json(500, { error: 'failed on purpose' })
    case 'POST /echo':
      return void bodyOf(req).then((body) => json(200, { echo: JSON.parse(body) }))
    default:
      return json(404, { error: 'nothing here' })
  }
}

/** Express of either version, or connect, whose middlewares are the same. */
function express(version: 'express-4' | 'express-5'): Application {
  const make = require(version)
  const app = make()
  const log: string[] = []
  app.set('trust proxy', true)
  app.use(
    require('morgan')(':method :url :status :remote-addr', {
      stream: { write: (line: string) => log.push(line.trim()) },
    }),
  )
  app.use(require('helmet')())
  app.use(require('cors')({ origin: PAGE, credentials: true }))
  app.use(require('compression')({ threshold: 0 }))
  app.use(require('cookie-parser')())
  app.use(make.json())
  app.use(make.urlencoded({ extended: true }))
  app.get('/plain', (_req: any, res: any) => res.send('plain'))
  app.get('/json', (req: any, res: any) => res.json({ a: 1, ip: req.ip, cookies: req.cookies }))
  app.get('/large', (_req: any, res: any) => res.send(LARGE))
  app.get('/cookie', (_req: any, res: any) => res.cookie('visited', '1').send('cookie'))
  app.get('/fail', () => {
    throw new Error('failed on purpose')
  })
  app.post('/echo', (req: any, res: any) => res.json({ echo: req.body }))
  app.use((_req: any, res: any) => res.status(404).json({ error: 'nothing here' }))
  app.use((error: Error, _req: any, res: any, _next: any) => res.status(500).json({ error: error.message }))
  return { http: createServer(app), log }
}

function connect(): Application {
  const app = require('connect')()
  const log: string[] = []
  app.use(
    require('morgan')(':method :url :status', { stream: { write: (line: string) => log.push(line.trim()) } }),
  )
  app.use(require('compression')({ threshold: 0 }))
  app.use('/fail', () => {
    throw new Error('failed on purpose')
  })
  app.use((req: IncomingMessage, res: ServerResponse, next: () => void) =>
    req.url === '/fail' ? next() : plain(req, res),
  )
  return { http: createServer(app), log }
}

async function fastifyHost(): Promise<Application> {
  const log: string[] = []
  const app = fastify()
  app.addHook(
    'onResponse',
    async (request, reply) => void log.push(`${request.method} ${request.url} ${reply.statusCode}`),
  )
  app.addHook('onSend', async (_request, reply) => void reply.header('access-control-allow-origin', PAGE))
  app.get('/plain', async () => 'plain')
  app.get('/json', async () => ({ a: 1 }))
  app.get('/large', async () => LARGE)
  app.get('/cookie', async (_request, reply) => reply.header('set-cookie', 'visited=1').send('cookie'))
  app.get('/fail', async () => {
    throw new Error('failed on purpose')
  })
  app.post('/echo', (request, reply) => reply.send({ echo: request.body }))
  await app.ready()
  return { http: app.server, log, close: () => app.close() }
}

function koa(): Application {
  const { default: Koa } = require('koa')
  const app = new Koa()
  const log: string[] = []
  app.silent = true
  app.use(async (context: any, next: () => Promise<void>) => {
    await next().finally(() => log.push(`${context.method} ${context.url}`))
  })
  app.use(async (context: any) => {
    context.set('access-control-allow-origin', PAGE)
    const routes: Record<string, () => unknown> = {
      'GET /plain': () => 'plain',
      'GET /json': () => ({ a: 1 }),
      'GET /large': () => LARGE,
      'GET /cookie': () => {
        context.cookies.set('visited', '1')
        return 'cookie'
      },
      'GET /fail': () => {
        throw new Error('failed on purpose')
      },
      'POST /echo': async () => ({ echo: JSON.parse(await bodyOf(context.req)) }),
    }
    const answer = routes[`${context.method} ${context.path}`]
    if (answer !== undefined) context.body = await answer()
  })
  return { http: createServer(app.callback()), log }
}

function hono(): Application {
  const app = new Hono()
  const log: string[] = []
  app.use(async (context, next) => {
    await next()
    log.push(`${context.req.method} ${context.req.path} ${context.res.status}`)
  })
  app.use(honoCors({ origin: PAGE }), secureHeaders(), compress())
  app.get('/plain', (context) => context.text('plain'))
  app.get('/json', (context) => context.json({ a: 1 }))
  app.get('/large', (context) => context.text(LARGE))
  app.get('/cookie', (context) => context.text('cookie', 200, { 'set-cookie': 'visited=1' }))
  app.get('/fail', () => {
    throw new Error('failed on purpose')
  })
  app.post('/echo', async (context) => context.json({ echo: await context.req.json() }))
  app.onError((error, context) => context.json({ error: error.message }, 500))
  return { http: createAdaptorServer({ fetch: app.fetch }) as Application['http'], log }
}

function restify(): Application {
  const { createServer: create, plugins } = require('restify')
  const app = create({ name: 'restify' })
  const log: string[] = []
  app.on('after', (req: any, res: any) => log.push(`${req.method} ${req.url} ${res.statusCode}`))
  app.use(plugins.bodyParser())
  app.use(plugins.gzipResponse())
  const answer = (route: (req: any, res: any) => void) => (req: any, res: any, next: () => void) => {
    route(req, res)
    next()
  }
  app.get(
    '/plain',
    answer((_req, res) => res.sendRaw(200, 'plain')),
  )
  app.get(
    '/json',
    answer((_req, res) => res.send({ a: 1 })),
  )
  app.get(
    '/large',
    answer((_req, res) => res.sendRaw(200, LARGE)),
  )
  app.get(
    '/cookie',
    answer((_req, res) => (res.header('set-cookie', 'visited=1'), res.send('cookie'))),
  )
  app.get('/fail', (_req: any, _res: any, next: (error: Error) => void) =>
    next(new Error('failed on purpose')),
  )
  app.post(
    '/echo',
    answer((req, res) => res.send({ echo: req.body })),
  )
  return { http: app.server, log, close: async () => new Promise((resolve) => app.close(resolve)) }
}

export const hosts: Host[] = [
  { name: 'node:http', create: () => ({ http: createServer(plain) }) },
  {
    name: 'node:http, attached when it listens',
    attachesLate: true,
    create: () => ({ http: createServer(plain) }),
  },
  { name: 'node:https', isSecure: true, create: () => ({ http: createHttps(tls.server, plain) }) },
  {
    name: 'node:http2 with allowHTTP1',
    isSecure: true,
    create: () => ({
      http: createSecureServer(
        { ...tls.server, allowHTTP1: true },
        plain as never,
      ) as unknown as Application['http'],
    }),
  },
  { name: 'a port number', hasNoRoutes: true },
  { name: 'a Unix socket', isUnixSocket: true, create: () => ({ http: createServer(plain) }) },
  { name: 'Express 4', create: () => express('express-4') },
  { name: 'Express 5', create: () => express('express-5') },
  { name: 'connect', create: connect },
  { name: 'Fastify 5', create: fastifyHost },
  { name: 'Koa', create: koa },
  { name: 'Hono', create: hono },
  { name: 'restify', create: restify },
]
