// Node: polling over node:http with kept-alive connections, WebSocket by our own framing on an HTTP upgrade (node-websocket.ts), so that agents,
// TLS options and headers work, and on every supported Node.
import { SocketPacketDecoder, encodeSocketPacket } from '@tidewire/protocol'
import type { SocketPacket, SocketRevision } from '@tidewire/protocol'
import { randomBytes } from 'node:crypto'
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import type { RequestOptions } from 'node:https'
import { Socket } from 'node:net'
import type { ClientCodec } from '../codec.ts'
import { EngineClient } from '../engine/engine-client.ts'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'
import { NodeWebSocket } from './node-websocket.ts'
import type { NetworkPlatform } from './platform.ts'

const TLS_OPTIONS = ['pfx', 'key', 'passphrase', 'cert', 'ca', 'ciphers', 'rejectUnauthorized'] as const
// perf: a module that imports node:http has Node load all that it exports, fetch and HTTP/2 among it: 40 ms on Node 24. And only the
// module itself tells what `globalAgent` is at the moment.
const http = process.getBuiltinModule('node:http')
const moduleFor = (isSecure: boolean): Pick<typeof http, 'request'> => (isSecure ? process.getBuiltinModule('node:https') : http)

function requestOptions(url: string, options: EngineClientOptions): { isSecure: boolean; settings: RequestOptions } {
  const isSecure = url.startsWith('https:')
  const settings: RequestOptions = { agent: options.agent || undefined }
  for (const name of TLS_OPTIONS) if (options[name] !== undefined && options[name] !== null) settings[name] = options[name]
  return { isSecure, settings }
}

/** What Node refuses to make (a header that is none, an agent of the other protocol) is a request that fails: an attempt to connect throws nothing. */
function openRequest(url: string, isSecure: boolean, options: RequestOptions, whenAnswered?: (res: IncomingMessage) => void): ClientRequest {
  try {
    return moduleFor(isSecure).request(url, options, whenAnswered)
  } catch (error) {
    return http.request({ createConnection: () => new Socket().destroy(error as Error) })
  }
}

type PlainAgent = typeof http.globalAgent & { options?: { proxyEnv?: unknown } }

/**
 * perf: Node's own agent has no use for a connection that becomes a WebSocket. One that the application has put in its place may have, whenever it
 * did so, and one that goes through a proxy; that of https remembers TLS sessions.
 */
const isPlain = (agent: typeof http.globalAgent): boolean => agent.constructor === http.Agent && !(agent as PlainAgent).options?.proxyEnv

const connectPlainly: RequestOptions['createConnection'] = (options, whenConnected) => {
  const agent = http.globalAgent as PlainAgent
  return agent.createConnection({ ...options, ...agent.options }, whenConnected)
}

interface Cookie {
  value: string
  /** Milliseconds since 1970. */
  expires: number
}

/** With `withCredentials`: the cookies of a session, by name, shared by its transports. */
type NodeOptions = EngineClientOptions & { cookieJar?: Map<string, Cookie> }

class NodeEngine extends EngineClient {
  constructor(url: ServerUrl, options: EngineClientOptions) {
    const withJar: NodeOptions = { ...options, cookieJar: new Map() }
    super(url, options.withCredentials ? withJar : options)
  }
}

function cookiesOf({ cookieJar }: NodeOptions): string | undefined {
  const fresh = [...(cookieJar ?? [])].filter(([, { expires }]) => expires > Date.now())
  return fresh.length === 0 ? undefined : fresh.map(([name, { value }]) => `${name}=${value}`).join('; ')
}

function keepCookies({ cookieJar }: NodeOptions, res: IncomingMessage): void {
  // perf: headers are made when they are asked for.
  if (cookieJar === undefined) return
  for (const cookie of res.headers['set-cookie'] ?? []) {
    const mark = cookie.indexOf('=')
    const [, maxAge] = /;\s*max-age=(-?\d+)/i.exec(cookie) ?? []
    const [, date] = /;\s*expires=([^;]+)/i.exec(cookie) ?? []
    // The age wins where both are given (RFC 6265, 5.3).
    const expires = maxAge !== undefined ? Date.now() + Number(maxAge) * 1000 : date === undefined ? Infinity : Date.parse(date)
    cookieJar.set(cookie.slice(0, mark).trim(), { value: cookie.slice(mark + 1).split(';')[0]!.trim(), expires })
  }
}

const MAX_ATTACHMENTS = 10
const CODEC_OPTIONS = { 4: { revision: 4, maxAttachments: MAX_ATTACHMENTS }, 5: { revision: 5, maxAttachments: MAX_ATTACHMENTS } } as const

class NodeCodec extends SocketPacketDecoder implements ClientCodec {
  readonly #options: (typeof CODEC_OPTIONS)[SocketRevision]

  constructor(revision: SocketRevision) {
    const options = CODEC_OPTIONS[revision]
    super(options)
    this.#options = options
  }

  encode(packet: SocketPacket): (string | Uint8Array)[] {
    return encodeSocketPacket(packet, this.#options)
  }
}

export const nodePlatform: NetworkPlatform = {
  Engine: NodeEngine,
  createCodec: (revision) => new NodeCodec(revision),
  help: {
    TW_ERR_UNREACHABLE: 'No answer: check the URL, that the server runs, and what stands between (firewall, proxy, TLS certificate)',
    TW_ERR_REFUSED:
      "The server refused: check the path option, the allowed origins and the server's allowRequest; what it said is in `attempts`",
    TW_ERR_INCOMPATIBLE:
      'The server answers, but in no version of the protocol that this client speaks (Engine.IO 3 and 4): check that it is a Socket.IO server, and that neither its allowEIO3 nor the protocolVersion option keeps them apart',
    TW_ERR_TIMEOUT:
      'The server did not complete the handshake in time: raise the timeout option, or look for a proxy that holds answers or WebSocket upgrades back',
  },

  request(method, url, body, options, done) {
    const { isSecure, settings } = requestOptions(url, options)
    const headers: OutgoingHttpHeaders = { 'User-Agent': 'node-XMLHttpRequest', Accept: '*/*', ...options.extraHeaders }
    const cookies = cookiesOf(options)
    if (cookies !== undefined) headers['Cookie'] = cookies
    if (method === 'POST') {
      headers['Content-Type'] = typeof body === 'string' ? 'text/plain;charset=UTF-8' : 'application/octet-stream'
      headers['Content-Length'] = typeof body === 'string' ? Buffer.byteLength(body) : (body?.length ?? 0)
    }
    let isDone = false
    const finish = (error: Error | undefined, status = 0, answer: Uint8Array | string = ''): void => {
      if (isDone) return
      isDone = true
      done(error, error ? undefined : { status, body: answer })
    }
    let req: ClientRequest
    const send = (more: RequestOptions): void => {
      req = openRequest(url, isSecure, { ...settings, ...more, method, headers }, (res) => {
        keepCookies(options, res)
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('end', () => finish(undefined, res.statusCode, Buffer.concat(chunks)))
        res.on('error', finish)
        // perf: an error is not made for every answer.
        res.on('close', () => isDone || finish(new Error('the answer was cut off')))
      })
      req.on('error', (error: NodeJS.ErrnoException) => {
        // A kept connection that the server closed as it was taken again (netty-socketio closes all it promised to keep): once more, on
        // a connection of its own. A fresh one that fails is final, so nothing is sent a third time.
        const isStale = req.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')
        if (isStale && !isDone) send({ agent: false })
        else finish(error)
      })
      if (options.requestTimeout) req.setTimeout(options.requestTimeout, () => req.destroy(new Error('request timeout')))
      if (options.autoUnref) req.on('socket', (socket) => socket.unref())
      req.end(body)
    }
    send({})
    return {
      abort() {
        isDone = true
        req.destroy()
      },
    }
  },

  openWebSocket(url, options, events) {
    const target = url.replace(/^ws/, 'http')
    const { isSecure, settings } = requestOptions(target, options)
    const key = randomBytes(16).toString('base64')
    const cookies = cookiesOf(options)
    const { protocols } = options
    const headers: OutgoingHttpHeaders = {
      ...options.extraHeaders,
      ...(cookies === undefined ? {} : { Cookie: cookies }),
      ...(protocols?.length ? { 'Sec-WebSocket-Protocol': Array.isArray(protocols) ? protocols.join(',') : protocols } : {}),
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
    }
    const isDirect = !isSecure && settings.agent === undefined && isPlain(http.globalAgent)
    const request = openRequest(target, isSecure, { ...settings, headers, ...(isDirect && { createConnection: connectPlainly }) })
    return new NodeWebSocket(request, key, options.autoUnref, events, (res) => keepCookies(options, res))
  },
}
