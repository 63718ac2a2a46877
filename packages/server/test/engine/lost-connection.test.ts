// How a session ends whose connection is ended, destroyed or reset without a close frame: "transport error" is what could not be written,
// everything else "transport close", as officially (interop/test/endings.test.ts compares). With WebSockets of our own and of ws, over TCP and TLS.
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { once } from 'node:events'
import type { AddressInfo, Socket as NetSocket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { Server } from 'tidewire'
import type { Socket } from 'tidewire'
import { tls } from '../../../client/test/start-tls.ts'
import { websocket } from '../start.ts'

let stop: () => Promise<void>
afterEach(() => stop())

async function joined(isSecure: boolean, perMessageDeflate: boolean) {
  const http = isSecure ? createHttpsServer(tls.server) : createHttpServer()
  const io = new Server(http, { perMessageDeflate })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const scheme = isSecure ? 'wss' : 'ws'
  const ws = new WebSocket(`${scheme}://127.0.0.1:${(http.address() as AddressInfo).port}${websocket(4)}`, {
    rejectUnauthorized: false,
  })
  stop = async () => {
    ws.terminate()
    const closed = io.close()
    http.closeAllConnections()
    await closed
  }
  ws.on('error', () => {})
  await once(ws, 'message')
  const connected = once(io, 'connection')
  ws.send('40')
  const [socket] = (await connected) as [Socket]
  await once(ws, 'message')
  return { io, ws, socket, tcp: (ws as unknown as { _socket: NetSocket })._socket }
}

const ENDS = [
  ['TCP', 'end', 'transport close'],
  ['TCP', 'destroy', 'transport error'],
  ['TCP', 'resetAndDestroy', 'transport error'],
  ['TLS', 'end', 'transport close'],
  ['TLS', 'destroy', 'transport error'],
] as const

/** A client that ends its connection at the first of 2,000 answers; `left` tells what its socket is told. */
async function endsInFlood(over: string, how: (typeof ENDS)[number][1], isCompressed: boolean) {
  const { io, ws, socket, tcp } = await joined(over === 'TLS', isCompressed)
  const left = once(socket, 'disconnect')
  socket.on('n', (n: number) => {
    if (n === 0) tcp[how]()
    socket.emit('heard', n)
  })
  tcp.cork()
  for (let n = 0; n < 2_000; n++) ws.send(`42["n",${n}]`)
  tcp.uncork()
  return { io, left }
}

it.each(ENDS)(
  '[EIO-67] over %s, %s while the server answers a flood is "%s"',
  async (over, how, expected) => {
    const { io, left } = await endsInFlood(over, how, false)

    expect((await left)[0]).toBe(expected)
    expect(io.engine.clientsCount).toBe(0)
  },
)

it.each(ENDS)(
  '[EIO-67] over %s, with compression, %s while the server answers a flood is told by what could not be written',
  async (over, how) => {
    const { io, left } = await endsInFlood(over, how, true)

    const [reason, description] = await left
    expect(reason).toBe('transport error')
    expect(description).toMatchObject({ message: 'write error' })
    expect(io.engine.clientsCount).toBe(0)
  },
)

/** When the application sends something, told by the connection of the server. */
const MOMENTS: Record<string, (send: () => void) => void> = {
  'at once': (send) => send(),
  'in a microtask': (send) => queueMicrotask(send),
  'on the next tick': (send) => process.nextTick(send),
  'in the check phase': (send) => void setImmediate(send),
}

it.each([false, true].flatMap((deflate) => Object.keys(MOMENTS).map((when) => [when, deflate] as const)))(
  '[EIO-67] what is sent after the end of the client has come, %s, and before that of the connection is "transport error" (compression: %s)',
  async (when, deflate) => {
    const { io, socket, tcp } = await joined(false, deflate)
    const left = once(socket, 'disconnect')
    ;(socket.request.socket as NetSocket).on('end', () => MOMENTS[when]!(() => socket.emit('late')))
    tcp.end()

    expect((await left)[0]).toBe('transport error')
    expect(io.engine.clientsCount).toBe(0)
  },
)

it('[EIO-67] what was sent before the end of the client has come is written, and its end is "transport close"', async () => {
  const { io, ws, socket, tcp } = await joined(false, false)
  const left = once(socket, 'disconnect')
  const answer = once(ws, 'message')
  socket.on('n', () => socket.emit('heard'))
  tcp.cork()
  ws.send('42["n"]')
  tcp.end()
  tcp.uncork()

  expect((await left)[0]).toBe('transport close')
  expect(String((await answer)[0])).toBe('42["heard"]')
  expect(io.engine.clientsCount).toBe(0)
})

it.each([false, true].flatMap((deflate) => ENDS.map(([over, how]) => [over, how, deflate] as const)))(
  '[EIO-67] over %s, %s of a client to which nothing is sent is "transport close" (compression: %s)',
  async (over, how, deflate) => {
    const { io, socket, tcp } = await joined(over === 'TLS', deflate)
    const left = once(socket, 'disconnect')
    tcp[how]()

    expect((await left)[0]).toBe('transport close')
    expect(io.engine.clientsCount).toBe(0)
  },
)
