// What adapters of two nodes say to each other, one message a line. Namespaces are named by the number that the sender of the message has
// given them, requests by the number that the asking node has given them. Whoever changes a layout raises ADAPTER_FORMAT and keeps reading
// the former one; test/wire/adapter-messages.test.ts holds the bytes.
import type { BroadcastOptions, Room } from 'tidewire'
import type { MessageReader, MessageWriter } from './bytes.ts'

export const ADAPTER_FORMAT = 1

export const MESSAGE = {
  /** format: the first on a link. */
  hello: 1,
  /** number, name: this node serves it. */
  namespace: 2,
  /** number: no longer. */
  namespaceEnd: 3,
  /** number, sequence, flags, changes: rooms that have got their first member or lost their last. */
  interest: 4,
  /** All namespaces and all interest have been told. */
  ready: 5,
  /** sequence: all interest up to it is known here. */
  confirm: 6,
  /** number, selection, body. */
  broadcast: 7,
  /** request, number, selection, body: a broadcast with acknowledgements. */
  ask: 8,
  /** request, number of clients that are asked. */
  count: 9,
  /** request, body: one client's answer. */
  ack: 10,
  /** request, number, selection. */
  fetch: 11,
  /** request, isLast, body: details of sockets. */
  sockets: 12,
  /** request, number, selection. */
  fetchIds: 13,
  /** request, isLast, ids. */
  ids: 14,
  /** number, selection, rooms. */
  join: 15,
  leave: 16,
  /** number, selection, close. */
  disconnect: 17,
  /** request or 0, number, body. */
  serverSideEmit: 18,
  /** request, body. */
  serverSideAnswer: 19,
  /** The receiver's number, rooms that have no members here; none: the namespace is not served here. */
  absent: 20,
} as const

const FLAG = { volatile: 1, hasCompress: 2, compress: 4, timeout: 8, isFlood: 16 } as const
export const INTEREST_FLAG = { isAnswer: 1 } as const
const JOINED = 1
const LEFT = 0

export interface Selection {
  readonly options: BroadcastOptions
  /** The sender does not know whether the rooms have members here, and wants to be told if not. */
  readonly isFlood: boolean
}

const NO_ROOMS: ReadonlySet<Room> = new Set()

export function writeSelection(
  writer: MessageWriter,
  { rooms, except, flags }: BroadcastOptions,
  isFlood: boolean,
): MessageWriter {
  const { compress, timeout } = flags ?? {}
  let bits = isFlood ? FLAG.isFlood : 0
  if (flags?.volatile === true) bits |= FLAG.volatile
  if (compress !== undefined) bits |= compress ? FLAG.hasCompress | FLAG.compress : FLAG.hasCompress
  if (timeout !== undefined) bits |= FLAG.timeout
  writer.byte(bits)
  if (timeout !== undefined) writer.number(Math.min(Math.max(0, Math.floor(timeout)) || 0, 0x7fff_ffff))
  return writer.texts(rooms).texts(except ?? NO_ROOMS)
}

export function readSelection(reader: MessageReader): Selection {
  const bits = reader.byte()
  const timeout = (bits & FLAG.timeout) === 0 ? undefined : reader.number()
  const rooms = new Set(reader.texts())
  const except = new Set(reader.texts())
  const flags = {
    ...((bits & FLAG.volatile) === 0 ? {} : { volatile: true }),
    ...((bits & FLAG.hasCompress) === 0 ? {} : { compress: (bits & FLAG.compress) !== 0 }),
    ...(timeout === undefined ? {} : { timeout }),
  }
  return { options: { rooms, except, flags }, isFlood: (bits & FLAG.isFlood) !== 0 }
}

/** Rooms with whether this node has members. */
export function writeChanges(writer: MessageWriter, changes: ReadonlyMap<Room, boolean>): MessageWriter {
  writer.number(changes.size)
  for (const [room, hasMembers] of changes) writer.byte(hasMembers ? JOINED : LEFT).text(room)
  return writer
}

export function readChanges(reader: MessageReader, visit: (room: Room, hasMembers: boolean) => void): void {
  for (let count = reader.number(); count > 0; count--) {
    const change = reader.byte()
    visit(reader.text(), change === JOINED)
  }
}
