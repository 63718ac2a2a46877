// What is handled in turns runs where it would have run at once: in the asynchronous context of its own connection.
import { AsyncLocalStorage } from 'node:async_hooks'
import { maskedFrame } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, expect, it } from 'vitest'
import { start } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
afterEach(() => server.close())

const COUNT = 20_000

it('[EIO-79] events that wait for a turn are handled in the asynchronous context of their own client, not of another one that waits', async () => {
  server = await start()
  const current = new AsyncLocalStorage<string>()
  const seen = new Map<string, Set<string | undefined>>()
  let handled = 0
  server.io.on('connection', (socket) => {
    const contexts = new Set<string | undefined>()
    seen.set(socket.id, contexts)
    socket.once('n', () => current.enterWith(socket.id))
    socket.on('n', () => {
      contexts.add(current.getStore())
      handled++
    })
  })
  const clients = await Promise.all([1, 2, 3].map(() => new RawWebSocket(server.port).join()))
  const flood = Buffer.concat(Array.from({ length: COUNT }, (_, n) => maskedFrame(`42["n",${n}]`)))
  for (const { socket } of clients) socket.write(flood)
  await expect.poll(() => handled, { interval: 5, timeout: 20_000 }).toBe(3 * COUNT)
  for (const { socket } of clients) socket.destroy()

  expect(seen.size).toBe(3)
  for (const [id, contexts] of seen)
    expect([...contexts].filter((context) => context !== undefined && context !== id)).toEqual([])
})
