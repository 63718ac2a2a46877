// One cell of the table: a server of either make, one client of literal wire in a situation, and one way in which it ends. In: module, situation, ending.
// Out: what the application has seen, in order, and what is left in memory afterwards.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export const ENDINGS = [
  'the client ends',
  'the client resets',
  'the client sends a close frame',
  'the client sends DISCONNECT',
  'the server closes the socket',
  'the server closes the session',
  'io.close()',
  'io.drain()',
] as const
export type Ending = (typeof ENDINGS)[number]

/** The client, as far as endings need it. */
export interface Wire {
  end(): void
  reset(): void
  sendClose(): void
  sendDisconnect(): void
  /** Ends a session that is left, as its client would. */
  finish?(): Promise<void>
  /** Whatever is left of it, at once. */
  destroy(): void
}

export interface Situation {
  name: string
  options?: (cell: Cell) => object
  /** Brings the client into the situation; `act` is called in it, once. */
  enter(cell: Cell, ending: Ending, act: () => void): Promise<void>
  /** What had been waited for goes on. */
  goOn?: (cell: Cell) => void
  /** Only a part of the client ends: its session lives. */
  survives?: (ending: Ending) => boolean
  /** There is no socket that the server could close. */
  hasNoSocket?: boolean
}

export const DEADLINE_MS = 30_000

export class Cell {
  readonly log: string[] = []
  readonly isOurs: boolean
  io: any
  http!: HttpServer
  port = 0
  wire!: Wire
  /** The server's side of it, once connected. */
  peer: any
  /** What a situation holds back until `goOn`. */
  readonly held: (() => void)[] = []
  /** Called with every event. */
  onEvent: (n: number) => void = () => {}
  #events = 0
  #isInOrder = true
  #wake: (() => void)[] = []

  constructor(isOurs: boolean) {
    this.isOurs = isOurs
  }

  note(line: string): void {
    this.#noteEvents()
    this.log.push(line)
    this.#changed()
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  #noteEvents(): void {
    if (this.#events > 0) this.log.push(`${this.#events} events${this.#isInOrder ? '' : ', not in order'}`)
    this.#events = 0
  }

  async start(module: any, options: object): Promise<void> {
    this.http = createServer((_req, res) => res.end('the application'))
    this.io = new module.Server(this.http, options)
    this.io.on('connection', (socket: any) => this.#watch(socket))
    this.http.listen(0, '127.0.0.1')
    await once(this.http, 'listening')
    this.port = (this.http.address() as AddressInfo).port
  }

  #watch(socket: any): void {
    this.peer = socket
    let next = 0
    socket.join('room')
    socket.on('n', (n: number) => {
      this.#events++
      if (n !== next++) this.#isInOrder = false
      this.onEvent(n)
    })
    socket.on('disconnecting', (reason: string) =>
      this.note(`disconnecting: ${reason}, in ${socket.rooms.size} rooms`),
    )
    socket.on('disconnect', (reason: string) => this.note(`disconnect: ${reason}`))
    this.note(socket.recovered === true ? 'connection, recovered' : 'connection')
  }

  /** Resolves when the log says so, or the condition holds that a change of the log may bring about. */
  async until(what: string, isReached: () => boolean): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS
    const timer = setTimeout(() => this.#changed(), DEADLINE_MS + 1)
    while (!isReached()) {
      if (performance.now() >= deadline)
        throw new Error(`${what} did not happen; ${JSON.stringify(this.log)}`)
      await new Promise<void>((resolve) => this.#wake.push(resolve))
    }
    clearTimeout(timer)
  }

  /** What was sent before it has been read by the server. */
  async fence(): Promise<void> {
    for (let i = 0; i < 2; i++) {
      // After `io.close()` nobody listens; turns of the loop are what is left.
      await fetch(`http://127.0.0.1:${this.port}/fence`, { headers: { connection: 'close' } }).then(
        async (response) => response.text(),
        () => '',
      )
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  perform(ending: Ending): void {
    const { wire, peer, io } = this
    switch (ending) {
      case 'the client ends':
        return wire.end()
      case 'the client resets':
        return wire.reset()
      case 'the client sends a close frame':
        return wire.sendClose()
      case 'the client sends DISCONNECT':
        return wire.sendDisconnect()
      case 'the server closes the socket':
        return void peer.disconnect()
      case 'the server closes the session':
        return void peer.conn.close()
      case 'io.close()':
        return void io.close()
      case 'io.drain()':
        // The official server has nothing of the kind: `close` is what its users have.
        return void (this.isOurs ? io.drain({ spread: 0, timeout: 500 }) : io.close())
    }
  }

  /** What is left of sessions, sockets and rooms; nothing, once all has ended. */
  left(): object {
    const { io } = this
    const { adapter, sockets } = io.of('/')
    return {
      sessions: io.engine.clientsCount,
      sockets: sockets.size,
      rooms: adapter.rooms.size,
      sids: adapter.sids.size,
      namespaces: io._nsps.size,
    }
  }

  /** Every session that was opened has closed, once, and nothing waits. */
  stats(): { stats?: object } {
    if (!this.isOurs) return {}
    const { sessions, sockets, namespaces, rooms, outbox } = this.io.stats()
    const closed = Object.values(sessions.closed as Record<string, number>).reduce(
      (sum, count) => sum + count,
      0,
    )
    return {
      stats: { open: sessions.open, unclosed: sessions.opened - closed, sockets, namespaces, rooms, outbox },
    }
  }

  async end(): Promise<void> {
    this.#noteEvents()
    this.wire?.destroy()
    void this.io.close()
    this.http.closeAllConnections()
    this.http.close()
  }
}

/** What the application has seen, and what is left. */
export interface Seen {
  log: string[]
  left: object
  /** What ours counts at the end. */
  stats?: object
}

export async function seenIn(
  situation: Situation,
  ending: Ending,
  module: any,
  isOurs: boolean,
): Promise<Seen> {
  const cell = new Cell(isOurs)
  await cell.start(module, situation.options?.(cell) ?? {})
  try {
    let isDone = false
    await situation.enter(cell, ending, () => {
      if (isDone) return
      isDone = true
      cell.perform(ending)
    })
    await cell.fence()
    situation.goOn?.(cell)
    await cell.fence()
    if (situation.survives?.(ending) === true) {
      cell.note(`lives on ${cell.peer.conn.transport.name}`)
      await cell.wire.finish?.()
    }
    if (cell.peer !== undefined)
      await cell.until('a "disconnect"', () => cell.log.some((line) => line.startsWith('disconnect:')))
    await cell.wire.finish?.()
    cell.wire.destroy()
    await emptied(cell)
    // What comes twice comes after it.
    await cell.fence()
    return { log: [...cell.log], left: cell.left(), ...cell.stats() }
  } catch (error) {
    return { log: [...cell.log, `FAILED ${(error as Error).message}`], left: cell.left() }
  } finally {
    await cell.end()
  }
}

/** The client is gone: its session, socket and rooms follow within a few turns. */
async function emptied(cell: Cell): Promise<void> {
  const until = performance.now() + DEADLINE_MS
  const isEmpty = (): boolean => {
    const { sessions, sockets, rooms, sids } = cell.left() as Record<string, number>
    return sessions === 0 && sockets === 0 && rooms === 0 && sids === 0
  }
  while (!isEmpty() && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5))
}
