// The JavaScript clients of ten years on our server.
import { javascriptClients } from '../src/client-specs.ts'
import { declareMatrix } from '../src/client-matrix.ts'

declareMatrix('js', javascriptClients)
