// Binary events whose attachments are too many, missing, or not what the packet says.
import { BINARY, frame } from '@tidewire/testkit/frames'
import type { Family } from '../case.ts'

const CLOSED = /^(?:closed|handled as no binary)/

/** What is sent after joining, and the attachments that follow. */
const mismatches: readonly [packet: string, attachments: number][] = [
  ['451-["sink",{"_placeholder":true,"num":1}]', 1],
  ['451-["sink",{"_placeholder":true,"num":-1}]', 1],
  ['451-["sink",{"_placeholder":true,"num":0.5}]', 1],
  ['451-["sink",{"_placeholder":true,"num":1e400}]', 1],
  ['451-["sink",{"_placeholder":true,"num":"0"}]', 1],
  ['451-["sink",{"_placeholder":true,"num":"splice"}]', 1],
  ['451-["sink",{"_placeholder":true,"num":"__proto__"}]', 1],
  ['451-["sink",{"_placeholder":true,"num":{"toString":1}}]', 1],
  ['451-["sink",{"_placeholder":true}]', 1],
  ['452-["sink",{"_placeholder":true,"num":0}]', 2],
  ['451-["sink",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]', 1],
  ['451-["sink"]', 1],
  ['45["sink",{"_placeholder":true,"num":0}]', 0],
  ['450-["sink",{"_placeholder":true,"num":0}]', 0],
  ['42["sink",{"_placeholder":true,"num":0}]', 0],
  ['45-1-["sink"]', 0],
  ['451e1-["sink"]', 0],
  ['4599999999999999999999-["sink"]', 0],
  ['451-{"_placeholder":true,"num":0}', 1],
  ['451-[{"_placeholder":true,"num":0}]', 1],
  ['461-0[{"_placeholder":true,"num":3}]', 1],
]

export const attachments: Family = {
  name: 'attachments',
  cases: [
    {
      name: '100,000 attachments announced',
      sends: '50 packets `45100000-[…]`, and `4511-[…]` with 11 attachments',
      acceptable: CLOSED,
      async run(attack) {
        for (let i = 0; i < attack.share(50); i++) {
          const socket = await attack.join()
          socket.text(i % 2 === 0 ? '45100000-["sink"]' : '4511-["sink"]')
          for (let sent = 0; sent < 11; sent++) socket.send(frame(BINARY, 'x'))
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'text while attachments are due',
      sends: '50 packets that announce 10 attachments, then text',
      acceptable: CLOSED,
      async run(attack) {
        for (let i = 0; i < attack.share(50); i++) {
          const socket = await attack.join()
          socket.text('4510-["sink",{"_placeholder":true,"num":0}]', '42["sink"]')
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'attachments never completed',
      sends: '100 connections, each 9 of 10 attachments of 100 KB, held for 5 s',
      // Nine tenths of one allowed packet each: held while the connection is, or closed for what they take together.
      acceptable: /^(?:open|closed)/,
      async run(attack) {
        const sockets = []
        const bytes = frame(BINARY, Buffer.alloc(100_000))
        for (let i = 0; i < attack.share(100); i++) {
          const socket = await attack.join()
          socket.text('4510-["sink"]')
          await socket.pump(Array.from({ length: 9 }, () => bytes))
          sockets.push(socket)
        }
        await Promise.all(
          sockets.map(async (socket) => attack.tally.add(await socket.fate(attack.share(5_000)))),
        )
      },
    },
    {
      name: 'attachments above the limit of a message',
      sends: '10 connections, each 10 attachments of 990 KB for one packet',
      acceptable: /^(?:open|closed)/,
      async run(attack) {
        const bytes = frame(BINARY, Buffer.alloc(990_000))
        for (let i = 0; i < attack.share(10); i++) {
          const socket = await attack.join()
          socket.text('4510-["sink",{"_placeholder":true,"num":0}]')
          await socket.pump(Array.from({ length: 10 }, () => bytes))
          attack.tally.add(await socket.fate(1_000))
        }
      },
    },
    {
      name: 'placeholders and attachments that do not match',
      sends: `${mismatches.length} forms, on connections of their own`,
      acceptable: /^(?:closed|open)/,
      async run(attack) {
        for (const [packet, count] of mismatches) {
          const socket = await attack.join()
          socket.text(packet)
          for (let i = 0; i < count; i++) socket.send(frame(BINARY, 'x'))
          attack.tally.add(await socket.fate(150))
        }
      },
    },
  ],
}
