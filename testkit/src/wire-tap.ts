// A TCP proxy that keeps what passes, and reads it afterwards as HTTP/1.1 and RFC 6455. `exchanges` gives every message in the order
// in which its last byte passed: requests and answers with their bodies, WebSocket frames unmasked. Compression is shown as it is.
import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

export type Direction = 'c>s' | 's>c'

export interface Exchange {
  /** Number of the TCP connection. */
  conn: number
  dir: Direction
  kind: 'request' | 'response' | 'text' | 'binary' | 'close' | 'ping' | 'pong'
  /** First line of a request or an answer. */
  line?: string
  data: Buffer
  order: number
}

interface Half {
  bytes: Buffer
  /** Where each chunk ended, and its place among all chunks of all connections. */
  marks: { end: number; order: number }[]
}

const FRAME_KINDS: Record<number, Exchange['kind']> = {
  1: 'text',
  2: 'binary',
  8: 'close',
  9: 'ping',
  10: 'pong',
}

export class WireTap {
  readonly #server: Server
  readonly #conns: Record<Direction, Half>[] = []
  readonly #sockets = new Set<Socket>()
  #order = 0
  #listeners = new Set<() => void>()
  url = ''

  private constructor(targetPort: number) {
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
      const halves = {
        'c>s': { bytes: Buffer.alloc(0), marks: [] },
        's>c': { bytes: Buffer.alloc(0), marks: [] },
      }
      this.#conns.push(halves)
      this.#pass(client, target, halves['c>s'])
      this.#pass(target, client, halves['s>c'])
    })
  }

  static async start(targetPort: number): Promise<WireTap> {
    const tap = new WireTap(targetPort)
    await new Promise<void>((resolve) => tap.#server.listen(0, '127.0.0.1', resolve))
    tap.url = `http://127.0.0.1:${(tap.#server.address() as AddressInfo).port}`
    return tap
  }

  /** Everything that has passed whole so far. */
  exchanges(): Exchange[] {
    return this.#conns
      .flatMap((halves, conn) => {
        const requests = readHttp(halves['c>s'], conn, 'c>s', false)
        return [
          ...requests,
          ...readHttp(
            halves['s>c'],
            conn,
            's>c',
            requests.some((request) => request.line?.startsWith('HEAD ') === true),
          ),
        ]
      })
      .toSorted((a, b) => a.order - b.order)
  }

  /** Resolves true as soon as `holds` does, asked again whenever bytes pass; false at the deadline. */
  async until(holds: () => boolean, deadlineMs: number): Promise<boolean> {
    if (holds()) return true
    return new Promise((resolve) => {
      const finish = (answer: boolean): void => {
        clearTimeout(timer)
        this.#listeners.delete(look)
        resolve(answer)
      }
      const look = (): void => {
        if (holds()) finish(true)
      }
      const timer = setTimeout(() => finish(false), deadlineMs)
      this.#listeners.add(look)
    })
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #pass(from: Socket, to: Socket, half: Half): void {
    this.#sockets.add(from)
    from.on('data', (chunk) => {
      half.bytes = Buffer.concat([half.bytes, chunk])
      half.marks.push({ end: half.bytes.length, order: ++this.#order })
      to.write(chunk)
      for (const listener of this.#listeners) listener()
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}

function readHttp(half: Half, conn: number, dir: Direction, isHead: boolean): Exchange[] {
  const found: Exchange[] = []
  const orderAt = (end: number): number => half.marks.find((mark) => mark.end >= end)?.order ?? 0
  let at = 0
  for (;;) {
    const headEnd = half.bytes.indexOf('\r\n\r\n', at)
    if (headEnd === -1) return found
    const [line, ...headers] = half.bytes.toString('latin1', at, headEnd).split('\r\n')
    const header = (name: string): string | undefined =>
      headers
        .find((text) => text.toLowerCase().startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim()
    const start = headEnd + 4
    const isSwitch = line!.startsWith('HTTP/1.1 101')
    const body =
      isHead || isSwitch ? { data: Buffer.alloc(0), end: start } : readBody(half.bytes, start, header)
    if (body === undefined) return found
    found.push({
      conn,
      dir,
      kind: dir === 'c>s' ? 'request' : 'response',
      line: line!,
      data: body.data,
      order: orderAt(body.end),
    })
    at = body.end
    const isWebSocket = isSwitch || (dir === 'c>s' && header('upgrade')?.toLowerCase() === 'websocket')
    if (isWebSocket) return [...found, ...readFrames(half.bytes, at, conn, dir, orderAt)]
  }
}

function readBody(
  bytes: Buffer,
  start: number,
  header: (name: string) => string | undefined,
): { data: Buffer; end: number } | undefined {
  if (header('transfer-encoding')?.toLowerCase() !== 'chunked') {
    const end = start + Number(header('content-length') ?? 0)
    return end > bytes.length ? undefined : { data: bytes.subarray(start, end), end }
  }
  const parts: Buffer[] = []
  for (let at = start; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size + 2
    if (end > bytes.length) return undefined
    if (size === 0) return { data: Buffer.concat(parts), end }
    parts.push(bytes.subarray(lineEnd + 2, end - 2))
    at = end
  }
}

function readFrames(
  bytes: Buffer,
  start: number,
  conn: number,
  dir: Direction,
  orderAt: (end: number) => number,
): Exchange[] {
  const found: Exchange[] = []
  for (let at = start; at + 2 <= bytes.length;) {
    const opcode = bytes[at]! & 0x0f
    const isMasked = (bytes[at + 1]! & 0x80) !== 0
    let length = bytes[at + 1]! & 0x7f
    let head = at + 2
    if (length === 126) {
      if (head + 2 > bytes.length) break
      length = bytes.readUInt16BE(head)
      head += 2
    } else if (length === 127) {
      if (head + 8 > bytes.length) break
      length = Number(bytes.readBigUInt64BE(head))
      head += 8
    }
    const maskAt = head
    if (isMasked) head += 4
    const end = head + length
    if (end > bytes.length) break
    const data = Buffer.from(bytes.subarray(head, end))
    if (isMasked) for (let i = 0; i < data.length; i++) data[i]! ^= bytes[maskAt + (i & 3)]!
    found.push({ conn, dir, kind: FRAME_KINDS[opcode] ?? 'binary', data, order: orderAt(end) })
    at = end
  }
  return found
}
