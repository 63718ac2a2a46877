// Namespaces and rooms by the thousand.
import { TEXT, frame } from '@tidewire/testkit/frames'
import type { Attack, Family } from '../case.ts'
import type { RawWebSocket } from '../wire/websocket.ts'

/** Packets in batches of 200 frames, so that the attacker's core is not what is measured. */
function* batches(count: number, packet: (index: number) => string): Generator<Buffer> {
  for (let from = 0; from < count; from += 200) {
    yield Buffer.concat(
      Array.from({ length: Math.min(200, count - from) }, (_, i) => frame(TEXT, packet(from + i))),
    )
  }
}

async function flood(
  attack: Attack,
  socket: RawWebSocket,
  count: number,
  packet: (index: number) => string,
): Promise<void> {
  await socket.pump(batches(count, packet))
  socket.text('42999999["echo",1]')
  attack.tally.add((await socket.saw('43999999', 30_000)) ? 'all handled' : await socket.fate(2_000))
}

/** Keeps the messages small in number: what is refused is answered, one by one. */
const HANDLED = /^(?:all handled|closed)/

export const namespaces: Family = {
  name: 'namespaces and rooms',
  cases: [
    {
      name: 'CONNECT to unknown namespaces',
      sends: '100,000 CONNECTs on one connection',
      acceptable: HANDLED,
      async run(attack) {
        const socket = await attack.join()
        socket.messages.length = 0
        socket.onText = (text) => {
          if (text.startsWith('43')) socket.messages[0] = text
        }
        await flood(attack, socket, attack.share(100_000), (i) => `40/nope-${i},`)
      },
    },
    {
      name: 'CONNECT to a family of namespaces',
      sends: '20,000 CONNECTs to namespaces that a regular expression admits',
      acceptable: HANDLED,
      async run(attack) {
        const socket = await attack.join()
        socket.onText = (text) => {
          if (text.startsWith('43')) socket.messages[0] = text
        }
        await flood(attack, socket, attack.share(20_000), (i) => `40/dynamic-${i},`)
      },
    },
    {
      name: 'CONNECT and DISCONNECT in turn',
      sends: '20,000 times `40`, `41` and `40/dynamic-1,`, `41/dynamic-1,`',
      acceptable: HANDLED,
      async run(attack) {
        for (const nsp of ['', '/dynamic-1,']) {
          const socket = await attack.join()
          await socket.pump(batches(attack.share(20_000), (i) => (i % 2 === 0 ? `41${nsp}` : `40${nsp}`)))
          attack.tally.add((await socket.fate(2_000)).replace('open', 'all handled'))
        }
      },
    },
    {
      name: 'rooms without number',
      sends: '200,000 rooms joined by one client through a handler that joins what it is told',
      acceptable: HANDLED,
      async run(attack) {
        const socket = await attack.join()
        await flood(attack, socket, attack.share(200_000), (i) => `42["join","room-${i}"]`)
      },
    },
    {
      name: 'long names of rooms',
      sends: '200 rooms of 500 KB each, and names that are no strings',
      acceptable: HANDLED,
      async run(attack) {
        const socket = await attack.join()
        const long = 'x'.repeat(500_000)
        for (let i = 0; i < attack.share(200); i++)
          await socket.pump([frame(TEXT, `42["join","${i}${long}"]`)])
        socket.text(
          '42["join",{"a":1}]',
          '42["join",null]',
          '42["join"]',
          '42["join",[1,2]]',
          '42["join",[[]]]',
        )
        socket.text('420["echo",1]')
        attack.tally.add((await socket.saw('430', 20_000)) ? 'all handled' : await socket.fate())
      },
    },
  ],
}
