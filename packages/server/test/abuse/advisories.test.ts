// The published advisories about servers of this kind, each tried on ours over the wire (SECURITY.md lists them).
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { maskedFrame, upgradeRequest } from '@tidewire/testkit/frames'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, describe, expect, it } from 'vitest'
import { polling, PollingClient, send, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
const sockets: Socket[] = []
const wires: WireSocket[] = []
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const { ws } of wires.splice(0)) ws.terminate()
  await server.close()
})

const upgrade = (headers = ''): string => upgradeRequest(websocket(4), headers)

function dial(bytes: string | Buffer): Socket {
  const socket = connect(server.port, '127.0.0.1')
  sockets.push(socket)
  socket.on('error', () => {})
  socket.resume()
  socket.write(bytes)
  return socket
}

async function statusOf(request: string): Promise<string> {
  const [chunk] = (await once(dial(request), 'data')) as [Buffer]
  return chunk.toString('latin1').slice(9, 12)
}

/** The next client is served as ever. */
async function expectService(): Promise<void> {
  const client = await new RawWebSocket(server.port).join()
  client.socket.destroy()
}

describe('advisories about socket.io and engine.io', () => {
  it('[EIO-23, SIO-20] CVE-2017-16031: ids do not come from Math.random', async () => {
    const { random } = Math
    Math.random = () => 0.5
    try {
      server = await start()
      const ids = await Promise.all(
        Array.from({ length: 200 }, async () => (await new PollingClient(server.port).connect()).sid),
      )
      expect(new Set(ids.map((id) => id.slice(4))).size).toBe(200)
    } finally {
      Math.random = random
    }
  })

  it('[EIO-80, EIO-81] CVE-2020-28481: no origin is allowed by default', async () => {
    server = await start()
    const answer = await send(server.port, 'GET', polling(4), { headers: { Origin: 'http://evil.example' } })
    expect(answer.headers).not.toHaveProperty('access-control-allow-origin')
  })

  it('[SIO-62] CVE-2024-38355: an "error" that nobody listens for ends nothing', async () => {
    server = await start()
    server.io.on('connection', (socket) => socket.use((_event, next) => next(new Error('no'))))
    const client = await new RawWebSocket(server.port).join()
    client.send('42["refused"]')
    client.send('42{"malformed":true}')
    await client.end()
    await expectService()
  })

  it.each([
    ['tiny packets', '1:6'.repeat(300_000)],
    ['lengths without packets', '1'.repeat(900_000)],
    ['a length that no number holds', `${'9'.repeat(900_000)}:4`],
    ['a length that is too long', '999999:4x'],
  ])('[EIO-44, EIO-79] CVE-2020-36048: a revision 3 POST of %s is answered', async (_what, body) => {
    server = await start()
    const client = await new PollingClient(server.port, 3).connect()
    expect((await client.post(body)).status).toBe(200)
    await expectService()
  })

  it.each([
    ['a namespace', `40/${'a'.repeat(990_000)}`],
    ['an acknowledgement id', `42${'1'.repeat(990_000)}["x"]`],
    ['a count of attachments', `45${'1'.repeat(990_000)}-["x"]`],
    ['a count of attachments without an end', `45${'1'.repeat(990_000)}`],
  ])(
    '[SIO-4, SIO-62] CVE-2020-36049: %s of a megabyte is read in no time, and nothing is kept of it',
    async (_what, packet) => {
      server = await start()
      const client = await new RawWebSocket(server.port).join()
      client.send(packet)
      await expectService()
      client.socket.destroy()
      await expect.poll(() => server.io.stats().sessions.open).toBe(0)
    },
  )

  it.each(['\xf1', '\xc1', '\xa1', '\x8f'])(
    '[WS-3] CVE-2022-21676: the frame %j right behind the handshake closes the connection alone',
    async (first) => {
      server = await start()
      await once(dial(Buffer.from(`${upgrade()}${first}\x80\0\0\0\0`, 'latin1')), 'close')
      await expectService()
    },
  )

  it('[EIO-25, EIO-45] CVE-2022-41940, CVE-2023-31125: connections that break at any point of a request or handshake end nothing', async () => {
    server = await start()
    const requests = [
      upgrade(),
      upgrade().replace('websocket&', 'polling&'),
      upgrade().replace('transport=websocket', 'transport=polling'),
      `POST ${websocket(4)} HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc`,
      `GET ${polling(4)} HTTP/1.1\r\nHost: x\r\n\r\n`,
    ]
    for (const request of requests) {
      for (const length of [1, 20, request.length - 2, request.length]) {
        const socket = dial(request.slice(0, length))
        await once(socket, 'connect')
        socket.resetAndDestroy()
      }
    }
    await expectService()
  })

  it.each(['"splice"', '"length"', '-1', '1', '0.5', 'null', '{}', '1e400'])(
    '[SIO-4] CVE-2022-2421: a placeholder with num %s is refused',
    async (num) => {
      server = await start()
      const heard: unknown[] = []
      server.io.on('connection', (socket) => socket.on('x', (value) => heard.push(value)))
      const client = await new RawWebSocket(server.port).join()
      client.send(`451-["x",{"_placeholder":true,"num":${num}}]`)
      client.send(Buffer.from('abc'), 2)

      expect(await client.end()).toMatchObject({ code: 1008 })
      expect(heard).toEqual([])
    },
  )

  it.each(['{"toString":"x"}', '[]', 'null', 'true', '{}'])(
    '[SIO-4] CVE-2023-32695: an event that is called %s is refused',
    async (name) => {
      server = await start()
      const client = await new RawWebSocket(server.port).join()
      client.send(`42[${name}]`)
      expect(await client.end()).toMatchObject({ code: 1008 })
      await expectService()
    },
  )

  it('[SIO-4] CVE-2026-33151: more than ten attachments are refused before any has come', async () => {
    server = await start()
    const client = await new RawWebSocket(server.port).join()
    client.send('4511-["x"]')
    expect(await client.end()).toMatchObject({
      code: 1008,
      reason: expect.stringContaining('Too many attachments; got 11'),
    })
  })

  it('[EIO-44] engine.io 6.6.8: a revision 4 POST of another content type is answered 400 and ends the session', async () => {
    server = await start()
    const client = await new PollingClient(server.port).connect()
    expect((await client.post('40', { 'Content-Type': 'application/octet-stream' })).status).toBe(400)
    expect(server.io.stats().sessions.open).toBe(0)
  })

  it('[EIO-72] CVE-2026-48802: pongs cost no more than being read', async () => {
    server = await start()
    const client = await new RawWebSocket(server.port).join()
    server.io.sockets.sockets.forEach((socket) => socket.on('fence', (ack: () => void) => ack()))
    client.socket.write(
      Buffer.concat([...Array.from({ length: 50_000 }, () => maskedFrame('3')), maskedFrame('420["fence"]')]),
    )
    await client.until('430[]')
    expect(server.io.stats()).toMatchObject({ sessions: { open: 1 }, outbox: { bytes: 0 } })
  })
})

describe('advisories about ws', () => {
  it('[WS-9] CVE-2016-10518, CVE-2026-45736: a pong and an answer to a close carry what was sent, and nothing else', async () => {
    server = await start()
    const client = await new RawWebSocket(server.port).join()
    client.received = Buffer.alloc(0)
    client.socket.write(
      Buffer.concat([
        maskedFrame('ab', 9),
        maskedFrame('', 9),
        maskedFrame(Buffer.from([3, 232, 98, 121, 101]), 8),
      ]),
    )
    await client.end()

    expect(client.received.toString('hex')).toBe('8a0261628a00880203e8')
  })

  it.each([
    [
      'GHSA-5v72-xg48-5rpm: an extension called constructor',
      'Sec-WebSocket-Extensions: constructor, __proto__; toString=1\r\n',
      '101',
    ],
    [
      'CVE-2021-32640: a protocol header of blanks',
      `Sec-WebSocket-Protocol: a${' '.repeat(7_000)}b\r\n`,
      '101',
    ],
    ['CVE-2024-37890: more headers than Node keeps', 'x: y\r\n'.repeat(2_100), '431'],
  ])('[WS-10] %s', async (_what, headers, status) => {
    server = await start()
    expect(await statusOf(upgrade(headers))).toBe(status)
    await expectService()
  })

  it('[WS-6] CVE-2016-10542: a message is refused by its announced length', async () => {
    server = await start()
    const client = await new RawWebSocket(server.port).join()
    client.socket.write(Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]))
    expect(await client.end()).toMatchObject({ code: 1009 })
  })

  it('[WS-7, WS-8] CVE-2026-48779: a message byte by byte, in fragments or in chunks, holds little more than its bytes', async () => {
    server = await start()
    const client = await new RawWebSocket(server.port).join()
    const before = process.memoryUsage().arrayBuffers
    client.socket.write(
      Buffer.concat([
        maskedFrame('4', 1, false),
        ...Array.from({ length: 16_000 }, () => maskedFrame('x', 0, false)),
      ]),
    )
    client.send('fence', 9)
    await client.until('fence')

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8_000_000)
    expect(client.isClosed).toBe(false)
    client.socket.destroy()
  })
})
