// Node: polling over node:http with kept-alive connections, WebSocket by our own framing on an HTTP upgrade, so that agents, TLS options
// and headers work, and on every supported Node.
import { FrameDecoder, OPCODE, SocketPacketDecoder, acceptKey, encodeCloseFrame, encodeFrame, encodeSocketPacket } from '@tidewire/protocol'
import { randomBytes } from 'node:crypto'
import * as http from 'node:http'
import * as https from 'node:https'
import type { Socket } from 'node:net'
import { EngineClient } from '../engine/engine-client.ts'
import type { EngineClientOptions } from '../options.ts'
import type { ServerUrl } from '../url.ts'
import type { NetworkPlatform } from './platform.ts'

const TLS_OPTIONS = ['pfx', 'key', 'passphrase', 'cert', 'ca', 'ciphers', 'rejectUnauthorized'] as const
/** What is read of an answer that refuses a WebSocket. */
const MAX_REFUSAL_CHARS = 2_000
/** How long a closing WebSocket waits for the server's close frame. */
const CLOSE_TIMEOUT_MS = 2_000

function requestOptions(url: string, options: EngineClientOptions): { isSecure: boolean; settings: https.RequestOptions } {
  const isSecure = url.startsWith('https:')
  const settings: https.RequestOptions = { agent: options.agent || undefined }
  for (const name of TLS_OPTIONS) if (options[name] !== undefined && options[name] !== null) settings[name] = options[name]
  return { isSecure, settings }
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

function keepCookies({ cookieJar }: NodeOptions, setCookie: string[] | undefined): void {
  if (cookieJar === undefined || setCookie === undefined) return
  for (const cookie of setCookie) {
    const mark = cookie.indexOf('=')
    const [, maxAge] = /;\s*max-age=(-?\d+)/i.exec(cookie) ?? []
    const [, date] = /;\s*expires=([^;]+)/i.exec(cookie) ?? []
    // The age wins where both are given (RFC 6265, 5.3).
    const expires = maxAge !== undefined ? Date.now() + Number(maxAge) * 1000 : date === undefined ? Infinity : Date.parse(date)
    cookieJar.set(cookie.slice(0, mark).trim(), { value: cookie.slice(mark + 1).split(';')[0]!.trim(), expires })
  }
}

export const nodePlatform: NetworkPlatform = {
  Engine: NodeEngine,
  createCodec(revision) {
    const decoder = new SocketPacketDecoder({ revision })
    return {
      encode: (packet) => encodeSocketPacket(packet, { revision, maxAttachments: 10 }),
      add: (chunk) => decoder.add(chunk),
      destroy: () => decoder.destroy(),
    }
  },
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
    const headers: http.OutgoingHttpHeaders = { 'User-Agent': 'node-XMLHttpRequest', Accept: '*/*', ...options.extraHeaders }
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
    let req: http.ClientRequest
    const send = (more: http.RequestOptions): void => {
      req = (isSecure ? https : http).request(url, { ...settings, ...more, method, headers }, (res) => {
        keepCookies(options, res.headers['set-cookie'])
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('end', () => finish(undefined, res.statusCode, Buffer.concat(chunks)))
        res.on('error', finish)
        res.on('close', () => finish(new Error('the answer was cut off')))
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
    const headers: http.OutgoingHttpHeaders = {
      ...options.extraHeaders,
      ...(cookies === undefined ? {} : { Cookie: cookies }),
      ...(protocols?.length ? { 'Sec-WebSocket-Protocol': Array.isArray(protocols) ? protocols.join(',') : protocols } : {}),
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': key,
    }
    let socket: Socket | undefined
    let isClosed = false
    const finish = (report: () => void): void => {
      if (isClosed) return
      isClosed = true
      report()
    }
    const req = (isSecure ? https : http).request(target, { ...settings, headers })
    req.on('error', (error) => finish(() => events.error(error)))
    req.on('response', (res) => {
      let body = ''
      res.setEncoding('utf8').on('data', (chunk: string) => {
        if (body.length < MAX_REFUSAL_CHARS) body += chunk
      })
      const report = (): void => {
        finish(() => events.error(new Error(`Unexpected server response: ${res.statusCode}`), res.statusCode, body))
        req.destroy()
      }
      res.on('end', report)
      res.on('error', report)
    })
    req.on('upgrade', (res, upgraded: Socket, head: Buffer) => {
      socket = upgraded
      socket.on('error', (error) => finish(() => events.error(error)))
      if (isClosed) return void socket.destroy()
      if (res.headers['sec-websocket-accept'] !== acceptKey(key)) {
        socket.destroy()
        return finish(() => events.error(new Error('Invalid Sec-WebSocket-Accept header')))
      }
      keepCookies(options, res.headers['set-cookie'])
      socket.setNoDelay(true)
      socket.setTimeout(0)
      if (options.autoUnref) socket.unref()
      const write = (frame: Uint8Array): void => {
        if (socket!.writable) socket!.write(frame)
      }
      const decoder = new FrameDecoder(
        {
          handleText: (text) => !isClosed && events.message(text),
          handleBinary: (data) => !isClosed && events.message(Buffer.from(data)),
          handlePing: (data) => write(encodeFrame(OPCODE.PONG, data, { mask: randomBytes(4) })),
          handlePong() {},
          handleClose(code, reason) {
            write(encodeCloseFrame(code === 1005 ? undefined : code, '', randomBytes(4)))
            socket!.end()
            finish(() => events.close(code, reason))
          },
        },
        { role: 'client', maxPayloadBytes: Number.MAX_SAFE_INTEGER },
      )
      const receive = (chunk: Buffer): void => {
        try {
          decoder.push(chunk)
        } catch (error) {
          finish(() => events.error(error))
          socket!.destroy()
        }
      }
      events.open()
      if (head.length > 0) receive(head)
      socket.on('data', receive)
      socket.on('end', () => socket!.end())
      socket.on('close', () => finish(() => events.close(1006, '')))
    })
    req.end()
    return {
      send(data) {
        if (socket?.writable) socket.write(encodeFrame(typeof data === 'string' ? OPCODE.TEXT : OPCODE.BINARY, data, { mask: randomBytes(4) }))
      },
      close() {
        isClosed = true
        if (socket === undefined) return void req.destroy()
        if (!socket.writable) return
        const closing = socket
        closing.write(encodeCloseFrame(undefined, undefined, randomBytes(4)))
        closing.setTimeout(CLOSE_TIMEOUT_MS, () => closing.destroy())
        closing.end()
      },
    }
  },
}
