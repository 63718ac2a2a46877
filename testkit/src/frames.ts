// A WebSocket client by hand: its request, and frames that are whole, cut or wrong, which no client of a library would send.

export const TEXT = 1
export const BINARY = 2

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The request for a WebSocket; `more` is lines of headers, each with its end. */
export function upgradeRequest(path: string, more = ''): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${KEY}\r\n${more}\r\n`
}

export interface FrameOptions {
  readonly isFinal?: boolean
  readonly reserved?: number
  readonly isMasked?: boolean
}

/** A client's frame. The mask is zero, which is one like any other and leaves the payload as it is. */
export function frame(opcode: number, payload: string | Buffer = '', options: FrameOptions = {}): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  return Buffer.concat([frameHead(opcode, bytes.length, options), bytes])
}

/** The same, with what most frames of clients are as defaults. */
export function maskedFrame(payload: string | Buffer, opcode: number = TEXT, isFinal = true): Buffer {
  return frame(opcode, payload, { isFinal })
}

/** Without the payload, of which it may claim any length. */
export function frameHead(
  opcode: number,
  length: number | bigint,
  { isFinal = true, reserved = 0, isMasked = true }: FrameOptions = {},
): Buffer {
  const first = (isFinal ? 0x80 : 0) | (reserved << 4) | opcode
  const mask = isMasked ? 0x80 : 0
  let head: Buffer
  if (length < 126) head = Buffer.from([first, mask | Number(length)])
  else if (length < 65_536) head = Buffer.from([first, mask | 126, Number(length) >> 8, Number(length) & 255])
  else {
    head = Buffer.alloc(10)
    head[0] = first
    head[1] = mask | 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  return isMasked ? Buffer.concat([head, Buffer.alloc(4)]) : head
}
