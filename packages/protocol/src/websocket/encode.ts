// RFC 6455 frames out: one contiguous buffer, header and payload, that belongs to the caller. Pure: a client brings its own mask.
import { applyMask } from './mask.ts'

/** Kinds of frames (RFC 6455, 5.2). */
export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const

interface NodeBuffer extends Uint8Array {
  write(text: string, offset: number, length: number, encoding: 'utf8' | 'latin1'): number
}
const nodeBuffer = (
  globalThis as { Buffer?: { allocUnsafe(size: number): NodeBuffer; byteLength(text: string): number } }
).Buffer
const encoder = new TextEncoder()

function allocate(size: number): Uint8Array {
  return nodeBuffer ? nodeBuffer.allocUnsafe(size) : new Uint8Array(size)
}

/** Bytes of a payload on the wire. */
export function payloadLength(payload: string | Uint8Array): number {
  if (typeof payload !== 'string') return payload.length
  return nodeBuffer ? nodeBuffer.byteLength(payload) : encoder.encode(payload).length
}

/** Bytes of a frame before a payload of `length`, prefix included: the header, with the mask if it has one. */
export function headerLength(length: number, isMasked = false): number {
  return (length < 126 ? 2 : length < 0x10000 ? 4 : 10) + (isMasked ? 4 : 0)
}

/**
 * Writes one final frame into `frame` from `at` on, where there must be room: of several frames in one buffer. `payloadBytes` is the
 * `payloadLength` of `payload`, without the prefix. Gives where the frame ends.
 */
export function writeFrame(
  frame: Uint8Array,
  at: number,
  opcode: number,
  payload: string | Uint8Array,
  payloadBytes: number,
  prefix?: string | number,
  mask?: Uint8Array,
): number {
  const prefixLength = prefix === undefined || prefix === '' ? 0 : 1
  const length = payloadBytes + prefixLength
  const start = at + headerLength(length, mask !== undefined)
  frame[at] = 0x80 | opcode
  const maskBit = mask ? 0x80 : 0
  if (length < 126) frame[at + 1] = maskBit | length
  else if (length < 0x10000) {
    frame[at + 1] = maskBit | 126
    frame[at + 2] = length >>> 8
    frame[at + 3] = length
  } else {
    frame[at + 1] = maskBit | 127
    let rest = length
    for (let i = at + 9; i >= at + 2; i--) {
      frame[i] = rest % 256
      rest = Math.floor(rest / 256)
    }
  }
  if (prefixLength === 1) frame[start] = typeof prefix === 'string' ? prefix.charCodeAt(0) : prefix!
  const from = start + prefixLength
  const end = from + payloadBytes
  if (typeof payload !== 'string') frame.set(payload, from)
  else if (!nodeBuffer) frame.set(encoder.encode(payload), from)
  // perf: as many bytes as UTF-16 units means ASCII, and writing that as Latin-1 is a third faster than as UTF-8.
  else (frame as NodeBuffer).write(payload, from, payloadBytes, payloadBytes === payload.length ? 'latin1' : 'utf8')
  if (mask !== undefined) {
    frame.set(mask, start - 4)
    applyMask(frame, start, end, start - 4)
  }
  return end
}

/**
 * One final frame. `mask` (4 bytes) is given by a client and absent on a server. `prefix` is written before the payload inside
 * the frame (the Engine.IO digit, or the 0x04 of revision 3), which saves a concatenation.
 */
export function encodeFrame(
  opcode: number,
  payload: string | Uint8Array,
  options?: { mask?: Uint8Array; prefix?: string | number },
): Uint8Array {
  const prefix = options?.prefix
  const mask = options?.mask
  if (typeof payload === 'string' && !nodeBuffer) payload = encoder.encode(payload)
  const payloadBytes = payloadLength(payload)
  const length = payloadBytes + (prefix === undefined || prefix === '' ? 0 : 1)
  const frame = allocate(headerLength(length, mask !== undefined) + length)
  writeFrame(frame, 0, opcode, payload, payloadBytes, prefix, mask)
  return frame
}

/** A close frame; without a code it has no body. The reason is cut to the 123 bytes that fit. */
export function encodeCloseFrame(code?: number, reason?: string, mask?: Uint8Array): Uint8Array {
  const options = mask ? { mask } : {}
  if (code === undefined) return encodeFrame(OPCODE.CLOSE, new Uint8Array(0), options)
  const text = encoder.encode(fitCloseReason(reason ?? ''))
  const body = new Uint8Array(2 + text.length)
  body[0] = code >>> 8
  body[1] = code
  body.set(text, 2)
  return encodeFrame(OPCODE.CLOSE, body, options)
}

/** As much of it as a close frame holds, which is 123 bytes; never a half of a surrogate pair. */
export function fitCloseReason(reason: string): string {
  let end = Math.min(reason.length, 123)
  while (encoder.encode(reason.slice(0, end)).length > 123 || isPairCut(reason, end)) end--
  return reason.slice(0, end)
}

function isPairCut(text: string, at: number): boolean {
  return at > 0 && at < text.length && text.codePointAt(at - 1)! > 0xffff
}
