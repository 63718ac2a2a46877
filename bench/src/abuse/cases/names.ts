// Names and packets that mean something to JavaScript, or nothing to Socket.IO.
import { TEXT, frame } from '@tidewire/testkit/frames'
import type { Attack, Family } from '../case.ts'

const PROTOTYPE_NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'hasOwnProperty',
  'toString',
  'valueOf',
  '__defineGetter__',
  'isPrototypeOf',
]
const RESERVED = [
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
  'error',
  'connection',
  'data',
  'close',
]
/** `n` stands for what the case puts there; each is one Engine.IO packet. */
const MALFORMED = [
  '4',
  '42',
  '42{}',
  '42[]',
  '42[1]',
  '42[null]',
  '42[{}]',
  '42[[]]',
  '42[true,1]',
  '42["sink"',
  '42"sink"',
  '42null',
  '42undefined',
  '42["sink"]]',
  '421',
  '42-1["sink"]',
  '42/["sink"]',
  '42/,["sink"]',
  '42/nope,["sink"]',
  '42,["sink"]',
  '42?["sink"]',
  '43',
  '43[]',
  '430',
  '430{}',
  '43"x"',
  '43x[]',
  '44',
  '44{}',
  '44"x"',
  '45',
  '45-',
  '450-',
  '451.5-["sink"]',
  '45x-["sink"]',
  '46[]',
  '461-',
  '47',
  '48[]',
  '4a',
  '401',
  '40[1]',
  '40"x"',
  '400',
  '41"x"',
  '41{}',
  '4 2["sink"]',
  '4\u0000',
  `4\u2028`,
  '42["\\ud800"]',
]
const EVENT_NAMES = [
  '{"toString":"foo"}',
  '{"toString":1,"valueOf":2}',
  '{"length":1e9}',
  '[["a"]]',
  '1e999',
  '-1',
  'null',
  'true',
  '""',
  '{"__proto__":{"x":1}}',
]

async function sendEach(attack: Attack, packets: readonly string[]): Promise<void> {
  for (const packet of packets) {
    const socket = await attack.join()
    socket.text(packet, '420["echo",1]')
    attack.tally.add((await socket.saw('430', 400)) ? 'ignored' : await socket.fate(100))
    socket.close()
  }
}

const CLOSED_OR_IGNORED = /^(?:closed|ignored|open)/

export const names: Family = {
  name: 'names and packets',
  cases: [
    {
      name: 'malformed Socket.IO packets',
      sends: `${MALFORMED.length} forms, on connections of their own`,
      acceptable: CLOSED_OR_IGNORED,
      run: (attack) => sendEach(attack, MALFORMED),
    },
    {
      name: 'event names that are no strings',
      sends: `${EVENT_NAMES.length} forms, among them \`2[{"toString":"foo"}]\``,
      acceptable: CLOSED_OR_IGNORED,
      run: (attack) =>
        sendEach(
          attack,
          EVENT_NAMES.map((name) => `42[${name},1]`),
        ),
    },
    {
      name: 'reserved event names',
      sends: `events called ${RESERVED.join(', ')}`,
      acceptable: CLOSED_OR_IGNORED,
      run: (attack) =>
        sendEach(
          attack,
          RESERVED.map((name) => `42["${name}",{"x":1}]`),
        ),
    },
    {
      name: 'names of Object.prototype',
      sends: `${PROTOTYPE_NAMES.length} names as event, room, namespace, key of data and of credentials`,
      acceptable: /^(?:closed|ignored|open|refused|joined)/,
      async run(attack) {
        for (const name of PROTOTYPE_NAMES) {
          await sendEach(attack, [
            `42["${name}",{"${name}":{"polluted":1}}]`,
            `42["join","${name}"]`,
            `42["echo",{"${name}":{"polluted":1}}]`,
            `421["${name}"]`,
          ])
          for (const connect of [
            `40/${name},`,
            `40{"${name}":{"polluted":1}}`,
            `40/${name}?${name}=1,{"${name}":1}`,
          ]) {
            const socket = await attack.open()
            socket.text(connect)
            attack.tally.add(
              (await socket.saw('44', 200))
                ? 'refused'
                : (await socket.saw('40', 50))
                  ? 'joined'
                  : await socket.fate(100),
            )
            socket.close()
          }
        }
        const session = await attack.poll(`EIO=4&__proto__=1&constructor=2&__proto__[x]=3`)
        session.close()
      },
    },
    {
      name: 'acknowledgement ids of 500,000 digits',
      sends: 'events whose ids have 17, 400 and 500,000 digits, 30 times',
      acceptable: /^(?:closed|answered|ignored)/,
      async run(attack) {
        for (let i = 0; i < attack.share(30); i++) {
          for (const digits of [17, 400, 500_000]) {
            const socket = await attack.join()
            socket.text(`42${'9'.repeat(digits)}["echo",1]`, '420["echo",1]')
            const isAlive = await socket.saw('430[', 2_000)
            const answer = socket.messages.find((text) => text.startsWith('43') && !text.startsWith('430['))
            attack.tally.add(
              isAlive
                ? answer === undefined
                  ? 'ignored'
                  : answer.startsWith('43Infinity')
                    ? 'answered with Infinity'
                    : 'answered'
                : await socket.fate(),
            )
            socket.close()
          }
        }
      },
    },
    {
      name: 'acknowledgements nobody asked for',
      sends: '200,000 packets `43<id>[]` on one connection',
      acceptable: /^(?:ignored|closed)/,
      async run(attack) {
        const socket = await attack.join()
        const count = attack.share(200_000)
        const chunks = (function* () {
          for (let sent = 0; sent < count; sent += 500)
            yield Buffer.concat(Array.from({ length: 500 }, (_, i) => frame(TEXT, `43${sent + i}[]`)))
        })()
        await socket.pump(chunks)
        socket.text('420["echo",1]')
        attack.tally.add((await socket.saw('430', 20_000)) ? 'ignored' : await socket.fate())
      },
    },
  ],
}
