// A family of namespaces given by a RegExp or a function: children are made when a client asks for one, and inherit middlewares and
// connection listeners. Has no sockets of its own; what is emitted on it goes to all children.
import { Adapter } from '../adapter/adapter.ts'
import type { DefaultEventsMap, EventNamesWithoutAck, EventParams, EventsMap } from '../events/types.ts'
import type { Server } from '../server.ts'
import { Namespace } from './namespace.ts'
import { debugScope } from '../debug.ts'

const debug = debugScope('socket.io:parent-namespace')

/** Decides whether a namespace exists: `next(null, true)` makes it. */
export type NamespaceMatcher = (name: string, auth: { [key: string]: any }, next: (error: Error | null, exists: boolean) => void) => void

let count = 0

export class ParentNamespace<
  ListenEvents extends EventsMap = DefaultEventsMap,
  EmitEvents extends EventsMap = ListenEvents,
  ServerSideEvents extends EventsMap = DefaultEventsMap,
  SocketData = any,
> extends Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
  readonly children: Set<Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>> = new Set()
  readonly matcher: NamespaceMatcher
  /** Set for a family given by a RegExp: `of(name)` then gives a child too. */
  readonly pattern: RegExp | undefined

  constructor(
    server: Server<ListenEvents, EmitEvents, ServerSideEvents, SocketData>,
    matcher: NamespaceMatcher,
    pattern?: RegExp,
  ) {
    super(server, `/_${count++}`)
    this.matcher = matcher
    this.pattern = pattern
  }

  /** No sockets, so no bus behind it. */
  protected override createAdapter(): Adapter {
    const adapter = new Adapter(this as Namespace<any, any, any, any>)
    adapter.broadcast = (packet, options) => {
      for (const child of this.children) child.adapter.broadcast({ ...packet }, options)
    }
    return adapter
  }

  override emit<Event extends EventNamesWithoutAck<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): boolean {
    for (const child of this.children) child.emit(event, ...args)
    return true
  }

  createChild(name: string): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    debug?.('new namespace %s', name)
    const child = new Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>(this.server, name)
    child.inherit(this)
    this.children.add(child)
    this.server.adopt(child as Namespace<any, any, any, any>)
    if (this.server.cleansUpChildren) {
      child.onEmpty = () => {
        if (child.isEmpty) this.#removeChild(child)
      }
    }
    return child
  }

  /** For a client: nobody else holds it, so that it does not stay for ever when nobody is in it. @internal */
  createChildForClient(name: string): Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData> {
    const { server } = this
    const child = this.createChild(name)
    child.onFilled = () => server.emptyNamespaces.delete(child)
    // Those who are away do not keep it for ever: in a family, a client could leave as many sessions behind as there are names.
    child.onDeserted = () => {
      if (this.children.has(child)) server.emptyNamespaces.add(child, () => this.#removeChild(child))
    }
    return child
  }

  #removeChild(child: Namespace<ListenEvents, EmitEvents, ServerSideEvents, SocketData>): void {
    if (!child.isDeserted || !this.children.delete(child)) return
    this.server.emptyNamespaces.delete(child)
    this.server.watchAdapter(child.adapter.close())
    this.server._nsps.delete(child.name)
  }

  override fetchSockets(): Promise<never> {
    return Promise.reject(new Error('fetchSockets() is not supported on parent namespaces'))
  }
}
