// One round: a fresh server process on one core, a fresh process with one client on the other, one figure. Out: a sample, or the reason why
// there is none.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { kill, startNode, startServer } from '../processes.ts'
import type { NodeRuntime, ServerProgram } from '../programs.ts'
import { clients, importableBundle } from './clients.ts'
import type { ClientName } from './clients.ts'
import { figures } from './figures.ts'
import type { ClientSample } from './process/loads.ts'

export interface RoundOptions {
  readonly figure: string
  readonly seconds: number
  readonly shrink: number
}

/** A server or client that waits for ever must not hold up the others. */
const ROUND_DEADLINE_MS = 120_000
const SERVER_CORE = 0
const CLIENT_CORE = 1

const folder = fileURLToPath(new URL('process/', import.meta.url))
const FILES = ['program', 'loads', 'page']

/** A Node that runs no TypeScript gets the program without its types. */
function programFor({ path }: NodeRuntime): string {
  if (path === process.execPath) return join(folder, 'program.ts')
  const built = fileURLToPath(new URL('../../dist/client/', import.meta.url))
  mkdirSync(built, { recursive: true })
  for (const file of FILES) {
    const source = readFileSync(join(folder, `${file}.ts`), 'utf8')
    writeFileSync(
      join(built, `${file}.mjs`),
      stripTypeScriptTypes(source).replaceAll(/'\.\/(\w+)\.ts'/g, "'./$1.mjs'"),
    )
  }
  return join(built, 'program.mjs')
}

export async function runRound(
  server: ServerProgram,
  name: ClientName,
  runtime: NodeRuntime,
  options: RoundOptions,
): Promise<ClientSample> {
  const { figure, seconds, shrink } = options
  const isPage = figures[figure]!.isPage === true
  const isBuilt = runtime.conditions.length === 0 || name === 'official'
  const library = (isPage && isBuilt ? importableBundle(name) : undefined) ?? clients[name].library
  const { port, died, stop } = await startServer(server.name, server.command(runtime), SERVER_CORE)
  const args = [
    '--disable-warning=ExperimentalWarning',
    '--expose-gc',
    // What a page would load, unless there is a bundle.
    ...(isPage ? ['--conditions=browser'] : []),
    ...runtime.conditions.map((condition) => `--conditions=${condition}`),
    programFor(runtime),
  ]
  const client = startNode(
    CLIENT_CORE,
    { file: runtime.path, args },
    [library, figure, port, seconds, shrink].map(String),
  )
  let timer: NodeJS.Timeout | undefined
  try {
    return await Promise.race([
      died,
      new Promise<ClientSample>((resolve, reject) => {
        timer = setTimeout(
          () => reject(new Error(`it was not over after ${ROUND_DEADLINE_MS} ms`)),
          ROUND_DEADLINE_MS,
        )
        client.on('exit', (code, signal) =>
          reject(new Error(`the client's process ended with ${code ?? signal}`)),
        )
        client.on('message', ({ sample, failure }: { sample?: ClientSample; failure?: string }) => {
          if (sample === undefined) reject(new Error(failure))
          else resolve(sample)
        })
      }),
    ])
  } finally {
    clearTimeout(timer)
    await kill(client)
    await stop()
  }
}
