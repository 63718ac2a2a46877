// A server process on a core of its own, whatever it is written in: its port, its costs, its end.
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import process from 'node:process'
import { createInterface } from 'node:readline'
import type { Command } from './programs.ts'
import type { ServerQuestion, ServerUsage } from './servers/application.ts'

/** Whether server and generator get a core each; without it figures are worth little. */
export const canPin: boolean = process.platform === 'linux' && availableParallelism() > 1

const START_DEADLINE_MS = 60_000
const PAGE_BYTES = 4096

export interface ServerProcess {
  readonly port: number
  /** Rejects when it ends. */
  readonly died: Promise<never>
  ask(question: ServerQuestion): Promise<ServerUsage>
  stop(): Promise<void>
}

function pinned(core: number, { file, args }: Pick<Command, 'file' | 'args'>): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(core), file, ...args]] : [file, [...args]]
}

/** Ends it, and waits until it has. */
export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** A process with Node's channel to this one; the last of `args` is its module. */
export function startNode(core: number, { file, args }: Pick<Command, 'file' | 'args'>, moduleArgs: readonly string[] = []): ChildProcess {
  const [execPath, [...execArgv]] = pinned(core, { file, args: args.slice(0, -1) })
  return fork(args.at(-1)!, moduleArgs, { execPath, execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
}

export async function startServer(name: string, command: Command, core: number): Promise<ServerProcess> {
  const child = command.hasChannel ? startNode(core, command) : startForeign(core, command)
  const died = once(child, 'exit').then(([code, signal]): never => {
    throw new Error(`the ${name} server ended with ${code ?? signal}`)
  })
  died.catch(() => {})
  try {
    return {
      port: await Promise.race([portOf(child, command.hasChannel), died, lateness(name)]),
      died,
      ask: (question) => (command.hasChannel ? askNode(child, question) : Promise.resolve(usageOf(child.pid!))),
      stop: () => kill(child),
    }
  } catch (error) {
    await kill(child)
    throw error
  }
}

function startForeign(core: number, command: Command): ChildProcess {
  const [file, args] = pinned(core, command)
  return spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function portOf(child: ChildProcess, hasChannel: boolean): Promise<number> {
  if (hasChannel) {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    return port
  }
  for await (const line of createInterface({ input: child.stdout! })) {
    if (line.startsWith('{"port"')) return (JSON.parse(line) as { port: number }).port
  }
  throw new Error('its output ended before it said its port')
}

function lateness(name: string): Promise<never> {
  return new Promise((_resolve, reject) => {
    setTimeout(() => reject(new Error(`the ${name} server did not listen within ${START_DEADLINE_MS} ms`)), START_DEADLINE_MS).unref()
  })
}

function askNode(child: ChildProcess, question: ServerQuestion): Promise<ServerUsage> {
  return new Promise((resolve) => {
    child.once('message', ({ usage }: { usage: ServerUsage }) => resolve(usage))
    child.send({ ask: question })
  })
}

/** Run time of all threads, in nanoseconds, as the scheduler counts it; threads that have ended are not in it. */
function usageOf(pid: number): ServerUsage {
  let nanos = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      nanos += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // It has ended between the two calls.
    }
  }
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
  return { cpuMicros: nanos / 1000, rssBytes: pages * PAGE_BYTES }
}
