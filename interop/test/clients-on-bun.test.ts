// The JavaScript clients of ten years on our server on Bun.serve, which has a process to itself.
import { fileURLToPath } from 'node:url'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { javascriptClients } from '../src/client-specs.ts'
import { declareMatrix } from '../src/client-matrix.ts'
import { startRemoteServer } from '../src/remote-server.ts'

const program = fileURLToPath(new URL('../servers/tidewire/runtime-server.ts', import.meta.url))
const bun = await provisionOrSkip('bun')

declareMatrix('bun', javascriptClients, bun.skip, (port) =>
  startRemoteServer(bun.value!, ['--conditions=tidewire-source', program, 'bun'], port),
)
