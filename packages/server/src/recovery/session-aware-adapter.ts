// Connection state recovery in memory: numbers every event that a client may miss, keeps the recent ones, and remembers the sessions of
// those who are away. A record lives from the CONNECT of its socket until it expires, is ended for good, or makes room for newer ones.
import { performance } from 'node:perf_hooks'
import type { SocketPacket } from '@tidewire/protocol'
import { Adapter } from '../adapter/adapter.ts'
import type { BroadcastOptions, Room, SocketId } from '../adapter/adapter.ts'
import { EncodedPacket } from '../broadcast/encoded.ts'
import { createSecret, incarnation } from '../ids.ts'
import { LIMITS } from '../limits.ts'
import type { Namespace } from '../namespace/namespace.ts'
import type { Socket } from '../socket/socket.ts'
import type { OutgoingMessage } from '../engine/outgoing-message.ts'
import { EventLog, replayOf } from './event-log.ts'
import type { LoggedEvent } from './event-log.ts'
import { RoomHistory } from './room-history.ts'

/** Why a client that asked for its session got a new one. */
export type RecoveryFailure =
  /** Nobody knows the session: it expired, was ended for good, made room for newer ones, or lived in another process. */
  | 'session unknown'
  /** The client names an event that it cannot have received. */
  | 'invalid offset'
  /** What was missed is more than `maxBytes` keeps. */
  | 'events lost'

/** A session whose client is away. */
export interface PersistedSession {
  /** The socket's public id, which it gets back. */
  sid: SocketId
  /** Its secret id: who knows it gets the session. */
  pid: string
  /** The rooms that it was in, its own included. */
  rooms: Room[]
  /** `socket.data` as it was. */
  data: unknown
}

/** A session for a client that has come back. */
export interface RestoredSession extends PersistedSession {
  /** Arguments of each event that was missed, with its offset. Read when the session is resumed, so that nothing falls in between. */
  readonly missedPackets: unknown[][]
  /** The same as they are sent, from an adapter that has them encoded. */
  readonly missed?: () => (readonly OutgoingMessage[])[]
}

/** Connection state recovery: how long, how much. See docs/guides/recovery.md. */
export interface RecoveryOptions {
  /** Milliseconds a session is kept after its connection broke. Default 120000. */
  maxDisconnectionDuration?: number
  /** A recovered socket passes the namespace's middlewares unasked. Default true. */
  skipMiddlewares?: boolean
  /** Bytes of recent events that a namespace keeps. Default 32 MiB. */
  maxBytes?: number
  /** Sessions that a namespace remembers of clients that are away; the oldest make room. Default 100000. */
  maxSessions?: number
}

interface SessionRecord {
  readonly sid: SocketId
  /** The latest event when it connected: where a client that has received none begins. */
  readonly startSeq: number
  rooms: ReadonlySet<Room>
  /** From the first room that was joined or left after an event had been sent. */
  history: RoomHistory | undefined
  data: unknown
  /** While it is connected. */
  socket: AnySocket | undefined
  expiresAt: number
}

type AnySocket = Socket<any, any, any, any>

export const RECOVERY_DEFAULTS: Readonly<Required<RecoveryOptions>> = {
  maxDisconnectionDuration: LIMITS.recoveryTime.default,
  skipMiddlewares: true,
  maxBytes: LIMITS.recoveryBytes.default,
  maxSessions: LIMITS.recoverySessions.default,
}
const SWEEP_MS = 1_000

/**
 * The adapter that gives missed events and the session back: used when `connectionStateRecovery` is set. Events of ours: "session-expired"
 * (a session, when nobody came for it).
 */
export class SessionAwareAdapter extends Adapter {
  readonly #options: Required<RecoveryOptions>
  readonly #heartbeatMs: number
  readonly #log: EventLog
  readonly #records = new Map<string, SessionRecord>()
  /** Those of `#records` that are away, in the order of their expiry. */
  readonly #away = new Map<string, SessionRecord>()
  /** How many of them were in a room. */
  readonly #awayByRoom = new Map<Room, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(nsp: Namespace<any, any, any, any>) {
    super(nsp)
    const { connectionStateRecovery, pingInterval = LIMITS.pingInterval.default, pingTimeout = LIMITS.pingTimeout.default } = nsp.server.opts
    this.#options = { ...RECOVERY_DEFAULTS, ...connectionStateRecovery }
    // A heartbeat proves that all before it has arrived: what is older than one, at the moment of the disconnection, was received.
    this.#heartbeatMs = pingInterval + pingTimeout
    const maxAgeMs = this.#options.maxDisconnectionDuration + this.#heartbeatMs + SWEEP_MS
    this.#log = new EventLog({ maxBytes: this.#options.maxBytes, maxAgeMs })
  }

  /** Sessions of clients that are away. */
  override get pendingSessions(): number {
    return this.#away.size
  }

  // ---- events

  protected override dispatch(encoded: EncodedPacket, options: BroadcastOptions): void {
    const isKept = this.#records.size > 0 && options.flags?.volatile !== true && encoded.id === undefined
    // An event that is not kept repeats the latest offset, because clients take the last string of any event for one.
    const seq = isKept ? this.#log.next() : this.#log.seq
    if (encoded.id === undefined) encoded.withOffset(offsetOf(seq))
    // Encoded before it is sent: an event that cannot be written reaches nobody, now or later.
    const kept = isKept ? encoded.toKeep() : undefined
    const bytes = isKept ? encoded.messages(5).reduce((sum, message) => sum + message.byteLength, 0) : 0
    this.deliver(encoded, options)
    if (kept === undefined) return
    const except = options.except === undefined || options.except.size === 0 ? undefined : new Set(options.except)
    this.#log.append({ seq, encoded: kept, rooms: [...options.rooms], except, at: performance.now(), bytes })
  }

  /** A packet for one socket that is not in its room yet. */
  stamp(packet: SocketPacket): EncodedPacket {
    return new EncodedPacket(packet, this.nsp.server.codec).withOffset(packet.id === undefined ? offsetOf(this.#log.seq) : undefined)
  }

  // ---- rooms, as they were when each event was sent

  override addAll(id: SocketId, rooms: Set<Room>): Promise<void> | void {
    // The first call gives a new socket its own room, and a recovered one all that it had.
    const joined = this.sids.get(id)
    if (joined !== undefined) for (const room of rooms) if (!joined.has(room)) this.#note(id, room, true)
    return super.addAll(id, rooms)
  }

  override del(id: SocketId, room: Room): Promise<void> | void {
    if (this.sids.get(id)?.has(room)) this.#note(id, room, false)
    return super.del(id, room)
  }

  override delAll(id: SocketId): void {
    for (const room of this.sids.get(id) ?? []) this.#note(id, room, false)
    super.delAll(id)
  }

  #note(id: SocketId, room: Room, isMember: boolean): void {
    const pid = this.nsp.sockets.get(id)?.pid
    const record = pid === undefined ? undefined : this.#records.get(pid)
    // Without a socket it is away, and its rooms stay what they were; before the first event since its CONNECT there is nothing to tell apart.
    if (record?.socket?.id !== id || this.#log.seq === record.startSeq) return
    record.history ??= new RoomHistory()
    record.history.add({ room, seq: this.#log.seq, isMember }, this.#log.oldest)
  }

  // ---- sessions

  /** A socket is let in; gives the secret that it may come back with. */
  openSession(socket: AnySocket): string {
    const pid = createSecret()
    this.#records.set(pid, {
      sid: socket.id,
      startSeq: this.#log.seq,
      rooms: new Set(),
      history: undefined,
      data: undefined,
      socket,
      expiresAt: Infinity,
    })
    return pid
  }

  override persistSession({ pid, rooms, data }: PersistedSession): void {
    const record = this.#records.get(pid)
    if (record === undefined) return
    record.socket = undefined
    record.rooms = new Set(rooms)
    for (const room of record.rooms) this.#awayByRoom.set(room, (this.#awayByRoom.get(room) ?? 0) + 1)
    record.data = data
    record.expiresAt = performance.now() + this.#options.maxDisconnectionDuration
    this.#away.set(pid, record)
    if (this.#away.size > this.#options.maxSessions) {
      for (const [oldest, { sid }] of this.#away) {
        this.#expire(oldest, sid)
        break
      }
    }
    this.#timer ??= setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  /** The socket has left for good. */
  endSession(pid: string): void {
    this.#records.delete(pid)
    this.#endAway(pid)
    this.#restWhenIdle()
  }

  /**
   * The session with that secret, or the reason why there is none. A connection that still holds it is ended first: the client has
   * given it up.
   */
  override restoreSession(pid: string, offset: string | undefined): RestoredSession | RecoveryFailure {
    const record = this.#records.get(pid)
    if (record === undefined) return 'session unknown'
    // The offset of an earlier session, or none: nothing has been received since the CONNECT.
    const seq = Math.max(record.startSeq, (offset === undefined ? undefined : seqOf(offset)) ?? 0)
    if (seq > this.#log.seq) return 'invalid offset'
    // Persists the session as it stands.
    record.socket?.client.conn.close(true)
    if (performance.now() >= record.expiresAt) return 'session unknown'
    const disconnectedAt = record.expiresAt - this.#options.maxDisconnectionDuration
    if (seq < this.#log.truncated && this.#log.truncatedAt > disconnectedAt - this.#heartbeatMs) return 'events lost'
    const missed = (): LoggedEvent[] => {
      const { rooms, history } = record
      if (history === undefined) return this.#log.since(seq, rooms)
      const wasIn = (room: Room, at: number): boolean => history.wasIn(room, at, rooms.has(room))
      return this.#log.since(seq, new Set([...rooms, ...history.rooms()]), wasIn)
    }
    return {
      sid: record.sid,
      pid,
      rooms: [...record.rooms],
      data: record.data,
      missed: () => missed().map(replayOf),
      get missedPackets() {
        return missed().map(({ encoded }) => encoded.toKeep().dataOf(5) as unknown[])
      },
    }
  }

  /** `socket` takes the session over; false when another connection was faster or it has expired meanwhile. */
  resumeSession(pid: string, socket: AnySocket): boolean {
    const record = this.#records.get(pid)
    if (record === undefined || record.socket !== undefined) return false
    record.socket = socket
    record.expiresAt = Infinity
    this.#endAway(pid)
    this.#restWhenIdle()
    return true
  }

  #endAway(pid: string): void {
    const record = this.#away.get(pid)
    if (record === undefined) return
    this.#away.delete(pid)
    for (const room of record.rooms) {
      const count = this.#awayByRoom.get(room)!
      if (count > 1) this.#awayByRoom.set(room, count - 1)
      else this.#awayByRoom.delete(room)
    }
    this.releaseRooms(record.rooms)
  }

  protected override keepsRoom(room: Room): boolean {
    return this.#awayByRoom.has(room)
  }

  #sweep(): void {
    const now = performance.now()
    for (const [pid, { sid, expiresAt }] of this.#away) {
      if (expiresAt > now) break
      this.#expire(pid, sid)
    }
    this.#log.forget(now)
    this.#restWhenIdle()
  }

  #expire(pid: string, sid: SocketId): void {
    const { rooms, data } = this.#records.get(pid)!
    this.#records.delete(pid)
    this.#endAway(pid)
    this.tell('session-expired', { sid, rooms: [...rooms], data })
    this.nsp.checkEmpty()
  }

  /** Without anybody to replay to there is nothing to keep, and no timer. */
  #restWhenIdle(): void {
    if (this.#records.size === 0) this.#log.clear()
    if (this.#away.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Ends its timer. */
  override close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#records.clear()
    this.#away.clear()
    this.#awayByRoom.clear()
    this.#log.clear()
  }
}

/** Opaque to clients. The incarnation keeps offsets of an earlier boot apart. */
function offsetOf(seq: number): string {
  return `${incarnation}.${seq.toString(36)}`
}

function seqOf(offset: string): number | undefined {
  if (!offset.startsWith(`${incarnation}.`)) return undefined
  const text = offset.slice(incarnation.length + 1)
  return /^[0-9a-z]{1,11}$/.test(text) ? Number.parseInt(text, 36) : undefined
}
