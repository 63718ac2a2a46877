// A client that sends without a pause costs itself: its events are handled in slices, and a neighbour is served between them.
import { maskedFrame } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { PollingClient, start } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
afterEach(() => server.close())

/** Counts events per loop turn of the server, which is this process. */
class Flooded {
  handled = 0
  maxPerTurn = 0
  isInOrder = true
  #before = 0
  #isOver = false

  constructor() {
    server.io.on('connection', (socket) => {
      let last = -1
      socket.on('n', (n: number) => {
        this.handled++
        if (n !== last + 1) this.isInOrder = false
        last = n
      })
      socket.on('echo', (ack: () => void) => ack())
    })
    const sample = (): void => {
      this.maxPerTurn = Math.max(this.maxPerTurn, this.handled - this.#before)
      this.#before = this.handled
      if (!this.#isOver) setImmediate(sample)
    }
    sample()
  }

  async until(count: number): Promise<void> {
    await expect.poll(() => this.handled, { interval: 5 }).toBeGreaterThanOrEqual(count)
  }

  stop(): void {
    this.#isOver = true
  }
}

const numbered = (count: number): string[] => Array.from({ length: count }, (_, n) => `42["n",${n}]`)

describe('a flood of events', () => {
  it('[EIO-79] over WebSocket is handled in slices, in order, and a neighbour is answered in between', async () => {
    server = await start()
    const flooded = new Flooded()
    const flooder = await new RawWebSocket(server.port).join()
    const neighbour = await new RawWebSocket(server.port).join()
    const count = 200_000
    flooder.socket.write(Buffer.concat(numbered(count).map((text) => maskedFrame(text))))

    await flooded.until(1_000)
    neighbour.send('420["echo"]')
    await neighbour.until('430[]')
    const handledBefore = flooded.handled
    await flooded.until(count)
    flooded.stop()

    expect(handledBefore).toBeLessThan(count / 2)
    expect(flooded.isInOrder).toBe(true)
    // The slice of what was read, and the one of a turn.
    expect(flooded.maxPerTurn).toBeLessThanOrEqual(2 * 256)
    expect(server.io.stats().limits.packetsPerTurn).toBeGreaterThan(100)
  })

  it('[EIO-79] in one POST is handled in slices, in order, and a neighbour is answered in between', async () => {
    server = await start()
    const flooded = new Flooded()
    const flooder = await new PollingClient(server.port).connect()
    await flooder.post('40')
    const neighbour = await new RawWebSocket(server.port).join()
    const count = 60_000
    const posted = flooder.post(numbered(count).join('\x1e'))

    await flooded.until(1_000)
    neighbour.send('420["echo"]')
    await neighbour.until('430[]')
    const handledBefore = flooded.handled
    expect((await posted).status).toBe(200)
    flooded.stop()

    expect(handledBefore).toBeLessThan(count / 2)
    expect(flooded).toMatchObject({ handled: count, isInOrder: true })
    expect(flooded.maxPerTurn).toBeLessThanOrEqual(2 * 256)
  })

  it('[EIO-79] of a few events of many clients at once, which take long together, leaves a neighbour its turns', async () => {
    server = await start()
    const flooded = new Flooded()
    server.io.on('connection', (socket) =>
      socket.on('n', () => {
        const end = performance.now() + 1
        while (performance.now() < end);
      }),
    )
    const flooders = await Promise.all(Array.from({ length: 60 }, () => new RawWebSocket(server.port).join()))
    const neighbour = await new RawWebSocket(server.port).join()
    // Each is far from a slice of its own, and more than a small read.
    const frames = Buffer.concat(numbered(20).map((text) => maskedFrame(`${text.slice(0, -1)},"${'x'.repeat(60)}"]`)))
    for (const { socket } of flooders) socket.write(frames)
    neighbour.send('420["echo"]')
    await neighbour.until('430[]')
    const handledBefore = flooded.handled
    await flooded.until(1_200)
    flooded.stop()

    // All of them were there to be read when the neighbour's was.
    expect(handledBefore).toBeLessThan(600)
    expect(flooded).toMatchObject({ handled: 1_200, isInOrder: true })
  })

  it('[EIO-79] of many clients leaves a neighbour its turns, and each gets what it sent handled', async () => {
    server = await start()
    const flooded = new Flooded()
    const flooders = await Promise.all(Array.from({ length: 20 }, () => new RawWebSocket(server.port).join()))
    const neighbour = await new RawWebSocket(server.port).join()
    const frames = Buffer.concat(numbered(10_000).map((text) => maskedFrame(text)))
    for (const { socket } of flooders) socket.write(frames)

    await flooded.until(1_000)
    neighbour.send('420["echo"]')
    await neighbour.until('430[]')
    const handledBefore = flooded.handled
    await flooded.until(200_000)
    flooded.stop()

    expect(handledBefore).toBeLessThan(100_000)
    expect(flooded).toMatchObject({ handled: 200_000, isInOrder: true })
  })

  it('[EIO-79] whose handlers are slow gets smaller slices', async () => {
    server = await start()
    const flooder = await new RawWebSocket(server.port).join()
    let handled = 0
    server.io.sockets.sockets.forEach((socket) =>
      socket.on('n', () => {
        handled++
        const until = performance.now() + 2
        while (performance.now() < until);
      }),
    )
    let maxPerTurn = 0
    let before = 0
    const sample = (): void => {
      maxPerTurn = Math.max(maxPerTurn, handled - before)
      before = handled
      if (handled < 250) setImmediate(sample)
    }
    sample()
    flooder.socket.write(Buffer.concat(numbered(250).map((text) => maskedFrame(text))))
    await expect.poll(() => handled, { interval: 5 }).toBe(250)

    // Two looks at the clock in a slice, two slices in a turn.
    expect(maxPerTurn).toBeLessThanOrEqual(64)
  })

  it('[EIO-79] is cut off when the session closes, and the rest is not handled', async () => {
    server = await start()
    let handled = 0
    server.io.on('connection', (socket) => {
      socket.on('n', () => {
        if (++handled === 300) socket.disconnect(true)
      })
    })
    const flooder = await new RawWebSocket(server.port).join()
    flooder.socket.write(Buffer.concat(numbered(50_000).map((text) => maskedFrame(text))))

    expect(await flooder.end()).toMatchObject({ code: 1005 })
    expect(handled).toBe(300)
  })

  it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    '[EIO-79] is handled to its end when the client has gone after it (%s), and then "disconnect" is told',
    async (how) => {
      server = await start()
      const flooder = await new RawWebSocket(server.port).join()
      const seen: number[] = []
      const [socket] = server.io.sockets.sockets.values()
      socket!.on('n', (n: number) => {
        // While the rest of the same read waits for its turn.
        if (n === 0) flooder.socket[how]()
        seen.push(n)
        socket!.emit('heard', n)
      })
      const left = new Promise((resolve) => socket!.once('disconnect', resolve))
      flooder.socket.write(Buffer.concat(numbered(2_000).map((text) => maskedFrame(text))))

      expect(await left).toMatch(/^transport (close|error)$/)
      expect(seen).toEqual(Array.from({ length: 2_000 }, (_, n) => n))
      expect(server.io.engine.clientsCount).toBe(0)
    },
  )

  it('[EIO-79] of WebSocket pings and pongs is sliced too', async () => {
    server = await start()
    const flooder = await new RawWebSocket(server.port).join()
    flooder.socket.write(
      Buffer.concat([
        ...Array.from({ length: 20_000 }, (_, n) => maskedFrame('', n % 2 === 0 ? 9 : 10)),
        maskedFrame('420["echo"]'),
      ]),
    )
    server.io.on('connection', () => {})
    const [socket] = server.io.sockets.sockets.values()
    socket!.on('echo', (ack: () => void) => ack())

    await flooder.until('430[]')
    expect(server.io.stats().limits.packetsPerTurn).toBeGreaterThan(10)
  })
})

describe('many connections that end at once', () => {
  it.each([
    ['end', 'transport close'],
    ['resetAndDestroy', 'transport close'],
  ] as const)('[EIO-79] by %s leave a neighbour its turns, and each is told of once', async (how, reason) => {
    server = await start()
    const reasons: string[] = []
    server.io.on('connection', (socket) => {
      socket.on('echo', (ack: () => void) => ack())
      socket.on('disconnect', (why) => {
        reasons.push(why)
        const end = performance.now() + 10
        while (performance.now() < end);
      })
    })
    const leaving = await Promise.all(Array.from({ length: 60 }, () => new RawWebSocket(server.port).join()))
    const neighbour = await new RawWebSocket(server.port).join()
    for (const { socket } of leaving) socket[how]()
    neighbour.send('420["echo"]')
    await neighbour.until('430[]')
    const toldBefore = reasons.length
    await expect.poll(() => server.io.engine.clientsCount, { interval: 5 }).toBe(1)

    // All of them had ended when the neighbour's request came.
    expect(toldBefore).toBeLessThan(30)
    expect(reasons).toEqual(Array.from({ length: 60 }, () => reason))
  })
})
