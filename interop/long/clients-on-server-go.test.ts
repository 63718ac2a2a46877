// The Go client on our server.
import { isCI } from '@tidewire/testkit/provision'
import { goClient } from '../src/client-specs.ts'
import { declareMatrix } from '../src/client-matrix.ts'

let skip: string | undefined
try {
  await goClient.command()
} catch (error) {
  if (isCI()) throw error
  skip = (error as Error).message
  console.warn(`[provision] SKIPPED Go: ${skip}`)
}
declareMatrix('go', [goClient], skip)
