// permessage-deflate: who may ask for it, and what a kilobyte becomes.
import { TEXT, frame } from '@tidewire/testkit/frames'
import { constants, deflateRawSync } from 'node:zlib'
import type { Attack, Family } from '../case.ts'
import type { RawWebSocket } from '../wire/websocket.ts'

const OFFER = {
  'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
}
const COMPRESSED = 4

/** A frame with RSV1, as RFC 7692 has it: without the last four bytes of the block. */
function bomb(bytes: number): Buffer {
  const deflated = deflateRawSync(Buffer.from(`42["sink","${'x'.repeat(bytes)}"]`), {
    finishFlush: constants.Z_SYNC_FLUSH,
  })
  return frame(TEXT, deflated.subarray(0, -4), { reserved: COMPRESSED })
}

async function compressed(attack: Attack): Promise<RawWebSocket> {
  const socket = await attack.open({ headers: OFFER })
  socket.text('40')
  await socket.saw('40', 2_000)
  return socket
}

export const compression: Family = {
  name: 'compression',
  cases: [
    {
      name: 'permessage-deflate that nobody switched on',
      sends: 'an offer of the extension, then a compressed frame',
      acceptable: /^not negotiated, closed 1002/,
      async run(attack) {
        const socket = await compressed(attack)
        socket.send(bomb(1_000))
        attack.tally.add(
          `${socket.head.includes('permessage-deflate') ? 'negotiated' : 'not negotiated'}, ${await socket.fate()}`,
        )
      },
    },
    {
      name: 'a compression bomb',
      sends: '20 frames of 5 KB that become 5 MB; perMessageDeflate on',
      preset: 'compression',
      acceptable: /^closed 1009/,
      async run(attack) {
        const bytes = bomb(5_000_000)
        for (let i = 0; i < attack.share(20); i++) {
          const socket = await compressed(attack)
          socket.send(bytes)
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'compression bombs within the limit',
      sends: '50 clients, each 20 frames of 1 KB that become 990 KB; perMessageDeflate on',
      preset: 'compression',
      acceptable: /^(?:handled|closed)/,
      async run(attack) {
        const bytes = bomb(980_000)
        const count = attack.share(20)
        const sockets = await Promise.all(Array.from({ length: attack.share(50) }, () => compressed(attack)))
        await Promise.all(
          sockets.map(async (socket) => {
            await socket.pump(Array.from({ length: count }, () => bytes))
            socket.text('420["echo",1]')
            attack.tally.add((await socket.saw('430', 30_000)) ? 'handled' : await socket.fate(500))
          }),
        )
      },
    },
    {
      name: 'compressed bytes that are none',
      sends: '50 frames of junk with the bit of compression set; perMessageDeflate on',
      preset: 'compression',
      acceptable: /^(?:closed|ended|reset)/,
      async run(attack) {
        for (let i = 0; i < Math.max(20, attack.share(50)); i++) {
          const socket = await compressed(attack)
          socket.send(frame(TEXT, Buffer.alloc(1 + i * 20, 255 - i), { reserved: COMPRESSED }))
          attack.tally.add(await socket.fate())
        }
      },
    },
    {
      name: 'offers of extensions that are none',
      sends:
        '200 handshakes whose Sec-WebSocket-Extensions is broken, long, or names of Object.prototype; perMessageDeflate on',
      preset: 'compression',
      acceptable: /^(?:open|refused|ended|reset)/,
      async run(attack) {
        const offers = [
          'permessage-deflate; client_max_window_bits=99',
          'permessage-deflate; constructor',
          '__proto__; x=1',
          'permessage-deflate; a="',
          ', '.repeat(2_000),
          'permessage-deflate, '.repeat(400) + 'x',
          `permessage-deflate; x="${'\\"'.repeat(3_000)}"`,
        ]
        for (let i = 0; i < attack.share(200); i++) {
          const socket = await attack.open({
            headers: { 'Sec-WebSocket-Extensions': offers[i % offers.length]! },
          })
          attack.tally.add(socket.ending ?? 'open')
          socket.close()
        }
      },
    },
    {
      name: 'polling answers that are to be compressed',
      sends: '300 polls of 900 KB each that ask for gzip, on 20 sessions',
      acceptable: /^HTTP (?:200|400)$/,
      async run(attack) {
        const body = `42["bounce","${'x'.repeat(900_000)}"]`
        await Promise.all(
          Array.from({ length: 20 }, async () => {
            const session = await (await attack.poll('EIO=4', { 'Accept-Encoding': 'gzip, deflate' })).join()
            for (let i = 0; i < attack.share(15); i++) {
              await session.post(body)
              attack.tally.add((await session.get(20_000)).says)
            }
          }),
        )
      },
    },
  ],
}
