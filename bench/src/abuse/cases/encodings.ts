// Bytes that are no text, text that is no base64, digits that are no packet.
import { TEXT, frame } from '@tidewire/testkit/frames'
import type { Family } from '../case.ts'

const INVALID_UTF8 = [
  Buffer.from([0x34, 0x32, 0xff, 0xfe]),
  Buffer.from([0x34, 0xc0, 0xaf]),
  Buffer.from([0x34, 0xed, 0xa0, 0x80]),
  Buffer.from([0x34, 0xf4, 0x90, 0x80, 0x80]),
]

export const encodings: Family = {
  name: 'encodings',
  cases: [
    {
      name: 'invalid UTF-8 over WebSocket',
      sends: `${INVALID_UTF8.length} forms, 20 times`,
      acceptable: /^closed 1007/,
      async run(attack) {
        for (let i = 0; i < attack.share(20) * INVALID_UTF8.length; i++) {
          const socket = await attack.join()
          socket.send(frame(TEXT, INVALID_UTF8[i % INVALID_UTF8.length]))
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'invalid UTF-8 over polling',
      sends: `an event around each of ${INVALID_UTF8.length} forms`,
      acceptable: /^HTTP (?:200|400)/,
      async run(attack) {
        for (const bytes of INVALID_UTF8) {
          const session = await (await attack.poll()).join()
          const { says } = await session.post(
            Buffer.concat([Buffer.from('42["sink","'), bytes, Buffer.from('"]')]),
          )
          attack.tally.add(`${says}, then ${(await session.post('42["sink"]')).says}`)
          session.close()
        }
      },
    },
    {
      name: 'junk in place of base64',
      sends: '`b!!!!`, `b`, `b4`, 100 KB of `b====`, as payloads and in EIO3 form',
      acceptable: /^HTTP (?:200|400)/,
      async run(attack) {
        for (const body of ['b!!!!', 'b', 'b4', `b${'='.repeat(100_000)}`, 'b\u0000', 'bAAA\u001eb!']) {
          const session = await (await attack.poll()).join()
          attack.tally.add((await session.post(body)).says)
          const old = await attack.poll('EIO=3')
          attack.tally.add((await old.post(`${body.length + 1}:b4${body.slice(1)}`)).says)
          session.close()
          old.close()
        }
      },
    },
    {
      name: 'unknown engine packets',
      sends: 'every ASCII character as packet type, over both transports and both revisions',
      acceptable: /^(?:closed|open|HTTP 200)/,
      async run(attack) {
        for (let code = 0; code < 128; code += Math.max(1, Math.round(4 / attack.share(4)))) {
          const type = String.fromCharCode(code)
          for (const query of ['EIO=4', 'EIO=3']) {
            const socket = await attack.open({ query })
            socket.text(`${type}x`)
            attack.tally.add(await socket.fate(20))
            socket.close()
            const session = await attack.poll(query)
            attack.tally.add((await session.post(query === 'EIO=4' ? `${type}x` : `2:${type}x`)).says)
            session.close()
          }
        }
      },
    },
  ],
}
