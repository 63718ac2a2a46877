// The Java clients on our server.
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { javaClients } from '../src/client-specs.ts'
import { declareMatrix } from '../src/client-matrix.ts'

const { skip } = await provisionOrSkip('java')
declareMatrix('java', javaClients, skip)
