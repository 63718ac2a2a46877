// A broadcast to many takes long, and holds up none of those who are not in the room.
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import { afterEach, expect, it } from 'vitest'
import { start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
afterEach(() => server.close())

const CROWD = 200

/** A crowd in one room, each of which takes a millisecond to be written to. */
async function startCrowd(): Promise<{ crowd: RawWebSocket[]; neighbour: RawWebSocket; flushed: () => number }> {
  server = await start()
  let flushed = 0
  server.io.on('connection', (socket) => {
    socket.on('join', () => {
      void socket.join('crowd')
      socket.conn.on('flush', () => {
        flushed++
        const end = performance.now() + 1
        while (performance.now() < end);
      })
      socket.emit('joined')
    })
    socket.on('publish', (n: number) => server.io.to('crowd').emit('news', n))
    socket.on('echo', (ack: () => void) => ack())
  })
  const crowd = await Promise.all(Array.from({ length: CROWD }, () => new RawWebSocket(server.port).join()))
  for (const member of crowd) member.send('42["join"]')
  await Promise.all(crowd.map((member) => member.until('42["joined"]')))
  const neighbour = await new RawWebSocket(server.port).join()
  const before = flushed
  return { crowd, neighbour, flushed: () => flushed - before }
}

it('[EIO-100] what one socket gets is not behind a broadcast to many that was sent before it', async () => {
  const { crowd, neighbour, flushed } = await startCrowd()
  neighbour.send('42["publish",1]')
  neighbour.send('420["echo"]')
  await neighbour.until('430[]')
  const flushedBefore = flushed()
  await Promise.all(crowd.map((member) => member.until('42["news",1]')))

  expect(flushedBefore).toBeLessThan(CROWD / 2)
})

it('[EIO-100] nor is the answer to the ping of an EIO3 client', async () => {
  const { crowd, neighbour, flushed } = await startCrowd()
  const old = new WireSocket(server.port, websocket(3))
  await old.until('the CONNECT', () => old.messages.includes('40'))
  old.ws.send('2')
  await old.until('a pong', () => old.messages.at(-1) === '3')
  const count = old.messages.length
  neighbour.send('42["publish",1]')
  old.ws.send('2')
  await old.until('a second pong', () => old.messages.length > count)
  const flushedBefore = flushed()
  await Promise.all(crowd.map((member) => member.until('42["news",1]')))
  old.ws.terminate()

  expect(flushedBefore).toBeLessThan(CROWD / 2)
})

it('[EIO-100] each of many gets several broadcasts, and what is for itself, in order', async () => {
  const { crowd, neighbour } = await startCrowd()
  const last = crowd.at(-1)!
  for (let n = 1; n <= 20; n++) {
    neighbour.send(`42["publish",${n}]`)
    last.send(`42${n}["echo"]`)
    await last.until(`43${n}[]`)
  }
  await Promise.all(crowd.map((member) => member.until('42["news",20]')))

  const inOrder = Array.from({ length: 20 }, (_, i) => `42["news",${i + 1}]`)
  for (const { received } of crowd) expect(received.toString('latin1').match(/42\["news",\d+\]/g)).toEqual(inOrder)
})
