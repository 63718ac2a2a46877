// A small event emitter for any runtime, with the method names that users of the official client know.

type Listener = (...args: any[]) => void

export class Emitter<Events extends { [event: string]: any } = { [event: string]: any }> {
  #listeners: Map<string, Listener[]> | undefined

  on<Event extends keyof Events & string>(event: Event, listener: Events[Event]): this {
    const listeners = (this.#listeners ??= new Map()).get(event)
    if (listeners === undefined) this.#listeners.set(event, [listener])
    else listeners.push(listener)
    return this
  }

  once<Event extends keyof Events & string>(event: Event, listener: Events[Event]): this {
    const wrapper = (...args: any[]): void => {
      this.off(event, wrapper as Events[Event])
      listener.apply(this, args)
    }
    wrapper.listener = listener
    return this.on(event, wrapper as Events[Event])
  }

  off<Event extends keyof Events & string>(event?: Event, listener?: Events[Event]): this {
    if (event === undefined) this.#listeners = undefined
    else if (listener === undefined) this.#listeners?.delete(event)
    else {
      const rest = this.#listeners?.get(event)?.filter((one) => one !== listener && (one as { listener?: unknown }).listener !== listener)
      if (rest?.length) this.#listeners!.set(event, rest)
      else this.#listeners?.delete(event)
    }
    return this
  }

  /** Calls the listeners; named so that `emit` is free for what goes to the server. */
  emitReserved(event: string, ...args: any[]): this {
    const listeners = this.#listeners?.get(event)
    if (listeners !== undefined) for (const listener of listeners.slice()) listener.apply(this, args)
    return this
  }

  emit(event: string, ...args: any[]): this {
    return this.emitReserved(event, ...args)
  }

  listeners<Event extends keyof Events & string>(event: Event): Events[Event][] {
    return (this.#listeners?.get(event) ?? []) as Events[Event][]
  }

  hasListeners(event: keyof Events & string): boolean {
    return this.#listeners?.has(event) ?? false
  }

  addEventListener<Event extends keyof Events & string>(event: Event, listener: Events[Event]): this {
    return this.on(event, listener)
  }
  removeListener<Event extends keyof Events & string>(event?: Event, listener?: Events[Event]): this {
    return this.off(event, listener)
  }
  removeEventListener<Event extends keyof Events & string>(event?: Event, listener?: Events[Event]): this {
    return this.off(event, listener)
  }
  removeAllListeners(event?: keyof Events & string): this {
    return this.off(event)
  }
}
