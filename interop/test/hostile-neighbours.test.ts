// Somebody else on the broker, who can read and write everything but does not know the secret: two servers on a real Redis with clients that talk, while
// the neighbour sends garbage, messages that he has recorded, messages with one changed bit, and ones beyond every size. All of it is counted, and
// changes nothing.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { startRedis } from '@tidewire/testkit/daemon'
import type { Daemon } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Server } from 'tidewire'

const require = createRequire(import.meta.url)
const { io: connectClient } = require('socket.io-client-4.8.4')
const { createClient } = require('redis')
const { skip } = await provisionOrSkip('redis')

const cleanups: (() => unknown)[] = []

async function serve(bus: string): Promise<{ io: Server; url: string; errors: string[] }> {
  const http = createServer()
  const io = new Server(http, { cluster: { bus, secret: 'of this test', prefix: 'hostile' } })
  const errors: string[] = []
  io.cluster!.on('error', (error: Error & { code?: string }) => errors.push(error.code ?? error.message))
  await once(http.listen(0, '127.0.0.1'), 'listening')
  cleanups.push(async () => {
    const closed = io.close()
    http.closeAllConnections()
    await closed
  })
  await io.cluster!.ready()
  return { io, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, errors }
}

describe.skipIf(skip !== undefined)('a neighbour on the broker who does not know the secret', () => {
  let redis: Daemon
  beforeAll(async () => {
    redis = await startRedis()
  })
  afterAll(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
    await redis?.stop()
  })

  it('[CLU-3, CLU-17] is counted and changes nothing, whatever is sent: garbage, recordings, changed bits, sizes beyond all', async () => {
    const bus = `redis://127.0.0.1:${redis.port}`
    const [first, second] = [await serve(bus), await serve(bus)]
    const socket = connectClient(second.url, { transports: ['websocket'], forceNew: true })
    cleanups.push(() => socket.disconnect())
    await once(socket, 'connect')
    const deadline = Date.now() + 40_000
    while ((await first.io.fetchSockets()).length === 0)
      if (Date.now() > deadline) throw new Error('the nodes do not find each other')

    const neighbour = createClient({ url: bus })
    neighbour.on('error', () => {})
    await neighbour.connect()
    const ears = neighbour.duplicate()
    ears.on('error', () => {})
    await ears.connect()
    cleanups.push(() => Promise.all([neighbour.close(), ears.close()]))
    const recorded: [string, Buffer][] = []
    await ears.pSubscribe(
      '*',
      (message: Buffer, channel: Buffer) =>
        recorded.length < 2_000 && recorded.push([channel.toString(), message]),
      true,
    )

    const got: number[] = []
    const fence = once(socket, 'fence')
    socket.on('n', (n: number) => got.push(n))
    const ends: string[] = []
    for (const { io } of [first, second])
      io.cluster!.on('leave', ({ end }: { end: string }) => ends.push(end))
    const refusedBefore = [first, second].map(({ io }) => io.cluster!.stats()!['refused']!)

    let sent = 0
    const say = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) {
        first.io.emit('n', sent++)
        if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    }
    await say(200)
    while (recorded.length < 20) await new Promise((resolve) => setImmediate(resolve))
    const recording = recorded.slice()
    const channels = [...new Set(recording.map(([channel]) => channel))]
    let seed = 1
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
    const attacks: (() => [string, Buffer])[] = [
      () => [
        channels[random(channels.length)]!,
        Buffer.from(Array.from({ length: random(300) }, () => random(256))),
      ],
      () => recording[random(recording.length)]!,
      () => {
        const [channel, message] = recording[random(recording.length)]!
        const changed = Buffer.from(message)
        if (changed.length > 0) changed[random(changed.length)]! ^= 1 << random(8)
        return [channel, changed]
      },
      () => {
        const [channel, message] = recording[random(recording.length)]!
        return [channel, message.subarray(0, random(message.length + 1))]
      },
      () => {
        const [, message] = recording[random(recording.length)]!
        return [channels[random(channels.length)]!, message]
      },
    ]
    for (let round = 0; round < 100; round++) {
      await Promise.all(
        attacks
          .flatMap((attack) => [attack(), attack(), attack(), attack()])
          .map(([channel, message]) => neighbour.publish(channel, message)),
      )
      await say(10)
    }
    for (const channel of channels) await neighbour.publish(channel, Buffer.alloc(8 << 20, 1))
    await say(200)
    first.io.emit('fence')
    await fence

    expect(got).toEqual(Array.from({ length: sent }, (_, n) => n))
    expect(sent).toBe(1_400)
    expect(ends).toEqual([])
    expect([...first.io.cluster!.members.keys()]).toEqual([second.io.cluster!.incarnation])
    expect((await first.io.fetchSockets()).map(({ id }) => id)).toEqual([socket.id])
    for (const [index, { io, errors }] of [first, second].entries()) {
      expect(io.cluster!.stats()!['refused']! - refusedBefore[index]!).toBeGreaterThan(100)
      // Told once of each kind, not once for each message.
      expect(errors.length).toBeLessThanOrEqual(4)
    }
  }, 180_000)
})
