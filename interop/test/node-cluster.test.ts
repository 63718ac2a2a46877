// @socket.io/sticky 2.0.1 and @socket.io/cluster-adapter 0.3.0, unmodified, under node:cluster on our server and on socket.io 4.8.4: the same
// observations.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const program = fileURLToPath(new URL('../src/node-cluster.ts', import.meta.url))

async function observe(server: string): Promise<unknown> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', program, server],
    { timeout: 100_000 },
  )
  return JSON.parse(stdout)
}

it(
  '[API-13] sticky and cluster-adapter do on our server what they do on the official one',
  { timeout: 240_000 },
  async () => {
    const official = await observe('official')
    expect(await observe('tidewire')).toEqual(official)
    expect(official).toMatchObject({
      workers: 2,
      answers: [0, 1, 2, 3, 4, 5],
      count: 6,
      side: ['a worker'],
      fromAfar: ['room'],
    })
  },
)
