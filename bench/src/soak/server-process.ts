// The server under soak as a child of this process. In: questions. Out: its samples, and how it ended when nobody ended it.
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { ServerSample } from './sample.ts'
import { within } from './tally.ts'
import { DEADLINE_MS } from './words.ts'

/**
 * From the start what V8 lets the young generation grow to over hours (128 MiB by itself, in steps, whatever is alive): else its growth is in
 * the resident memory that is tested for growth.
 */
const YOUNG_GENERATION = ['--min-semi-space-size=16', '--max-semi-space-size=16']

export interface ServerUnderSoak {
  readonly child: ChildProcess
  readonly port: number
  readonly died: Promise<string>
  ask(question: 'sample' | 'silence'): Promise<ServerSample>
}

export async function startServerUnderSoak(): Promise<ServerUnderSoak> {
  const child = fork(fileURLToPath(new URL('server.ts', import.meta.url)), {
    execArgv: [
      ...YOUNG_GENERATION,
      '--expose-gc',
      '--conditions=tidewire-source',
      '--disable-warning=ExperimentalWarning',
    ],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const died = once(child, 'exit').then(([code, signal]) => String(signal ?? code))
  const [{ port }] = (await within(once(child, 'message'), DEADLINE_MS, 'server')) as [{ port: number }]
  return {
    child,
    port,
    died,
    async ask(question) {
      const answered = once(child, 'message') as Promise<[{ sample: ServerSample }]>
      child.send({ ask: question })
      return (await within(answered, DEADLINE_MS, 'sample'))[0].sample
    },
  }
}
