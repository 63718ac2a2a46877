// Rooms and delivery of one namespace, on this node. The shape is that of the official adapter base class: others extend it.
// In: joins, leaves, broadcasts with a selection. Out: encoded packets to the connections of the selected sockets.

import type { PacketBody, SocketPacket } from '@tidewire/protocol'
import { EventEmitter } from 'node:events'
import { EncodedPacket } from '../broadcast/encoded.ts'
import { LoneSockets } from './lone-sockets.ts'
import { takeTurn } from '../engine/fair-turns.ts'
import { emitGuarded } from '../events/guarded.ts'
import { hasListeners } from '../events/lazy-emitter.ts'
import { LIMITS } from '../limits.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { PersistedSession, RecoveryFailure, RestoredSession } from '../recovery/session-aware-adapter.ts'
import type { Socket } from '../socket/socket.ts'

const ROOMS_PER_TURN = LIMITS.roomsPerTurn.default

/** The id of a socket: also the name of the room that only it is in. */
export type SocketId = string
/** The name of a room. */
export type Room = string

/** How a packet is sent. What is absent is off. */
export interface BroadcastFlags {
  /** Not to those who could not get it at once, and never kept for those who are away. */
  volatile?: boolean
  /** False: not compressed by a transport that compresses. */
  compress?: boolean
  /** To sockets of this node only. */
  local?: boolean
  /** Sent by a socket to others than itself; `except` then holds its id. */
  broadcast?: boolean
  /** Of old emitters, without effect: whether data is binary is found out. */
  binary?: boolean
  /** Milliseconds to wait for acknowledgements. */
  timeout?: number
  /** The question was for one socket: its one answer is given without a list. */
  expectSingleResponse?: boolean
}

/** A selection of sockets, and how to send to them. */
export interface BroadcastOptions {
  /** Members of any of them; an empty set means the namespace. */
  rooms: Set<Room>
  /** Without the members of these. */
  except?: Set<Room>
  /** How to send. */
  flags?: BroadcastFlags
}

/** A node of the cluster that did not answer. */
export interface LostNode {
  /** The four characters with which its ids begin. */
  readonly incarnation: string
  /** For people. */
  readonly name: string
}

type AnySocket = Socket<any, any, any, any>
type MaybePromise<T> = T | Promise<T>

/**
 * Rooms and delivery of one namespace in the memory of this process. Adapters for several nodes extend it and override what has to reach
 * the others.
 *
 * Events: "create-room" and "delete-room" (room), "join-room" and "leave-room" (room, id).
 */
export class Adapter extends EventEmitter {
  /** The namespace that it serves. */
  readonly nsp: Namespace<any, any, any, any>
  /** Members by room, of this node. To be read only. */
  readonly rooms: Map<Room, Set<SocketId>>
  /** Rooms by socket, of this node. To be read only. */
  readonly sids: Map<SocketId, Set<Room>>
  readonly #alone: LoneSockets

  constructor(nsp: Namespace<any, any, any, any>) {
    super()
    this.nsp = nsp
    this.#alone = new LoneSockets(this as Adapter)
    this.rooms = this.#alone.rooms
    this.sids = this.#alone.sids
  }

  /** To be overridden: connects to what the adapter needs. */
  init(): Promise<void> | void {}
  /** To be overridden: lets go of what `init` has taken. Called when the server closes or another adapter takes its place. */
  close(): Promise<void> | void {}

  /** Nodes that serve this namespace. */
  serverCount(): Promise<number> {
    return Promise.resolve(1)
  }

  /** Puts a socket into rooms. With a promise the join holds for other nodes once it resolves. */
  addAll(id: SocketId, rooms: Set<Room>): Promise<void> | void {
    if (rooms.size === 1 && rooms.has(id) && !this.sids.has(id) && !this.rooms.has(id)) return this.#joinOwnRoom(id, rooms)
    let joined = this.sids.get(id)
    if (joined === undefined) this.sids.set(id, (joined = new Set()))
    else this.#unshare(id, joined)
    for (const room of rooms) {
      joined.add(room)
      let members = this.rooms.get(room)
      if (members !== undefined && members === this.sids.get(room)) members = this.#unshare(room, members)
      if (members === undefined) {
        this.rooms.set(room, (members = new Set()))
        this.tell('create-room', room)
      }
      if (members.has(id)) continue
      members.add(id)
      this.tell('join-room', room, id)
    }
  }

  /**
   * perf: the rooms of a socket that is only in its own, and the members of that room, are the same set of one id, which is made when somebody
   * asks for it, and shared until either changes; most sockets never join a room. The socket keeps the shared one: the application may hold it.
   */
  #joinOwnRoom(id: SocketId, both: Set<Room>): void {
    if (!this.#alone.add(id)) {
      this.sids.set(id, both)
      this.rooms.set(id, both)
    }
    this.tell('create-room', id)
    this.tell('join-room', id, id)
  }

  /** Takes a socket out of one room. */
  del(id: SocketId, room: Room): Promise<void> | void {
    const joined = this.sids.get(id)
    if (joined !== undefined) {
      this.#unshare(id, joined)
      joined.delete(room)
    }
    this.#leave(room, id)
  }

  /** Gives the room of this socket a set of its own, if it shares that of the socket. */
  #unshare(id: SocketId, joined: Set<Room>): Set<SocketId> {
    const members = this.rooms.get(id)
    if (members !== joined) return joined
    const own = new Set(members)
    this.rooms.set(id, own)
    return own
  }

  /** Takes a socket out of all rooms: it is gone. */
  delAll(id: SocketId): void {
    if (this.#alone.delete(id)) {
      this.tell('leave-room', id, id)
      this.tell('delete-room', id)
      return
    }
    const joined = this.sids.get(id)
    if (joined === undefined) return
    if (this.rooms.get(id) === joined) {
      this.rooms.delete(id)
      this.tell('leave-room', id, id)
      this.tell('delete-room', id)
      this.sids.delete(id)
      return
    }
    this.sids.delete(id)
    if (joined.size <= ROOMS_PER_TURN) for (const room of joined) this.#leave(room, id)
    else this.#leaveInTurns(joined, id)
  }

  /** A socket that was in very many rooms must not keep the others waiting when it goes. It gets nothing more; the rooms empty later. */
  #leaveInTurns(joined: ReadonlySet<Room>, id: SocketId): void {
    const rooms = joined.values()
    const leaveSome = (): void => {
      const batch: Room[] = []
      for (let next = rooms.next(); next.done !== true; next = rooms.next()) {
        // A recovered socket of the same id may have joined it anew.
        if (this.sids.get(id)?.has(next.value) !== true) {
          this.#leave(next.value, id)
          batch.push(next.value)
        }
        if (batch.length === ROOMS_PER_TURN) {
          takeTurn({ continueTurn: leaveSome })
          break
        }
      }
      this.releaseRooms(batch)
    }
    leaveSome()
  }

  /** To the application's listeners, each guarded. */
  protected tell(event: string, ...args: unknown[]): void {
    if (hasListeners(this)) emitGuarded(this, event, args, (error) => this.nsp.server.handleHandlerError(error, { socket: undefined, event }))
  }

  #leave(room: Room, id: SocketId): void {
    const members = this.rooms.get(room)
    if (members === undefined) return
    if (members.delete(id)) this.tell('leave-room', room, id)
    if (members.size === 0 && this.rooms.delete(room)) this.tell('delete-room', room)
  }

  /** Sends a packet to the selected sockets. The packet must not be changed afterwards. */
  broadcast(packet: SocketPacket, options: BroadcastOptions): void {
    this.dispatch(this.encode(packet), options)
  }

  /** An event of another node, for the sockets of this one. */
  receiveBroadcast(body: PacketBody, options: BroadcastOptions): void {
    this.dispatch(EncodedPacket.received(body, this.nsp.name, undefined, this.nsp.server.codec), options)
  }

  /** The same for an event that asks for answers: `clientCount` is told how many are asked here, then `ack` each answer. */
  receiveBroadcastWithAck(
    body: PacketBody,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: any[]) => void,
  ): void {
    const encoded = EncodedPacket.received(body, this.nsp.name, this.nsp.nextAckId(), this.nsp.server.codec)
    this.deliverWithAck(encoded, options, clientCount, ack)
  }

  protected encode(packet: SocketPacket): EncodedPacket {
    packet.nsp = this.nsp.name
    return new EncodedPacket(packet, this.nsp.server.codec)
  }

  /** What every event passes on its way to the sockets of this node, whichever node it comes from. */
  protected dispatch(encoded: EncodedPacket, options: BroadcastOptions): void {
    this.deliver(encoded, options)
  }

  /** Writes to the selected sockets of this node. */
  protected deliver(encoded: EncodedPacket, options: BroadcastOptions): void {
    const { flags } = options
    this.#forEach(options, (socket) => {
      if (socket.hasOutgoingListeners) socket.notifyOutgoingListeners(encoded.packet)
      socket.client.write(encoded, flags)
    })
  }

  /**
   * `clientCount` is told how many are asked, then `ack` each answer. `lost` is told of other nodes that will not answer (any more), and of
   * how many of their clients have been counted and not heard.
   */
  broadcastWithAck(
    packet: SocketPacket,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: any[]) => void,
    _lost?: (nodes: readonly LostNode[], clients: number) => void,
  ): void {
    packet.id = this.nsp.nextAckId()
    this.deliverWithAck(this.encode(packet), options, clientCount, ack)
  }

  /** Writes to the selected sockets of this node, and hands their answers over. */
  protected deliverWithAck(
    encoded: EncodedPacket,
    options: BroadcastOptions,
    clientCount: (count: number) => void,
    ack: (...args: any[]) => void,
  ): void {
    const recipients: AnySocket[] = []
    this.#forEach(options, (socket) => recipients.push(socket))
    clientCount(recipients.length)
    const id = encoded.id!
    let missing = recipients.length
    // Clients that never answer must not leave their callbacks behind for as long as they stay.
    const timer =
      options.flags?.timeout === undefined || missing === 0
        ? undefined
        : setTimeout(() => {
            for (const socket of recipients) if (socket.acks.get(id) === answer) socket.acks.delete(id)
          }, options.flags.timeout)
    const answer = (...args: unknown[]): unknown => {
      if (--missing === 0) clearTimeout(timer)
      return ack(...args)
    }
    for (const socket of recipients) {
      socket.acks.set(id, answer)
      if (socket.hasOutgoingListeners) socket.notifyOutgoingListeners(encoded.packet)
      socket.client.write(encoded, options.flags)
    }
  }

  /** Ids of the sockets that are in any of these rooms; of all, when none is named. */
  sockets(rooms: Set<Room>): Promise<Set<SocketId>> {
    const ids = new Set<SocketId>()
    this.#forEach({ rooms }, (socket) => ids.add(socket.id))
    return Promise.resolve(ids)
  }

  /** The rooms of one socket of this node. */
  socketRooms(id: SocketId): Set<Room> | undefined {
    return this.sids.get(id)
  }

  /** The selected sockets: own ones as they are, those of other nodes as descriptions (id, handshake, rooms, data). */
  fetchSockets(options: BroadcastOptions): Promise<any[]> {
    const sockets: AnySocket[] = []
    this.#forEach(options, (socket) => sockets.push(socket))
    return Promise.resolve(sockets)
  }

  /** Makes the selected sockets join rooms. */
  addSockets(options: BroadcastOptions, rooms: Room[]): void {
    this.#forEach(options, (socket) => void socket.join(rooms))
  }

  /** Makes the selected sockets leave rooms. */
  delSockets(options: BroadcastOptions, rooms: Room[]): void {
    this.#forEach(options, (socket) => {
      for (const room of rooms) void socket.leave(room)
    })
  }

  /** Disconnects the selected sockets from the namespace; with `close`, their connections. */
  disconnectSockets(options: BroadcastOptions, close: boolean): void {
    const recipients: AnySocket[] = []
    this.#forEach(options, (socket) => recipients.push(socket))
    for (const socket of recipients) socket.disconnect(close)
  }

  /** One node has no others: an ack gets the empty list (spec: API-8). */
  serverSideEmit(packet: any[]): void {
    const ack: unknown = packet.at(-1)
    if (typeof ack === 'function') (ack as (error: null, responses: unknown[]) => void)(null, [])
  }

  // ---- connection state recovery: the contract of the official adapters; ours has more (recovery/session-aware-adapter)

  /** A socket that may come back has lost its connection. */
  persistSession(_session: PersistedSession): void {}

  /** The session with that secret and what was missed after `offset`; otherwise nothing, or the reason. */
  restoreSession(_pid: string, _offset: string | undefined): MaybePromise<RestoredSession | RecoveryFailure | null | undefined> {
    return null
  }

  /** Sessions of clients that are away: a namespace with some is not empty. */
  get pendingSessions(): number {
    return 0
  }

  // ---- for adapters that tell other nodes which rooms have members here

  /** A room without members is wanted all the same: by sessions of clients that are away. */
  protected keepsRoom(_room: Room): boolean {
    return false
  }

  /** Such sessions have come back or ended, or a socket has left these later than it has gone: they may be wanted no more. */
  protected releaseRooms(_rooms: Iterable<Room>): void {}

  /** Each selected socket once: members of any of the rooms (of the namespace, when none is named) that are in none of `except`. */
  #forEach({ rooms, except }: BroadcastOptions, visit: (socket: AnySocket) => void): void {
    const { sockets } = this.nsp
    const excluded = except === undefined || except.size === 0 ? undefined : this.#membersOf(except)
    if (rooms.size === 0) {
      for (const [id, socket] of sockets) if (excluded === undefined || !excluded.has(id)) visit(socket)
      return
    }
    const seen = rooms.size > 1 ? new Set<SocketId>() : undefined
    for (const room of rooms) {
      const members = this.rooms.get(room)
      if (members === undefined) continue
      for (const id of members) {
        if (excluded?.has(id) === true || seen?.has(id) === true) continue
        seen?.add(id)
        const socket = sockets.get(id)
        if (socket !== undefined) visit(socket)
      }
    }
  }

  #membersOf(rooms: Set<Room>): ReadonlySet<SocketId> {
    if (rooms.size === 1) {
      for (const room of rooms) return this.rooms.get(room) ?? new Set()
    }
    const members = new Set<SocketId>()
    for (const room of rooms) for (const id of this.rooms.get(room) ?? []) members.add(id)
    return members
  }
}

