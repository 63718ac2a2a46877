// Types of event maps: what an application declares, and what follows for emit, on and acknowledgements.

export interface EventsMap {
  [event: string]: any
}

/** Any event with any arguments: what holds when an application declares nothing. */
export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void
}

export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol)
export type EventParams<Map extends EventsMap, Event extends EventNames<Map>> = Parameters<Map[Event]>

export type AllButLast<T extends any[]> = T extends [...infer Head, any] ? Head : any[]
export type Last<T extends any[]> = T extends [...any[], infer L] ? L : any
/** What an acknowledgement callback is called with, an error in front aside. */
export type AckValue<Callback> = Callback extends (error: Error, value: infer V, ...rest: any[]) => any
  ? V
  : Callback extends (value: infer V, ...rest: any[]) => any
    ? V
    : any

/** `emit` under `timeout()`: the callback gets an error first. */
export type WithTimeoutError<Args extends any[]> = Args extends [...infer Head, infer Callback]
  ? Callback extends (...values: infer Values) => infer Result
    ? [...Head, (error: Error, ...values: Values) => Result]
    : Args
  : Args

/** `emit` to many: the callback gets an error and the list of answers. */
export type WithResponses<Args extends any[]> = Args extends [...infer Head, infer Callback]
  ? Callback extends (...values: any[]) => infer Result
    ? [...Head, (error: Error, responses: AckValue<Callback>[]) => Result]
    : Args
  : Args

type Listener<Map extends EventsMap, Event extends EventNames<Map>> = Map[Event] extends (...args: any[]) => any
  ? Map[Event]
  : (...args: any[]) => void

/** The emitter that users see: Node's methods with the application's events. */
export interface TypedEmitter<ListenEvents extends EventsMap> {
  on<Event extends EventNames<ListenEvents>>(event: Event, listener: Listener<ListenEvents, Event>): this
  once<Event extends EventNames<ListenEvents>>(event: Event, listener: Listener<ListenEvents, Event>): this
  off<Event extends EventNames<ListenEvents>>(event: Event, listener: Listener<ListenEvents, Event>): this
  addListener<Event extends EventNames<ListenEvents>>(event: Event, listener: Listener<ListenEvents, Event>): this
  prependListener<Event extends EventNames<ListenEvents>>(event: Event, listener: Listener<ListenEvents, Event>): this
  prependOnceListener<Event extends EventNames<ListenEvents>>(event: Event, listener: Listener<ListenEvents, Event>): this
  removeListener<Event extends EventNames<ListenEvents>>(event: Event, listener: Listener<ListenEvents, Event>): this
  removeAllListeners(event?: EventNames<ListenEvents>): this
  listeners<Event extends EventNames<ListenEvents>>(event: Event): Listener<ListenEvents, Event>[]
  rawListeners(event: EventNames<ListenEvents>): Function[]
  listenerCount(event: EventNames<ListenEvents>): number
  eventNames(): (string | symbol)[]
  setMaxListeners(count: number): this
  getMaxListeners(): number
}
