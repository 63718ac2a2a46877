// WebSocket frames by the thousand, in the wrong order, or of no known kind.
import { setTimeout as delay } from 'node:timers/promises'
import { BINARY, TEXT, frame, frameHead } from '@tidewire/testkit/frames'
import type { Family } from '../case.ts'

const CONTINUATION = 0
const CLOSE = 8
const PING = 9
const PONG = 10

const code = (value: number, reason: string | Buffer = ''): Buffer =>
  Buffer.concat([Buffer.from([value >> 8, value & 255]), Buffer.from(reason as string)])

const CLOSES: readonly Buffer[] = [
  frame(CLOSE),
  frame(CLOSE, Buffer.from([3])),
  ...[0, 999, 1000, 1004, 1005, 1006, 1012, 1015, 1016, 2999, 3000, 4999, 5000, 65_535].map((value) =>
    frame(CLOSE, code(value)),
  ),
  frame(CLOSE, code(1000, 'x'.repeat(123))),
  Buffer.concat([frameHead(CLOSE, 200), Buffer.alloc(200)]),
  frame(CLOSE, code(1000), { isFinal: false }),
  frame(CLOSE, Buffer.from([0x03, 0xe8, 0xff, 0xfe])),
  Buffer.concat([frame(CLOSE, code(1000)), frame(CLOSE, code(1001)), frame(TEXT, '42["sink"]')]),
  frame(CLOSE, code(1000), { isMasked: false }),
]
const BAD: readonly Buffer[] = [
  ...[1, 2, 3, 4, 5, 6, 7].map((reserved) => frame(TEXT, '42["sink"]', { reserved })),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => frame(opcode, 'x')),
  frame(TEXT, '42["sink"]', { isMasked: false }),
  frame(CONTINUATION, 'x'),
  Buffer.concat([frame(TEXT, '4', { isFinal: false }), frame(TEXT, '2')]),
  frame(PING, 'x', { isFinal: false }),
  Buffer.concat([frameHead(PING, 126), Buffer.alloc(126)]),
]

export const frames: Family = {
  name: 'WebSocket frames',
  cases: [
    {
      name: 'fragments of one byte',
      sends: '80,000 fragments of one byte on each of 5 connections',
      acceptable: /^closed (?:1008|1009)/,
      async run(attack) {
        for (let i = 0; i < 5; i++) {
          const socket = await attack.join()
          const some = Buffer.concat(
            Array.from({ length: 500 }, () => frame(CONTINUATION, 'x', { isFinal: false })),
          )
          socket.send(frame(TEXT, '4', { isFinal: false }))
          await socket.pump(Array.from({ length: 160 }, () => some))
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'fragments of nothing',
      sends: '1,000,000 empty fragments of one message',
      acceptable: /^closed (?:1008|1009)/,
      async run(attack) {
        const socket = await attack.join()
        const some = Buffer.concat(
          Array.from({ length: 1_000 }, () => frame(CONTINUATION, '', { isFinal: false })),
        )
        socket.send(frame(BINARY, '', { isFinal: false }))
        await socket.pump(Array.from({ length: Math.max(40, attack.share(1_000)) }, () => some))
        attack.tally.add(await socket.fate())
      },
    },
    {
      name: 'a ping flood',
      sends: '300,000 pings of 125 bytes on 3 connections, pongs not read',
      acceptable: /^(?:open|closed|ended|reset)/,
      async run(attack) {
        const some = Buffer.concat(Array.from({ length: 500 }, () => frame(PING, Buffer.alloc(125))))
        for (let i = 0; i < 3; i++) {
          const socket = await attack.join()
          socket.socket.pause()
          await socket.pump(
            Array.from({ length: attack.share(200) }, () => some),
            10_000,
          )
          attack.tally.add(await socket.fate(100))
        }
      },
    },
    {
      name: 'pings between the fragments of a message',
      sends: '10 messages of 8,000 fragments with a ping or pong after each',
      acceptable: /^handled$/,
      async run(attack) {
        const socket = await attack.join()
        for (let i = 1; i <= attack.share(10); i++) {
          const parts = [frame(TEXT, `42${i}["echo","`, { isFinal: false })]
          for (let n = 0; n < 8_000; n++)
            parts.push(frame(CONTINUATION, 'x', { isFinal: false }), frame(n % 2 === 0 ? PING : PONG, 'p'))
          parts.push(frame(CONTINUATION, '"]'))
          await socket.pump([Buffer.concat(parts)])
          attack.tally.add((await socket.saw(`43${i}[`, 10_000)) ? 'handled' : await socket.fate())
        }
      },
    },
    {
      name: 'odd close frames',
      sends: `${CLOSES.length} forms: codes that are none, one byte, 200 bytes, no UTF-8, twice, fragmented, unmasked`,
      acceptable: /^(?:closed|ended|reset)/,
      async run(attack) {
        for (const bytes of CLOSES) {
          const socket = await attack.join()
          socket.send(bytes)
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'frames that are none',
      sends: `${BAD.length} forms: reserved bits and opcodes, unmasked, out of order, long pings`,
      acceptable: /^closed 1002/,
      async run(attack) {
        for (const bytes of BAD) {
          const socket = await attack.join()
          socket.send(bytes)
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'a close frame that is not answered',
      sends: '500 connections whose message is refused, and that neither read nor close, for 7 s',
      acceptable: /^(?:closed|ended|reset)/,
      async run(attack) {
        const sockets: Awaited<ReturnType<typeof attack.join>>[] = []
        for (let i = 0; i < attack.share(500); i++) {
          const socket = await attack.join()
          socket.socket.pause()
          socket.send(frame(3, 'x'))
          sockets.push(socket)
        }
        await delay(Math.max(1_000, attack.share(7_000)))
        for (const socket of sockets) socket.socket.resume()
        await Promise.all(sockets.map(async (socket) => attack.tally.add(await socket.fate(2_000))))
      },
    },
    {
      name: 'a message byte by byte',
      sends: '20 connections, each 5,000 bytes of one message in segments of one byte',
      acceptable: /^handled$/,
      async run(attack) {
        const sockets = await Promise.all(Array.from({ length: 20 }, () => attack.join()))
        const count = attack.share(5_000)
        const bytes = frame(TEXT, `420["echo","${'x'.repeat(count)}"]`)
        for (let i = 0; i < bytes.length; i++) {
          for (const socket of sockets) socket.send(bytes.subarray(i, i + 1))
          if (i % 20 === 0) await delay(1)
        }
        await Promise.all(
          sockets.map(async (socket) =>
            attack.tally.add((await socket.saw('430[', 10_000)) ? 'handled' : await socket.fate()),
          ),
        )
      },
    },
  ],
}
