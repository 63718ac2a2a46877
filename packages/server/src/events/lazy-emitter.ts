// An EventEmitter whose instances hold nothing until the first listener: its constructor does not run, and Node's prototype methods
// initialise an instance on first `on`. Thousands of idle sessions and sockets thus carry no emitter state; `instanceof` still holds.
import { EventEmitter } from 'node:events'

interface LazyEmitterConstructor {
  new (): EventEmitter
  readonly prototype: EventEmitter
}

function Lazy(): void {}
Object.setPrototypeOf(Lazy.prototype, EventEmitter.prototype)
Object.setPrototypeOf(Lazy, EventEmitter)

export const LazyEmitter: LazyEmitterConstructor = Lazy as unknown as LazyEmitterConstructor

/** True when anything listens to anything: the cheapest test before an event is built for nobody. */
export function hasListeners(emitter: EventEmitter): boolean {
  return (emitter as unknown as { _eventsCount: number })._eventsCount > 0
}
