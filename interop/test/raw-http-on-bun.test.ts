// The recorded answers of socket.io 4.8.4 to hand-made requests, beside those of our server on Bun.serve.
import { fileURLToPath } from 'node:url'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, beforeAll, describe } from 'vitest'
import { declareProbes } from '../../packages/server/test/engine/raw-http-probes.ts'
import { startRemoteServer } from '../src/remote-server.ts'
import type { ServerUnderTest } from '../src/server-under-test.ts'

const program = fileURLToPath(new URL('../servers/tidewire/runtime-server.ts', import.meta.url))
const bun = await provisionOrSkip('bun')

/** Without an application beside it. */
const NOBODY = { status: 404, body: /^$/, why: 'what is not under the path is answered by serve() itself' }

describe.skipIf(bun.skip !== undefined)('raw HTTP on Bun', () => {
  let server: ServerUnderTest
  beforeAll(async () => {
    server = await startRemoteServer(bun.value!, ['--conditions=tidewire-source', program, 'bun'])
  })
  afterAll(() => server?.close())

  declareProbes('[EIO-20, EIO-24, EIO-27, EIO-50] %s', () => server.port, {
    'path without trailing slash': NOBODY,
    'path prefix only': NOBODY,
  })
})
