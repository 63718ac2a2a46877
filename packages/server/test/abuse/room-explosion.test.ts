// A client that joined rooms without number: what its leaving costs the others.
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { start } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
afterEach(() => server.close())

const COUNT = 60_000
const rooms = Array.from({ length: COUNT }, (_, n) => `room ${n}`)

describe('a client in very many rooms', () => {
  it('[SIO-36] leaves them over several turns when it goes; its neighbours stay in theirs, and nothing is left in the end', async () => {
    server = await start()
    const { adapter } = server.io.of('/')
    const deleted: string[] = []
    const hoarder = await new RawWebSocket(server.port).join()
    const [socket] = server.io.sockets.sockets.values()
    await socket!.join(rooms)
    const neighbour = await new RawWebSocket(server.port).join()
    const [, other] = server.io.sockets.sockets.values()
    await other!.join(['room 0', `room ${COUNT - 1}`])
    adapter.on('delete-room', (room) => deleted.push(room))
    const sizes: number[] = []
    const sample = (): void => {
      if (sizes.at(-1) !== adapter.rooms.size) sizes.push(adapter.rooms.size)
      if (adapter.rooms.size > 3) setImmediate(sample)
    }
    sample()
    hoarder.socket.destroy()
    await expect.poll(() => server.io.sockets.sockets.size).toBe(1)
    expect(socket!.rooms.size).toBe(0)
    server.io.to(`room ${COUNT - 1}`).emit('news')
    await neighbour.until('42["news"]')
    await expect.poll(() => adapter.rooms.size).toBe(3)

    expect([...adapter.sids.keys()]).toEqual([other!.id])
    expect(deleted).toHaveLength(COUNT - 2 + 1)
    expect(Math.max(...sizes.slice(1).map((size, index) => sizes[index]! - size))).toBeLessThanOrEqual(10_000)
  })

  it('[SIO-36] that has come back under its id keeps the rooms that it has joined since', async () => {
    server = await start()
    const { adapter } = server.io.of('/')
    void adapter.addAll('id', new Set(rooms))
    adapter.delAll('id')
    void adapter.addAll('id', new Set(['id', `room ${COUNT - 1}`]))
    await expect.poll(() => adapter.rooms.size).toBe(2)

    expect([...adapter.socketRooms('id')!]).toEqual(['id', `room ${COUNT - 1}`])
    expect(adapter.rooms.get(`room ${COUNT - 1}`)).toEqual(new Set(['id']))
  })
})
