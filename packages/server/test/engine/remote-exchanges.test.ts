// What the owner of a polling session makes of requests on other nodes, when those nodes answer late, repeat, or are gone. Driven through the
// port that session routing uses; the test is the other nodes.
import { afterEach, describe, expect, it } from 'vitest'
import { PollingClient, start } from '../start.ts'
import type { Started } from '../start.ts'
import type {
  EngineRejection,
  ExchangeHandler,
  LocalSessions,
  PollAnswer,
  PollExchange,
  RemoteSessions,
} from 'tidewire'

let server: Started
afterEach(() => server.close())

/** No other nodes: the test speaks to the owner by itself. */
const nobody: RemoteSessions = {
  isReady: true,
  whenReady: (handler) => handler(),
  isElsewhere: () => false,
  explainUnknown: () => '',
  servePoll() {},
  serveUpgrade() {},
  relayedWebSockets: [],
}

class Exchange implements PollExchange {
  readonly isLocal = false
  readonly isBinary = false
  readonly method: string
  readonly stamp: string | undefined
  readonly body: string
  handler: ExchangeHandler | undefined
  readonly answered: Promise<PollAnswer>
  isAsked = false
  isDestroyed = false
  isAnswered = false
  #answer!: (answer: PollAnswer) => void

  constructor(method: string, stamp?: string, body = '') {
    this.method = method
    this.stamp = stamp
    this.body = body
    this.answered = new Promise((resolve) => (this.#answer = resolve))
  }
  readBody(_maxBytes: number, done: (body: Buffer) => void): void {
    done(Buffer.from(this.body))
  }
  answer(answer: PollAnswer): void {
    this.isAnswered = true
    this.#answer(answer)
  }
  refuse({ status, code }: EngineRejection): void {
    this.answer({ status, body: `code ${code}` })
  }
  destroy(): void {
    this.isDestroyed = true
  }
  ask(): void {
    this.isAsked = true
  }
  /** The client has the answer. */
  flushed(): void {
    this.handler!.handleFlushed(this)
  }
  nodeLost(): void {
    this.handler!.handleNodeLost(this)
  }
}

interface Owner {
  readonly sessions: LocalSessions
  readonly socket: any
  readonly received: unknown[]
  readonly ended: Promise<string>
  serve(exchange: Exchange): Exchange
  body(exchange: Exchange): Promise<unknown>
}

async function own(): Promise<Owner> {
  server = await start()
  const received: unknown[] = []
  const connected = new Promise<any>((resolve) => server.io.on('connection', resolve))
  const sessions = server.io.engine.joinCluster(nobody)
  const client = await new PollingClient(server.port).connect()
  await client.post('40')
  await client.get()
  const socket = await connected
  socket.on('event', (value: unknown) => received.push(value))
  const ended = new Promise<string>((resolve) =>
    socket.on('disconnect', (reason: string, error?: Error) => resolve(`${reason}: ${error?.message ?? ''}`)),
  )
  return {
    sessions,
    socket,
    received,
    ended,
    serve(exchange) {
      sessions.servePoll({ sid: client.sid, isV4: true, supportsBinary: true }, exchange)
      return exchange
    },
    body: async (exchange) => (await exchange.answered).body,
  }
}

describe('polls on other nodes', () => {
  it('[CLU-43] replaces a held GET by its repetition, which a proxy sends when the first node is gone', async () => {
    const { serve, socket, body } = await own()
    const first = serve(new Exchange('GET', 'a'))
    const repeated = serve(new Exchange('GET', 'a'))
    socket.emit('event', 1)
    expect(await body(repeated)).toBe('42["event",1]')
    expect(first.isAnswered).toBe(false)
  })

  it('[CLU-43] asks the node of a held GET without a stamp before a second one replaces it', async () => {
    const { serve, socket, body } = await own()
    const first = serve(new Exchange('GET'))
    const second = serve(new Exchange('GET'))
    expect(first.isAsked).toBe(true)
    socket.emit('event', 1)
    await new Promise((resolve) => setImmediate(resolve))
    // Nothing is risked on a node that may be gone.
    expect(first.isAnswered).toBe(false)
    first.nodeLost()
    expect(await body(second)).toBe('42["event",1]')
  })

  it('[CLU-43] ends the session on a true overlap', async () => {
    const { serve, ended, body } = await own()
    const first = serve(new Exchange('GET'))
    const second = serve(new Exchange('GET'))
    first.handler!.handleStillWaiting(first)
    expect((await second.answered).status).toBe(400)
    expect(await body(first)).toBe('1')
    first.flushed()
    expect(await ended).toBe('transport error: overlap from client')
  })

  it('[CLU-43] takes a held GET whose node is gone for no overlap', async () => {
    const { serve, socket, body } = await own()
    serve(new Exchange('GET', 'a')).nodeLost()
    const next = serve(new Exchange('GET', 'b'))
    socket.emit('event', 1)
    expect(await body(next)).toBe('42["event",1]')
  })

  it('[CLU-44] gives the batch again to the same GET when its node is lost', async () => {
    const { serve, socket, body } = await own()
    const first = serve(new Exchange('GET', 'a'))
    socket.emit('event', 1)
    await first.answered
    first.nodeLost()
    socket.emit('event', 2)
    const repeated = serve(new Exchange('GET', 'a'))
    expect(await body(repeated)).toBe('42["event",1]')
    repeated.flushed()
    expect(await body(serve(new Exchange('GET', 'b')))).toBe('42["event",2]')
  })

  it('[CLU-44] takes another stamp for the proof that the batch has arrived', async () => {
    const { serve, socket, body } = await own()
    const first = serve(new Exchange('GET', 'a'))
    socket.emit('event', 1)
    await first.answered
    first.nodeLost()
    const next = serve(new Exchange('GET', 'b'))
    socket.emit('event', 2)
    expect(await body(next)).toBe('42["event",2]')
  })

  it('[CLU-44] closes a session without stamps rather than guess', async () => {
    const { serve, socket, ended } = await own()
    const first = serve(new Exchange('GET'))
    socket.emit('event', 1)
    await first.answered
    first.nodeLost()
    expect((await serve(new Exchange('GET')).answered).status).toBe(400)
    expect(await ended).toContain('transport error: the node that had an answer')
  })

  it('[CLU-44] waits for the word of a node that lives: the next GET may be faster than it', async () => {
    const { serve, socket, body } = await own()
    const first = serve(new Exchange('GET'))
    socket.emit('event', 1)
    await first.answered
    const next = serve(new Exchange('GET'))
    socket.emit('event', 2)
    expect(next.isAnswered).toBe(false)
    first.flushed()
    expect(await body(next)).toBe('42["event",2]')
  })

  it('[CLU-45] answers a repeated POST without handling it again, until its first answer has left', async () => {
    const { serve, received, body } = await own()
    const first = serve(new Exchange('POST', 'p', '42["event","once"]'))
    expect(await body(first)).toBe('ok')
    expect(await body(serve(new Exchange('POST', 'p', '42["event","once"]')))).toBe('ok')
    expect(received).toEqual(['once'])
    const next = serve(new Exchange('POST', 'q', '42["event","two"]'))
    expect(await body(next)).toBe('ok')
    next.flushed()
    expect(await body(serve(new Exchange('POST', 'q', '42["event","two"]')))).toBe('ok')
    expect(received).toEqual(['once', 'two', 'two'])
  })

  it('[CLU-46] answers what is held on a node that leaves, so that its client asks elsewhere', async () => {
    const { serve, socket, body } = await own()
    const held = serve(new Exchange('GET', 'a'))
    held.handler!.handleNodeLeaving(held)
    expect(await body(held)).toBe('6')
    const next = serve(new Exchange('GET', 'b'))
    socket.emit('event', 1)
    expect(await body(next)).toBe('42["event",1]')
  })
})
