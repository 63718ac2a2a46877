// User code is called here and nowhere else unguarded: what it throws or rejects with goes to `fail`, and never ends the process.
import type { EventEmitter } from 'node:events'

/** Calls user code; `fail` gets what it throws or rejects with. */
export function callGuarded(handler: Function, target: unknown, args: readonly unknown[], fail: (error: unknown) => void): void {
  try {
    const result: unknown = Reflect.apply(handler, target, args)
    if (typeof result === 'object' && result !== null && typeof (result as PromiseLike<unknown>).then === 'function') {
      ;(result as PromiseLike<unknown>).then(undefined, fail)
    }
  } catch (error) {
    fail(error)
  }
}

/** Like `emitter.emit`, each listener guarded, so that one that fails hides the event from no other. */
export function emitGuarded(emitter: EventEmitter, event: string, args: readonly unknown[], fail: (error: unknown, event: string) => void): void {
  for (const listener of emitter.rawListeners(event)) callGuarded(listener, emitter, args, (error) => fail(error, event))
}
