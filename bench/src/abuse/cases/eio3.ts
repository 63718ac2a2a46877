// Payloads of revision 3, whose lengths are what the client says they are (CVE-2020-36048).
import type { Family } from '../case.ts'

const LENGTHS = [
  '0:',
  '-1:',
  '1e9:x',
  '99999999999999999999:x',
  `${'9'.repeat(100_000)}:x`,
  ':x',
  'x',
  '1',
  '2:4',
  '3:4',
  '1:4:',
  '01:4',
  ' 1:4',
  '+1:4',
  '1.5:4x',
  '0x1:4',
  'NaN:4',
  '1:2'.repeat(10) + '5:',
]

export const eio3: Family = {
  name: 'revision 3',
  cases: [
    {
      name: 'lengths that are none',
      sends: `${LENGTHS.length} string payloads, and binary ones with 0 to 400 digits`,
      acceptable: /^HTTP (?:200|400)/,
      async run(attack) {
        for (const body of LENGTHS) {
          const session = await attack.poll('EIO=3')
          attack.tally.add((await session.post(body)).says)
          session.close()
        }
        for (const digits of [0, 1, 20, 309, 400]) {
          const session = await attack.poll('EIO=3')
          const bytes = Buffer.concat([Buffer.from([0]), Buffer.alloc(digits, 9), Buffer.from([255, 0x34])])
          attack.tally.add((await session.post(bytes, { 'Content-Type': 'application/octet-stream' })).says)
          session.close()
        }
      },
    },
    {
      name: '1 MB of digits',
      sends: '10 POSTs of 990,000 digits without a colon, and of `1:1:1:…`',
      acceptable: /^HTTP (?:200|400)/,
      async run(attack) {
        for (let i = 0; i < attack.share(10); i++) {
          const session = await attack.poll('EIO=3')
          attack.tally.add(
            (await session.post(i % 2 === 0 ? '1'.repeat(990_000) : '1:'.repeat(495_000))).says,
          )
          session.close()
        }
      },
    },
    {
      name: '150,000 tiny packets in one POST',
      sends: '5 POSTs of 150,000 packets `1:6`, `1:3` and pings, over sessions of revision 3',
      acceptable: /^HTTP (?:200|400)|^ended|^reset/,
      async run(attack) {
        for (let i = 0; i < attack.share(5); i++) {
          const session = await attack.poll('EIO=3')
          attack.tally.add((await session.post(['1:6', '1:2', '1:4'][i % 3]!.repeat(150_000))).says)
          session.close()
        }
      },
    },
    {
      name: 'pings of a poller that never polls',
      sends: '200 POSTs of 5,000 pings each on one session',
      acceptable: /^HTTP (?:200|400)/,
      async run(attack) {
        const session = await attack.poll('EIO=3')
        for (let i = 0; i < attack.share(200); i++)
          attack.tally.add((await session.post('1:2'.repeat(5_000))).says)
      },
    },
    {
      name: 'JSONP bodies',
      sends: 'form bodies that are broken, escaped a million times, or none; callbacks with script in them',
      acceptable: /^HTTP (?:200|400|403)$/,
      async run(attack) {
        for (const body of [
          'd=',
          'd',
          'd=%',
          'd=%zz',
          `d=${'%5C%6E'.repeat(100_000)}`,
          `d=${'\\n'.repeat(400_000)}`,
          'e=1',
          'd=1:4&d=1:4',
        ]) {
          const session = await attack.poll('EIO=3&j=0')
          attack.tally.add(
            (await session.post(body, { 'Content-Type': 'application/x-www-form-urlencoded' })).says,
          )
          session.close()
        }
        for (const j of ['alert(1)//', '0;alert(1)', '%3Cscript%3E', '9'.repeat(5_000), '']) {
          const http = attack.http()
          const answer = await http.request('GET', `/socket.io/?EIO=3&transport=polling&j=${j}`)
          attack.tally.check(
            !/alert|script>/.test(answer.body),
            answer.says,
            'script of the attacker in the answer',
          )
          http.close()
        }
      },
    },
  ],
}
