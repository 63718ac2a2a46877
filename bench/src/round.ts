// One round: a fresh server process on one core, a fresh generator on another, one scenario. Hands on what the generator asks of the
// server. In: which server, which scenario. Out: a sample, or the reason why there is none.
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import type { Sample } from './generator/main.ts'
import { kill, startNode, startServer } from './processes.ts'
import type { Command } from './programs.ts'
import type { ServerQuestion } from './servers/application.ts'

export interface RoundOptions {
  scenario: string
  seconds: number
  scale: number
}

/** A server that leaves the generator waiting must not hold up the others. */
const ROUND_DEADLINE_MS = 30_000
const SERVER_CORE = 0
const GENERATOR_CORE = 1

export async function runRound(name: string, command: Command, { scenario, seconds, scale }: RoundOptions): Promise<Sample> {
  const server = await startServer(name, command, SERVER_CORE)
  const program = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=32', fileURLToPath(new URL('./generator/main.ts', import.meta.url))]
  const generator = startNode(GENERATOR_CORE, { file: process.execPath, args: program }, [scenario, server.port, seconds, scale].map(String))
  let timer: NodeJS.Timeout | undefined
  const lateness = new Promise<never>((_resolve, reject) => {
    const limit = ROUND_DEADLINE_MS + 3_000 * seconds
    timer = setTimeout(() => reject(new Error(`${scenario} on ${name} was not over after ${limit} ms`)), limit)
  })
  try {
    const result = new Promise<Sample>((resolve, reject) => {
      generator.on('exit', (code, signal) => reject(new Error(`the generator ended with ${code ?? signal}`)))
      generator.on('message', (said: { ask?: ServerQuestion; sample?: Sample; failure?: string }) => {
        if (said.ask !== undefined) void server.ask(said.ask).then((usage) => generator.connected && generator.send({ usage }))
        else if (said.sample !== undefined) resolve(said.sample)
        else reject(new Error(`${scenario} on ${name}: ${said.failure}`))
      })
    })
    return await Promise.race([result, server.died, lateness])
  } finally {
    clearTimeout(timer)
    await kill(generator)
    await server.stop()
  }
}
