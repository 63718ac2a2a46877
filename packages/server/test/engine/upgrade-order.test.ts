// A client that says `5` before its last POST has been handled: the POST comes first, and what the WebSocket says comes after it.
import type { Socket } from 'node:net'
import { RawConnection } from '@tidewire/testkit/raw-connection'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { PollingClient, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
afterEach(() => {
  vi.useRealTimers()
  return server.close()
})

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => `42["n",${from + n}]`)
const inOrder = (count: number): number[] => Array.from({ length: count }, (_, n) => n)

/** A polling client that is probing, its socket on the server, and what that hears. */
async function probing(options: Parameters<typeof start>[0] = {}, eio = 4) {
  server = await start(options)
  const connected = new Promise<any>((resolve) => server.io.once('connection', resolve))
  const client = await new PollingClient(server.port, eio).connect()
  if (eio === 4) await client.post('40')
  const socket = await connected
  const heard: unknown[] = []
  socket.on('n', (n: number) => heard.push(n))
  socket.on('disconnect', (reason: string) => heard.push(reason))
  const ws = new WireSocket(server.port, websocket(eio, `&sid=${client.sid}`))
  await ws.until('open', () => ws.ws.readyState === 1)
  ws.ws.send('2probe')
  expect(await ws.next()).toBe('3probe')
  return { client, socket, ws, heard }
}

it('[EIO-66, EIO-79] a POST that is handled in slices is handled to its end when `5` comes meanwhile, and before what comes after `5`', async () => {
  const { client, socket, ws, heard } = await probing()
  socket.once('n', () => {
    ws.ws.send('5')
    for (const packet of numbered(3_000, 3_600)) ws.ws.send(packet)
  })
  const posted = client.post(numbered(0, 3_000).join('\x1e'))

  await expect.poll(() => heard.length, { interval: 5 }).toBe(3_600)
  expect(heard).toEqual(inOrder(3_600))
  expect((await posted).body).toBe('ok')
  expect(socket.conn.transport.name).toBe('websocket')
  socket.emit('hello')
  await ws.until('the event', () => ws.messages.includes('42["hello"]'))
})

it.each(['close', 'terminate'] as const)(
  '[EIO-66, EIO-79] the end of the WebSocket (%s) comes after both',
  async (how) => {
    const { client, socket, ws, heard } = await probing()
    const left = new Promise((resolve) => socket.once('disconnect', resolve))
    socket.once('n', () => {
      ws.ws.send('5')
      ws.ws.send('42["n",3000]', () => ws.ws[how]())
    })
    client.post(numbered(0, 3_000).join('\x1e')).catch(() => {})

    expect(await left).toBe('transport close')
    expect(heard).toEqual([...inOrder(3_001), 'transport close'])
    expect(server.io.engine.clientsCount).toBe(0)
  },
)

it('[EIO-66] a handler of that POST that closes the session ends both', async () => {
  const { client, socket, ws, heard } = await probing()
  socket.on('n', (n: number) => {
    if (n === 0) ws.ws.send('5')
    if (n === 2_000) socket.disconnect(true)
  })
  client.post(numbered(0, 3_000).join('\x1e')).catch(() => {})
  // It has said `5`, and polls no more (spec: EIO-68).
  const told = [await ws.next(), await ws.next()]
  await ws.end()

  await expect.poll(() => server.io.engine.clientsCount, { interval: 5 }).toBe(0)
  expect(heard).toEqual([...inOrder(2_001), 'server namespace disconnect'])
  expect(told).toEqual([expect.stringMatching(/^40\{/), '41'])
})

it('[EIO-66] `upgradeTimeout` is for clients that say no `5`, not for a POST that takes longer', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  const { client, socket, ws, heard } = await probing({ upgradeTimeout: 500 })
  let handledBefore = Infinity
  socket.once('n', () => {
    // In one write, so that the pong tells that `5` has been read.
    const tcp = (ws.ws as unknown as { _socket: Socket })._socket
    tcp.cork()
    ws.ws.ping()
    ws.ws.send('5')
    tcp.uncork()
    ws.ws.once('pong', () => {
      handledBefore = heard.length
      vi.advanceTimersByTime(1_000)
    })
  })
  await client.post(numbered(0, 60_000).join('\x1e'))
  ws.ws.send('42["n",60000]')

  await expect.poll(() => heard.length, { interval: 5 }).toBe(60_001)
  expect(handledBefore).toBeLessThan(60_000)
  expect(server.io.stats().limits.upgradeTimeout).toBe(0)
  expect(socket.conn.transport.name).toBe('websocket')
})

it('[EIO-66] what waits is bounded, where the WebSocket cannot be made to wait', async () => {
  class Restless extends WebSocket {
    override pause(): void {}
  }
  class Engine extends WebSocketServer {
    constructor(options: object) {
      super({ ...options, WebSocket: Restless as never, allowSynchronousEvents: true })
    }
  }
  const { client, socket, ws, heard } = await probing({ wsEngine: Engine })
  const left = new Promise((resolve) => socket.once('disconnect', resolve))
  socket.once('n', () => {
    ws.ws.send('5')
    for (let i = 0; i < 30; i++) ws.ws.send(`42["n","${'x'.repeat(100_000)}"]`)
  })
  // Each handler takes its time: the POST is not done when the rest has come.
  socket.on('n', () => {
    const until = performance.now() + 1
    while (performance.now() < until);
  })
  client.post(numbered(0, 10_000).join('\x1e')).catch(() => {})

  expect(await left).toBe('transport error')
  expect(heard.length).toBeLessThan(10_000)
  expect(server.io.stats().limits.heldUpgradeBytes).toBe(1)
  expect(server.io.engine.clientsCount).toBe(0)
})

describe.each([
  { eio: 4, way: 'past node:http', options: {} },
  { eio: 3, way: 'past node:http', options: {} },
  { eio: 4, way: 'through node:http', options: { directHttp: false } },
  { eio: 3, way: 'through node:http', options: { directHttp: false } },
])('a POST of revision $eio, $way, whose body is not whole when `5` comes', ({ eio, options }) => {
  const body = eio === 4 ? '42["n",0]\x1e42["n",1]' : '9:42["n",0]9:42["n",1]'

  /** Half of the POST, then `5` and an event; both have been read by the server. */
  async function begun() {
    const all = await probing(options, eio)
    const post = await RawConnection.open({ port: server.port })
    post.socket.write(`POST ${all.client.path()} HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 4)}`)
    // Another request, on a connection made later, is answered: the half has been read.
    await fetch(`${server.url}/fence`).then((answer) => answer.text())
    const tcp = (all.ws.ws as unknown as { _socket: Socket })._socket
    tcp.cork()
    const ponged = new Promise((resolve) => all.ws.ws.once('pong', resolve))
    all.ws.ws.ping()
    all.ws.ws.send('5')
    all.ws.ws.send('42["n",2]')
    tcp.uncork()
    await ponged
    return { ...all, post }
  }

  it('[EIO-66] comes first, and what follows `5` after it', async () => {
    const { socket, ws, heard, post } = await begun()
    expect(heard).toEqual([])
    post.socket.write(body.slice(4))

    expect((await post.next())?.body).toBe('ok')
    await expect.poll(() => heard, { interval: 5 }).toEqual([0, 1, 2])
    socket.emit('hello')
    await ws.until('the event', () => ws.messages.includes('42["hello"]'))
    post.destroy()
  })

  it('[EIO-66] and never will be is waited for no longer than its connection lives', async () => {
    const { socket, ws, heard, post } = await begun()
    post.destroy()

    await expect.poll(() => heard, { interval: 5 }).toEqual([2])
    socket.emit('hello')
    await ws.until('the event', () => ws.messages.includes('42["hello"]'))
  })
})
