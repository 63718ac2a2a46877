// What many clients hold back is bounded together, and what is wrong with a packet is told to its sender and to the operator.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { maskedFrame } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { start, websocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
const clients: RawWebSocket[] = []
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.destroy()
  await server.close()
})

async function join(eio = 4): Promise<RawWebSocket> {
  const client = new RawWebSocket(server.port, websocket(eio))
  clients.push(client)
  if (eio === 4) return client.join()
  await client.until('40')
  return client
}

describe('attachments that stay away', () => {
  it('[SIO-32] of a hundred clients are bounded together: those that are silent longest are closed, with the reason', async () => {
    server = await start()
    const halves = await Promise.all(Array.from({ length: 100 }, () => join()))
    const neighbour = await join()
    server.io.sockets.sockets.forEach((socket) =>
      socket.on('echo', (data: Buffer, ack: (size: number) => void) => ack(data.length)),
    )
    const attachment = maskedFrame(Buffer.alloc(100_000), 2)
    const half = Buffer.concat([
      maskedFrame('4510-["never"]'),
      ...Array.from({ length: 9 }, () => attachment),
    ])
    for (const { socket } of halves) socket.write(half)

    await expect
      .poll(() => server.io.stats().limits.maxHalfReceivedBytes)
      .toBeGreaterThan(20)
    const closed = halves.filter(({ isClosed }) => isClosed)
    await expect.poll(() => halves.filter(({ isClosed }) => isClosed).length).toBeGreaterThan(20)
    expect(await (closed[0] ?? halves.find(({ isClosed }) => isClosed))!.end()).toMatchObject({
      code: 1008,
      reason: expect.stringMatching(/^maxHalfReceivedBytes: /),
    })
    expect(server.io.stats().limits.maxHalfReceivedBytes).toBeLessThan(60)
    neighbour.socket.write(
      Buffer.concat([maskedFrame('451-1["echo",{"_placeholder":true,"num":0}]'), attachment]),
    )
    await neighbour.until('431[100000]')
  })

  it('[SIO-32] of one packet are bounded in bytes', async () => {
    server = await start({ maxHttpBufferSize: 1_000, maxAttachments: 2 })
    const client = await join()
    server.io.sockets.sockets.forEach((socket) => socket.on('error', () => {}))
    client.socket.write(
      Buffer.concat([
        maskedFrame('452-["never"]'),
        ...Array.from({ length: 1 }, () => maskedFrame(Buffer.alloc(990), 2)),
      ]),
    )
    expect(client.isClosed).toBe(false)
    client.send('42["text"]')
    expect(await client.end()).toMatchObject({
      code: 1008,
      reason: expect.stringContaining('text while attachments are due'),
    })
  })
})

describe('a packet that is refused', () => {
  it.each([
    [
      'nests too deep',
      `42["deep",${'['.repeat(100_000)}${']'.repeat(100_000)}]`,
      'Data nests too deep; got more than 2000 levels',
      'maxDepth',
    ],
    [
      'has too deep auth',
      `40/x,{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      'Data nests too deep',
      'maxDepth',
    ],
    [
      'announces too many attachments',
      '45100000-["bin"]',
      'Too many attachments; got 100000, expected at most 10',
      'maxAttachments',
    ],
  ])(
    '[SIO-33] because it %s closes its session with 1008 and the reason, and the operator is told',
    async (_what, packet, reason, limit) => {
      server = await start()
      const client = await join()
      const [socket] = server.io.sockets.sockets.values()
      const errors: string[] = []
      socket!.on('error', (error) => errors.push(error.message))
      const published: unknown[] = []
      const listen = (message: unknown): void => void published.push(message)
      subscribe('tidewire:limit', listen)
      client.send(packet)
      const end = await client.end()
      unsubscribe('tidewire:limit', listen)

      expect(end.code).toBe(1008)
      expect(end.reason).toContain(reason)
      expect(errors).toEqual([expect.stringMatching(/nests too deep|too many attachments/)])
      expect(published).toMatchObject([
        { limit, session: { id: socket!.conn.id }, detail: expect.stringContaining(reason) },
      ])
      expect(server.io.stats().limits).toMatchObject({ [limit]: 1 })
    },
  )

  it('[SIO-33] because it is malformed closes its session with 1008 and what was expected', async () => {
    server = await start()
    const client = await join()
    client.send('42{}')

    expect(await client.end()).toEqual({
      code: 1008,
      reason: 'Malformed Socket.IO packet: data of the wrong shape; got "2{}"',
    })
  })

  it('[SIO-34] an acknowledgement id that no client can have used is not answered, and the event is delivered', async () => {
    server = await start()
    const client = await join()
    const [socket] = server.io.sockets.sockets.values()
    const heard: unknown[] = []
    socket!.on('x', (what: unknown, ack: (...args: unknown[]) => void) => {
      heard.push(what)
      ack('answered')
    })
    for (const digits of [17, 400, 500_000]) client.send(`42${'9'.repeat(digits)}["x",${digits}]`)
    client.send('427["x","fence"]')
    await client.until('437["answered"]')

    expect(heard).toEqual([17, 400, 500_000, 'fence'])
    expect(client.received.toString('latin1')).not.toMatch(/Infinity|e\+|43[89]/)
    expect(server.io.stats().limits.maxAckId).toBe(3)
  })
})
