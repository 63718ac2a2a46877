// Starts a server on a free port and speaks literal wire to it: conformance is not tested through our own encoder.
import { createServer, request } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { Server } from 'tidewire'
import { WebSocket } from 'ws'
import type { ServerOptions } from 'tidewire'

/** Within which everything happens that is waited for, however busy the machine is. */
export const DEADLINE_MS = 20_000

export interface Started {
  io: Server
  port: number
  url: string
  close(): Promise<void>
}

export async function start(options: Partial<ServerOptions> = {}): Promise<Started> {
  const http = createServer((_req, res) => {
    res.writeHead(404).end('app')
  })
  const io = new Server(http, options)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = (http as NetServer).address() as AddressInfo
  return {
    io,
    port,
    url: `http://127.0.0.1:${port}`,
    async close() {
      const closed = io.close()
      http.closeAllConnections()
      await closed
    },
  }
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
  bytes: Buffer
}

export function send(port: number, method: string, path: string, options: { body?: string | Buffer; headers?: Record<string, string>; signal?: AbortSignal } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const req = request({ port, host: '127.0.0.1', method, path, headers: options.headers, agent: false, ...(options.signal ? { signal: options.signal } : {}) }, (res) => {
      const chunks: Buffer[] = []
      res.on('data', (chunk: Buffer) => chunks.push(chunk))
      res.on('end', () => {
        const bytes = Buffer.concat(chunks)
        resolve({ status: res.statusCode!, headers: res.headers, body: bytes.toString('utf8'), bytes })
      })
    })
    req.on('error', reject)
    req.end(options.body)
  })
}

export const polling = (eio: number, extra = ''): string => `/socket.io/?EIO=${eio}&transport=polling${extra}`

/** A polling session, by literal requests. */
export class PollingClient {
  readonly #port: number
  readonly #eio: number
  readonly #extra: string
  sid = ''
  open!: Answer

  constructor(port: number, eio = 4, extra = '') {
    this.#port = port
    this.#eio = eio
    this.#extra = extra
  }

  async connect(headers?: Record<string, string>): Promise<this> {
    this.open = await send(this.#port, 'GET', polling(this.#eio, this.#extra), headers ? { headers } : {})
    this.sid = /sid\\?":\\?"([\w-]+)/.exec(this.open.body)?.[1] ?? ''
    return this
  }

  path(eio = this.#eio): string {
    return polling(eio, `${this.#extra}&sid=${this.sid}`)
  }

  get(options?: { signal?: AbortSignal; headers?: Record<string, string> }): Promise<Answer> {
    return send(this.#port, 'GET', this.path(), options)
  }

  post(body: string | Buffer, headers?: Record<string, string>): Promise<Answer> {
    return send(this.#port, 'POST', this.path(), { body, ...(headers ? { headers } : {}) })
  }
}

/** A WebSocket whose messages and end can be awaited. */
export class WireSocket {
  readonly ws: WebSocket
  readonly messages: (string | Buffer)[] = []
  closed: { code: number; reason: string } | undefined
  refused: { status: number; body: string } | undefined
  #wake: (() => void)[] = []

  constructor(port: number, path: string, headers: Record<string, string> = {}, scheme: 'ws' | 'wss' = 'ws') {
    this.ws = new WebSocket(`${scheme}://127.0.0.1:${port}${path}`, { headers, perMessageDeflate: false, rejectUnauthorized: false })
    const notify = (): void => {
      for (const wake of this.#wake.splice(0)) wake()
    }
    this.ws.on('message', (data, isBinary) => {
      this.messages.push(isBinary ? (data as Buffer) : (data as Buffer).toString())
      notify()
    })
    this.ws.on('open', notify)
    this.ws.on('unexpected-response', (_req, res) => {
      let body = ''
      res.setEncoding('utf8').on('data', (chunk: string) => (body += chunk)).on('end', () => {
        this.refused = { status: res.statusCode!, body }
        notify()
      })
    })
    this.ws.on('error', () => {})
    this.ws.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() }
      notify()
    })
  }

  async until(what: string, isReached: () => boolean, withinMs = DEADLINE_MS): Promise<void> {
    let isOver = false
    const timer = setTimeout(() => {
      isOver = true
      for (const wake of this.#wake.splice(0)) wake()
    }, withinMs)
    while (!isReached()) {
      if (isOver) throw new Error(`${what} did not happen; got ${JSON.stringify({ messages: this.messages.map(String), closed: this.closed, refused: this.refused })}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    clearTimeout(timer)
  }

  async next(): Promise<string | Buffer> {
    await this.until('a message', () => this.messages.length > 0)
    return this.messages.shift()!
  }

  async end(): Promise<{ code: number; reason: string }> {
    await this.until('the close', () => this.closed !== undefined)
    return this.closed!
  }

  async refusal(): Promise<{ status: number; body: string }> {
    await this.until('a refusal', () => this.refused !== undefined)
    return this.refused!
  }
}

export const websocket = (eio: number, extra = ''): string => `/socket.io/?EIO=${eio}&transport=websocket${extra}`
