// Bun and Deno with what is written for Node: old clients on our server on their node:http, and our client, run by them, on servers of every
// generation.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { spawnGroup } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startRemoteServer } from '../src/remote-server.ts'
import { serverSpecs, startProgram } from '../src/server-programs.ts'
import type { RunningServer } from '../src/server-programs.ts'
import type { ServerUnderTest } from '../src/server-under-test.ts'

const require = createRequire(import.meta.url)
const pathOf = (name: string): string => fileURLToPath(new URL(`../${name}`, import.meta.url))
const [bun, deno] = await Promise.all([provisionOrSkip('bun'), provisionOrSkip('deno')])
const OFFICIAL = ['1.7.4', '2.5.1', '3.1.2', '4.8.4']

describe.each([
  ['Bun', bun, []],
  ['Deno', deno, ['run', '--allow-all', '--no-check']],
] as const)('%s', (_name, { value: program, skip }, options) => {
  const run = [...options, '--conditions=tidewire-source']

  describe.skipIf(skip !== undefined)('our server on its node:http', () => {
    let server: ServerUnderTest
    beforeAll(async () => {
      server = await startRemoteServer(program!, [
        ...run,
        pathOf('servers/tidewire/runtime-server.ts'),
        'http',
      ])
    })
    afterAll(() => server?.close())

    for (const version of ['1.7.4', '2.5.0', '3.1.3', '4.8.4']) {
      it.each([[['polling']], [['websocket']], [['polling', 'websocket']]])(
        `[API-40] serves client ${version} over %s`,
        async (transports) => {
          const module = require(`socket.io-client-${version}`)
          const socket = (module.io ?? module)(server.url, {
            transports,
            forceNew: true,
            reconnection: false,
          })
          try {
            await new Promise((resolve, reject) => {
              socket.once('connect', resolve)
              socket.once('connect_error', reject)
            })
            const echoed = await new Promise<any[]>((resolve) =>
              socket.emit('echo', '汉字', Buffer.from([1, 2, 255]), (...args: any[]) => resolve(args)),
            )
            expect([echoed[0], [...new Uint8Array(echoed[1])]]).toEqual(['汉字', [1, 2, 255]])
            const left = new Promise((resolve) => socket.once('disconnect', resolve))
            socket.emit('bye')
            expect(await left).toBe('io server disconnect')
          } finally {
            socket.close()
          }
        },
      )
    }
  })

  describe.skipIf(skip !== undefined)('our client in it', () => {
    const servers: RunningServer[] = []
    const results: { url: string; transports: string[]; result: unknown[] }[] = []
    beforeAll(async () => {
      for (const version of OFFICIAL) {
        servers.push(await startProgram(serverSpecs.find(({ label }) => label === `socket.io ${version}`)!))
      }
      const client = spawnGroup(
        program!,
        [...run, pathOf('clients/js/runtime-client.mjs'), ...servers.map(({ url }) => url)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      createInterface({ input: client.stdout! }).on('line', (line) => results.push(JSON.parse(line)))
      await new Promise((resolve) => client.once('close', resolve))
    })
    afterAll(() => Promise.all(servers.map((server) => server.stop())))

    it.each(OFFICIAL)('[API-40] meets socket.io %s over every transport', (version) => {
      const { url } = servers[OFFICIAL.indexOf(version)]!
      const left = 'io server disconnect'
      const echoed = [{ 汉字: '😀' }, [1, 2, 255]]
      expect(results.filter((one) => one.url === url).map(({ result }) => result)).toEqual([
        ['polling', ...echoed, left],
        ['websocket', ...echoed, left],
        ['websocket', ...echoed, left],
      ])
    })
  })
})
