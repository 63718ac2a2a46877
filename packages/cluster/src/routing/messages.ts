// The messages of session routing: one byte of kind, the number that the edge has given the exchange, then what belongs to the kind. Kinds
// below 32 go from the edge to the owner, the others from the owner to the edge. Numbers of kinds are never reused.
import type { EnginePacket, EnginePacketType } from '@tidewire/protocol'
import type { EngineRejection, PollAnswer, PollExchange, SessionRequest } from 'tidewire'
import { malformed } from '../wire/bytes.ts'
import type { MessageReader, MessageWriter } from '../wire/bytes.ts'

export const KIND = {
  /** The sender's link is up and it knows the receiver. */
  ready: 1,
  /** The edge goes: parked polls should be answered. */
  leaving: 2,
  poll: 3,
  aborted: 4,
  flushed: 5,
  unwritten: 6,
  stillWaiting: 7,
  open: 8,
  packet: 9,
  /** Bytes of frames that the kernel has taken since the last of these. */
  taken: 10,
  closed: 11,
  malformed: 12,
  /** The edge of this WebSocket is to end: close the session when its client has what waits for it. */
  dismiss: 13,
  answer: 32,
  refused: 33,
  destroy: 34,
  ask: 35,
  accepted: 36,
  /** The same frames for several WebSockets. */
  frames: 37,
  close: 38,
} as const
export const FIRST_TO_EDGE = 32

const FLAG = { isV4: 1, supportsBinary: 2, isBinary: 4, hasStamp: 8 }
const ANSWER_FLAG = { isText: 1, isCompressible: 2, hasBody: 4 }
const METHODS = ['GET', 'POST']
const PACKET_TYPES: readonly EnginePacketType[] = [
  'open',
  'close',
  'ping',
  'pong',
  'message',
  'upgrade',
  'noop',
]
const BINARY_PACKET = 0x80

export interface RelayedRequest extends SessionRequest {
  readonly method: string
  readonly isBinary: boolean
  readonly stamp: string | undefined
}

export function writePoll(
  writer: MessageWriter,
  request: SessionRequest,
  exchange: PollExchange,
  body: Uint8Array,
): void {
  const { method = '', stamp } = exchange
  const flags =
    (request.isV4 ? FLAG.isV4 : 0) |
    (request.supportsBinary ? FLAG.supportsBinary : 0) |
    (exchange.isBinary ? FLAG.isBinary : 0) |
    (stamp === undefined ? 0 : FLAG.hasStamp)
  // A method that no session takes need not be named.
  writer
    .byte(flags)
    .byte(METHODS.indexOf(method) + 1)
    .text(request.sid)
  if (stamp !== undefined) writer.text(stamp)
  writer.bytes(body)
}

export function readPoll(reader: MessageReader): { request: RelayedRequest; body: Buffer } {
  const flags = reader.byte()
  const method = METHODS[reader.byte() - 1] ?? ''
  const sid = reader.text()
  const stamp = (flags & FLAG.hasStamp) === 0 ? undefined : reader.text()
  const request = {
    sid,
    method,
    stamp,
    isV4: (flags & FLAG.isV4) !== 0,
    supportsBinary: (flags & FLAG.supportsBinary) !== 0,
    isBinary: (flags & FLAG.isBinary) !== 0,
  }
  return { request, body: reader.bytes() }
}

export function writeOpen(writer: MessageWriter, { sid, isV4, supportsBinary }: SessionRequest): void {
  writer.byte((isV4 ? FLAG.isV4 : 0) | (supportsBinary ? FLAG.supportsBinary : 0)).text(sid)
}

export function readOpen(reader: MessageReader): SessionRequest {
  const flags = reader.byte()
  return {
    sid: reader.text(),
    isV4: (flags & FLAG.isV4) !== 0,
    supportsBinary: (flags & FLAG.supportsBinary) !== 0,
  }
}

export function writeAnswer(
  writer: MessageWriter,
  { status, contentType = '', body, isCompressible }: PollAnswer,
): void {
  const flags =
    (typeof body === 'string' ? ANSWER_FLAG.isText : 0) |
    (isCompressible === true ? ANSWER_FLAG.isCompressible : 0) |
    (body === undefined ? 0 : ANSWER_FLAG.hasBody)
  writer.number(status).byte(flags).text(contentType)
  if (typeof body === 'string') writer.text(body)
  else if (body !== undefined) writer.bytes(body)
}

export function readAnswer(reader: MessageReader): PollAnswer {
  const status = reader.number()
  const flags = reader.byte()
  const contentType = reader.text()
  if ((flags & ANSWER_FLAG.hasBody) === 0) return { status }
  // Text goes out as the bytes that it came as.
  const body = reader.bytes()
  const isText = (flags & ANSWER_FLAG.isText) !== 0
  return {
    status,
    contentType,
    body: isText ? body.toString('utf8') : body,
    isCompressible: (flags & ANSWER_FLAG.isCompressible) !== 0,
  }
}

export function writeRefusal(writer: MessageWriter, reason: EngineRejection): void {
  writer.text(JSON.stringify(reason))
}

export function readRefusal(reader: MessageReader): EngineRejection {
  return parse(reader) as EngineRejection
}

export function writePacket(writer: MessageWriter, { type, data = '' }: EnginePacket): void {
  const number = PACKET_TYPES.indexOf(type)
  if (typeof data === 'string') writer.byte(number).text(data)
  else writer.byte(number | BINARY_PACKET).bytes(data)
}

export function readPacket(reader: MessageReader): EnginePacket {
  const head = reader.byte()
  const type = PACKET_TYPES[head & ~BINARY_PACKET]
  if (type === undefined) throw malformed(`there is no packet type ${head & ~BINARY_PACKET}`)
  return { type, data: (head & BINARY_PACKET) === 0 ? reader.text() : reader.bytes() }
}

/** How a WebSocket should be closed, or has closed. */
export interface CloseFacts {
  readonly discard?: boolean
  readonly isShutdown?: boolean
  readonly code?: number
  readonly reason?: string
  /** Of an error. */
  readonly message?: string
}

export const CLOSE_REASONS = ['transport close', 'transport error', 'ping timeout'] as const
export type EdgeCloseReason = (typeof CLOSE_REASONS)[number]

export function writeFacts(writer: MessageWriter, facts: CloseFacts | undefined): void {
  writer.text(facts === undefined ? '{}' : JSON.stringify(facts))
}

export function readFacts(reader: MessageReader): CloseFacts {
  return parse(reader) as CloseFacts
}

function parse(reader: MessageReader): unknown {
  try {
    return JSON.parse(reader.text())
  } catch {
    throw malformed('its JSON is none')
  }
}
