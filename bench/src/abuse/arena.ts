// One server under attack, with its neighbours and its attacker: three processes, of which the server gets a core of its own. Runs cases, and
// judges what the attacker cannot know: whether the process lives, its memory, and how the neighbours fared.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { canPin, kill } from '../processes.ts'
import type { AttackCommand, Outcomes } from './attacker.ts'
import type { AbuseCase, Preset } from './case.ts'
import type { Wellbeing } from './neighbours.ts'
import type { Question, Usage } from './servers/application.ts'

export type ServerName = 'tidewire' | 'official'

export interface Verdict {
  readonly name: string
  readonly outcomes: Outcomes
  /** Why the attack could not go on, or how the process ended. */
  readonly failure: string | undefined
  readonly isAlive: boolean
  readonly isAcceptable: boolean
  readonly neighbours: Wellbeing | undefined
  readonly before: Usage | undefined
  /** While it went on. */
  readonly peak: Usage | undefined
  /** With garbage collected, some time after the attacker's connections were cut. */
  readonly after: Usage | undefined
  /** After the same attack for a second time, if the first has left memory with the process. */
  readonly again: Usage | undefined
  readonly seconds: number
}

/** What an attack may leave behind. */
export const MEMORY_LIMIT_BYTES: number = 64 * 1024 * 1024

const SERVER_CORE = 0
const OTHERS_CORE = 1
const START_DEADLINE_MS = 60_000
/** Who has stepped back may wait long for the processor. */
const ANSWER_DEADLINE_MS = 120_000
const CASE_DEADLINE_MS = 120_000

/** Server and neighbours go first, before other work of the machine if this user may say so: that is not to be measured. */
const [FIRST, LAST] = process.getuid?.() === 0 ? [-15, -5] : [0, 10]

function start(core: number, program: string, args: readonly string[], niceness: number): ChildProcess {
  const command = [
    ...(canPin ? ['taskset', '-c', String(core)] : []),
    ...(niceness !== 0 && process.platform !== 'win32' ? ['nice', '-n', String(niceness)] : []),
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    '--conditions=tidewire-source',
    fileURLToPath(new URL(program, import.meta.url)),
    ...args,
  ]
  // A session of its own: where the kernel shares the processor out among sessions first, niceness counts for nothing else.
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    detached: true,
  })
  giveSession(child, niceness)
  return child
}

function giveSession(child: ChildProcess, niceness: number): void {
  try {
    writeFileSync(`/proc/${child.pid}/autogroup`, String(niceness))
  } catch {
    // Not this kernel, or not for this user.
  }
}

/** All of its threads give way to everything else. */
function stepBack(child: ChildProcess): void {
  giveSession(child, 19)
  try {
    for (const thread of process.platform === 'linux' ? readdirSync(`/proc/${child.pid}/task`) : [child.pid])
      setPriority(Number(thread), 19)
  } catch {
    // It has ended.
  }
}

/** The next message that has `key`; rejects when the process ends, or is late. */
function message<T>(child: ChildProcess, key: string, withinMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      clearTimeout(timer)
      child.removeListener('message', onMessage)
      child.removeListener('exit', onExit)
    }
    const onMessage = (said: Record<string, unknown>): void => {
      if (!(key in said) && !('failure' in said)) return
      settle()
      if (key in said) resolve(said[key] as T)
      else reject(new Error(String(said['failure'])))
    }
    const onExit = (code: number | null, signal: string | null): void => {
      settle()
      reject(new Error(`ended with ${code ?? signal}`))
    }
    const timer = setTimeout(() => {
      settle()
      reject(new Error(`no ${key} within ${withinMs} ms`))
    }, withinMs)
    child.on('message', onMessage)
    child.on('exit', onExit)
    if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode)
  })
}

export class Arena {
  readonly #server: ChildProcess
  #attacker!: ChildProcess
  #neighbours!: ChildProcess
  #stderr = ''

  private constructor(name: ServerName, preset: Preset) {
    this.#server = start(SERVER_CORE, `./servers/${name}.ts`, [preset], FIRST)
    this.#server.stderr!.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-8_192)
    })
  }

  static async open(name: ServerName, preset: Preset): Promise<Arena> {
    const arena = new Arena(name, preset)
    try {
      const port = await message<number>(arena.#server, 'port', START_DEADLINE_MS)
      arena.#neighbours = start(OTHERS_CORE, './neighbours.ts', [String(port)], FIRST)
      arena.#attacker = start(OTHERS_CORE, './attacker.ts', [String(port)], LAST)
      for (const child of [arena.#neighbours, arena.#attacker])
        child.stderr!.on('data', (chunk: Buffer) => process.stderr.write(chunk))
      await Promise.all(
        [arena.#neighbours, arena.#attacker].map((child) => message(child, 'ready', START_DEADLINE_MS)),
      )
      return arena
    } catch (error) {
      await arena.close()
      throw error
    }
  }

  get #isAlive(): boolean {
    return this.#server.exitCode === null && this.#server.signalCode === null
  }

  /** Undefined when the process has ended or does not answer. */
  async usage(gc: boolean): Promise<Usage | undefined> {
    if (!this.#isAlive) return undefined
    const answer = message<Usage>(this.#server, 'usage', ANSWER_DEADLINE_MS)
    this.#server.send({ gc } satisfies Question, () => {})
    return await answer.catch(() => undefined)
  }

  /** Attacks; the neighbours are watched for `leastMs` at least, however short the attack. Memory afterwards is looked at by `settle`. */
  async attack(abuse: AbuseCase, { share, leastMs }: { share: number; leastMs: number }): Promise<Verdict> {
    const before = await this.usage(true)
    const startedAt = performance.now()
    this.#neighbours.send('begin')
    let outcomes: Outcomes = []
    let failure: string | undefined
    try {
      const result = message<Outcomes>(this.#attacker, 'outcomes', CASE_DEADLINE_MS)
      this.#attacker.send({ run: abuse.name, share } satisfies AttackCommand)
      const [done] = await Promise.all([result, delay(leastMs)])
      outcomes = done
    } catch (error) {
      failure = (error as Error).message
    }
    const seconds = (performance.now() - startedAt) / 1000
    const wellbeing = message<Wellbeing>(this.#neighbours, 'wellbeing', ANSWER_DEADLINE_MS)
    this.#neighbours.send('end', () => {})
    const neighbours = await wellbeing.catch(() => undefined)
    const peak = await this.usage(false)
    return this.#judge({
      name: abuse.name,
      outcomes,
      failure,
      isAlive: true,
      isAcceptable: outcomes.every(([outcome]) => abuse.acceptable.test(outcome)),
      neighbours,
      before,
      peak,
      after: undefined,
      again: undefined,
      seconds,
    })
  }

  #judge(verdict: Verdict): Verdict {
    if (this.#isAlive)
      return { ...verdict, isAcceptable: verdict.isAcceptable && verdict.failure === undefined }
    const cause =
      /^.*(?:Error|error).*$/m.exec(this.#stderr)?.[0] ?? this.#server.signalCode ?? this.#server.exitCode
    return { ...verdict, isAlive: false, isAcceptable: false, failure: `the process died: ${cause}` }
  }

  /** Waits, with everything out of the way of the next attack, and looks at what is left. */
  async settle(
    verdict: Verdict,
    abuse: AbuseCase,
    { share, afterMs }: { share: number; afterMs: number },
  ): Promise<Verdict> {
    for (const child of [this.#server, this.#neighbours, this.#attacker]) stepBack(child)
    await delay(afterMs)
    const after = await this.usage(true)
    const settled = this.#judge({ ...verdict, after })
    if (
      after === undefined ||
      verdict.before === undefined ||
      after.rssBytes - verdict.before.rssBytes < MEMORY_LIMIT_BYTES
    )
      return settled
    // The allocator keeps freed pages: what is held is known when the same happens again.
    await this.attack(abuse, { share, leastMs: 0 })
    await delay(afterMs)
    return this.#judge({ ...settled, again: await this.usage(true) })
  }

  async close(): Promise<void> {
    for (const child of [this.#attacker, this.#neighbours, this.#server])
      if (child !== undefined) await kill(child)
  }
}
