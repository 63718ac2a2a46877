// Frames: what one node sends another on their link. A fixed header, then messages, then the MAC when there is a secret. Written into a
// buffer of the caller's, read as views on the bytes received: no copy in either direction.
//
//   0 format · 1 kind · 2 flags · 3 reason · 4 from (4) · 8 to (4) · 12 sender's link (u32) · 16 receiver's link (u32, 0 = not known)
//   20 credit (u32) · 24 sequence (u64) · 32 acknowledged to (u64) · 40 messages · MAC (16)
//   message: service | more · length (1 to 4 bytes of seven bits, low first) · bytes. `more`: the next message goes on with this one.
import {
  fail,
  namesOf,
  readIncarnation,
  readUint32,
  readUint53,
  writeIncarnation,
  writeUint32,
  writeUint53,
} from './bytes.ts'
import {
  FRAME_FLAG,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  LINK_REASON,
  MAC_BYTES,
  MAX_MESSAGE_BYTES,
  MAX_SERVICE,
  MESSAGE_FLAG,
} from './format.ts'
import type { FrameKind, LinkReason } from './format.ts'

/** The head of a frame, decoded. Its messages are read from the bytes with `readMessages`. */
export interface Frame {
  /** Of the version that both nodes speak. */
  readonly format: number
  /** What it is for. */
  readonly kind: FrameKind
  /** Incarnations of sender and receiver. */
  readonly from: string
  /** The incarnation of the receiver. */
  readonly to: string
  /** Each side's number for this link; a later link of the same pair has higher ones. `toLink` 0: the sender does not know it yet. */
  readonly fromLink: number
  /** The receiver's number for this link, or 0. */
  readonly toLink: number
  /** Bytes beyond the acknowledged ones that the sender of this frame is ready to take. */
  readonly credit: number
  /**
   * Of a data frame: 1, 2, … or 0 when it has no messages. Of `probe` and the `alive` that answers it: the same number. Of `open`: the lowest
   * number for a link of the receiver that its sender still takes.
   */
  readonly sequence: number
  /** Everything up to this sequence has been handled. */
  readonly acknowledged: number
  /** The frame after `acknowledged` is missing, later ones are there: send it again. */
  readonly isGap: boolean
  /** Why the link before this one ended. */
  readonly reason: LinkReason
  /** It ends with a code made with the cluster's secret. */
  readonly hasMac: boolean
}

/** Writes the head into the first `FRAME_HEADER_BYTES` of `target`. */
export function writeFrame(target: Uint8Array, frame: Frame): void {
  target[0] = frame.format
  target[1] = FRAME_KIND[frame.kind]
  target[2] = (frame.hasMac ? FRAME_FLAG.mac : 0) | (frame.isGap ? FRAME_FLAG.gap : 0)
  target[3] = LINK_REASON[frame.reason]
  writeIncarnation(target, 4, frame.from)
  writeIncarnation(target, 8, frame.to)
  writeUint32(target, 12, frame.fromLink)
  writeUint32(target, 16, frame.toLink)
  writeUint32(target, 20, frame.credit)
  writeUint53(target, 24, frame.sequence)
  writeUint53(target, 32, frame.acknowledged)
}

const KINDS = namesOf(FRAME_KIND)
const REASONS = namesOf(LINK_REASON)

/** Reads and checks a whole frame, its messages' lengths included. @throws ProtocolError */
export function readFrame(bytes: Uint8Array): Frame {
  if (bytes.length < FRAME_HEADER_BYTES)
    fail(`a frame has ${bytes.length} bytes, its header alone ${FRAME_HEADER_BYTES}`)
  const format = bytes[0]!
  if (format !== 1) fail(`a frame has format ${format}, which this release does not speak`)
  const kind = KINDS[bytes[1]!]
  if (kind === undefined) fail(`a frame has the unknown kind ${bytes[1]}`)
  const flags = bytes[2]!
  if ((flags & ~(FRAME_FLAG.mac | FRAME_FLAG.gap)) !== 0) fail(`a frame has unknown flags ${flags}`)
  const reason = REASONS[bytes[3]!]
  if (reason === undefined) fail(`a frame has the unknown reason ${bytes[3]}`)
  const frame: Frame = {
    format,
    kind,
    from: readIncarnation(bytes, 4),
    to: readIncarnation(bytes, 8),
    fromLink: readUint32(bytes, 12),
    toLink: readUint32(bytes, 16),
    credit: readUint32(bytes, 20),
    sequence: readUint53(bytes, 24),
    acknowledged: readUint53(bytes, 32),
    isGap: (flags & FRAME_FLAG.gap) !== 0,
    reason,
    hasMac: (flags & FRAME_FLAG.mac) !== 0,
  }
  if (frame.fromLink === 0) fail('a frame names no link')
  const end = endOfMessages(bytes, frame.hasMac)
  checkMessages(bytes, end)
  const hasMessages = end > FRAME_HEADER_BYTES
  if (hasMessages !== (frame.kind === 'data' && frame.sequence > 0))
    fail('a frame has messages and no sequence, or the reverse')
  return frame
}

/** Where the messages of a frame end and its MAC begins. */
export function endOfMessages(bytes: Uint8Array, hasMac: boolean): number {
  const end = hasMac ? bytes.length - MAC_BYTES : bytes.length
  return end < FRAME_HEADER_BYTES ? fail('a frame is too short for its MAC') : end
}

/** Bytes that a message of `length` takes in a frame. */
export function messageSize(length: number): number {
  return 1 + (length < 0x80 ? 1 : length < 0x4000 ? 2 : length < 0x20_0000 ? 3 : 4) + length
}

/** The most that a message needs beside its own bytes. */
export const MESSAGE_OVERHEAD_BYTES = 5

/** Writes one message and returns where the next one begins. @throws ProtocolError for a service or length that has no room */
export function writeMessage(
  target: Uint8Array,
  at: number,
  service: number,
  hasMore: boolean,
  bytes: Uint8Array,
): number {
  if (service < 1 || service > MAX_SERVICE) fail(`service ${service} is not 1 to ${MAX_SERVICE}`)
  if (bytes.length > MAX_MESSAGE_BYTES)
    fail(`a message has ${bytes.length} bytes, at most ${MAX_MESSAGE_BYTES} can be written`)
  target[at++] = hasMore ? service | MESSAGE_FLAG.more : service
  let length = bytes.length
  for (; length >= 0x80; length >>>= 7) target[at++] = (length & 0x7f) | 0x80
  target[at++] = length
  target.set(bytes, at)
  return at + bytes.length
}

/** Called for each message: its service, whether the next one goes on with it, and a view of its bytes. */
export type MessageVisitor = (service: number, hasMore: boolean, bytes: Uint8Array) => void

/** Hands over each message of a frame that `readFrame` has checked, as a view. */
export function readMessages(bytes: Uint8Array, hasMac: boolean, visit: MessageVisitor): void {
  const end = endOfMessages(bytes, hasMac)
  for (let at = FRAME_HEADER_BYTES; at < end;) {
    const first = bytes[at++]!
    let length = 0
    for (let shift = 0; ; shift += 7) {
      const digit = bytes[at++]!
      length |= (digit & 0x7f) << shift
      if (digit < 0x80) break
    }
    visit(first & MAX_SERVICE, (first & MESSAGE_FLAG.more) !== 0, bytes.subarray(at, (at += length)))
  }
}

function checkMessages(bytes: Uint8Array, end: number): void {
  let at = FRAME_HEADER_BYTES
  while (at < end) {
    const first = bytes[at++]!
    if ((first & MAX_SERVICE) === 0 || (first & 0x40) !== 0) fail(`a message has the first byte ${first}`)
    let length = 0
    let shift = 0
    for (;;) {
      if (at >= end || shift > 21) fail('the length of a message is cut off or too long')
      const digit = bytes[at++]!
      length |= (digit & 0x7f) << shift
      shift += 7
      if (digit < 0x80) break
    }
    at += length
  }
  if (at !== end) fail('a message is longer than its frame')
}
