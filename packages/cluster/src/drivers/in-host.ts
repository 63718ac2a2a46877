// The bus of the processes of one machine: a Unix-domain socket (a named pipe on Windows) whose server, the hub, runs in the process that
// starts the others. No broker, no network. A process that dies takes its connection along, so the hub knows at once who listens.
//
//   message: length of the rest (u32) · type (u8) · length of the subject (u8) · subject · bytes. Subscribing and asking carry a number (u32),
//   and so do their answers.
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bus, BusCapabilities, BusHandler, BusState, BusSubscription } from '../bus.ts'
import { CONNECT_TIMEOUT_MS, MAX_PENDING_BYTES, unreachable } from './load.ts'

const TYPE = { publish: 1, subscribe: 2, unsubscribe: 3, confirm: 4, ask: 5, answer: 6 } as const
const MAX_PAYLOAD_BYTES = 1 << 20
const MAX_MESSAGE_BYTES = MAX_PAYLOAD_BYTES + 256

/** The address under which the processes that a hub's process starts find it. */
export const IN_HOST_VARIABLE = 'TIDEWIRE_IN_HOST_BUS'

/** What connects the processes of one machine, over a Unix socket. */
export interface InHostHub {
  /** What the buses connect to: `createBus("in-host:" + path)`. */
  readonly path: string
  /** Ends all connections to it. */
  close(): Promise<void>
}

/** Starts the hub; call it in the process that starts the others, and hand them `path` (or IN_HOST_VARIABLE in the environment). */
export async function startInHostHub(path: string = defaultPath()): Promise<InHostHub> {
  const subscribers = new Map<string, Set<Socket>>()
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      connections.delete(socket)
      for (const [subject, sockets] of subscribers)
        if (sockets.delete(socket) && sockets.size === 0) subscribers.delete(subject)
    })
    read(socket, (type, subject, bytes, message) => {
      const sockets = subscribers.get(subject)
      if (type === TYPE.publish) {
        if (sockets !== undefined)
          for (const to of sockets) if (to.writableLength <= MAX_PENDING_BYTES) to.write(message)
      } else if (type === TYPE.subscribe) {
        if (sockets === undefined) subscribers.set(subject, new Set([socket]))
        else sockets.add(socket)
        write(socket, TYPE.confirm, subject, bytes)
      } else if (type === TYPE.unsubscribe) {
        if (sockets?.delete(socket) === true && sockets.size === 0) subscribers.delete(subject)
        write(socket, TYPE.confirm, subject, bytes)
      } else if (type === TYPE.ask)
        write(socket, TYPE.answer, subject, Buffer.from([...bytes, sockets === undefined ? 0 : 1]))
    })
  })
  await listen(server, path)
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        for (const socket of connections) socket.destroy()
        server.close(() => resolve())
      }),
  }
}

function defaultPath(): string {
  const name = `tidewire-${process.pid}-${randomBytes(4).toString('hex')}`
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
}

async function listen(server: Server, path: string): Promise<void> {
  // What a killed hub left behind refuses the address.
  if (process.platform !== 'win32') rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

export function createInHostBus(path: string): Bus {
  return new InHostBus(path)
}

class InHostBus implements Bus {
  readonly name = 'in-host'
  readonly capabilities: BusCapabilities = { isOrdered: true, maxPayloadBytes: MAX_PAYLOAD_BYTES }
  readonly isShared = false
  readonly #path: string
  readonly #handlers = new Map<string, Set<BusHandler>>()
  /** Questions to the hub, by number. */
  readonly #waiting = new Map<number, (answer: number | undefined) => void>()
  #nextNumber = 1
  #socket: Socket | undefined
  #listener: ((state: BusState, cause?: unknown) => void) | undefined
  #state: BusState | 'new' | 'closed' = 'new'
  #retry: NodeJS.Timeout | undefined
  #attempt = 0

  constructor(path: string) {
    this.#path = path
  }

  async connect(): Promise<void> {
    if (this.#state !== 'new') return
    const deadline = performance.now() + CONNECT_TIMEOUT_MS
    for (;;) {
      const cause = await this.#dial()
      if (cause === undefined) break
      if (performance.now() > deadline) throw unreachable('in-host', this.#path, cause)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  publish(subject: string, bytes: Uint8Array): void {
    if (this.#state !== 'up' || this.#socket === undefined || this.#socket.writableLength > MAX_PENDING_BYTES)
      return
    write(this.#socket, TYPE.publish, subject, bytes)
  }

  async subscribe(subject: string, handler: BusHandler): Promise<BusSubscription> {
    const handlers = this.#handlers.get(subject)
    if (handlers !== undefined) handlers.add(handler)
    else {
      this.#handlers.set(subject, new Set([handler]))
      // Without an answer the connection broke: the next one subscribes again before it is up.
      await this.#request(TYPE.subscribe, subject)
    }
    return {
      unsubscribe: async () => {
        const all = this.#handlers.get(subject)
        if (all?.delete(handler) !== true || all.size > 0) return
        this.#handlers.delete(subject)
        await this.#request(TYPE.unsubscribe, subject)
      },
    }
  }

  async hasSubscriber(subject: string): Promise<boolean | undefined> {
    const answer = await this.#request(TYPE.ask, subject)
    return answer === undefined ? undefined : answer === 1
  }

  onState(listener: (state: BusState, cause?: unknown) => void): void {
    this.#listener = listener
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#retry)
    const socket = this.#socket
    if (socket === undefined) return
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    socket.end()
    // A hub that stands still does not read what is left.
    const force = setTimeout(() => socket.destroy(), 500)
    await closed
    clearTimeout(force)
  }

  /** One attempt; resolves with the cause when it failed. */
  #dial(): Promise<unknown> {
    return new Promise((resolve) => {
      const socket = connect(this.#path)
      let cause: unknown
      socket.on('error', (error) => (cause = error))
      socket.once('connect', () => {
        this.#socket = socket
        const subjects = [...this.#handlers.keys()]
        read(socket, (type, subject, bytes) => this.#handle(type, subject, bytes))
        void Promise.all(subjects.map((subject) => this.#request(TYPE.subscribe, subject))).then(
          (answers) => {
            if (answers.includes(undefined) || this.#socket !== socket || this.#state === 'closed') return
            this.#attempt = 0
            this.#setState('up')
            resolve(undefined)
          },
        )
      })
      socket.once('close', () => {
        resolve(cause ?? new Error('the hub has closed the connection'))
        if (this.#socket !== socket) return
        this.#socket = undefined
        for (const answer of this.#waiting.values()) answer(undefined)
        this.#waiting.clear()
        if (this.#state === 'closed') return
        this.#setState('down', cause ?? new Error('the hub has closed the connection'))
        this.#dialAgain()
      })
    })
  }

  #dialAgain(): void {
    const delay = Math.min(20 * 2 ** this.#attempt++, 500)
    this.#retry = setTimeout(() => {
      void this.#dial().then((cause) => {
        if (cause !== undefined && this.#state === 'down' && this.#socket === undefined) this.#dialAgain()
      })
    }, delay)
  }

  #request(type: number, subject: string): Promise<number | undefined> {
    const socket = this.#socket
    if (socket === undefined || socket.destroyed) return Promise.resolve(undefined)
    const number = this.#nextNumber++ >>> 0
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32BE(number)
    write(socket, type, subject, bytes)
    return new Promise((resolve) => this.#waiting.set(number, resolve))
  }

  #handle(type: number, subject: string, bytes: Buffer): void {
    if (this.#state === 'closed') return
    if (type === TYPE.publish) {
      const handlers = this.#handlers.get(subject)
      if (handlers !== undefined) for (const handler of handlers) handler(new Uint8Array(bytes), subject)
      return
    }
    const number = bytes.readUInt32BE(0)
    const answer = this.#waiting.get(number)
    this.#waiting.delete(number)
    answer?.(type === TYPE.answer ? bytes[4] : 1)
  }

  #setState(state: BusState, cause?: unknown): void {
    if (this.#state === state || this.#state === 'closed') return
    if (state === 'down' && this.#state === 'new') return
    this.#state = state
    this.#listener?.(state, cause)
  }
}

function write(socket: Socket, type: number, subject: string, bytes: Uint8Array): void {
  const head = Buffer.allocUnsafe(6 + subject.length)
  head.writeUInt32BE(2 + subject.length + bytes.length, 0)
  head[4] = type
  head[5] = subject.length
  head.write(subject, 6, 'latin1')
  socket.cork()
  socket.write(head)
  socket.write(bytes)
  // All that a turn writes leaves in one call.
  process.nextTick(uncork, socket)
}

function uncork(socket: Socket): void {
  socket.uncork()
}

/** Calls back for each whole message; `message` is it with its header, for handing on. All are views. */
function read(
  socket: Socket,
  visit: (type: number, subject: string, bytes: Buffer, message: Buffer) => void,
): void {
  let rest: Buffer[] = []
  let restBytes = 0
  let wanted = 4
  socket.on('data', (chunk) => {
    rest.push(chunk)
    restBytes += chunk.length
    if (restBytes < wanted) return
    const all = rest.length === 1 ? chunk : Buffer.concat(rest, restBytes)
    let at = 0
    for (;;) {
      const left = all.length - at
      if (left < 4) {
        wanted = 4
        break
      }
      const size = 4 + all.readUInt32BE(at)
      if (size > MAX_MESSAGE_BYTES || size < 6) {
        socket.destroy()
        return
      }
      if (left < size) {
        wanted = size
        break
      }
      const message = all.subarray(at, at + size)
      const subjectEnd = 6 + message[5]!
      visit(message[4]!, message.toString('latin1', 6, subjectEnd), message.subarray(subjectEnd), message)
      at += size
    }
    rest = at === all.length ? [] : [all.subarray(at)]
    restBytes = all.length - at
  })
}
