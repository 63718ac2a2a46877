// The Rust client on our server.
import { isCI } from '@tidewire/testkit/provision'
import { rustClient } from '../src/client-specs.ts'
import { declareMatrix } from '../src/client-matrix.ts'

let skip: string | undefined
try {
  await rustClient.command()
} catch (error) {
  if (isCI()) throw error
  skip = (error as Error).message
  console.warn(`[provision] SKIPPED Rust: ${skip}`)
}
declareMatrix('rust', [rustClient], skip)
