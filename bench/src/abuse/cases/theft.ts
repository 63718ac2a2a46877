// Sessions of others, and pages of others' sites.
import type { Family } from '../case.ts'

const EVIL = { Origin: 'http://evil.example' }
const COOKIE = { Cookie: 'session=secret' }

export const theft: Family = {
  name: 'theft',
  cases: [
    {
      name: 'a WebSocket with the sid of another',
      sends: 'upgrades with an unknown sid, and with that of a WebSocket session',
      acceptable: /^(?:refused|closed|open).*, victim unharmed$/,
      async run(attack) {
        const victim = await attack.open()
        await victim.saw('0')
        const sid = /"sid":"([\w-]+)"/.exec(victim.messages[0]!)![1]!
        victim.text('40')
        await victim.saw('40')
        for (const stolen of ['nope', '__proto__', sid, `${sid.slice(0, 4)}xxxxxxxxxxxxxxxx`]) {
          const socket = await attack.open({ query: `EIO=4&sid=${stolen}`, headers: EVIL })
          socket.text('2probe', '5', '42["sink"]')
          const fate = await socket.fate(500)
          victim.text('421["echo",1]')
          attack.tally.check(
            await victim.saw('431', 2_000),
            `${fate}, victim unharmed`,
            `${fate}, victim cut off`,
          )
        }
      },
    },
    {
      name: 'POST with the sid of another, from another site',
      sends: 'an event to the session of a victim, with another Origin and User-Agent',
      // A session is bound to its id alone: addresses and agents change, and the id is a secret of 96 bits.
      acceptable: /^HTTP (?:200|400|403), victim unharmed$/,
      async run(attack) {
        const victim = await (await attack.poll()).join()
        const thief = attack.http()
        const { says } = await thief.request('POST', victim.path, {
          body: '42["sink"]',
          headers: { ...EVIL, 'User-Agent': 'evil' },
        })
        attack.tally.check(
          (await victim.post('420["echo",1]')).status === 200 && (await victim.get()).body.includes('430'),
          `${says}, victim unharmed`,
          `${says}, victim cut off`,
        )
      },
    },
    {
      name: 'GET with the sid of another',
      sends: 'a second GET while the victim polls',
      acceptable: /^HTTP 400/,
      async run(attack) {
        const victim = await (await attack.poll()).join()
        const held = victim.get()
        const thief = attack.http()
        const { says } = await thief.request('GET', victim.path, { headers: EVIL, withinMs: 1_000 })
        attack.tally.add(`${says}, victim's poll: ${(await held).body}`)
      },
    },
    {
      name: 'WebSocket that takes over a polling session, from another site',
      sends: 'an upgrade for the session of a victim, with Origin and Cookie of a browser that was lured',
      acceptable: /^refused with HTTP 403/,
      async run(attack) {
        const victim = await (await attack.poll()).join()
        const thief = await attack.open({ query: `EIO=4&sid=${victim.sid}`, headers: { ...EVIL, ...COOKIE } })
        thief.text('2probe')
        attack.tally.add((await thief.saw('3probe', 500)) ? 'session taken over' : await thief.fate(100))
      },
    },
    {
      name: 'cross-site WebSocket with cookies, no option set',
      sends: 'a handshake from another origin with Cookie, and with Authorization',
      acceptable: /^refused with HTTP 403/,
      async run(attack) {
        for (const headers of [
          { ...EVIL, ...COOKIE },
          { ...EVIL, Authorization: 'Basic x' },
          { Origin: 'null', ...COOKIE },
        ]) {
          const socket = await attack.open({ headers })
          attack.tally.add(socket.ending ?? 'served')
        }
      },
    },
    {
      name: 'cross-site polling, no option set',
      sends: 'handshakes and preflights from another origin; what its page may read',
      // Served as officially, but without the header that lets a page of another site read it.
      acceptable: /^HTTP \d+, not readable by the page$/,
      async run(attack) {
        for (const method of ['GET', 'OPTIONS', 'POST']) {
          for (const headers of [EVIL, { ...EVIL, ...COOKIE }, { Origin: 'null' }]) {
            const answer = await attack.http().request(method, '/socket.io/?EIO=4&transport=polling', {
              headers,
              ...(method === 'POST' ? { body: '40' } : {}),
            })
            const mayRead = answer.head.includes('access-control-allow-origin')
            attack.tally.add(`${answer.says}, ${mayRead ? 'readable' : 'not readable'} by the page`)
          }
        }
      },
    },
    {
      name: 'origins that `cors` does not allow',
      sends: 'handshakes and POSTs from another origin to a server with `cors.origin`',
      preset: 'cors',
      acceptable: /^(?:HTTP 403|HTTP 400|refused with HTTP 403)/,
      async run(attack) {
        const http = attack.http()
        attack.tally.add(
          (await http.request('GET', '/socket.io/?EIO=4&transport=polling', { headers: EVIL })).says,
        )
        const victim = await (await attack.poll('EIO=4', { Origin: 'http://good.example' })).join()
        attack.tally.add(
          (await attack.http().request('POST', victim.path, { body: '42["sink"]', headers: EVIL })).says,
        )
        const socket = await attack.open({ headers: EVIL })
        attack.tally.add(socket.ending ?? 'served')
        for (const origin of [
          'http://good.example.evil.example',
          'http://evil.example/http://good.example',
          'https://good.example',
          'null',
          'HTTP://GOOD.EXAMPLE:80',
        ]) {
          attack.tally.add(
            (
              await attack
                .http()
                .request('GET', '/socket.io/?EIO=4&transport=polling', { headers: { Origin: origin } })
            ).says,
          )
        }
      },
    },
    {
      name: 'JSONP from another site',
      sends: 'a script element of another site that opens a session, or polls one',
      acceptable: /^(?:HTTP 403|HTTP 400)/,
      async run(attack) {
        for (const headers of [
          { 'Sec-Fetch-Site': 'cross-site', ...COOKIE },
          { Referer: 'http://evil.example/', ...COOKIE },
          { 'Sec-Fetch-Site': 'same-site', ...COOKIE },
        ]) {
          attack.tally.add(
            (await attack.http().request('GET', '/socket.io/?EIO=3&transport=polling&j=0', { headers })).says,
          )
          const victim = await attack.poll('EIO=3&j=0')
          attack.tally.add((await attack.http().request('GET', victim.path, { headers, withinMs: 500 })).says)
          victim.close()
        }
      },
    },
    {
      name: 'ids that can be guessed',
      sends: '2,000 handshakes; ids that repeat, or share more than the node’s first four characters',
      acceptable: /^no two alike$/,
      async run(attack) {
        const seen = new Set<string>()
        const tails = new Set<string>()
        const connection = attack.http()
        const count = attack.share(2_000)
        for (let i = 0; i < count; i++) {
          const sid =
            /"sid":"([\w-]+)"/.exec(
              (await connection.request('GET', '/socket.io/?EIO=4&transport=polling')).body,
            )?.[1] ?? ''
          seen.add(sid)
          tails.add(sid.slice(4, 12))
        }
        attack.tally.check(seen.size === count && tails.size === count, 'no two alike', 'ids repeat')
      },
    },
  ],
}
