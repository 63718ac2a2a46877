// Clients that come and go leave nothing behind: heap, sockets, rooms, sessions.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const run = promisify(execFile)

it.each([
  { mode: 'without recovery', cycles: 20_000 },
  { mode: 'recovery', cycles: 5_000 },
])('[API-12] $cycles clients that came and went leave nothing behind, $mode', async ({ mode, cycles }) => {
  const program = new URL('cycles.ts', import.meta.url).pathname
  const { stdout } = await run(process.execPath, ['--expose-gc', '--conditions=tidewire-source', program, String(cycles), mode])
  const { grownBytes, ...left } = JSON.parse(stdout) as { grownBytes: number }

  expect(left).toEqual({ cycles, alive: 0, sessions: 0, sockets: 0, rooms: 0 })
  // Noise of the collector and the compiler; a socket that stays is about 2 KB.
  expect(grownBytes).toBeLessThan(cycles * 200 + 1_500_000)
}, 600_000)
