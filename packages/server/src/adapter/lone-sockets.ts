// Sockets that are in no room but their own, as most are: their entries in `rooms` and `sids` of an adapter are made when somebody asks for them.
// Out: the two maps, which look and behave as if the entries were there.
import { inspect } from 'node:util'
import type { Adapter, Room, SocketId } from './adapter.ts'

/** What marks such a socket, on itself. */
interface Lone {
  /** The adapter in which it has no entries yet. */
  aloneIn?: Adapter | undefined
}

export class LoneSockets {
  readonly rooms: Map<Room, Set<SocketId>>
  readonly sids: Map<SocketId, Set<Room>>
  readonly #adapter: Adapter
  #size = 0

  constructor(adapter: Adapter) {
    this.#adapter = adapter
    this.rooms = this.#createMap()
    this.sids = this.#createMap()
  }

  #find(id: SocketId): Lone | undefined {
    const socket: Lone | undefined = this.#adapter.nsp?.sockets?.get(id)
    return socket?.aloneIn === this.#adapter ? socket : undefined
  }

  /** False: there is no socket to mark, so that it needs its entries. */
  add(id: SocketId): boolean {
    const socket: Lone | undefined = this.#adapter.nsp?.sockets?.get(id)
    if (socket === undefined || !('aloneIn' in socket)) return false
    socket.aloneIn = this.#adapter
    this.#size++
    return true
  }

  /** False: it is not alone. */
  delete(id: SocketId): boolean {
    const socket = this.#find(id)
    if (socket === undefined) return false
    socket.aloneIn = undefined
    this.#size--
    return true
  }

  /** Makes the entries of one, if it is alone. */
  #enter(id: SocketId): Set<string> | undefined {
    if (this.#size === 0 || !this.delete(id)) return undefined
    const both = new Set([id])
    Map.prototype.set.call(this.sids, id, both)
    Map.prototype.set.call(this.rooms, id, both)
    return both
  }

  #enterAll(): void {
    if (this.#size === 0) return
    for (const id of this.#adapter.nsp.sockets.keys()) this.#enter(id)
  }

  /** A Map of its own methods: its prototype stays Map's, as comparisons and instanceof want it. */
  #createMap(): Map<string, Set<string>> {
    const map = new Map<string, Set<string>>()
    const own = Map.prototype
    const whole = (method: Function) => (...args: unknown[]): unknown => {
      this.#enterAll()
      return Reflect.apply(method, map, args)
    }
    const size = Object.getOwnPropertyDescriptor(own, 'size')!.get!
    const members = {
      get: (key: string) => own.get.call(map, key) ?? this.#enter(key),
      has: (key: string) => own.has.call(map, key) || (this.#size > 0 && this.#find(key) !== undefined),
      delete: (key: string) => {
        this.#enter(key)
        return own.delete.call(map, key)
      },
      clear: whole(own.clear),
      forEach: whole(own.forEach),
      keys: whole(own.keys),
      values: whole(own.values),
      entries: whole(own.entries),
      [Symbol.iterator]: whole(own.entries),
      [inspect.custom]: () => new Map(map),
    }
    for (const key of Reflect.ownKeys(members)) Object.defineProperty(map, key, { value: Reflect.get(members, key), configurable: true, writable: true })
    Object.defineProperty(map, 'size', { get: () => Reflect.apply(size, map, []) as number + this.#size, configurable: true })
    return map
  }
}
