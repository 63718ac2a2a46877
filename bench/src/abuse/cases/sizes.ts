// More bytes than a server should take, announced or sent.
import { BINARY, TEXT, frame, frameHead } from '@tidewire/testkit/frames'
import type { Family } from '../case.ts'

const TWO_MEGABYTES = 2_000_000

export const sizes: Family = {
  name: 'sizes',
  cases: [
    {
      name: 'POST of 2 MB, sized',
      sends: '20 POSTs with Content-Length 2,000,000',
      acceptable: /^HTTP 413$/,
      async run(attack) {
        for (let i = 0; i < attack.share(20); i++) {
          const session = await attack.poll()
          attack.tally.add((await session.post('4'.padEnd(TWO_MEGABYTES, 'x'))).says)
          session.close()
        }
      },
    },
    {
      name: 'POST of 2 MB, chunked',
      sends: '20 POSTs of 2,000,000 bytes in chunks',
      acceptable: /^HTTP 413$/,
      async run(attack) {
        const chunk = `10000\r\n${'x'.repeat(65_536)}\r\n`
        for (let i = 0; i < attack.share(20); i++) {
          const session = await attack.poll()
          const { posts } = session
          posts.send(
            posts.head('POST', session.path, {
              'Transfer-Encoding': 'chunked',
              'Content-Type': 'text/plain',
            }),
          )
          for (let sent = 0; sent < TWO_MEGABYTES; sent += 65_536) posts.send(chunk)
          posts.send('0\r\n\r\n')
          attack.tally.add((await posts.answer()).says)
          session.close()
        }
      },
    },
    {
      name: 'WebSocket message of 2 MB',
      sends: '20 text messages of 2,000,000 bytes, each on a connection of its own',
      acceptable: /^closed 1009/,
      async run(attack) {
        const message = frame(TEXT, '4'.padEnd(TWO_MEGABYTES, 'x'))
        for (let i = 0; i < attack.share(20); i++) {
          const socket = await attack.join()
          socket.send(message)
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'WebSocket message of 2^63 bytes, announced',
      sends: '200 frame heads that announce 2^31, 2^53, 2^63 and 2^64-1 bytes, and 1 KB',
      acceptable: /^closed (?:1009|1002)/,
      async run(attack) {
        const lengths = [2n ** 31n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]
        for (let i = 0; i < attack.share(200); i++) {
          const socket = await attack.open()
          socket.send(frameHead(i % 2 === 0 ? TEXT : BINARY, lengths[i % lengths.length]!))
          socket.send(Buffer.alloc(1024))
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'messages of almost 1 MB, never finished',
      sends: '100 connections, each 900 KB of an announced 990,000 bytes, held for 3 s',
      // Within the limit, so to be kept; the bytes are those that were received.
      acceptable: /^open$/,
      async run(attack) {
        const part = Buffer.concat([frameHead(TEXT, 990_000), Buffer.alloc(900_000, 'x')])
        const sockets = []
        for (let i = 0; i < attack.share(100); i++) {
          const socket = await attack.join()
          await socket.pump([part])
          sockets.push(socket)
        }
        await Promise.all(
          sockets.map(async (socket) => attack.tally.add(await socket.fate(attack.share(3_000)))),
        )
      },
    },
    {
      name: 'event with 1 MB of keys',
      sends: '20 events, each one object of 60,000 keys that are array indices',
      acceptable: /^handled$/,
      async run(attack) {
        const indices = Array.from({ length: 60_000 }, (_, i) => `"${i * 7919}":1`).join(',')
        const socket = await attack.join()
        for (let i = 1; i <= attack.share(20); i++) {
          socket.text(`42["sink",{${indices}}]`, `42${i}["echo",1]`)
          attack.tally.check(await socket.saw(`43${i}[`, 20_000), 'handled', 'not handled')
        }
      },
    },
  ],
}
