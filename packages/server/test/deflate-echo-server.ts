// What Autobahn speaks to for its cases of compression: a Server with `perMessageDeflate`, its requests on their whole way through
// verification to the WebSocket that `ws` makes with our options, which then echoes instead of carrying a session.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'tidewire'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'

export interface DeflateEchoServer {
  url: string
  close(): Promise<void>
}

class EchoingServer extends WebSocketServer {
  override handleUpgrade(...[req, socket, head]: Parameters<WebSocketServer['handleUpgrade']>): void {
    super.handleUpgrade(req, socket, head, (ws: WebSocket) => {
      ws.on('error', () => {})
      ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }))
    })
  }
}

export async function startDeflateEchoServer(): Promise<DeflateEchoServer> {
  const http = createServer()
  const io = new Server(http, {
    // Every message, not only those above 1 KiB, so that there is something to test.
    perMessageDeflate: { threshold: 0 },
    wsEngine: EchoingServer as any,
    maxHttpBufferSize: 64 * 1024 * 1024,
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`,
    async close() {
      http.closeAllConnections()
      await io.close()
    },
  }
}
