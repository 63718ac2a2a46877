// A WebSocket echo server made of nothing but the codec and node:http: what Autobahn and the differential tests speak to.
import { isUtf8 } from 'node:buffer'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import {
  FrameDecoder,
  OPCODE,
  ProtocolError,
  acceptKey,
  encodeCloseFrame,
  encodeFrame,
} from '../../src/index.ts'

export interface EchoServer {
  port: number
  url: string
  close(): Promise<void>
}

/** The decoder of text that the server brings along. */
export function decodeNodeText(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new RangeError('not UTF-8')
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

/** Limits default to what Autobahn's largest messages need: 16 MiB, and 4 MiB in fragments of 64 bytes. */
export async function startEchoServer(
  options: { maxPayloadBytes?: number; maxFragments?: number } = {},
): Promise<EchoServer> {
  const sockets = new Set<Duplex>()
  const server = createServer((_req, res) => res.writeHead(426).end())
  server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    echo(req, socket, head, { maxPayloadBytes: 16 * 1024 * 1024, maxFragments: 100_000, ...options })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    port,
    url: `ws://127.0.0.1:${port}/`,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function echo(
  req: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  limits: { maxPayloadBytes: number; maxFragments: number },
): void {
  socket.on('error', () => socket.destroy())
  const key = req.headers['sec-websocket-key']
  if (key === undefined) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    return
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  )
  const decoder = new FrameDecoder(
    {
      handleText: (text) => void socket.write(encodeFrame(OPCODE.TEXT, text)),
      handleBinary: (data) => void socket.write(encodeFrame(OPCODE.BINARY, data)),
      handlePing: (data) => void socket.write(encodeFrame(OPCODE.PONG, data)),
      handlePong() {},
      handleClose: (code, reason) =>
        void socket.end(encodeCloseFrame(code === 1005 ? undefined : code, reason)),
    },
    { role: 'server', ...limits, decodeText: decodeNodeText },
  )
  const push = (chunk: Uint8Array): void => {
    try {
      decoder.push(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      socket.end(encodeCloseFrame(error.closeCode))
    }
  }
  socket.on('data', push)
  socket.on('end', () => socket.end())
  if (head.length > 0) push(head)
}
