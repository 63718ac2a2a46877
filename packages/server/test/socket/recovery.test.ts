// Connection state recovery on the wire, and with the unmodified official client.
import { createRequire } from 'node:module'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { RawWebSocket } from '@tidewire/testkit/raw-websocket'
import fc from 'fast-check'
import { Adapter } from 'tidewire'
import { afterEach, describe, expect, it } from 'vitest'
import type { EncodedPacket } from '../../src/broadcast/encoded.ts'
import { EventLog } from '../../src/recovery/event-log.ts'
import { DEADLINE_MS, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

const require = createRequire(new URL('../../../../interop/package.json', import.meta.url))
const { io: officialIo } = require('socket.io-client-4.8.4')

let server: Started
const wires: WireSocket[] = []
const clients: any[] = []
afterEach(async () => {
  for (const wire of wires.splice(0)) wire.ws.terminate()
  for (const client of clients.splice(0)) client.disconnect()
  await server.close()
})

interface Joined {
  wire: WireSocket
  /** What came before the CONNECT answer. */
  replayed: any[][]
  answer: { sid: string; pid?: string; recoveryFailure?: string }
}

async function join(auth?: object, path = ''): Promise<Joined> {
  const wire = new WireSocket(server.port, websocket(4))
  wires.push(wire)
  await wire.next()
  wire.ws.send(`40${path === '' ? '' : `${path},`}${auth === undefined ? '' : JSON.stringify(auth)}`)
  const replayed: any[][] = []
  for (;;) {
    const text = String(await wire.next()).replace(/^(4\d)\/[^,]*,/, '$1')
    if (text.startsWith('40')) return { wire, replayed, answer: JSON.parse(text.slice(2)) }
    replayed.push(JSON.parse(text.slice(2)))
  }
}

async function nextEvent(wire: WireSocket): Promise<any[]> {
  return JSON.parse(String(await wire.next()).slice(2))
}

function once(emitter: any, event: string): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}"`)), DEADLINE_MS)
    emitter.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}

/** Cuts the connection and waits until the server has noticed. */
async function cut(wire: WireSocket, namespace = server.io.of('/'), sid?: string): Promise<void> {
  const socket: any = sid === undefined ? [...namespace.sockets.values()].at(-1) : namespace.sockets.get(sid)
  const gone = once(socket, 'disconnect')
  wire.ws.terminate()
  await gone
}

describe('connection state recovery', () => {
  it('[SIO-70] gives a pid when it is switched on, and none otherwise or to revision 4', async () => {
    server = await start({ connectionStateRecovery: {} })
    const { answer } = await join()
    const old = new WireSocket(server.port, websocket(3))
    wires.push(old)
    await old.next()
    const oldConnect = await old.next()
    await server.close()
    server = await start()
    const { answer: plain } = await join()

    expect(answer.pid).toMatch(/^[\w-]{24}$/)
    expect(oldConnect).toBe('40')
    expect(Object.keys(plain)).toEqual(['sid'])
  })

  it('[SIO-71] appends an offset to events, repeats it on volatile ones, leaves acks and revision 4 alone', async () => {
    server = await start({ connectionStateRecovery: {} })
    const { wire } = await join()
    const old = new WireSocket(server.port, websocket(3))
    wires.push(old)
    await old.next()
    await old.next()

    server.io.emit('a', 1)
    const [, , first] = await nextEvent(wire)
    server.io.volatile.emit('v', 'text')
    const [, , repeated] = await nextEvent(wire)
    for (const socket of server.io.sockets.sockets.values()) socket.emit('with ack', 'text', () => {})
    const withAck = String(await wire.next())
    const seenByOld = [String(await old.next()), String(await old.next())]

    expect(first).toEqual(expect.any(String))
    expect(repeated).toBe(first)
    expect(withAck).toMatch(/^42\d+\["with ack","text"\]$/)
    expect(seenByOld).toEqual(['42["a",1]', '42["v","text"]'])
  })

  it('[SIO-72] gives id, rooms, data and what was missed back, before the CONNECT answer', async () => {
    server = await start({ connectionStateRecovery: {} })
    const connected = once(server.io, 'connection')
    const { wire, answer } = await join()
    const [socket] = await connected
    socket.join('room')
    socket.data.name = 'Ann'
    socket.emit('a')
    const [, offset] = await nextEvent(wire)
    await cut(wire)
    server.io.to('room').emit('missed', { text: '漏' })
    server.io.to(answer.sid).emit('private')
    server.io.to('other').emit('not mine')
    const again = once(server.io, 'connection')

    const { replayed, answer: second } = await join({ pid: answer.pid, offset })
    const [recovered] = await again

    expect(second).toEqual(answer)
    expect(replayed.map((args) => args.slice(0, -1))).toEqual([['missed', { text: '漏' }], ['private']])
    expect([recovered.recovered, recovered.data, [...recovered.rooms]]).toEqual([true, { name: 'Ann' }, [answer.sid, 'room']])
    expect(socket.recovered).toBe(false)
  })

  it('[SIO-72, SIO-73] works with socket.io-client 4.8.4, from its CONNECT on', async () => {
    server = await start({ connectionStateRecovery: {} })
    const connected = once(server.io, 'connection')
    const client = officialIo(server.url, { transports: ['websocket'], reconnectionDelay: 10, forceNew: true })
    clients.push(client)
    const [socket] = await connected
    await once(client, 'connect')
    const { id } = client
    const gone = once(socket, 'disconnect')
    client.io.engine.transport.ws.terminate()
    await gone
    server.io.emit('missed', '你好', Buffer.from([1, 2, 3]))

    const [text, bytes] = await once(client, 'missed')

    expect([text, bytes, client.recovered, client.id]).toEqual(['你好', Buffer.from([1, 2, 3]), true, id])
  })

  it('[SIO-73] recovers a client that shows no offset, or one of an earlier session', async () => {
    server = await start({ connectionStateRecovery: {} })
    server.io.emit('before it came')
    const { wire, answer } = await join()
    await cut(wire)
    server.io.emit('missed')

    const first = await join({ pid: answer.pid })
    await cut(first.wire)
    server.io.emit('more')
    const second = await join({ pid: answer.pid, offset: 'of another boot' })

    expect(first.replayed.map(([name]) => name)).toEqual(['missed'])
    expect(second.replayed.map(([name]) => name)).toEqual(['missed', 'more'])
  })

  it('[SIO-74] takes over from a half-open predecessor', async () => {
    server = await start({ connectionStateRecovery: {} })
    const connected = once(server.io, 'connection')
    const { answer } = await join()
    const [old] = await connected
    old.join('room')
    const reason = once(old, 'disconnect')
    server.io.to('room').emit('lost in the network')

    const { replayed, answer: second } = await join({ pid: answer.pid })

    expect((await reason)[0]).toBe('forced close')
    expect(second.sid).toBe(answer.sid)
    expect(replayed.map(([name]) => name)).toEqual(['lost in the network'])
    expect([...server.io.sockets.sockets.values()].map((socket) => [socket.id, socket.recovered])).toEqual([[answer.sid, true]])
    expect([...server.io.sockets.adapter.rooms.get('room')!]).toEqual([answer.sid])
  })

  it('[SIO-74] gives the session to one of two that show its pid at once', async () => {
    server = await start({ connectionStateRecovery: { skipMiddlewares: false } })
    const waiting: (() => void)[] = []
    const { wire, answer } = await join()
    server.io.use((_socket, next) => void waiting.push(next))
    await cut(wire)
    const two = [join({ pid: answer.pid }), join({ pid: answer.pid })]
    await expect.poll(() => waiting.length).toBe(2)
    for (const next of waiting.splice(0)) next()
    // The other passes the middlewares once more, as a new client.
    await expect.poll(() => waiting.length).toBe(1)
    waiting[0]!()

    const ids = (await Promise.all(two)).map((joined) => joined.answer)

    expect(new Set(ids.map(({ sid }) => sid)).size).toBe(2)
    expect(ids.filter(({ sid, recoveryFailure }) => sid === answer.sid && recoveryFailure === undefined)).toHaveLength(1)
    expect(ids.filter(({ recoveryFailure }) => recoveryFailure === 'session unknown')).toHaveLength(1)
  })

  it('[SIO-75] replays by room and `except`, each event once and in order', async () => {
    server = await start({ connectionStateRecovery: {} })
    const connected = once(server.io, 'connection')
    const { wire, answer } = await join()
    const [socket] = await connected
    socket.join(['a', 'b'])
    await cut(wire)
    server.io.to(['a', 'b']).emit('once')
    server.io.except('a').emit('not for a')
    server.io.to('b').except('c').emit('second')
    server.io.emit('third')
    server.io.volatile.emit('volatile')

    const { replayed } = await join({ pid: answer.pid })

    expect(replayed.map(([name]) => name)).toEqual(['once', 'second', 'third'])
  })

  it('[SIO-76, SIO-77] refuses to recover with a hole, and says why to both sides', async () => {
    server = await start({ connectionStateRecovery: { maxBytes: 2_000 } })
    const { wire, answer } = await join()
    await cut(wire)
    for (let i = 0; i < 20; i++) server.io.emit('big', 'x'.repeat(100))
    const again = once(server.io, 'connection')

    const { answer: second, replayed } = await join({ pid: answer.pid })
    const [socket] = await again

    expect(second.sid).not.toBe(answer.sid)
    expect([second.recoveryFailure, socket.recoveryFailure, socket.recovered]).toEqual(['events lost', 'events lost', false])
    expect(replayed).toEqual([])
  })

  it('[SIO-77] tells of an expired session', async () => {
    server = await start({ connectionStateRecovery: { maxDisconnectionDuration: 20 } })
    const connected = once(server.io, 'connection')
    const { wire, answer } = await join()
    const [socket] = await connected
    socket.join('room')
    socket.data.name = 'Ann'
    const expired = once(server.io.sockets.adapter, 'session-expired')
    await cut(wire)

    expect(await expired).toEqual([{ sid: answer.sid, rooms: [answer.sid, 'room'], data: { name: 'Ann' } }])
    expect((await join({ pid: answer.pid })).answer.recoveryFailure).toBe('session unknown')
  })

  it('[SIO-77] the oldest of too many sessions makes room', async () => {
    server = await start({ connectionStateRecovery: { maxSessions: 1 } })
    const first = await join()
    await cut(first.wire)
    const second = await join()
    await cut(second.wire)

    expect((await join({ pid: first.answer.pid })).answer.recoveryFailure).toBe('session unknown')
    expect((await join({ pid: second.answer.pid })).answer).toEqual(second.answer)
  })

  it('[SIO-78] does not recover what client or server has ended', async () => {
    server = await start({ connectionStateRecovery: {} })
    const first = await join()
    const left = once([...server.io.sockets.sockets.values()][0], 'disconnect')
    first.wire.ws.send('41')
    await left
    const second = await join()
    for (const socket of server.io.sockets.sockets.values()) socket.disconnect()

    const answers = [await join({ pid: first.answer.pid }), await join({ pid: second.answer.pid })]

    expect(answers.map(({ answer }) => answer.recoveryFailure)).toEqual(['session unknown', 'session unknown'])
  })

  it('[SIO-79] lets middlewares decide before anything is replayed', async () => {
    server = await start({ connectionStateRecovery: { skipMiddlewares: false } })
    const { wire, answer } = await join()
    await cut(wire)
    server.io.emit('secret')
    const seen: boolean[] = []
    let isWelcome = false
    server.io.use((socket, next) => {
      seen.push(socket.recovered)
      next(isWelcome ? undefined : new Error('not you'))
    })
    const refused = new WireSocket(server.port, websocket(4))
    wires.push(refused)
    await refused.next()
    refused.ws.send(`40${JSON.stringify({ pid: answer.pid })}`)
    const refusal = await refused.next()
    isWelcome = true

    const { replayed } = await join({ pid: answer.pid })

    expect(refusal).toBe('44{"message":"not you"}')
    expect(replayed.map(([name]) => name)).toEqual(['secret'])
    expect(seen).toEqual([true, true])
  })

  it('[SIO-72] keeps an empty dynamic namespace while somebody may come back to it', async () => {
    server = await start({ connectionStateRecovery: { maxDisconnectionDuration: 20_000 }, cleanupEmptyChildNamespaces: true })
    server.io.of(/^\/team-\d+$/)
    const { wire, answer } = await join(undefined, '/team-1')
    const team = server.io.of('/team-1')
    await cut(wire, team)
    team.emit('missed')

    const { replayed, answer: second } = await join({ pid: answer.pid }, '/team-1')

    expect([second.sid, replayed.length]).toEqual([answer.sid, 1])
  })

  it('[SIO-77] an adapter that throws refuses the client, and the operator hears of it', async () => {
    const heard: unknown[] = []
    class Broken extends Adapter {
      override addAll(): void {
        throw new Error('no room')
      }
    }
    server = await start({ adapter: Broken, onHandlerError: (error) => void heard.push((error as Error).message) })
    const wire = new WireSocket(server.port, websocket(4))
    wires.push(wire)
    await wire.next()
    wire.ws.send('40')

    expect(await wire.next()).toBe('44{"message":"internal server error"}')
    expect(heard).toEqual(['no room'])
    expect(server.io.sockets.sockets.size).toBe(0)
  })

  it('[SIO-75] replays nothing from before a room was joined, and all until it was left', async () => {
    server = await start({ connectionStateRecovery: {} })
    const connected = once(server.io, 'connection')
    const { wire, answer } = await join()
    const [socket] = await connected
    socket.join(['left', 'stayed', 'left and joined'])
    server.io.emit('seen')
    const offset = (await nextEvent(wire)).at(-1)
    // From here on the client is deaf: its offset stays.
    server.io.to('left').emit('left 1')
    server.io.to('joined').emit('joined 0')
    server.io.except('joined').emit('not in joined')
    socket.join('joined')
    socket.leave('left')
    socket.leave('left and joined')
    server.io.to('left').emit('left 2')
    server.io.to('joined').emit('joined 1')
    server.io.to('left and joined').emit('between')
    server.io.except('joined').emit('in joined')
    socket.join('left and joined')
    server.io.to(['left and joined', 'stayed']).emit('both')
    await cut(wire)
    server.io.to('left').emit('left 3')
    server.io.to('joined').emit('joined 2')

    const { replayed } = await join({ pid: answer.pid, offset })

    expect(replayed.map(([name]) => name)).toEqual(['left 1', 'not in joined', 'joined 1', 'both', 'joined 2'])
  })

  it('[SIO-75] a session that came back keeps its rooms for the next time', async () => {
    server = await start({ connectionStateRecovery: {} })
    const connected = once(server.io, 'connection')
    const { wire, answer } = await join()
    const [socket] = await connected
    server.io.emit('seen')
    const offset = (await nextEvent(wire)).at(-1)
    socket.join('room')
    server.io.to('room').emit('first')
    await cut(wire)
    const second = await join({ pid: answer.pid, offset })
    await cut(second.wire)

    const { replayed } = await join({ pid: answer.pid, offset })

    expect([second.replayed, replayed].map((events) => events.map(([name]) => name))).toEqual([['first'], ['first']])
  })

  it('[SIO-76] lets go of an event when it leaves the log, in every room', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    server = await start()
    const log = new EventLog({ maxBytes: 1_000_000, maxAgeMs: 10 })
    const add = (room: string, at: number): WeakRef<object> => {
      const encoded = {} as EncodedPacket
      log.append({ seq: log.next(), encoded, rooms: [room], except: undefined, at, bytes: 1 })
      return new WeakRef(encoded)
    }
    const refs = ['a', 'b'].flatMap((room) => Array.from({ length: 20 }, () => add(room, 0)))
    add('a', 100)
    add('b', 100)
    // A reference that was just made lives until the turn ends.
    const alive = async (): Promise<number> => {
      await new Promise(setImmediate)
      collect()
      return refs.filter((ref) => ref.deref() !== undefined).length
    }
    await expect.poll(alive).toBe(0)
  })

  it('[SIO-76] keeps of each event its own bytes, not the buffers that those were cut from', async () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    server = await start({ connectionStateRecovery: {} })
    const { wire, answer } = await join()
    const held = async (): Promise<number> => {
      await new Promise(setImmediate)
      for (let pass = 0; pass < 3; pass++) collect()
      return process.memoryUsage().arrayBuffers
    }
    const before = await held()
    const count = 300
    for (let n = 0; n < count; n++) {
      server.io.emit('tick', Buffer.from(`${n}`))
      for (let i = 0; i < 2; i++) await wire.next()
      // What else a busy server takes from the same pool meanwhile.
      for (let i = 0; i < 40; i++) Buffer.allocUnsafe(4_000)
    }
    const grown = (await held()) - before
    await cut(wire)
    const again = new WireSocket(server.port, websocket(4))
    wires.push(again)
    await again.next()
    again.ws.send(`40${JSON.stringify({ pid: answer.pid })}`)
    const replayed: [string, string][] = []
    for (let n = 0; n < count; n++) replayed.push([String(await again.next()).split(',"')[0]!, String(await again.next())])

    expect(replayed).toEqual(Array.from({ length: count }, (_, n) => ['451-["tick",{"_placeholder":true', `${n}`]))
    expect(grown).toBeLessThan(4_000_000)
  })

  /** Sessions of clients that have gone, with the offset that they had. */
  async function away(count: number): Promise<string[]> {
    const first = await join()
    const others = await Promise.all(Array.from({ length: count - 1 }, () => join()))
    server.io.emit('seen')
    const offset = (await nextEvent(first.wire)).at(-1)
    for (const { wire } of [first, ...others]) wire.ws.terminate()
    await expect.poll(() => server.io.sockets.sockets.size).toBe(0)
    return [first, ...others].map(({ answer: { pid } }) => JSON.stringify({ pid, offset }))
  }

  it('[SIO-72] those who come back at the same time share what they are sent, and do not read', async () => {
    server = await start({ connectionStateRecovery: {} })
    const sessions = await away(12)
    for (let n = 0; n < 20; n++) server.io.emit('missed', 'x'.repeat(900_000))
    const back = await Promise.all(
      sessions.map(async (auth) => {
        const raw = new RawWebSocket(server.port)
        await raw.until('"sid"')
        raw.socket.pause()
        return { raw, auth }
      }),
    )
    const before = process.memoryUsage().arrayBuffers
    for (const { raw, auth } of back) raw.send(`40${auth}`)
    await expect.poll(() => server.io.stats().outbox.sessions).toBe(12)
    const bytes = process.memoryUsage().arrayBuffers - before
    for (const { raw } of back) raw.socket.destroy()

    // Each has 18 MB to read.
    expect(bytes).toBeLessThan(72_000_000)
  })

  it('[SIO-72, EIO-79] many who come back at once, and have missed much, leave a neighbour its turns', async () => {
    server = await start({ connectionStateRecovery: {} })
    const sessions = await away(10)
    for (let n = 0; n < 30_000; n++) server.io.emit('missed', n)
    let recovered = 0
    server.io.on('connection', (socket) => {
      if (socket.recovered) recovered++
      socket.on('echo', (ack: (count: number) => void) => ack(recovered))
    })
    const neighbour = await new RawWebSocket(server.port).join()
    const back = sessions.map((auth) => ({ raw: new RawWebSocket(server.port), auth }))
    for (const { raw } of back) await raw.until('"sid"')
    for (const { raw, auth } of back) raw.send(`40${auth}`)
    neighbour.send('420["echo"]')
    await neighbour.until('430[')
    for (const { raw } of back) await raw.until('["missed",29999')

    expect(Number(/430\[(\d+)\]/.exec(neighbour.received.toString('latin1'))![1])).toBeLessThan(5)
    expect(recovered).toBe(10)
  })

  it('[SIO-75, SIO-76] the log finds what a walk over everything finds, within its bytes', async () => {
    server = await start()
    const room = fc.constantFrom('a', 'b', 'c', 'd')
    const event = fc.record({ rooms: fc.uniqueArray(room), except: fc.uniqueArray(room, { maxLength: 1 }), bytes: fc.nat(300) })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 300 }), fc.nat(300), fc.uniqueArray(room), (events, from, mine) => {
        const log = new EventLog({ maxBytes: 20_000, maxAgeMs: 1_000 })
        const all = events.map(({ rooms, except, bytes }) => {
          const one = { seq: log.next(), encoded: undefined as unknown as EncodedPacket, rooms, except: except.length === 0 ? undefined : new Set(except), at: 0, bytes }
          log.append(one)
          return one
        })
        const mineSet = new Set(mine)
        const expected = all.filter(
          ({ seq, rooms, except }) =>
            seq > Math.max(from, log.truncated) && (rooms.length === 0 || rooms.some((one) => mineSet.has(one))) && !mine.some((one) => except?.has(one)),
        )

        expect(log.since(from, mineSet)).toEqual(expected)
        expect(log.bytes).toBeLessThanOrEqual(20_000)
      }),
    )
  })
})
