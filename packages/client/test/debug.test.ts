// Lines for developers: under the names that users of the official client type.
import { spawn } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import { isNamed } from '../src/debug.ts'
import { next, start } from './start.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

describe('debug lines', () => {
  it.each([
    ['socket.io-client:manager', 'socket.io-client:*', true],
    ['socket.io-client', 'socket.io-client*', true],
    ['socket.io-client', 'socket.io-client:*', false],
    ['engine.io-client:socket', '*', true],
    ['engine.io-client:socket', 'engine*', true],
    ['engine.io-client:polling', '*,-engine.io-client:polling', false],
    ['engine.io-client:polling', 'x engine.io-client:polling', true],
    ['engine.io-client:polling', 'engine_io-client:polling', false],
    ['engine.io-client:polling', '', false],
  ])('[CLI-38] of %s are asked for by %j: %s', (scope, list, isWanted) => {
    expect(isNamed(scope, list)).toBe(isWanted)
  })

  it('[CLI-38] are written to stderr in Node when DEBUG names their scope, and else not', { timeout: 180_000 }, async () => {
    const server = await start('tidewire')
    cleanups.push(() => server.close())
    const script = `
      import { io } from '@tidewire/client/debug'
      const socket = io('${server.url}')
      socket.on('connect', () => socket.disconnect())`
    const run = async (DEBUG: string): Promise<string> => {
      const child = spawn(process.execPath, ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
        cwd: new URL('..', import.meta.url).pathname,
        env: { ...process.env, DEBUG },
      })
      let output = ''
      child.stderr.on('data', (chunk) => (output += chunk))
      await next(child, 'close', 60_000)
      return output
    }
    const all = await run('socket.io-client*,engine.io-client:*')
    const scopes = new Set(all.split('\n').filter(Boolean).map((line) => line.split(' ')[0]))

    expect([...scopes].toSorted()).toEqual([
      'engine.io-client:polling', 'engine.io-client:socket', 'engine.io-client:transport', 'engine.io-client:websocket',
      'socket.io-client', 'socket.io-client:manager', 'socket.io-client:socket', 'socket.io-client:url',
    ])
    expect(all).toMatch(/^socket\.io-client:socket connected to \/ as \S+ \+\d+ms$/m)
    expect(await run('')).toBe('')
    expect((await run('socket.io-client:manager')).split('\n').filter((line) => line !== '' && !line.startsWith('socket.io-client:manager '))).toEqual([])
  })
})
