// The room of a socket's own id: `adapter.rooms`, `adapter.sids` and `socket.rooms` stay right whoever joins or leaves it.
import { inspect } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import type { Socket } from 'tidewire'
import { start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
const sockets: WireSocket[] = []
afterEach(async () => {
  for (const { ws } of sockets.splice(0)) ws.terminate()
  await server.close()
})

async function join(): Promise<Socket> {
  const connected = new Promise<Socket>((resolve) => server.io.once('connection', resolve))
  const socket = new WireSocket(server.port, websocket(4))
  sockets.push(socket)
  await socket.next()
  socket.ws.send('40')
  await socket.next()
  return connected
}

it('[SIO-63] the rooms that an application holds follow joins and leaves', async () => {
  server = await start()
  const socket = await join()
  const { rooms } = socket
  void socket.join('a')
  expect([...rooms]).toEqual([socket.id, 'a'])
  expect([...server.io.of('/').adapter.rooms.get(socket.id)!]).toEqual([socket.id])
  void socket.leave(socket.id)
  expect([...rooms]).toEqual(['a'])
  expect(server.io.of('/').adapter.rooms.has(socket.id)).toBe(false)
})

it('[SIO-63] a socket that joins the room of another is a member, and the other stays out of its rooms', async () => {
  server = await start()
  const [one, two] = [await join(), await join()]
  void two.join(one.id)
  const { rooms, sids } = server.io.of('/').adapter
  expect([...rooms.get(one.id)!]).toEqual([one.id, two.id])
  expect([...sids.get(one.id)!]).toEqual([one.id])
  expect([...sids.get(two.id)!]).toEqual([two.id, one.id])
  one.disconnect()
  expect([...rooms.get(one.id)!]).toEqual([two.id])
  expect(sids.has(one.id)).toBe(false)
  two.disconnect()
  expect(rooms.size + sids.size).toBe(0)
})

it('[SIO-63] the maps have the entries of sockets that are in no other room, before anybody has asked for one', async () => {
  server = await start()
  const [one, two, three] = [await join(), await join(), await join()]
  void two.join('a')
  const { rooms, sids } = server.io.of('/').adapter
  expect([rooms.size, sids.size]).toEqual([4, 3])
  expect([rooms.has(one.id), sids.has(one.id), rooms.has('b')]).toEqual([true, true, false])
  expect(rooms.get(one.id)).toBe(sids.get(one.id))
  expect([...rooms.keys()].toSorted()).toEqual([one.id, two.id, three.id, 'a'].toSorted())
  expect([...sids].map(([id]) => id).toSorted()).toEqual([one.id, two.id, three.id].toSorted())
  expect(Object.getPrototypeOf(rooms)).toBe(Map.prototype)
  expect(Object.keys(rooms)).toEqual([])
  three.disconnect()
  one.disconnect()
  expect([rooms.size, sids.size, rooms.has(three.id)]).toEqual([2, 1, false])
})

it('[SIO-63] a look at the maps shows them whole', async () => {
  server = await start()
  const one = await join()
  await join()
  expect(inspect(server.io.of('/').adapter.rooms)).toContain(`'${one.id}' => Set(1) { '${one.id}' }`)
})
