// The immutable description of whom a broadcast is for, and the calls that use it. Each `to`, `except`, `volatile` … gives a new operator.
import { PacketType, RESERVED_EVENTS } from '@tidewire/protocol'
import type { Adapter, BroadcastFlags, BroadcastOptions, LostNode, Room, SocketId } from '../adapter/adapter.ts'
import { callGuarded } from '../events/guarded.ts'
import type {
  AllButLast,
  DecorateAcknowledgements,
  EventNames,
  EventNamesWithError,
  EventParams,
  EventsMap,
  FirstNonErrorArg,
  Last,
} from '../events/types.ts'
import type { Handshake } from '../socket/handshake.ts'

/** The result of a question to all nodes: without `missingNodes` it is complete. */
export interface MaybePartial {
  /** The nodes whose part is missing. Not enumerable. */
  readonly missingNodes?: readonly LostNode[]
}

/** Not enumerable, so that a result is equal to what the official server gives. */
export function withMissingNodes<T extends object>(result: T, missingNodes: readonly LostNode[] | undefined): T & MaybePartial {
  if (missingNodes === undefined || missingNodes.length === 0) return result
  return Object.defineProperty(result, 'missingNodes', { value: missingNodes, configurable: true })
}

const toList = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T])

/** Whom an event is for. Immutable: `to`, `except`, `volatile` … give a new one, so that one may be kept and used again. */
export class BroadcastOperator<EmitEvents extends EventsMap, SocketData> {
  readonly #adapter: Adapter
  readonly #rooms: ReadonlySet<Room>
  readonly #except: ReadonlySet<Room>
  readonly #flags: BroadcastFlags

  constructor(
    adapter: Adapter,
    rooms: ReadonlySet<Room> = new Set(),
    except: ReadonlySet<Room> = new Set(),
    flags: BroadcastFlags = {},
  ) {
    this.#adapter = adapter
    this.#rooms = rooms
    this.#except = except
    this.#flags = flags
  }

  /** compat: what it was made of; read only. */
  get adapter(): Adapter {
    return this.#adapter
  }
  /** Rooms whose members are selected, each once; none selects the namespace. */
  get rooms(): ReadonlySet<Room> {
    return this.#rooms
  }
  /** Rooms whose members are left out. */
  get exceptRooms(): ReadonlySet<Room> {
    return this.#except
  }
  /** How it is sent. */
  get flags(): Readonly<BroadcastFlags> {
    return this.#flags
  }

  /** Adds rooms; with several, a socket in any of them is reached, once. */
  to(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.#adapter, new Set([...this.#rooms, ...toList(room)]), this.#except, this.#flags)
  }

  /** The same as `to`. */
  in(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return this.to(room)
  }

  /** Leaves out the sockets of these rooms. */
  except(room: Room | readonly Room[]): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.#adapter, this.#rooms, new Set([...this.#except, ...toList(room)]), this.#flags)
  }

  /** False: not compressed, whatever `perMessageDeflate` and `httpCompression` say. Default true. */
  compress(compress: boolean): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ compress })
  }

  /** Not sent to those who could not get it at once. */
  get volatile(): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ volatile: true })
  }

  /** Only sockets of this node. */
  get local(): BroadcastOperator<EmitEvents, SocketData> {
    return this.#with({ local: true })
  }

  /** Milliseconds to wait for acknowledgements. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.#with({ timeout }) as BroadcastOperator<any, SocketData>
  }

  #with(flags: BroadcastFlags): BroadcastOperator<EmitEvents, SocketData> {
    return new BroadcastOperator(this.#adapter, this.#rooms, this.#except, { ...this.#flags, ...flags })
  }

  #watch(result: unknown): void {
    this.#adapter.nsp.server.watchAdapter(result)
  }

  get #options(): BroadcastOptions {
    return { rooms: this.#rooms as Set<Room>, except: this.#except as Set<Room>, flags: this.#flags }
  }

  /** Sends an event. A callback as last argument gets `(error, responses)`; use `timeout()` with it. */
  emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): boolean {
    if (RESERVED_EVENTS.has(event as string)) throw new Error(`"${String(event)}" is a reserved event name`)
    const data: unknown[] = [event, ...args]
    const packet = { type: PacketType.EVENT, nsp: this.#adapter.nsp.name, data }
    if (typeof data.at(-1) !== 'function') {
      this.#watch(this.#adapter.broadcast(packet, this.#options))
      return true
    }
    const callback = data.pop() as (error: Error | null, responses: unknown) => void
    this.#gather(packet, callback)
    return true
  }

  #gather(packet: { type: typeof PacketType.EVENT; nsp: string; data: unknown[] }, callback: (error: Error | null, responses: unknown) => void): void {
    const { timeout, expectSingleResponse } = this.#flags
    const responses: unknown[] = []
    let expectedServers = -1
    let answeredServers = 0
    let expectedClients = 0
    const lostNodes: LostNode[] = []
    let isOver = false
    const answer = (args: unknown[]): void =>
      callGuarded(callback, this, args, (error) => this.#adapter.nsp.server.handleHandlerError(error, { socket: undefined, event: 'acknowledgement' }))
    const fail = (): void => {
      isOver = true
      const error = new Error('operation has timed out')
      if (lostNodes.length > 0) Object.assign(error, { missingNodes: lostNodes })
      answer([error, ...(expectSingleResponse === true ? [] : [responses])])
    }
    const timer = setTimeout(fail, timeout)
    const check = (): void => {
      if (isOver || expectedServers !== answeredServers || responses.length !== expectedClients) return
      clearTimeout(timer)
      // Nothing more can come, and it is not all: there is no point in waiting for the time-out.
      if (lostNodes.length > 0) return fail()
      isOver = true
      answer([null, expectSingleResponse === true ? responses[0] : responses])
    }
    const asked: unknown = this.#adapter.broadcastWithAck(
      packet,
      this.#options,
      (count) => {
        expectedClients += count
        answeredServers++
        check()
      },
      (response) => {
        responses.push(response)
        check()
      },
      (nodes, clients) => {
        lostNodes.push(...nodes)
        expectedClients -= clients
        check()
      },
    )
    this.#watch(asked)
    this.#watch(
      this.#adapter.serverCount().then((count) => {
        expectedServers = count
        check()
      }),
    )
  }

  /** Sends an event and resolves with the answers; rejects on time-out, the partial answers in `responses`. */
  emitWithAck<Event extends EventNamesWithError<EmitEvents>>(
    event: Event,
    ...args: AllButLast<EventParams<EmitEvents, Event>>
  ): Promise<FirstNonErrorArg<Last<EventParams<EmitEvents, Event>>>> {
    return new Promise((resolve, reject) => {
      const callback = (error: (Error & { responses?: unknown }) | null, responses: any): void => {
        if (error === null) return resolve(responses)
        error.responses = responses
        reject(error)
      }
      this.emit(event, ...([...args, callback] as any))
    })
  }

  /** The ids of the selected sockets, those of other nodes included. @deprecated Use `fetchSockets`. */
  allSockets(): Promise<Set<SocketId>> {
    return this.#adapter.sockets(this.#rooms as Set<Room>)
  }

  /** The selected sockets, those of other nodes as remote ones. `missingNodes` of the list names nodes that did not answer, if any. */
  async fetchSockets(): Promise<RemoteSocket<EmitEvents, SocketData>[]> {
    const sockets: any[] & MaybePartial = await this.#adapter.fetchSockets(this.#options)
    const found: RemoteSocket<EmitEvents, SocketData>[] = sockets.map((socket) => (socket.nsp === undefined ? new RemoteSocket(this.#adapter, socket) : socket))
    return withMissingNodes(found, sockets.missingNodes)
  }

  /** Makes the sockets join one room or several. */
  socketsJoin(room: Room | readonly Room[]): void {
    this.#watch(this.#adapter.addSockets(this.#options, [...toList(room)]))
  }

  /** Makes the sockets leave one room or several. */
  socketsLeave(room: Room | readonly Room[]): void {
    this.#watch(this.#adapter.delSockets(this.#options, [...toList(room)]))
  }

  /** Disconnects the sockets from the namespace; with `close` their connections end, other namespaces included. */
  disconnectSockets(close: boolean = false): void {
    this.#watch(this.#adapter.disconnectSockets(this.#options, close))
  }
}

interface RemoteSocketDetails<SocketData> {
  id: SocketId
  handshake: Handshake
  rooms: Room[]
  data: SocketData
}

/** A socket that may live on another node. */
export class RemoteSocket<EmitEvents extends EventsMap, SocketData> {
  /** The socket's id, which is also its own room. */
  readonly id: SocketId
  /** A copy of the facts of its handshake. */
  readonly handshake: Handshake
  /** The rooms it was in when the question was answered. */
  readonly rooms: Set<Room>
  /** Of a socket of another node, a copy: changing it reaches nobody. */
  readonly data: SocketData
  readonly #operator: BroadcastOperator<EmitEvents, SocketData>

  constructor(adapter: Adapter, details: RemoteSocketDetails<SocketData>) {
    this.id = details.id
    this.handshake = details.handshake
    this.rooms = new Set(details.rooms)
    this.data = details.data
    this.#operator = new BroadcastOperator(adapter, new Set([this.id]), new Set(), { expectSingleResponse: true })
  }

  /** Milliseconds to wait for acknowledgements; their callback then gets an error first. */
  timeout(timeout: number): BroadcastOperator<DecorateAcknowledgements<EmitEvents>, SocketData> {
    return this.#operator.timeout(timeout)
  }
  /** Sends an event to this socket, wherever it is. True. */
  emit<Event extends EventNames<EmitEvents>>(event: Event, ...args: EventParams<EmitEvents, Event>): boolean {
    return this.#operator.emit(event, ...(args as any))
  }
  /** Makes it join one room or several. */
  join(room: Room | Room[]): void {
    this.#operator.socketsJoin(room)
  }
  /** Makes it leave a room. */
  leave(room: Room): void {
    this.#operator.socketsLeave(room)
  }
  /** Disconnects it from the namespace; with `close` its connection ends. */
  disconnect(close: boolean = false): this {
    this.#operator.disconnectSockets(close)
    return this
  }
}
