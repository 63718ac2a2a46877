// The API on real sockets with the real clients of both protocol generations.
import { createRequire } from 'node:module'
import { Adapter, Server } from 'tidewire'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DEADLINE_MS, send, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

const require = createRequire(new URL('../../../../interop/package.json', import.meta.url))
const CLIENTS: Record<string, any> = { '4.8.4': require('socket.io-client-4.8.4'), '2.5.0': require('socket.io-client-2.5.0') }

let server: Started
const clients: any[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.disconnect()
  await server.close()
})

function connect(version = '4.8.4', path = '', options: object = {}): any {
  const client = CLIENTS[version](server.url + path, { transports: ['websocket'], forceNew: true, ...options })
  clients.push(client)
  return client
}

/** The next event of an emitter; rejects when it does not come. */
function next(emitter: any, event: string, withinMs = DEADLINE_MS): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}" within ${withinMs} ms`)), withinMs)
    emitter.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}

async function pair(version = '4.8.4', path = '', options: object = {}): Promise<[any, any]> {
  const namespace = server.io.of(path.split('?')[0] || '/')
  const connected = next(namespace, 'connection')
  const client = connect(version, path, options)
  await next(client, 'connect')
  return [client, (await connected)[0]]
}

describe.each(['4.8.4', '2.5.0'])('with socket.io-client %s', (version) => {
  it('[SIO-20, SIO-21] gives both sides the same id', async () => {
    server = await start()
    const [client, socket] = await pair(version)
    expect(socket.id).toBe(client.id)
    const [admin, adminSocket] = await pair(version, '/admin')
    expect(adminSocket.id).toBe(admin.id)
  })

  it('[SIO-40] carries text and binary both ways', async () => {
    server = await start()
    const [client, socket] = await pair(version)
    const heard = next(socket, 'up')
    client.emit('up', '汉字 😀', { nested: [Buffer.from([1, 2])] })
    expect(await heard).toEqual(['汉字 😀', { nested: [Buffer.from([1, 2])] }])
    const back = next(client, 'down')
    socket.emit('down', 'é', Buffer.from([3]))

    expect(await back).toEqual(['é', Buffer.from([3])])
  })

  it('[SIO-41] acknowledges both ways, once', async () => {
    server = await start()
    const [client, socket] = await pair(version)
    socket.on('sum', (a: number, b: number, ack: (n: number) => void) => {
      ack(a + b)
      ack(0)
    })
    client.on('double', (n: number, ack: (n: number) => void) => ack(n * 2))

    expect(await new Promise((resolve) => client.emit('sum', 1, 2, resolve))).toBe(3)
    expect(await socket.emitWithAck('double', 4)).toBe(8)
  })

  it('[SIO-23, SIO-29] is refused by a middleware that gives an error, throws or rejects', async () => {
    const reported: string[] = []
    server = await start({ onHandlerError: (error) => reported.push((error as Error).message) })
    const failures = [
      (_socket: any, done: any) => done(Object.assign(new Error('no'), { data: { code: 42 } })),
      () => {
        throw new Error('no')
      },
      () => Promise.reject(new Error('no')),
    ]
    for (const [index, middleware] of failures.entries()) {
      server.io.of(`/${index}`).use(middleware as any)
      const client = connect(version, `/${index}`)
      const [error] = await next(client, version === '4.8.4' ? 'connect_error' : 'error')
      const expected = index === 0 ? { message: 'no', data: { code: 42 } } : { message: 'internal server error' }
      if (version === '4.8.4') expect(error).toMatchObject(expected)
      else expect(error).toEqual(expected.data ?? expected.message)
    }
    // What is thrown is for the operator, what is given to `next` for the client.
    expect(reported).toEqual(['no', 'no'])
  })

  it('[SIO-24] is told of an unknown namespace', async () => {
    server = await start()
    const [error] = await next(connect(version, '/nope'), version === '4.8.4' ? 'connect_error' : 'error')

    expect(error.message).toBe('Invalid namespace')
  })

  it('[SIO-60, SIO-61, SIO-63] hears why it was disconnected, and tells', async () => {
    server = await start()
    const [client, socket] = await pair(version)
    const rooms = new Promise((resolve) => socket.on('disconnecting', () => resolve([...socket.rooms])))
    const gone = next(socket, 'disconnect')
    client.disconnect()
    expect(await rooms).toEqual([socket.id])
    expect((await gone)[0]).toMatch(/client namespace disconnect|transport close/)
    expect(socket.rooms.size).toBe(0)
    const [other, otherSocket] = await pair(version)
    const told = next(other, 'disconnect')
    otherSocket.disconnect()

    expect((await told)[0]).toBe('io server disconnect')
  })
})

describe('broadcasts', () => {
  it('[SIO-46, SIO-47] reach each socket of the rooms once, except the excepted, clients of both generations alike', async () => {
    server = await start()
    const [a, sa] = await pair('4.8.4')
    const [b, sb] = await pair('2.5.0')
    const [c, sc] = await pair('4.8.4')
    sa.join(['r1', 'r2'])
    sb.join('r1')
    sc.join(['r1', 'r3'])
    const got: string[] = []
    for (const [name, client] of Object.entries({ a, b, c })) client.on('news', (text: string) => got.push(`${name}:${text}`))
    server.io.to('r1').to('r2').except('r3').emit('news', '汉字')
    sa.to('r1').emit('news', 'others')
    const fences = [a, b, c].map((client) => next(client, 'fence'))
    server.io.emit('fence')
    await Promise.all(fences)

    expect(got.toSorted()).toEqual(['a:汉字', 'b:others', 'b:汉字', 'c:others'])
  })

  it('[SIO-43] gather acknowledgements, and give the partial ones on time-out', async () => {
    server = await start()
    const [a, ofA] = await pair('4.8.4')
    const [b] = await pair('2.5.0')
    a.on('ask', (ack: (n: number) => void) => {
      ack(1)
      a.emit('answered')
    })
    b.on('ask', (ack: (n: number) => void) => ack(2))
    expect((await server.io.timeout(DEADLINE_MS).emitWithAck('ask')).toSorted()).toEqual([1, 2])
    b.off('ask')
    b.on('ask', () => {})

    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      const answered = next(ofA, 'answered')
      const late = server.io.timeout(50).emitWithAck('ask').catch((error: unknown) => error)
      await answered
      vi.advanceTimersByTime(50)
      expect(await late).toMatchObject({ message: 'operation has timed out', responses: [1] })
    } finally {
      vi.useRealTimers()
    }
  })

  it('[SIO-44] drop volatile events that cannot leave at once', async () => {
    server = await start()
    const [client, socket] = await pair()
    const got: number[] = []
    client.on('v', (n: number) => got.push(n))
    for (let n = 0; n < 4; n++) socket.volatile.emit('v', n)
    const fence = next(client, 'fence')
    socket.emit('fence')
    await fence

    expect(got).toEqual([0])
  })
})

describe('events', () => {
  it('[SIO-42] time out with an error', async () => {
    server = await start()
    const [client, socket] = await pair()
    client.on('mute', () => {})

    expect(await new Promise((resolve) => socket.timeout(20).emit('mute', resolve))).toMatchObject({ message: 'operation has timed out' })
    await expect(socket.timeout(20).emitWithAck('mute')).rejects.toThrow('operation has timed out')
  })

  it('[SIO-45] with reserved names cannot be emitted', async () => {
    server = await start()
    const [, socket] = await pair()

    for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener']) {
      expect(() => socket.emit(name)).toThrow(`"${name}" is a reserved event name`)
      expect(() => server.io.emit(name)).toThrow('reserved')
    }
  })

  it('[SIO-48] whose handlers throw or reject cost nobody anything, and their ack gets an error', async () => {
    const errors: string[] = []
    server = await start({ onHandlerError: (error, { event }) => errors.push(`${event}: ${(error as Error).message}`) })
    const [client, socket] = await pair()
    socket.on('throws', () => {
      throw new Error('one')
    })
    socket.on('rejects', () => Promise.reject(new Error('two')))
    socket.on('fine', (ack: (text: string) => void) => ack('fine'))
    const failure = (event: string): object => ({ error: { code: 'TW_ERR_HANDLER', message: `the handler of "${event}" failed` } })

    expect(await client.emitWithAck('throws')).toEqual(failure('throws'))
    expect(await client.emitWithAck('rejects')).toEqual(failure('rejects'))
    expect(await client.emitWithAck('fine')).toBe('fine')
    expect(errors).toEqual(['throws: one', 'rejects: two'])
  })

  it('[SIO-6, SIO-48] nested deeper than the stack are refused, and the server goes on', async () => {
    server = await start({ onHandlerError() {} })
    server.io.on('connection', (socket) => socket.on('echo', (value: unknown, ack: (value: unknown) => void) => ack(value)))
    const wire = new WireSocket(server.port, websocket(4))
    await wire.next()
    wire.ws.send('40')
    await wire.next()
    const nested = (depth: number): string => `420["echo",${'['.repeat(depth)}${']'.repeat(depth)}]`
    wire.ws.send(nested(1900))
    expect(await wire.next()).toBe(`430[${'['.repeat(1900)}${']'.repeat(1900)}]`)
    wire.ws.send(nested(4200))
    expect((await wire.end()).code).toBe(1008)
    const [client] = await pair()

    expect(await client.emitWithAck('echo', 'alive')).toBe('alive')
  })

  it('[SIO-49] are seen by catch-all listeners, in and out', async () => {
    server = await start()
    const [client, socket] = await pair()
    const seen: unknown[] = []
    socket.onAny((...args: unknown[]) => seen.push(['in', ...args.slice(0, 2)]))
    socket.onAnyOutgoing((...args: unknown[]) => seen.push(['out', ...args]))
    const back = next(client, 'down')
    socket.on('up', () => {
      socket.emit('down', 1)
      server.io.emit('all', 2)
    })
    client.emit('up', 0)
    await back

    expect(seen).toEqual([['in', 'up', 0], ['out', 'down', 1], ['out', 'all', 2]])
  })

  it('[SIO-29] pass the middlewares of the socket', async () => {
    server = await start()
    const [client, socket] = await pair()
    socket.use(([event]: any[], done: any) => (event === 'bad' ? done(new Error('bad event')) : done()))
    const error = next(socket, 'error')
    client.emit('bad')
    expect((await error)[0].message).toBe('bad event')
    socket.on('good', (ack: () => void) => ack())

    await client.emitWithAck('good')
  })
})

describe('connections', () => {
  it('[SIO-22] of revision 4 carry the query of their namespace as auth', async () => {
    server = await start()
    server.io.of('/admin')
    const [, socket] = await pair('2.5.0', '/admin?token=x%20y')

    expect(socket.handshake.auth).toEqual({ token: 'x y' })
  })

  it('[SIO-25] that join no namespace are closed', async () => {
    server = await start({ connectTimeout: 50 })
    const wire = new WireSocket(server.port, websocket(4))

    expect((await wire.end()).code).toBe(1008)
  })

  it('[SIO-26] that speak to a namespace they have not joined are closed', async () => {
    server = await start()
    const wire = new WireSocket(server.port, websocket(4))
    await wire.next()
    wire.ws.send('42["e"]')

    expect(await wire.end()).toEqual({ code: 1008, reason: 'a packet for a namespace that was not joined' })
  })

  it('[SIO-27] that ask twice for a namespace get one socket', async () => {
    server = await start()
    let count = 0
    server.io.use((_socket, done) => setImmediate(done))
    server.io.on('connection', (socket) => {
      count++
      socket.on('fence', (ack: () => void) => ack())
    })
    const wire = new WireSocket(server.port, websocket(4))
    await wire.next()
    wire.ws.send('40')
    wire.ws.send('40')
    expect(await wire.next()).toMatch(/^40\{/)
    wire.ws.send('420["fence"]')

    expect(await wire.next()).toBe('430[]')
    expect(count).toBe(1)
    wire.ws.terminate()
  })

  it('[SIO-28] of revision 4 may ask for the main namespace', async () => {
    server = await start()
    server.io.on('connection', (socket) => socket.on('fence', (ack: () => void) => ack()))
    const wire = new WireSocket(server.port, websocket(3))
    await wire.next()
    await wire.next()
    wire.ws.send('40')
    wire.ws.send('420["fence"]')

    expect(await wire.next()).toBe('430[]')
    wire.ws.terminate()
  })

  it('[SIO-21, SIO-22] of revision 4 may name a namespace with its query in every packet', async () => {
    server = await start()
    server.io.of('/a').on('connection', (socket) => socket.on('fence', (ack: () => void) => ack()))
    const wire = new WireSocket(server.port, websocket(3))
    await wire.next()
    await wire.next()
    wire.ws.send('40/a?x=1')
    await wire.next()
    wire.ws.send('42/a?x=1,0["fence"]')

    expect(await wire.next()).toBe('43/a,0[]')
    wire.ws.terminate()
  })

  it('[SIO-62] hear nothing of what a client sends behind what closes it', async () => {
    server = await start()
    const reasons: string[] = []
    server.io.on('connection', (socket) => socket.on('disconnect', (reason) => void reasons.push(reason)))
    const wire = new WireSocket(server.port, websocket(4))
    await wire.next()
    wire.ws.send('40')
    await wire.next()
    // In one write: a packet that ends the connection, and one that is none.
    ;(wire.ws as any)._socket.cork()
    wire.ws.send('4')
    wire.ws.send('-')
    ;(wire.ws as any)._socket.uncork()
    await wire.end()

    expect(reasons).toEqual(['forced close'])
  })

  it('[SIO-62] that send what is no packet are closed, and others are not touched', async () => {
    server = await start()
    server.io.on('connection', (socket) => socket.on('fence', (ack: () => void) => ack()))
    const [client] = await pair()
    for (const malformed of ['4', '49', '42{}', '42', '4x', '451-["a"', '42["connect"]', '46[]', '41/x']) {
      const wire = new WireSocket(server.port, websocket(4))
      await wire.next()
      wire.ws.send('40')
      await wire.next()
      wire.ws.send(malformed)
      await wire.end()
    }

    await client.emitWithAck('fence')
  })
})

describe('server', () => {
  it('[API-2] takes a port, or an HTTP server later, and says what is wrong with anything else', async () => {
    server = await start()
    expect(() => new Server(((): void => {}) as any)).toThrow('http.createServer(app)')
    const own = new Server(0)
    await new Promise<void>((resolve) => (own.httpServer as any).once('listening', resolve))
    const { port } = (own.httpServer as any).address()
    expect((await send(port, 'GET', '/socket.io/?EIO=4&transport=polling')).status).toBe(200)

    await own.close()
  })

  it('[API-3, API-7] makes namespaces for a pattern or a function, and removes them when empty', async () => {
    server = await start({ cleanupEmptyChildNamespaces: true })
    const family = server.io.of(/^\/room-\d+$/)
    const order: string[] = []
    family.use((_socket, done) => {
      order.push('middleware')
      done()
    })
    family.on('connection', (socket) => order.push(socket.nsp.name))
    server.io.of((name, _auth, done) => done(null, name === '/fn'))
    const client = connect('4.8.4', '/room-7')
    await next(client, 'connect')
    await next(connect('4.8.4', '/fn'), 'connect')
    expect(order).toEqual(['middleware', '/room-7'])
    const gone = next([...server.io.of('/room-7').sockets.values()][0], 'disconnect')
    client.disconnect()
    await gone

    expect(server.io._nsps.has('/room-7')).toBe(false)
  })

  it('[API-4] finds, moves and disconnects sockets', async () => {
    server = await start()
    const [client, socket] = await pair()
    await pair()
    socket.data.name = 'first'
    socket.join('r')
    expect((await server.io.in('r').fetchSockets()).map((one) => [one.id, one.data.name, [...one.rooms]])).toEqual([[socket.id, 'first', [socket.id, 'r']]])
    server.io.in('r').socketsJoin('s')
    server.io.in('s').socketsLeave('r')
    expect([...socket.rooms]).toEqual([socket.id, 's'])
    const gone = next(client, 'disconnect')
    server.io.in('s').disconnectSockets(true)

    expect((await gone)[0]).toMatch(/io server disconnect|transport close/)
    expect((await server.io.fetchSockets()).length).toBe(1)
  })

  it('[API-6] warns once of an unknown option, with the nearest known name', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    server = await start({ pingIntervall: 1 } as object)
    new Server({ pingIntervall: 1 } as object)

    expect(warn.mock.calls.map(([text]) => text)).toEqual(['Unknown option "pingIntervall" is ignored; did you mean "pingInterval"?'])
    warn.mockRestore()
  })

  it('[API-8] answers serverSideEmit on one node with nobody', async () => {
    server = await start()

    expect(await server.io.serverSideEmitWithAck('ask')).toEqual([])
  })

  it('[API-9] tells of rooms', async () => {
    server = await start()
    const [, socket] = await pair()
    const seen: string[] = []
    for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room']) server.io.of('/').adapter.on(event, (room: string) => seen.push(`${event} ${room}`))
    socket.join('r')
    socket.leave('r')

    expect(seen).toEqual(['create-room r', 'join-room r', 'leave-room r', 'delete-room r'])
  })

  it('[API-9] tells of rooms whichever adapter a namespace has', async () => {
    server = await start()
    const seen: string[] = []
    server.io.of('/').adapter.on('create-room', (room: string) => seen.push(room))
    server.io.adapter(class Other extends Adapter {})
    const [, socket] = await pair()
    socket.join('r')

    expect(seen).toEqual([socket.id, 'r'])
  })

  it('[API-10] has closed its HTTP server when close() resolves', async () => {
    server = await start()
    const [client] = await pair()
    const gone = next(client, 'disconnect')
    await server.close()

    expect((await gone)[0]).toBe('transport close')
    await expect(send(server.port, 'GET', '/')).rejects.toThrow('ECONNREFUSED')
  })
})
