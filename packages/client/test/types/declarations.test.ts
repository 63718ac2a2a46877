// Compiles the type expectations of both packages against the published declarations and against ours: the same file must pass with both.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const root = new URL('../../../..', import.meta.url).pathname

function compile(name: 'ours' | 'official', ...flags: string[]): { status: number | null; output: string } {
  const tsc = join(root, 'node_modules/.bin/tsc')
  const { status, stdout, stderr } = spawnSync(tsc, ['-p', `test/types/${name}.tsconfig.json`, ...flags], { cwd: root, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

describe('declarations', () => {
  it.each(['official', 'ours'] as const)('[API-14] infer from event maps what the expectations say (%s)', (name) => {
    const { status, output } = compile(name)
    expect(output).toBe('')
    expect(status).toBe(0)
  })

  it('[API-14] are compared with socket.io 4.8.4 and socket.io-client 4.8.4', () => {
    const ours = compile('ours', '--listFilesOnly').output
    const official = compile('official', '--listFilesOnly').output
    expect(official).toContain('node_modules/socket.io-4.8.4/dist/index.d.ts')
    expect(official).toContain('node_modules/socket.io-client-4.8.4/build/esm/index.d.ts')
    expect(official).not.toContain('packages/server/src/index.ts')
    expect(ours).toContain('packages/server/src/index.ts')
    expect(ours).toContain('packages/client/src/index.ts')
    expect(ours).not.toContain('node_modules/socket.io')
    for (const output of [ours, official]) {
      expect(output).toContain('server.types.ts')
      expect(output).toContain('client.types.ts')
    }
  })
})
