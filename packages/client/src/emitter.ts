// A small event emitter for any runtime, with the method names that users of the official client know.

import type { EventNames, EventParams, EventsMap, ReservedOrUserEventNames, ReservedOrUserListener } from './event-types.ts'

type Listener = (...args: any[]) => void

/** Without the first that is the listener or wraps it, as officially: the same function may listen twice. Without all when none is named. */
export function without(listeners: Listener[] = [], listener?: Listener): Listener[] {
  const index = listeners.findIndex((one: Listener & { listener?: unknown }) => one === listener || one.listener === listener)
  return listeners.filter((_one, at) => listener && at !== index)
}

export class Emitter<
  ListenEvents extends EventsMap = EventsMap,
  EmitEvents extends EventsMap = EventsMap,
  ReservedEvents extends EventsMap = {},
> {
  readonly #listeners: Map<string | symbol, Listener[]> = new Map()

  /** Adds a listener; the same one twice is called twice. */
  on<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(event: Event, listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>): this {
    // Lists are replaced, not changed: one whose listeners are being called stays as it was.
    this.#listeners.set(event, (this.#listeners.get(event) ?? []).concat(listener))
    return this
  }

  /** Adds a listener that is removed before its first call. */
  once<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(event: Event, listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>): this {
    const wrapper = (...args: any[]): void => {
      this.off(event, wrapper as any)
      ;(listener as Listener).apply(this, args)
    }
    wrapper.listener = listener
    return this.on(event, wrapper as any)
  }

  /** Removes a listener, all of an event, or all. */
  off<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(event?: Event, listener?: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>): this {
    if (event === undefined) this.#listeners.clear()
    const rest = without(this.#listeners.get(event!), listener as Listener)
    if (rest.length) this.#listeners.set(event!, rest)
    else this.#listeners.delete(event!)
    return this
  }

  /** Calls the listeners; named so that `emit` is free for what goes to the server. */
  emitReserved(event: string | symbol, ...args: any[]): this {
    this.#listeners.get(event)?.forEach((listener) => {
      try {
        listener.apply(this, args)
      } catch (error) {
        // It is the application's: whoever tells the event (a transport, an attempt to reconnect) goes on, and so do other listeners.
        queueMicrotask(() => {
          throw error
        })
      }
    })
    return this
  }

  /** Sends an event; what that means is the subclass's. */
  emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): this {
    return this.emitReserved(event, ...args)
  }

  /** The listeners of an event, in the order in which they are called. */
  listeners<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(event: Event): ReservedOrUserListener<ReservedEvents, ListenEvents, Event>[] {
    return (this.#listeners.get(event) ?? []) as ReservedOrUserListener<ReservedEvents, ListenEvents, Event>[]
  }

  /** Whether anybody listens to an event. */
  hasListeners(event: ReservedOrUserEventNames<ReservedEvents, ListenEvents>): boolean {
    return this.#listeners.has(event)
  }

  static {
    const methods = this.prototype as any
    methods.addEventListener = methods.on
    methods.removeListener = methods.removeEventListener = methods.removeAllListeners = methods.off
  }
}

/** The names of the DOM and of Node for the same. */
// oxlint-disable-next-line no-unused-vars -- both declarations must name the same parameters
export interface Emitter<ListenEvents extends EventsMap = EventsMap, EmitEvents extends EventsMap = EventsMap, ReservedEvents extends EventsMap = {}> {
  /** The same as `on`. */
  addEventListener<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(event: Event, listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>): this
  /** The same as `off`. */
  removeListener<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(event?: Event, listener?: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>): this
  /** The same as `off`. */
  removeEventListener<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(event?: Event, listener?: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>): this
  /** The same as `off`. */
  removeAllListeners(event?: ReservedOrUserEventNames<ReservedEvents, ListenEvents>): this
}
