// A client program of another make (interop/clients) as a child process, spoken to in JSON lines.
//   test -> client  {cmd:'connect',name,url,nsp,transports} {cmd:'emit',name,event,args,ack?} {cmd:'disconnect',name} {cmd:'exit'}
//   client -> test  {ready:true} {name,event,args} {reply:ack,args}
// `name` tells the connections of one client process apart; binary is {"$bin":base64}. What the program says is kept until asked for.
import { createInterface } from 'node:readline'
import type { ChildProcess } from 'node:child_process'
import { spawnGroup, stopGroup } from '@tidewire/testkit/daemon'

export const DEADLINE_MS = 30_000

interface Line {
  ready?: boolean
  reply?: number
  name?: string
  event?: string
  args?: unknown[]
}

interface Waiter {
  matches: (line: Line) => boolean
  resolve: (line: Line) => void
  reject: (reason: string) => void
}

export interface ConnectOptions {
  url: string
  transports: readonly string[]
  nsp?: string
}

export class ClientProcess {
  readonly #child: ChildProcess
  readonly #lines: Line[] = []
  readonly #waiters = new Set<Waiter>()
  #said = ''
  #acks = 0
  #names = 0
  #isGone = false

  private constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawnGroup(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    createInterface({ input: this.#child.stdout! }).on('line', (text) => this.#take(text))
    this.#child
      .stderr!.setEncoding('utf8')
      .on('data', (text: string) => (this.#said = (this.#said + text).slice(-4000)))
  }

  static async start(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = {},
  ): Promise<ClientProcess> {
    const client = new ClientProcess(command, args, env)
    await client.#wait('to start', (line) => line.ready === true, 30_000)
    return client
  }

  /** Opens a connection; returns the name it goes by. Does not wait for it. */
  connect({ url, transports, nsp = '/' }: ConnectOptions): string {
    const name = `c${++this.#names}`
    this.#send({ cmd: 'connect', name, url, nsp, transports })
    return name
  }

  emit(name: string, event: string, ...args: unknown[]): void {
    this.#send({ cmd: 'emit', name, event, args: pack(args) })
  }

  /** Emits and returns what the server acknowledged with. */
  async emitWithAck(name: string, event: string, ...args: unknown[]): Promise<unknown[]> {
    const ack = ++this.#acks
    this.#send({ cmd: 'emit', name, event, args: pack(args), ack })
    const line = await this.#wait(`an ack of ${event}`, (candidate) => candidate.reply === ack)
    return unpack(line.args) as unknown[]
  }

  disconnect(name: string): void {
    this.#send({ cmd: 'disconnect', name })
  }

  /** The arguments of the next `event` on that connection, past ones not yet asked for included. */
  async next(name: string, event: string, deadlineMs: number = DEADLINE_MS): Promise<unknown[]> {
    const line = await this.#wait(
      `"${event}"`,
      (candidate) => candidate.name === name && candidate.event === event,
      deadlineMs,
    )
    return unpack(line.args) as unknown[]
  }

  /** What was said of that connection and not yet asked for. */
  unread(name: string): string[] {
    return this.#lines.filter((line) => line.name === name).map((line) => line.event!)
  }

  async stop(): Promise<void> {
    this.#send({ cmd: 'exit' })
    await stopGroup(this.#child, 'SIGTERM', 2_000)
  }

  #send(command: object): void {
    if (this.#child.stdin!.writable) this.#child.stdin!.write(toLine(command))
  }

  #take(text: string): void {
    let line: Line
    try {
      line = JSON.parse(text) as Line
    } catch {
      this.#said += `${text}\n`
      return
    }
    for (const waiter of this.#waiters) {
      if (!waiter.matches(line)) continue
      this.#waiters.delete(waiter)
      waiter.resolve(line)
      return
    }
    this.#lines.push(line)
  }

  async #wait(
    what: string,
    matches: (line: Line) => boolean,
    deadlineMs: number = DEADLINE_MS,
  ): Promise<Line> {
    const index = this.#lines.findIndex(matches)
    if (index !== -1) return this.#lines.splice(index, 1)[0]!
    if (this.#isGone)
      throw new Error(`waited for ${what} of a client that has ended; stderr: ${this.#said.slice(-800)}`)
    return new Promise((resolve, reject) => {
      const fail = (reason: string): void => {
        clearTimeout(timer)
        this.#waiters.delete(waiter)
        const unread = this.#lines.slice(-8).map((line) => JSON.stringify(line).slice(0, 200))
        reject(
          new Error(
            `${reason} while waiting for ${what}; unread: ${unread.join(' ')}; stderr: ${this.#said.slice(-800)}`,
          ),
        )
      }
      const timer = setTimeout(() => fail(`${deadlineMs} ms passed`), deadlineMs)
      const waiter: Waiter = {
        matches,
        reject: fail,
        resolve: (line) => {
          clearTimeout(timer)
          resolve(line)
        },
      }
      this.#waiters.add(waiter)
    })
  }
}

/** JSON, which readline reads as one line: it takes U+2028 and U+2029 for ends of lines, and JSON does not escape them. */
export function toLine(value: object): string {
  return `${JSON.stringify(value).replaceAll(/[\u2028\u2029]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`)}\n`
}

export function pack(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bin: Buffer.from(value).toString('base64') }
  if (Array.isArray(value)) return value.map(pack)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, pack(entry)]))
}

export function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack)
  if (value === null || typeof value !== 'object') return value
  const { $bin } = value as { $bin?: unknown }
  if (typeof $bin === 'string') return Buffer.from($bin, 'base64')
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, unpack(entry)]))
}
