// Requests that no browser makes, and more headers than any needs.
import type { Family } from '../case.ts'
import { upgradeRequest } from '../wire/websocket.ts'

const PATH = '/socket.io/?EIO=4&transport=polling'

/** The first line and headers of each. */
const BAD: readonly string[] = [
  'GET /socket.io/ HTTP/1.1',
  'GET /socket.io/?transport=polling HTTP/1.1',
  'GET /socket.io/?EIO=4 HTTP/1.1',
  'GET /socket.io/?EIO=5&transport=polling HTTP/1.1',
  'GET /socket.io/?EIO=4&EIO=4&transport=polling HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=polling&transport=polling HTTP/1.1',
  'GET /socket.io/?EIO=4&transport[]=polling HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=__proto__ HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=constructor HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=webtransport HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=polling&sid=nope HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=polling&sid=__proto__ HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=polling&sid= HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=polling&sid=a&sid=b HTTP/1.1',
  'POST /socket.io/?EIO=4&transport=polling HTTP/1.1',
  'PUT /socket.io/?EIO=4&transport=polling HTTP/1.1',
  'OPTIONS /socket.io/?EIO=4&transport=polling HTTP/1.1',
  'TRACE /socket.io/?EIO=4&transport=polling HTTP/1.1',
  'PRI * HTTP/2.0',
  'GET /socket.io/?EIO=4&transport=polling HTTP/1.0',
  'GET /socket.io/?EIO=4&transport=polling HTTP/9.9',
  'GET  /socket.io/?EIO=4&transport=polling HTTP/1.1',
  'get /socket.io/?EIO=4&transport=polling HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=polling&%ff%zz=% HTTP/1.1',
  'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nOrigin: \u0001',
  'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nOrigin: http://a\r\nOrigin: http://b',
  'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nContent-Length: -1',
  'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nExpect: 100-continue',
  'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c',
  'GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket',
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13',
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 7',
  'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13',
  'POST /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13',
  `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${'a,'.repeat(3_000)}`,
  `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: ${'constructor; hasOwnProperty=toString, '.repeat(100)}x`,
  `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: b${' '.repeat(15_000)}x`,
  'GET /socket.io/../../etc/passwd HTTP/1.1',
  'GET /socket.io/socket.io.js%00.map HTTP/1.1',
  'GET //socket.io//?EIO=4&transport=polling HTTP/1.1',
  'GET http://other.example/socket.io/?EIO=4&transport=polling HTTP/1.1',
]

export const http: Family = {
  name: 'HTTP',
  cases: [
    {
      name: 'bad HTTP',
      sends: `${BAD.length} requests, each alone and with \`Connection: Upgrade\``,
      acceptable: /^(?:HTTP (?:100|101|200|204|400|404|405|413|426|431|501|505)|ended|reset|no answer)/,
      async run(attack) {
        for (const request of BAD) {
          for (const more of ['', '\r\nUpgrade: websocket\r\nConnection: Upgrade']) {
            const connection = attack.http()
            connection.send(Buffer.from(`${request}\r\nHost: 127.0.0.1${more}\r\n\r\n`, 'latin1'))
            attack.tally.add((await connection.answer(300)).says)
            connection.close()
          }
        }
      },
    },
    {
      name: 'octet-stream body of revision 4',
      sends: '20 POSTs with Content-Type application/octet-stream, sized and chunked, bodies left open',
      acceptable: /^HTTP 400$/,
      async run(attack) {
        for (let i = 0; i < attack.share(20); i++) {
          const session = await attack.poll()
          const length = i % 2 === 0 ? { 'Content-Length': '1000' } : { 'Transfer-Encoding': 'chunked' }
          session.posts.send(
            session.posts.head('POST', session.path, {
              'Content-Type': 'application/octet-stream',
              ...length,
            }),
          )
          attack.tally.add((await session.posts.answer()).says)
          session.close()
        }
      },
    },
    {
      name: 'URL of 15 KB, and of 100 KB',
      sends: '100 handshakes each, over both transports',
      acceptable: /^(?:HTTP (?:200|400|414|431)|ended|reset|open|refused)/,
      async run(attack) {
        for (let i = 0; i < attack.share(100); i++) {
          const query = `EIO=4&x=${'y'.repeat(i % 2 === 0 ? 15_000 : 100_000)}`
          const connection = attack.http()
          attack.tally.add((await connection.request('GET', `/socket.io/?${query}&transport=polling`)).says)
          connection.close()
          const socket = await attack.open({ query })
          attack.tally.add(socket.ending ?? 'open')
          socket.close()
        }
      },
    },
    {
      name: 'header floods',
      sends: '100 handshakes with 1,500 headers, with headers of 60 KB, and without end (2 MB)',
      acceptable: /^(?:HTTP (?:200|400|431)|ended|reset|open|refused)/,
      async run(attack) {
        const many = Object.fromEntries(Array.from({ length: 1_500 }, (_, i) => [`x-${i}`, '1']))
        for (let i = 0; i < attack.share(100); i++) {
          const socket = await attack.open({ headers: many })
          attack.tally.add(socket.ending ?? 'open')
          socket.close()
          const plain = attack.http()
          attack.tally.add(
            (
              await plain.request('GET', PATH, {
                headers: i % 2 === 0 ? many : { 'x-long': 'y'.repeat(60_000) },
              })
            ).says,
          )
          plain.close()
        }
        for (let i = 0; i < attack.share(20); i++) {
          const endless = attack.http()
          endless.send(`GET ${PATH} HTTP/1.1\r\nHost: a\r\n`)
          for (let sent = 0; sent < 2_000_000 && endless.ending === undefined; sent += 65_536)
            endless.send(`x-${sent}: ${'y'.repeat(65_520)}\r\n`)
          attack.tally.add((await endless.answer()).says)
          endless.close()
        }
      },
    },
    {
      name: 'requests smuggled in others',
      sends: 'bodies of two lengths, chunked and sized at once, bare LFs, 10,000 requests in one segment',
      acceptable: /^(?:HTTP (?:200|400|431)|ended|reset|no answer)/,
      async run(attack) {
        const session = await attack.poll()
        const post = (headers: string, body: string): string =>
          `POST ${session.path} HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${body}`
        const smuggled = `GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\n`
        for (const bytes of [
          post('Content-Length: 1\r\nTransfer-Encoding: chunked', `1\r\n6\r\n0\r\n\r\n${smuggled}`),
          post('Content-Length: 1\r\nContent-Length: 5', `6${smuggled}`),
          post('Content-Length: 1, 1', `6${smuggled}`),
          post('Content-Length : 1', `6${smuggled}`),
          post('Content-Length: 0x1', `6${smuggled}`),
          post('Content-Length: +1', `6${smuggled}`),
          post('Transfer-Encoding: xchunked', `6${smuggled}`),
          post('Transfer-Encoding: chunked', `1;${'x'.repeat(20_000)}\r\n6\r\n0\r\n\r\n`),
          post('Transfer-Encoding: chunked', `FFFFFFFFFFFFFFFF\r\n6`),
          post('Transfer-Encoding: chunked', `-1\r\n6`),
          `GET ${PATH} HTTP/1.1\nHost: a\n\n`,
          `GET ${PATH} HTTP/1.1\r\nHost: a\r\n x: folded\r\n\r\n`,
          `GET ${PATH} HTTP/1.1\r\nHost : a\r\n\r\n`,
          `\r\n\r\n\r\n${smuggled}`,
        ]) {
          const connection = attack.http()
          connection.send(bytes)
          attack.tally.add((await connection.answer(300)).says)
          connection.close()
        }
        const pipelined = attack.http()
        const count = attack.share(10_000)
        pipelined.send(`GET /socket.io/?EIO=9&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(count))
        for (let i = 0; i < count; i++) {
          const { says, status } = await pipelined.answer(10_000)
          attack.tally.add(says)
          if (status === 0) break
        }
      },
    },
    {
      name: 'frames before the upgrade is answered',
      sends: '200 upgrade requests with bad frames, RSV bits, or a megabyte in the same segment',
      acceptable: /^(?:closed|refused|open|reset|ended)/,
      async run(attack) {
        const rests = [
          Buffer.from([0xc1, 0x80, 0, 0, 0, 0]),
          Buffer.from([0xff, 0xff]),
          Buffer.from([0x81, 0x00]),
          Buffer.alloc(1_000_000, 0x81),
          Buffer.from('GET / HTTP/1.1\r\n\r\n'),
        ]
        for (let i = 0; i < attack.share(200); i++) {
          const socket = await attack.open({
            rest: rests[i % rests.length]!,
            ...(i % 3 === 0 ? { query: 'EIO=4&sid=nope' } : {}),
          })
          attack.tally.add(await socket.fate(300))
          socket.close()
        }
        const cut = attack.http()
        cut.send(upgradeRequest(attack.port, 'EIO=4').slice(0, -2))
        cut.socket.resetAndDestroy()
      },
    },
  ],
}
