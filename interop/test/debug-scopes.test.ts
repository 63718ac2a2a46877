// The scopes whose lines a developer gets from DEBUG, for one session: those of our server and of socket.io 4.8.4.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../src/debug-session.ts', import.meta.url))

/** The scopes of the server that write something; the client of the session writes under its own. */
async function scopesOf(server: string, DEBUG: string): Promise<string[]> {
  const { stderr } = await promisify(execFile)(
    process.execPath,
    ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', PROGRAM, server],
    {
      timeout: 80_000,
      env: { ...process.env, DEBUG, DEBUG_COLORS: 'no', DEBUG_HIDE_DATE: 'yes' },
    },
  )
  const names = stderr
    .split('\n')
    .flatMap((line) => /^(?:socket\.io|engine)[a-z.:-]*(?= )/.exec(line)?.[0] ?? [])
  return [...new Set(names)].toSorted()
}

it.each([
  'socket.io:*',
  'engine,engine:*',
  'socket.io:server engine:ws',
  'socket.io:*,-socket.io:s*',
  '*,-socket.io-client*,-engine.io-client*,-socket.io-parser',
  '',
])('[API-21] DEBUG=%j writes under the same scopes on both servers', { timeout: 180_000 }, async (DEBUG) => {
  const official = await scopesOf('socket.io-4.8.4', DEBUG)

  expect(await scopesOf('tidewire', DEBUG)).toEqual(official)
  expect(official.length > 0).toBe(DEBUG !== '')
})

it('[API-21] the scopes are those of engine and server', { timeout: 120_000 }, async () => {
  expect(await scopesOf('tidewire', 'engine*,socket.io:*,-engine.io-client*')).toEqual([
    'engine',
    'engine:polling',
    'engine:socket',
    'engine:transport',
    'engine:ws',
    'socket.io:client',
    'socket.io:namespace',
    'socket.io:parent-namespace',
    'socket.io:server',
    'socket.io:socket',
  ])
})
