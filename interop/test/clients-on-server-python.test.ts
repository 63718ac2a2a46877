// The Python clients on our server.
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { pythonClients } from '../src/client-specs.ts'
import { declareMatrix } from '../src/client-matrix.ts'

const { skip } = await provisionOrSkip('python')
declareMatrix('python', pythonClients, skip)
