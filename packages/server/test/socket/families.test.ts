// What applications reach of a server beside its documented surface: the families of namespaces, and what a session begins with.
import { io as connect } from '@tidewire/client'
import type { Socket } from 'tidewire'
import { afterEach, expect, it } from 'vitest'
import { PollingClient, WireSocket, start, websocket } from '../start.ts'
import type { Started } from '../start.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(options: object = {}): Promise<Started> {
  const server = await start(options)
  cleanups.push(() => server.close())
  return server
}

/** The id of the socket, or the text of the refusal. */
function join(url: string): Promise<string> {
  const socket = connect(url, { forceNew: true, reconnection: false })
  cleanups.push(() => socket.disconnect())
  return new Promise((resolve) => {
    socket.once('connect', () => resolve('joined'))
    socket.once('connect_error', (error: Error) => resolve(error.message))
  })
}

it('[API-15] io.parentNsps has the families of namespaces by their functions, those of a RegExp are also under it', async () => {
  const { io } = await serve()
  const matcher = (name: string, _auth: unknown, next: (error: null, exists: boolean) => void): void =>
    next(null, name === '/made')
  const byFunction = io.of(matcher)
  const byPattern = io.of(/^\/room-/)
  const views = io as any

  expect([...views.parentNsps.values()]).toEqual([byFunction, byPattern])
  expect(views.parentNsps.get(matcher)).toBe(byFunction)
  expect([...views.parentNamespacesFromRegExp]).toEqual([[/^\/room-/, byPattern]])
})

it('[API-15] a family that is deleted from io.parentNsps makes no more children; those that there are stay', async () => {
  const { io, url } = await serve()
  io.of(/^\/room-/)
  const before = await join(`${url}/room-1`)
  ;(io as any).parentNsps.clear()

  expect([before, await join(`${url}/room-2`), await join(`${url}/room-1`)]).toEqual([
    'joined',
    'Invalid namespace',
    'joined',
  ])
})

it('[API-19] initialPacket is the first message of each session, on polling and on WebSocket', async () => {
  const { port } = await serve({ initialPacket: 'hello 汉字' })
  const polling = await new PollingClient(port).connect()
  const [open, ...inHandshake] = polling.open.body.split('\u001E')
  const polled = inHandshake.length > 0 ? inHandshake : (await polling.get()).body.split('\u001E')
  const socket = new WireSocket(port, websocket(4))
  cleanups.push(() => socket.ws.terminate())

  expect(open).toMatch(/^0\{"sid":/)
  expect(polled).toEqual(['4hello 汉字'])
  expect(await socket.next()).toMatch(/^0\{"sid":/)
  expect(await socket.next()).toBe('4hello 汉字')
})

it('[SIO-30] rooms of a socket that is refused are left, and one that has gone joins none', async () => {
  const { io, url } = await serve()
  io.use((socket, next) => {
    void socket.join('waiting')
    next(socket.handshake.auth['token'] === 'yes' ? undefined : new Error('refused'))
  })
  const rooms = (): string[] => [...io.of('/').adapter.rooms.keys()]
  expect(await join(url)).toBe('refused')
  expect(rooms()).toEqual([])

  const client = connect(url, { forceNew: true, auth: { token: 'yes' } })
  cleanups.push(() => client.disconnect())
  const peer = await new Promise<Socket>((resolve) => io.once('connection', resolve))
  expect(rooms().toSorted()).toEqual([peer.id, 'waiting'].toSorted())
  const gone = new Promise((resolve) => peer.once('disconnect', resolve))
  client.disconnect()
  await gone
  void peer.join('late')
  expect(rooms()).toEqual([])
})
