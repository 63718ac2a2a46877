// What node:http refuses before there is a request: a head that is too long, is none or stays away. In: the server's "clientError". Out: the refusal
// of the same name, to whoever counts. A listener would not do: node:http answers only while there is none.
import { EventEmitter } from 'node:events'
import { rejection } from './reject.ts'
import type { EngineRejection } from './reject.ts'

type Emit = EventEmitter['emit']
type Count = (reason: EngineRejection) => void

interface Watch {
  readonly counts: Set<Count>
  /** What stands in the place of the server's `emit`. */
  readonly emit: Emit
  /** What the application had put there. */
  readonly former: Emit | undefined
}

const watches = new WeakMap<object, Watch>()

/** Counts from now on what is refused on this server; what it answers, and who listens, stays as it is. */
export function countClientErrors(server: unknown, count: Count): void {
  // HTTP libraries of other makes have events of their own.
  if (!(server instanceof EventEmitter)) return
  const known = watches.get(server)
  if (known !== undefined) return void known.counts.add(count)
  const former = Object.hasOwn(server, 'emit') ? server.emit : undefined
  const counts = new Set([count])
  function emit(this: EventEmitter, event: string | symbol, ...args: any[]): boolean {
    const wasHeard: boolean = Reflect.apply(former ?? (Object.getPrototypeOf(server) as EventEmitter).emit, this, [event, ...args])
    const reason = event === 'clientError' ? refusalOf(args[0]) : undefined
    if (reason !== undefined) for (const tell of counts) tell(reason)
    return wasHeard
  }
  watches.set(server, { counts, emit, former })
  // As a method is, so that nobody who lists the server's properties sees it.
  Object.defineProperty(server, 'emit', { value: emit, configurable: true, writable: true })
}

/** The `emit` of this server as it would be without us. */
export function emitOf(server: EventEmitter): Emit {
  const { emit } = server
  const watch = watches.get(server)
  if (watch?.emit !== emit) return emit
  return watch.former ?? (Object.getPrototypeOf(server) as EventEmitter).emit
}

/** Undefined: the connection has failed, and nothing was refused. */
function refusalOf(error: unknown): EngineRejection | undefined {
  const { code } = Object(error) as { code?: unknown }
  if (typeof code !== 'string') return undefined
  if (code === 'HPE_HEADER_OVERFLOW') return rejection('BAD_REQUEST', { name: 'HTTP_HEADER_OVERFLOW', error })
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return rejection('BAD_REQUEST', { name: 'HTTP_REQUEST_TIMEOUT', error })
  return code.startsWith('HPE_') ? rejection('BAD_REQUEST', { name: 'HTTP_PARSE_ERROR', error }) : undefined
}
