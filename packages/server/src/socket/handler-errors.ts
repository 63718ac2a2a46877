// The one policy for user code that throws or rejects: it is reported once, an acknowledgement that waits gets an error, and the process
// lives (spec: SIO-48).
import { LIMITS } from '../limits.ts'
import type { Socket } from './socket.ts'

/** Where it happened. */
export interface HandlerErrorContext {
  /** Whose event it was; undefined for listeners of servers, namespaces and engines. */
  socket: Socket<any, any, any, any> | undefined
  /** The event, or which kind of function failed. */
  event: string
}

/** Gets what handlers of the application throw, or reject with. What it throws itself is told on stderr. */
export type HandlerErrorHook = (error: unknown, context: HandlerErrorContext) => void

let linesLeft = LIMITS.errorLines.default
let unwritten = 0
let isCounting = false

/** Without a hook: on stderr, so many a second, because a client may make a handler fail as often as it likes. */
export const reportHandlerError: HandlerErrorHook = (error, { event }) => {
  if (!isCounting) {
    isCounting = true
    setTimeout(endSecond, 1_000).unref()
  }
  if (linesLeft === 0) {
    unwritten++
    return
  }
  linesLeft--
  console.error(`tidewire: the handler of "${event}" failed; set the option onHandlerError to treat such errors yourself`, error)
}

function endSecond(): void {
  isCounting = false
  linesLeft = LIMITS.errorLines.default
  if (unwritten > 0) console.error(`tidewire: ${unwritten} more handlers failed within a second`)
  unwritten = 0
}

/** What an acknowledgement gets when its handler failed. Says nothing about the error itself: it may hold secrets. */
export function ackErrorOf(event: string): { error: { code: string; message: string } } {
  return { error: { code: 'TW_ERR_HANDLER', message: `the handler of "${event}" failed` } }
}
