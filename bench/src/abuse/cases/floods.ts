// More of what is allowed than anybody needs.
import { TEXT, frame } from '@tidewire/testkit/frames'
import type { Family } from '../case.ts'
import { each } from '../case.ts'

const SEPARATOR = String.fromCharCode(30)

export const floods: Family = {
  name: 'floods',
  cases: [
    {
      name: 'events without number',
      sends: '1,000,000 events on one WebSocket',
      acceptable: /^all handled$/,
      async run(attack) {
        const socket = await attack.join()
        const chunk = Buffer.concat(Array.from({ length: 1_000 }, () => frame(TEXT, '42["sink",1]')))
        await socket.pump(Array.from({ length: attack.share(1_000) }, () => chunk))
        socket.text('420["echo",1]')
        attack.tally.check(await socket.saw('430', 60_000), 'all handled', 'not handled')
      },
    },
    {
      name: 'events that are answered',
      sends: '200,000 events with an acknowledgement each, on 10 WebSockets',
      acceptable: /^(?:all answered|closed)/,
      async run(attack) {
        const perSocket = attack.share(20_000)
        await each(10, 10, async () => {
          const socket = await attack.join()
          socket.messages.length = 200
          const chunks = Array.from({ length: Math.ceil(perSocket / 200) }, (_, batch) =>
            Buffer.concat(
              Array.from({ length: 200 }, (_ignored, i) => frame(TEXT, `42${batch * 200 + i}["echo",1]`)),
            ),
          )
          const before = socket.messageCount
          await socket.pump(chunks)
          const isDone = await socket.until(() => socket.messageCount - before >= chunks.length * 200, 30_000)
          attack.tally.add(isDone ? 'all answered' : await socket.fate(100))
        })
      },
    },
    {
      name: 'pongs nobody asked for',
      sends: '300,000 engine pongs, and 100,000 noops and upgrades, on one WebSocket',
      acceptable: /^(?:all handled|closed)/,
      async run(attack) {
        const socket = await attack.join()
        const pongs = Buffer.concat(Array.from({ length: 1_000 }, () => frame(TEXT, '3')))
        const others = Buffer.concat(
          Array.from({ length: 1_000 }, (_, i) => frame(TEXT, i % 2 === 0 ? '6' : '5')),
        )
        const count = attack.share(100)
        await socket.pump(Array.from({ length: count * 4 }, (_, i) => (i % 4 === 3 ? others : pongs)))
        socket.text('420["echo",1]')
        attack.tally.add((await socket.saw('430', 30_000)) ? 'all handled' : await socket.fate(500))
      },
    },
    {
      name: '124,000 packets in one POST',
      sends: '10 POSTs of 990 KB, of empty messages and of events',
      acceptable: /^HTTP (?:200|400)$/,
      async run(attack) {
        for (let i = 0; i < attack.share(10); i++) {
          const session = await (await attack.poll()).join()
          const [packet, count] = i % 2 === 0 ? ['42["a"]', 124_000] : ['3', 490_000]
          attack.tally.add(
            (
              await session.posts.request('POST', session.path, {
                body: Array.from({ length: count }, () => packet).join(SEPARATOR),
                withinMs: 30_000,
              })
            ).says,
          )
          session.close()
        }
      },
    },
    {
      name: 'POSTs of 20 sessions at once',
      sends: '20 sessions, each 20 POSTs of 100 KB of events',
      acceptable: /^HTTP (?:200|400)$/,
      async run(attack) {
        const body = Array.from({ length: 5_000 }, () => '42["sink",123]').join(SEPARATOR)
        await each(20, 20, async () => {
          const session = await (await attack.poll()).join()
          for (let i = 0; i < attack.share(20); i++)
            attack.tally.add(
              (await session.posts.request('POST', session.path, { body, withinMs: 30_000 })).says,
            )
        })
      },
    },
    {
      name: 'a room of attackers',
      sends: '100 clients in a room, each publishing 100 messages to it: 1,000,000 deliveries',
      acceptable: /^(?:all handled|closed)/,
      async run(attack) {
        await each(attack.share(100), 100, async () => {
          const socket = await attack.join()
          socket.messages.length = 200
          socket.text('42["join","crowd"]')
          let isAnswered = false
          socket.onText = (text) => {
            isAnswered ||= text.startsWith('430[')
          }
          const count = attack.share(100)
          await socket.pump([
            Buffer.concat(Array.from({ length: count }, (_, i) => frame(TEXT, `42["publish","crowd",${i}]`))),
          ])
          socket.text('420["echo",1]')
          attack.tally.add(
            (await socket.until(() => isAnswered, 30_000)) ? 'all handled' : await socket.fate(100),
          )
        })
      },
    },
  ],
}
