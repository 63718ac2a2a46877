// Types of event maps: what an application declares, and what follows for on, emit and acknowledgements. The inference equals that of the
// declarations of socket.io-client 4.8.4 (packages/client/test/types compiles one file against both).

/** Event names, each with the type of its listener. */
export interface EventsMap {
  [event: string]: any
}

/** Any event with any arguments: what holds when an application declares nothing. */
export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void
}

export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol)
export type EventParams<Map extends EventsMap, Event extends EventNames<Map>> = Parameters<Map[Event]>
export type ReservedOrUserEventNames<Reserved extends EventsMap, User extends EventsMap> = EventNames<Reserved> | EventNames<User>

type ListenerOf<Reserved extends EventsMap, User extends EventsMap, Event> = Event extends EventNames<Reserved>
  ? Reserved[Event]
  : Event extends EventNames<User>
    ? User[Event]
    : never
/** A reserved event's listener, or the user's; one of any type when neither is known. */
export type ReservedOrUserListener<
  Reserved extends EventsMap,
  User extends EventsMap,
  Event extends ReservedOrUserEventNames<Reserved, User>,
> = [ListenerOf<Reserved, User, Event>] extends [never] ? (...args: any[]) => void | Promise<void> : ListenerOf<Reserved, User, Event>

export type AllButLast<Args extends any[]> = Args extends [...infer Head, any] ? Head : any[]
export type Last<Args extends any[]> = Args extends [...any[], infer Element] ? Element : any
/** What a callback with one argument is called with. */
export type FirstArg<Callback> = Callback extends (value: infer Value) => any ? Value : any

/** The events as they are sent under `timeout()`: callbacks get an error first. */
export type DecorateAcknowledgements<Map> = {
  [Event in keyof Map]: Map[Event] extends (...args: infer Args) => infer Result ? (...args: WithTimeoutError<Args>) => Result : Map[Event]
}
type WithTimeoutError<Args extends any[]> = {
  [Index in keyof Args]: Args[Index] extends (...args: infer Params) => infer Result ? (error: Error, ...args: Params) => Result : Args[Index]
}
