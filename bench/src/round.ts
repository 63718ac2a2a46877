// One round: a fresh server process on one core, a fresh generator on another, one scenario. Hands on what the generator asks of the
// server. In: which server, which scenario. Out: a sample, or the reason why there is none.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Sample } from './generator/main.ts'

export type ServerName = 'official' | 'tidewire'

export interface RoundOptions {
  scenario: string
  seconds: number
  scale: number
  /** Conditions under which the server finds its packages: sources instead of what was built. */
  conditions: readonly string[]
}

const SERVER_CORE = 0
const GENERATOR_CORE = 1

/** Whether server and generator get a core each; without it figures are worth little. */
export const canPin: boolean = process.platform === 'linux' && availableParallelism() > 1

function start(core: number, file: string, args: readonly string[], flags: readonly string[]): ChildProcess {
  const path = fileURLToPath(new URL(file, import.meta.url))
  const nodeFlags = ['--disable-warning=ExperimentalWarning', ...flags]
  if (!canPin)
    return fork(path, args, { execArgv: nodeFlags, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  return fork(path, args, {
    execPath: 'taskset',
    execArgv: ['-c', String(core), process.execPath, ...nodeFlags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

export async function runRound(server: ServerName, options: RoundOptions): Promise<Sample> {
  const { scenario, seconds, scale, conditions } = options
  const flags = ['--expose-gc', ...conditions.map((condition) => `--conditions=${condition}`)]
  const serving = start(SERVER_CORE, `./servers/${server}.ts`, [], flags)
  let generating: ChildProcess | undefined
  try {
    const died = (child: ChildProcess, what: string): Promise<never> =>
      once(child, 'exit').then(([code, signal]) => {
        throw new Error(`${what} ended with ${code ?? signal}`)
      })
    const serverDied = died(serving, `the ${server} server`)
    serverDied.catch(() => {})
    const [{ port }] = (await Promise.race([once(serving, 'message'), serverDied])) as [{ port: number }]
    const child = start(GENERATOR_CORE, './generator/main.ts', [scenario, port, seconds, scale].map(String), [
      '--max-semi-space-size=32',
    ])
    generating = child
    const generatorDied = died(child, 'the generator')
    generatorDied.catch(() => {})
    serving.on('message', (answer: object) => child.connected && child.send(answer))
    const result = new Promise<Sample>((resolve, reject) => {
      child.on('message', (said: { ask?: string; sample?: Sample; failure?: string }) => {
        if (said.ask !== undefined) serving.send({ ask: said.ask })
        else if (said.sample !== undefined) resolve(said.sample)
        else reject(new Error(`${scenario} on ${server}: ${said.failure}`))
      })
    })
    return await Promise.race([result, serverDied, generatorDied])
  } finally {
    for (const child of [generating, serving]) {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) continue
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
  }
}
