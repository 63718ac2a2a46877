// Types of event maps: what an application declares, and what follows for on, emit and acknowledgements. The inference equals that of the
// declarations of socket.io 4.8.4 (packages/server/test/types compiles one file against both).
import type { EventEmitter } from 'node:events'

/** Event names, each with the type of its listener. */
export interface EventsMap {
  [event: string]: any
}

/** Any event with any arguments: what holds when an application declares nothing. */
export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void
}

type AnyFunction = (...args: any[]) => any
type IsAny<T> = 0 extends 1 & T ? true : false
type LooseParameters<T> = T extends (...args: infer Params) => any ? Params : never

export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol)
export type EventParams<Map extends EventsMap, Event extends EventNames<Map>> = Parameters<Map[Event]>

export type AllButLast<T extends any[]> = T extends [...infer Head, any] ? Head : any[]
/** The last element; of a list without a fixed end, any of its elements. */
export type Last<T extends readonly unknown[]> = T extends readonly [infer Only]
  ? Only
  : T extends readonly [any, ...infer Rest]
    ? Last<Rest>
    : T extends readonly (infer Element)[]
      ? Element
      : never

/** True when one of these events is declared as `any`: then nothing can be said about acknowledgements. */
type IsUntyped<Map extends EventsMap, Event extends EventNames<Map>> = IsAny<Last<Parameters<Map[Event]>> | Map[Event]>

/** Events whose last argument is an acknowledgement callback. */
export type EventNamesWithAck<Map extends EventsMap, Event extends EventNames<Map> = EventNames<Map>> =
  IsUntyped<Map, Event> extends true
    ? Event
    : Event extends unknown
      ? Parameters<Map[Event]> extends never[]
        ? never
        : Last<Parameters<Map[Event]>> extends AnyFunction
          ? Event
          : never
      : never

/** Events without an acknowledgement callback: those that can be sent to everybody without asking for answers. */
export type EventNamesWithoutAck<Map extends EventsMap, Event extends EventNames<Map> = EventNames<Map>> =
  IsUntyped<Map, Event> extends true
    ? Event
    : Event extends unknown
      ? Parameters<Map[Event]> extends never[]
        ? Event
        : Last<Parameters<Map[Event]>> extends AnyFunction
          ? never
          : Event
      : never

/** Events whose acknowledgement callback takes an error first, as it does after `timeout()`. */
export type EventNamesWithError<Map extends EventsMap, Event extends EventNamesWithAck<Map> = EventNamesWithAck<Map>> =
  IsUntyped<Map, Event> extends true
    ? Event
    : Event extends unknown
      ? LooseParameters<Last<Parameters<Map[Event]>>>[0] extends Error
        ? Event
        : never
      : never

/** The events that can be sent to everybody without asking for answers: those without an acknowledgement callback. */
export type RemoveAcknowledgements<Map extends EventsMap> = { [Event in EventNamesWithoutAck<Map>]: Map[Event] }

/** What an acknowledgement callback is called with, an error in front aside. */
export type FirstNonErrorArg<Callback> = Callback extends (...args: infer Params) => any
  ? Params[0] extends Error
    ? Params[1]
    : Params[0]
  : any

type WithTimeoutError<Args extends any[]> = {
  [Index in keyof Args]: Args[Index] extends (...args: infer Params) => infer Result
    ? Params[0] extends Error
      ? Args[Index]
      : (error: Error, ...args: Params) => Result
    : Args[Index]
}

/** The first answer, once for each recipient. */
type Responses<Params extends unknown[]> = Params extends [infer First, ...any[]] ? [responses: First[]] : never
type WithResponses<Args extends any[]> = {
  [Index in keyof Args]: Args[Index] extends (...args: infer Params) => infer Result
    ? Params extends [Error]
      ? (error: Error) => Result
      : Params extends [Error, ...infer Rest]
        ? (error: Error, ...args: Responses<Rest>) => Result
        : Params extends []
          ? () => Result
          : (...args: Responses<Params>) => Result
    : Args[Index]
}

/** The events as they are sent under `timeout()`: callbacks get an error first. */
export type DecorateAcknowledgements<Map> = {
  [Event in keyof Map]: Map[Event] extends (...args: infer Args) => infer Result ? (...args: WithTimeoutError<Args>) => Result : Map[Event]
}
/** The events as they are sent to many: callbacks get the list of answers. */
export type DecorateAcknowledgementsWithMultipleResponses<Map> = {
  [Event in keyof Map]: Map[Event] extends (...args: infer Args) => infer Result ? (...args: WithResponses<Args>) => Result : Map[Event]
}
/** Both: what `serverSideEmit` takes. */
export type DecorateAcknowledgementsWithTimeoutAndMultipleResponses<Map> = {
  [Event in keyof Map]: Map[Event] extends (...args: infer Args) => infer Result
    ? (...args: WithResponses<WithTimeoutError<Args>>) => Result
    : Map[Event]
}

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

/** The emitter that users see: Node's methods, `on`, `once`, `emit` and `listeners` with the application's events. */
export interface TypedEmitter<ListenEvents extends EventsMap, EmitEvents extends EventsMap, ReservedEvents extends EventsMap = {}>
  extends EventEmitter {
  on<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    event: Event,
    listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>,
  ): this
  once<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    event: Event,
    listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Event>,
  ): this
  emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): boolean
  listeners<Event extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    event: Event,
  ): ReservedOrUserListener<ReservedEvents, ListenEvents, Event>[]
}
