// The published @opentelemetry/instrumentation-socket.io patches the server's files by their names. Its spans of one program
// (interop/applications/opentelemetry) with ours under the name socket.io are those with socket.io 4.8.4, whichever way the server is loaded.
import { beforeAll, describe, expect, it } from 'vitest'
import { install, packOurs, traceOf } from '../applications/variants.ts'

interface Span {
  name: string
  kind: string
  attributes: Record<string, unknown>
}
/** By the way of loading: what each step left, its spans or what it saw. */
type Trace = [way: string, steps: unknown[]][]

const stepsOf = (trace: Trace, way: string): unknown[] => new Map(trace).get(way) ?? []
const spansOf = (steps: unknown[], step: string): Span[] =>
  steps.find((entry): entry is [string, Span[]] => Array.isArray(entry) && entry[0] === step)?.[1] ?? []

describe('@opentelemetry/instrumentation-socket.io', () => {
  let official: Trace
  let ours: Trace
  beforeAll(async () => {
    const tarballs = await packOurs()
    official = (await traceOf(await install('opentelemetry', 'official', tarballs))) as Trace
    ours = (await traceOf(await install('opentelemetry', 'ours', tarballs))) as Trace
  })

  it.each([
    'require',
    'require, callable',
    'require, reserved events too',
    'import',
    'import, after a require hook alone',
  ])('[API-29] gives the spans that it gives of the official server: %s', (way) => {
    const expected = stepsOf(official, way)

    expect(stepsOf(ours, way)).toEqual(expected)
    // Not the same because there is nothing.
    const [sent] = spansOf(expected, 'to, except')
    expect(sent).toMatchObject({ name: 'send /', kind: 'producer' })
    expect(sent!.attributes).toMatchObject({
      'messaging.socket.io.event_name': 'some',
      'messaging.socket.io.namespace': '/',
      'messaging.socket.io.rooms': ['lobby', 'nowhere'],
    })
    expect(spansOf(expected, 'event question of a namespace')).toMatchObject([
      { name: 'receive /chat', kind: 'consumer' },
    ])
  })
})
