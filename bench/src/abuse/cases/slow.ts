// Clients that send slowly, or do not read.
import { setTimeout as delay } from 'node:timers/promises'
import { TEXT, frame } from '@tidewire/testkit/frames'
import type { Family } from '../case.ts'
import { each } from '../case.ts'

export const slow: Family = {
  name: 'slow clients',
  cases: [
    {
      name: 'slow POSTs for one session',
      sends: '1,000 connections with a body of 1,000 bytes of which one comes each 200 ms, for 4 s',
      acceptable: /^(?:HTTP 400|ended|reset|waiting)/,
      async run(attack) {
        const session = await (await attack.poll()).join()
        const connections = Array.from({ length: attack.share(1_000) }, () => attack.http())
        for (const connection of connections)
          connection.send(connection.head('POST', session.path, { 'Content-Length': '1000' }))
        for (let i = 0; i < attack.share(20); i++) {
          for (const connection of connections) connection.send('4')
          await delay(200)
        }
        await each(connections.length, 1_000, async (index) => {
          const { says } = await connections[index]!.answer(1)
          attack.tally.add(says === 'no answer' ? 'waiting' : says)
        })
      },
    },
    {
      name: 'slow POSTs of many sessions',
      sends:
        '500 sessions, each with a body of 900 KB at 500 bytes a second, for 4 s; pingInterval and pingTimeout 1.5 s',
      preset: 'short timeouts',
      acceptable: /^(?:HTTP 400|ended|reset)/,
      async run(attack) {
        const sessions: Awaited<ReturnType<typeof attack.poll>>[] = []
        await each(attack.share(500), 50, async () => {
          const session = await attack.poll()
          session.posts.send(session.posts.head('POST', session.path, { 'Content-Length': '900000' }))
          sessions.push(session)
        })
        for (let i = 0; i < 16; i++) {
          for (const { posts } of sessions) posts.send('4'.repeat(125))
          await delay(250)
        }
        await Promise.all(
          sessions.map(async ({ posts }) => attack.tally.add((await posts.answer(1_000)).says)),
        )
      },
    },
    {
      name: 'a body byte by byte',
      sends: '20 sessions, each a POST of 990 KB: 980 KB at once, then one byte a millisecond for 4 s',
      acceptable: /^(?:HTTP (?:200|400|408)|ended|reset|waiting)/,
      async run(attack) {
        const sessions = await Promise.all(
          Array.from({ length: 20 }, async () => await (await attack.poll()).join()),
        )
        for (const { posts, path } of sessions)
          posts.send(posts.head('POST', path, { 'Content-Length': '990000' }) + '4'.repeat(980_000))
        for (let i = 0; i < attack.share(4_000); i++) {
          for (const { posts } of sessions) posts.send('4')
          await delay(1)
        }
        await each(sessions.length, 20, async (index) => {
          const { says } = await sessions[index]!.posts.answer(1)
          attack.tally.add(says === 'no answer' ? 'waiting' : says)
        })
      },
    },
    {
      name: 'POSTs without a GET',
      sends: '3,000 POSTs of 90 KB that are echoed, on one session, nothing fetched',
      acceptable: /^HTTP (?:200|400)$/,
      async run(attack) {
        const session = await (await attack.poll()).join()
        const body = `42["bounce","${'x'.repeat(90_000)}"]`
        for (let i = 0; i < attack.share(3_000); i++) {
          const { says, status } = await session.post(body)
          attack.tally.add(says)
          if (status === 0) break
        }
      },
    },
    {
      name: 'POSTs without a GET, many sessions',
      sends:
        '200 sessions, each 10 POSTs of 90 KB that are echoed, nothing fetched; pingInterval and pingTimeout 1.5 s',
      preset: 'short timeouts',
      acceptable: /^HTTP (?:200|400)$/,
      async run(attack) {
        const body = `42["bounce","${'x'.repeat(90_000)}"]`
        await each(attack.share(200), 20, async () => {
          const session = await (await attack.poll()).join()
          for (let i = 0; i < 10; i++) attack.tally.add((await session.post(body)).says)
        })
      },
    },
    {
      name: 'polls that are never read',
      sends:
        '200 sessions that echo 900 KB, ask for it, and read nothing of the answer; pingInterval and pingTimeout 1.5 s',
      preset: 'short timeouts',
      acceptable: /^(?:HTTP (?:200|400)|ended|reset|waiting)/,
      async run(attack) {
        const body = `42["bounce","${'x'.repeat(900_000)}"]`
        await each(attack.share(200), 10, async () => {
          const session = await (await attack.poll()).join()
          session.gets.socket.pause()
          session.gets.send(session.gets.head('GET', session.path))
          await session.post(body)
          attack.tally.add((await session.post(body)).says)
        })
        await delay(attack.share(3_000))
      },
    },
    {
      name: 'a WebSocket that is never read',
      sends:
        '30,000 events of 2 KB, echoed to one client that reads nothing and sends pongs nobody asked for',
      acceptable: /^(?:closed|ended|reset)/,
      async run(attack) {
        const socket = await attack.join()
        socket.socket.pause()
        const event = frame(TEXT, `42["bounce","${'x'.repeat(2_000)}"]`)
        const pong = frame(TEXT, '3')
        // Less would fit into the buffers of the kernel.
        const count = Math.max(5_000, attack.share(30_000))
        const chunks = (function* () {
          for (let i = 0; i < count; i += 20)
            yield Buffer.concat([...Array.from({ length: 20 }, () => event), pong])
        })()
        await socket.pump(chunks, 15_000)
        socket.socket.resume()
        attack.tally.add(await socket.fate(3_000))
      },
    },
    {
      name: 'readers of a room that do not read',
      sends: '50 clients in a room that read nothing; 3,000 messages of 2 KB are published to it',
      acceptable: /^(?:closed|ended|reset)/,
      async run(attack) {
        const readers: Awaited<ReturnType<typeof attack.join>>[] = []
        await each(attack.share(50), 10, async () => {
          const reader = await attack.join()
          reader.text('42["join","full"]', '420["echo",1]')
          await reader.saw('430')
          reader.socket.pause()
          readers.push(reader)
        })
        const publisher = await attack.join()
        const event = frame(TEXT, `42["publish","full","${'x'.repeat(2_000)}"]`)
        await publisher.pump(
          Array.from({ length: 3_000 }, () => event),
          15_000,
        )
        publisher.text('420["echo",1]')
        await publisher.saw('430', 20_000)
        for (const reader of readers) reader.socket.resume()
        await Promise.all(readers.map(async (reader) => attack.tally.add(await reader.fate(3_000))))
      },
    },
    {
      name: 'a client that says no word after a heartbeat is due',
      sends:
        '500 WebSockets and 500 polling sessions that answer no ping; pingInterval and pingTimeout 1.5 s',
      preset: 'short timeouts',
      acceptable: /^(?:closed|ended|reset|HTTP 400)/,
      async run(attack) {
        const sockets: Awaited<ReturnType<typeof attack.join>>[] = []
        const sessions: Awaited<ReturnType<typeof attack.poll>>[] = []
        await each(attack.share(500), 25, async () => {
          const socket = await attack.join()
          socket.socket.pause()
          sockets.push(socket)
          sessions.push(await attack.poll())
        })
        await delay(4_500)
        for (const socket of sockets) socket.socket.resume()
        await Promise.all(sockets.map(async (socket) => attack.tally.add(await socket.fate(15_000))))
        await Promise.all(sessions.map(async (session) => attack.tally.add((await session.get(15_000)).says)))
      },
    },
  ],
}
