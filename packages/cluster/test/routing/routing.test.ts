// Nodes behind a balancer that knows nothing of sessions: every request on whatever node it lands, by literal wire.
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import type { Server, Socket } from 'tidewire'
import { PollingClient, WireSocket, polling, send } from '../../../server/test/start.ts'
import { startCluster } from './round-robin.ts'
import type { TestCluster } from './round-robin.ts'

let cluster: TestCluster | undefined
afterEach(async () => {
  await cluster?.close()
  cluster = undefined
})

const echo = (io: Server): void => {
  io.on('connection', (socket: Socket) => socket.on('echo', (value, ack) => ack(value)))
}

/** A packet as a polling payload, and what an answer holds, in each revision. */
const WIRE = {
  3: { frame: (packet: string) => `${packet.length}:${packet}`, connect: undefined, split: splitV3 },
  4: { frame: (packet: string) => packet, connect: '40', split: (body: string) => body.split('\u001e') },
} as const

function splitV3(body: string): string[] {
  const packets: string[] = []
  for (let at = 0; at < body.length;) {
    const colon = body.indexOf(':', at)
    const length = Number(body.slice(at, colon))
    packets.push(body.slice(colon + 1, colon + 1 + length))
    at = colon + 1 + length
  }
  return packets
}

/** Connects by polling, each request on the next node; resolves when the namespace is joined. */
async function connect(eio: 3 | 4, port: number, extra = ''): Promise<PollingClient> {
  const client = await new PollingClient(port, eio, extra).connect()
  const { connect: packet } = WIRE[eio]
  if (packet !== undefined) expect((await client.post(packet)).body).toBe('ok')
  if (packet !== undefined || !client.open.body.endsWith('2:40'))
    await readUntil(client, eio, (one) => one.startsWith('40'))
  return client
}

async function readUntil(
  client: PollingClient,
  eio: 3 | 4,
  isWanted: (packet: string) => boolean,
): Promise<string> {
  for (;;) {
    const answer = await client.get()
    expect(answer.status).toBe(200)
    const found = WIRE[eio].split(answer.body).find(isWanted)
    if (found !== undefined) return found
  }
}

describe('a session over several nodes', () => {
  for (const count of [2, 3]) {
    for (const eio of [3, 4] as const) {
      it(`[CLU-40] serves GETs and POSTs of EIO${eio} on whatever of ${count} nodes they land`, async () => {
        cluster = await startCluster(count, {}, echo)
        const client = await connect(eio, cluster.port)
        for (let i = 0; i < 10; i++) {
          expect(
            (
              await client.post(
                WIRE[eio].frame(`42${i}["echo","n${i} é"]`.replace('é', eio === 3 ? 'e' : 'é')),
              )
            ).body,
          ).toBe('ok')
          expect(await readUntil(client, eio, (packet) => packet.startsWith('43'))).toContain(
            `43${i}["n${i} `,
          )
        }
        expect(Math.min(...cluster.counts)).toBeGreaterThan(5)
      })

      it(`[CLU-41] upgrades EIO${eio} with handshake, probe and poll on different ones of ${count} nodes`, async () => {
        const sockets: Socket[] = []
        cluster = await startCluster(count, {}, (io) => {
          echo(io)
          io.on('connection', (socket) => sockets.push(socket))
        })
        const client = await connect(eio, cluster.port)
        const poll = client.get()
        // The next node: neither the poll's nor, of three, the owner's.
        const owner = cluster.nodes.findIndex(({ io }) => io.engine.clientsCount === 1)
        cluster.next = (owner + 1) % count
        const socket = new WireSocket(cluster.port, client.path().replace('polling', 'websocket'))
        await once(socket.ws, 'open')
        socket.ws.send('2probe')
        expect(await socket.next()).toBe('3probe')
        expect(WIRE[eio].split((await poll).body)).toEqual(['6'])
        socket.ws.send('5')
        for (let i = 0; i < 20; i++) socket.ws.send(`42${i}["echo","w${i} 汉字"]`)
        for (let i = 0; i < 20; i++) expect(await socket.next()).toBe(`43${i}["w${i} 汉字"]`)
        expect(sockets[0]!.conn.transport.name).toBe('websocket')
        const gone = new Promise((resolve) => sockets[0]!.on('disconnect', resolve))
        socket.ws.close()
        expect(await gone).toBe('transport close')
      })
    }
  }

  it('[CLU-41] carries binary over a relayed WebSocket in both revisions and with b64', async () => {
    cluster = await startCluster(2, {}, (io) =>
      io.on('connection', (socket) => socket.on('bin', (data) => socket.emit('bin', data))),
    )
    for (const [eio, extra] of [
      [3, ''],
      [4, ''],
      [3, '&b64=1'],
      [4, '&b64=1'],
    ] as const) {
      cluster.next = 0
      const client = await connect(eio, cluster.port, extra)
      const owner = cluster.nodes.findIndex(({ io }) => client.sid.startsWith(io.cluster!.incarnation))
      cluster.next = 1 - owner
      const socket = new WireSocket(cluster.port, client.path().replace('polling', 'websocket'))
      await once(socket.ws, 'open')
      socket.ws.send('5')
      socket.ws.send('451-["bin",{"_placeholder":true,"num":0}]')
      socket.ws.send(Buffer.from(eio === 3 ? [4, 1, 2, 3] : [1, 2, 3]))
      expect(await socket.next()).toBe('451-["bin",{"_placeholder":true,"num":0}]')
      const binary = await socket.next()
      if (extra === '') expect([...(binary as Buffer)]).toEqual(eio === 3 ? [4, 1, 2, 3] : [1, 2, 3])
      else expect(binary).toBe(eio === 3 ? 'b4AQID' : 'bAQID')
    }
  })

  it('[CLU-40] serves JSONP and binary payloads of EIO3 on whatever node they land', async () => {
    cluster = await startCluster(2, {}, echo)
    const jsonp = await new PollingClient(cluster.port, 3, '&j=7').connect()
    expect(jsonp.open.body.startsWith('___eio[7](')).toBe(true)
    if (!jsonp.open.body.includes('2:40')) expect((await jsonp.get()).body).toContain('2:40')
    const form = `d=${encodeURIComponent('16:420["echo","é"]'.replace('16', '15'))}`
    expect((await jsonp.post(form, { 'content-type': 'application/x-www-form-urlencoded' })).body).toBe('ok')
    expect((await jsonp.get()).body).toBe('___eio[7]("13:430[\\"\\\\u00e9\\"]");')

    const binary = await connect(3, cluster.port)
    const packet = Buffer.from('420["echo","é"]')
    const payload = Buffer.concat([
      Buffer.from([0, ...String(packet.length).split('').map(Number), 0xff]),
      packet,
    ])
    expect((await binary.post(payload, { 'content-type': 'application/octet-stream' })).body).toBe('ok')
    const answer = await binary.get()
    expect(answer.headers['content-type']).toBe('application/octet-stream')
    expect(answer.body).toContain('430["é"]')
  })

  it('[CLU-42] answers violations on another node as on the own one', async () => {
    cluster = await startCluster(2)
    const closed: string[] = []
    for (const { io } of cluster.nodes)
      io.engine.on('connection', (session: { on(event: string, listener: (reason: string) => void): void }) =>
        session.on('close', (reason) => closed.push(reason)),
      )
    cluster.next = 0
    const client = await connect(4, cluster.port)
    const at = (node: number, path: string, method = 'GET', body?: string): ReturnType<typeof send> =>
      send(cluster!.nodes[node]!.port, method, path, body === undefined ? {} : { body })
    const foreign = cluster.nodes.findIndex(({ io }) => !client.sid.startsWith(io.cluster!.incarnation))
    expect((await at(foreign, client.path(3))).body).toContain('"code":3')
    expect((await at(foreign, client.path(), 'PUT')).status).toBe(500)
    expect((await at(foreign, client.path(), 'POST', 'x'.repeat(1_000_001))).status).toBe(413)
    const never = await at(foreign, polling(4, `&sid=${client.sid.slice(0, 4)}AAAAAAAAAAAAAAAA`))
    expect([never.status, JSON.parse(never.body).code]).toEqual([400, 1])
    const held = at(foreign, `${client.path()}&t=one`)
    // Answered by the owner, which has the poll by then: both take the same link.
    expect((await at(foreign, client.path(), 'POST', '6')).body).toBe('ok')
    expect((await at(foreign, `${client.path()}&t=two`)).status).toBe(400)
    expect((await held).body).toBe('1')
    expect(closed).toEqual(['transport error'])
    expect(JSON.parse((await at(foreign, client.path())).body)).toMatchObject({
      code: 1,
      message: 'Session ID unknown',
    })
  })

  it('[CLU-42] closes the session when the client gives up a poll on another node', async () => {
    let disconnected: Promise<unknown> | undefined
    cluster = await startCluster(2, {}, (io) =>
      io.on(
        'connection',
        (socket) => (disconnected = new Promise((resolve) => socket.on('disconnect', resolve))),
      ),
    )
    const client = await connect(4, cluster.port)
    const foreign = cluster.nodes.find(({ io }) => !client.sid.startsWith(io.cluster!.incarnation))!
    const abort = new AbortController()
    const poll = send(foreign.port, 'GET', client.path(), { signal: abort.signal }).catch(() => {})
    // The POST is answered when the owner has handled it, and so after it knows of the poll: both take the same link.
    expect((await send(foreign.port, 'POST', client.path(), { body: '3' })).body).toBe('ok')
    abort.abort()
    await poll
    expect(await disconnected).toBe('transport error')
  })
})
