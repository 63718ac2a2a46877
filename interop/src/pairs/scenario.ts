// What a scenario is: a script over one pair of server and client, and the trace it leaves. In: what the application sees, noted with
// `s` (server) and `c` (client). Out: two ordered lists of lines, with ids, ports and times written as placeholders.
// A run owns what it opens and closes it at the end.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { ID, normalise } from './normalise.ts'

/** The packages of one pair, without their types: a scenario does what JavaScript may do. */
export interface Pair {
  name: string
  server: {
    isOurs: boolean
    module: any
    /** Serves it elsewhere than on node:http. */
    serve?: (options: object) => { io: any; http: any; port: number }
  }
  client: { isOurs: boolean; module: any }
}

export interface Trace {
  server: string[]
  client: string[]
}

export interface Difference {
  /** Whose behaviour it is: pairs with this part of ours leave the changed trace. */
  of: 'server' | 'client'
  reason: string
  /** Turns the official trace into ours. */
  change: (official: Trace) => Trace
}

export interface Scenario {
  name: string
  /** Section of the API inventory. */
  api: string
  run: (run: Run) => Promise<void>
  differs?: Difference
}

/** How long anything that must happen may take. */
const DEADLINE_MS = 40_000

const usedPorts = new Set<number>()

/** One that no scenario has had: `io(url)` would find the Manager of that one. The server of a scenario cannot try, as it ends what is attached to it when it is closed. */
async function unusedPort(): Promise<number> {
  const tried: NetServer[] = []
  try {
    for (;;) {
      const server = createNetServer().listen(0, '127.0.0.1')
      tried.push(server)
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      if (usedPorts.has(port)) continue
      usedPorts.add(port)
      return port
    }
  } finally {
    await Promise.all(tried.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

export class Run {
  readonly trace: Trace = { server: [], client: [] }
  readonly pair: Pair
  io: any
  http!: HttpServer
  port: number = 0
  readonly #closers: (() => unknown)[] = []

  constructor(pair: Pair) {
    this.pair = pair
  }

  /** Notes what the server's application sees. */
  s = (...what: unknown[]): void => void this.trace.server.push(this.#line(what))
  /** Notes what the client's application sees. */
  c = (...what: unknown[]): void => void this.trace.client.push(this.#line(what))

  #line(what: unknown[]): string {
    return what
      .map((part) => (typeof part === 'string' && !ID.test(part) ? part : normalise(part)))
      .join(' ')
      .replaceAll(`:${this.port}`, ':<port>')
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** An HTTP server on a free port, with the pair's server on it. */
  async serve(options: object = {}, prepare?: (io: any) => void): Promise<any> {
    const { serve } = this.pair.server
    if (serve !== undefined) return this.#serveElsewhere(serve(options), prepare)
    const http = createServer((_req, res) => res.writeHead(404).end('the application'))
    this.http = http
    this.io = new this.pair.server.module.Server(http, options)
    prepare?.(this.io)
    await this.listen(http)
    const { io } = this
    this.atEnd(() => void io.close())
    return io
  }

  #serveElsewhere({ io, http, port }: { io: any; http: any; port: number }, prepare?: (io: any) => void): any {
    Object.assign(this, { io, http, port })
    prepare?.(io)
    this.atEnd(() => void io.close())
    return io
  }

  async listen(http: HttpServer): Promise<void> {
    this.port = await unusedPort()
    http.listen(this.port, '127.0.0.1')
    await once(http, 'listening')
    this.atEnd(() => {
      http.closeAllConnections()
      http.close()
    })
  }

  /** A client of a namespace, over WebSocket and not reconnecting unless told otherwise. */
  client(namespace: string = '/', options: object = {}): any {
    const settings = { transports: ['websocket'], reconnection: false, forceNew: true, ...options }
    const socket = this.pair.client.module.io(`${this.url}${namespace}`, settings)
    this.own(socket)
    return socket
  }

  /** The client closes when the run ends. */
  own(socket: any): void {
    this.atEnd(() => {
      socket.io.reconnection(false)
      socket.disconnect()
      socket.io.engine?.close()
    })
  }

  /** The same, connected, with the server's side of it. */
  async connected(namespace: string = '/', options: object = {}): Promise<{ socket: any; peer: any }> {
    const arrives = this.once(this.io.of(namespace.split('?')[0]!), 'connection')
    const socket = this.client(namespace, options)
    const [[peer]] = await Promise.all([arrives, this.once(socket, 'connect')])
    return { socket, peer }
  }

  /** The arguments of the next such event; an error when it does not come. */
  once(emitter: any, event: string): Promise<any[]> {
    return this.within(
      new Promise((resolve) => emitter.once(event, (...args: any[]) => resolve(args))),
      event,
    )
  }

  /** Resolves when a callback has been called so many times. */
  calls(count: number, what: string): { call: (...args: any[]) => void; all: Promise<any[][]> } {
    const seen: any[][] = []
    let done!: (calls: any[][]) => void
    const promise = new Promise<any[][]>((resolve) => (done = resolve))
    return {
      call: (...args) => {
        seen.push(args)
        if (seen.length === count) done(seen)
      },
      all: this.within(promise, what),
    }
  }

  within<T>(promise: Promise<T>, what: string): Promise<T> {
    let timer: NodeJS.Timeout
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`"${what}" did not happen in time`)), DEADLINE_MS)
    })
    return Promise.race([promise, deadline]).finally(() => clearTimeout(timer))
  }

  /** Everything sent before it has arrived on both sides when it resolves. */
  async fence(socket: any, peer: any): Promise<void> {
    const toServer = new Promise((resolve) => peer.once('fence', resolve))
    const toClient = new Promise((resolve) => socket.once('fence', resolve))
    socket.emit('fence')
    await this.within(toServer, 'fence at the server')
    peer.emit('fence')
    await this.within(toClient, 'fence at the client')
  }

  /** Notes how the client's connection goes. */
  watch(socket: any, name: string = ''): any {
    const at = name === '' ? '' : `${name} `
    socket.on('connect', () => this.c(`${at}connect`))
    socket.on('connect_error', (error: any) => this.c(`${at}connect_error`, error.message, error.data))
    socket.on('disconnect', (reason: string) => this.c(`${at}disconnect`, reason))
    return socket
  }

  /** What a call gives or throws. */
  attempt(call: () => unknown): string {
    try {
      return normalise(call())
    } catch (error) {
      return `throws ${(error as Error).name}: ${(error as Error).message}`
    }
  }

  async get(
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; headers: Headers; body: string }> {
    const response = await this.within(fetch(`${this.url}${path}`, init), `answer of ${path}`)
    return { status: response.status, headers: response.headers, body: await response.text() }
  }

  atEnd(close: () => unknown): void {
    this.#closers.push(close)
  }

  async end(): Promise<void> {
    for (const close of this.#closers.reverse()) {
      try {
        await close()
      } catch {
        // A scenario may have closed it itself.
      }
    }
  }
}

/** The trace of a scenario over a pair; what fails is a line of it, so that pairs that fail differently differ. */
export async function traceOf(scenario: Scenario, pair: Pair): Promise<Trace> {
  const run = new Run(pair)
  let failure: string | undefined
  try {
    await scenario.run(run)
  } catch (error) {
    failure = `FAILED ${(error as Error).message}`
  }
  // What is noted while everything closes is not part of it.
  const trace = { server: [...run.trace.server], client: [...run.trace.client] }
  if (failure !== undefined) trace.client.push(failure)
  await run.end()
  return trace
}
