// A server program (servers/tidewire/runtime-server.ts) in a process of its own, seen as the rows of the matrix see a server: its sockets are emitters
// of what they have got there, and what is emitted here is emitted there.
import { EventEmitter } from 'node:events'
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import { spawnGroup, stopGroup } from '@tidewire/testkit/daemon'
import { pack, toLine, unpack } from './client-process.ts'
import type { ServerUnderTest } from './server-under-test.ts'

interface Seen {
  saw: 'ready' | 'connection' | 'upgrade' | 'event' | 'ack'
  id?: string
  port?: number
  nsp?: string
  transport?: string
  protocol?: number
  event?: string
  args?: unknown[]
  ack?: number
}

class RemoteSocket extends EventEmitter {
  readonly nsp: { name: string }
  readonly conn: EventEmitter & { transport: { name: string }; protocol: number }
  readonly #id: string
  readonly #server: RemoteServer

  constructor(id: string, { nsp, transport, protocol }: Seen, server: RemoteServer) {
    super()
    this.#id = id
    this.nsp = { name: nsp! }
    this.conn = Object.assign(new EventEmitter(), { transport: { name: transport! }, protocol: protocol! })
    this.#server = server
  }

  override emit(event: string, ...args: unknown[]): boolean {
    const answer =
      typeof args.at(-1) === 'function' ? (args.pop() as (...values: unknown[]) => void) : undefined
    this.#server.tell({
      cmd: 'emit',
      id: this.#id,
      event,
      args: pack(args),
      ...(answer === undefined ? {} : { ack: this.#server.expectAnswer(answer) }),
    })
    return true
  }

  /** What it has got there. */
  got(event: string, args: unknown[]): void {
    super.emit(event, ...args)
  }
}

class RemoteServer {
  readonly #child: ChildProcess
  readonly #sockets = new Map<string, RemoteSocket>()
  readonly #namespaces = new Map<string, EventEmitter>()
  readonly #answers: ((...values: unknown[]) => void)[] = []
  readonly exited: Promise<void>
  #ready!: (port: number) => void
  #said = ''

  constructor(command: string, args: readonly string[]) {
    this.#child = spawnGroup(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    this.exited = new Promise((resolve) => this.#child.once('exit', () => resolve()))
    createInterface({ input: this.#child.stdout! }).on('line', (text) =>
      this.#take(unpack(JSON.parse(text)) as Seen),
    )
    this.#child
      .stderr!.setEncoding('utf8')
      .on('data', (text: string) => (this.#said = (this.#said + text).slice(-4000)))
  }

  /** The port it listens on. */
  listening(): Promise<number> {
    return Promise.race([
      new Promise<number>((resolve) => (this.#ready = resolve)),
      this.exited.then((): never => {
        throw new Error(`the server has ended: ${this.#said}`)
      }),
    ])
  }

  of(namespace: string): EventEmitter {
    let emitter = this.#namespaces.get(namespace)
    if (emitter === undefined) this.#namespaces.set(namespace, (emitter = new EventEmitter()))
    return emitter
  }

  to(room: string): { emit(event: string, ...args: unknown[]): void } {
    return { emit: (event, ...args) => this.tell({ cmd: 'broadcast', room, event, args: pack(args) }) }
  }

  emit(event: string, ...args: unknown[]): void {
    this.tell({ cmd: 'broadcast', event, args: pack(args) })
  }

  expectAnswer(answer: (...values: unknown[]) => void): number {
    return this.#answers.push(answer) - 1
  }

  tell(command: object): void {
    this.#child.stdin!.write(toLine(command))
  }

  #take(seen: Seen): void {
    const { saw, id = '', args = [], event = '' } = seen
    const socket = this.#sockets.get(id)
    if (saw === 'ready') this.#ready(seen.port!)
    else if (saw === 'ack') this.#answers[seen.ack!]!(...args)
    else if (saw === 'event') socket?.got(event, args)
    else if (saw === 'upgrade') {
      socket!.conn.transport = { name: seen.transport! }
      socket!.conn.emit('upgrade', socket!.conn.transport)
    } else {
      const added = new RemoteSocket(id, seen, this)
      this.#sockets.set(id, added)
      this.of(seen.nsp!).emit('connection', added)
    }
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    return stopGroup(this.#child, signal)
  }
}

/** Starts it; the program gets the port as its last argument. */
export async function startRemoteServer(
  command: string,
  args: readonly string[],
  port: number = 0,
): Promise<ServerUnderTest> {
  const server = new RemoteServer(command, [...args, String(port)])
  const actual = await server.listening()
  return {
    io: server as never,
    port: actual,
    url: `http://127.0.0.1:${actual}`,
    close: async () => {
      server.tell({ cmd: 'close' })
      await server.exited
    },
    crash: () => server.kill('SIGKILL'),
  }
}
