// Connections and sessions that are begun and not gone on with.
import { setTimeout as delay } from 'node:timers/promises'
import type { Family } from '../case.ts'
import { each } from '../case.ts'
import { HttpConnection } from '../wire/http.ts'
import { upgradeRequest } from '../wire/websocket.ts'

export const handshakes: Family = {
  name: 'handshakes',
  cases: [
    {
      name: 'polling handshakes never fetched',
      sends: '10,000 handshakes on 20 connections, and nothing more',
      acceptable: /^HTTP (?:200|429|503)$/,
      async run(attack) {
        const connections = Array.from({ length: 20 }, () => attack.http())
        await each(attack.share(10_000), connections.length, async (index) => {
          const connection = connections[index % connections.length]!
          attack.tally.add(
            (await connection.request('GET', '/socket.io/?EIO=4&transport=polling', { withinMs: 20_000 }))
              .says,
          )
        })
      },
    },
    {
      name: 'WebSockets that join no namespace',
      sends: '2,000 WebSockets, held for 4 s; connectTimeout 2 s',
      preset: 'short timeouts',
      acceptable: /^closed/,
      async run(attack) {
        const sockets: Awaited<ReturnType<typeof attack.open>>[] = []
        await each(attack.share(2_000), 50, async () => void sockets.push(await attack.open()))
        await Promise.all(sockets.map(async (socket) => attack.tally.add(await socket.fate(6_000))))
      },
    },
    {
      name: 'slow loris on the handshake',
      sends:
        '1,000 connections that send a header of the handshake byte by byte, one byte each 100 ms, for 5 s',
      acceptable: /^(?:waiting|HTTP|ended|reset)/,
      async run(attack) {
        const connections = Array.from({ length: attack.share(1_000) }, () => attack.http())
        for (const [index, connection] of connections.entries()) {
          const request =
            index % 2 === 0
              ? `GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nx: `
              : upgradeRequest(attack.port, 'EIO=4').slice(0, -2)
          connection.send(request)
        }
        for (let i = 0; i < attack.share(50); i++) {
          for (const connection of connections) connection.send('y')
          await delay(100)
        }
        for (const { ending } of connections) attack.tally.add(ending ?? 'waiting')
      },
    },
    {
      name: 'connections that say nothing',
      sends: '2,000 TCP connections, held for 3 s',
      acceptable: /^(?:waiting|ended|reset)/,
      async run(attack) {
        const connections = Array.from({ length: attack.share(2_000) }, () => attack.http())
        await delay(attack.share(3_000))
        for (const { ending } of connections) attack.tally.add(ending ?? 'waiting')
      },
    },
    {
      name: 'half-open upgrades',
      sends:
        '1,000 polling sessions, each with a WebSocket that never probes, or probes and never upgrades; upgradeTimeout 1.5 s',
      preset: 'short timeouts',
      acceptable: /^(?:closed|ended|refused)/,
      async run(attack) {
        const opened: Awaited<ReturnType<typeof attack.open>>[] = []
        await each(attack.share(1_000), 50, async (index) => {
          const session = await attack.poll()
          const socket = await attack.open({ query: `EIO=4&sid=${session.sid}` })
          if (index % 2 === 0) socket.text('2probe')
          opened.push(socket)
        })
        await Promise.all(opened.map(async (socket) => attack.tally.add(await socket.fate(8_000))))
      },
    },
    {
      name: 'a storm of upgrades for one session',
      sends: '1,000 upgrade requests for one polling session',
      acceptable: /^(?:closed|refused|ended|open|reset)/,
      async run(attack) {
        const session = await (await attack.poll()).join()
        await each(attack.share(1_000), 50, async () => {
          const socket = await attack.open({ query: `EIO=4&sid=${session.sid}` })
          socket.text('2probe')
          attack.tally.add(socket.ending ?? 'open')
        })
      },
    },
    {
      name: 'an upgrade under noise',
      sends: '50 clients upgrade while junk, wrong probes and wrong sids are aimed at the same sessions',
      acceptable: /^upgraded, nothing lost$/,
      async run(attack) {
        await each(attack.share(50), 5, async (index) => {
          const session = await (await attack.poll()).join()
          const noise = ['5', '2nope', '6', 'x', '42["sink"]']
          for (const packet of noise.slice(0, 1 + (index % noise.length))) {
            if (packet === '5') continue
            const bad = await attack.open({ query: `EIO=4&sid=${session.sid}` })
            bad.text(packet)
            await bad.fate(1_000)
          }
          const wrong = await attack.open({ query: `EIO=3&sid=${session.sid}` })
          wrong.close()
          await session.post('420["echo","before"]')
          const socket = await attack.open({ query: `EIO=4&sid=${session.sid}` })
          socket.text('2probe')
          if (!(await socket.saw('3probe')))
            return attack.tally.add(`no answer to the probe: ${await socket.fate(0)} ${socket.reason}`)
          const late = await attack.open({ query: `EIO=4&sid=${session.sid}` })
          late.text('2probe', '5')
          const { body } = await session.get()
          socket.text('5', '421["echo","after"]')
          const hasBoth =
            (await socket.saw('431["after"]')) &&
            (body.includes('430["before"]') || (await socket.saw('430["before"]', 500)))
          attack.tally.check(hasBoth, 'upgraded, nothing lost', 'messages lost')
          session.close()
        })
      },
    },
    {
      name: 'connection churn',
      sends: '5,000 WebSockets and 2,500 polling sessions that join, echo once and are cut, 40 at a time',
      acceptable: /^echoed$/,
      async run(attack) {
        await each(attack.share(7_500), 40, async (index) => {
          if (index % 3 === 0) {
            const session = await attack.poll()
            await session.post('40')
            await session.post('420["echo",1]')
            const { body } = await session.get()
            attack.tally.check(body.includes('40') || body.includes('43'), 'echoed', 'no echo')
            return session.close()
          }
          const socket = await attack.join()
          socket.text('420["echo",1]')
          attack.tally.check(await socket.saw('430', 10_000), 'echoed', 'no echo')
          socket.close()
        })
      },
    },
    {
      name: 'a reset in every state',
      sends:
        '100 times RST: before a byte, within the request line, the headers, a body; at a held poll, before and after the 101, within a frame, an upgrade, after a close frame',
      acceptable: /^reset$/,
      async run(attack) {
        const { port } = attack
        const reset = (connection: { socket: { resetAndDestroy(): unknown } }): void => {
          connection.socket.resetAndDestroy()
          attack.tally.add('reset')
        }
        const partial = (bytes: string) => async (): Promise<void> => {
          const connection = new HttpConnection(port)
          connection.send(bytes)
          await delay(5)
          reset(connection)
        }
        const upgrade = upgradeRequest(port, 'EIO=4')
        const states: readonly (() => Promise<void>)[] = [
          partial(''),
          partial('GET /socket.io/?EI'),
          partial('GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\nx'),
          partial(upgrade.slice(0, -2)),
          partial(upgrade),
          partial(`${upgrade}\u0081`),
          partial(upgradeRequest(port, 'EIO=4&sid=nope')),
          async () => {
            const session = await attack.poll()
            session.posts.send(`${session.posts.head('POST', session.path, { 'Content-Length': '1000' })}42[`)
            await delay(5)
            reset(session.posts)
            session.close()
          },
          async () => {
            const session = await (await attack.poll()).join()
            void session.get(100)
            await delay(5)
            reset(session.gets)
            session.close()
          },
          async () => {
            const session = await attack.poll()
            const socket = await attack.open({ query: `EIO=4&sid=${session.sid}` })
            socket.text('2probe')
            reset(socket)
            session.close()
          },
          async () => {
            const socket = await attack.join()
            socket.send(Buffer.from([0x81, 0xfe]))
            reset(socket)
          },
          async () => {
            const socket = await attack.join()
            socket.send(Buffer.from([0x88, 0x80, 0, 0, 0, 0]))
            reset(socket)
          },
          async () => {
            const socket = await attack.join()
            socket.text(`42["bounce","${'x'.repeat(500_000)}"]`)
            reset(socket)
          },
        ]
        await each(attack.share(100) * states.length, 20, (index) => states[index % states.length]!())
      },
    },
  ],
}
