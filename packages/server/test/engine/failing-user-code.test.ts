// Listeners, header functions and adapters of the application that fail, at every place where they are called: the process lives, the failure
// is reported once, and who is not concerned notices nothing.
import { Adapter } from 'tidewire'
import { afterEach, describe, expect, it } from 'vitest'
import { polling, PollingClient, send, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
const sockets: WireSocket[] = []
let errors: string[] = []
const onHandlerError = (error: unknown, { event }: { event: string }): void => void errors.push(`${event}: ${(error as Error).message}`)
const fail = (): never => {
  throw new Error('late')
}
const reject = (() => Promise.reject(new Error('late'))) as unknown as () => never

afterEach(async () => {
  errors = []
  for (const { ws } of sockets.splice(0)) ws.terminate()
  await server.close()
})

async function open(eio = 4): Promise<WireSocket> {
  const socket = new WireSocket(server.port, websocket(eio))
  sockets.push(socket)
  await socket.next()
  return socket
}

describe('listeners of the engine', () => {
  it.each([
    ['throws', fail],
    ['rejects', reject],
  ])('[SIO-50] one of "connection", "headers", "initial_headers" or "connection_error" that %s is reported, and the client is served', async (_how, listener) => {
    server = await start({ onHandlerError } as never)
    for (const event of ['connection', 'headers', 'initial_headers', 'connection_error']) server.io.engine.on(event, listener)
    const client = await new PollingClient(server.port).connect()
    expect(client.open.status).toBe(200)
    expect((await client.post('40')).status).toBe(200)
    const socket = await open()
    socket.ws.send('40')
    expect(await socket.next()).toMatch(/^40/)
    expect((await send(server.port, 'GET', polling(9))).status).toBe(400)
    await expect.poll(() => new Set(errors)).toEqual(new Set(['connection: late', 'headers: late', 'initial_headers: late', 'connection_error: late']))
  })

  it.each(['initial_headers', 'headers'])('[SIO-50] a value with a line break set by "%s" is left out and reported', async (event) => {
    server = await start({ onHandlerError } as never)
    server.io.engine.on(event, (headers: Record<string, string>) => {
      headers['x-bad'] = 'a\r\nset-cookie: stolen=1'
      headers['x-good'] = 'yes'
    })
    const { open: answer } = await new PollingClient(server.port).connect()
    expect(answer.status).toBe(200)
    expect(answer.headers).toMatchObject({ 'x-good': 'yes' })
    expect(answer.headers).not.toHaveProperty('x-bad')
    expect(answer.headers).not.toHaveProperty('set-cookie')
    await open()
    expect(errors[0]).toMatch(new RegExp(`^${event}: Invalid character`))
  })

  it.each([
    ['throws', fail],
    ['rejects', reject],
  ])('[SIO-50] one of a session that %s is reported, and the session lives', async (_how, listener) => {
    server = await start({ onHandlerError } as never)
    const events = ['packet', 'packetCreate', 'data', 'message', 'drain', 'flush', 'upgrading', 'upgrade', 'close']
    server.io.on('connection', (socket) => {
      for (const event of events) (socket.conn as NodeJS.EventEmitter).on(event, listener)
      socket.on('ping me', (done: () => void) => done())
    })
    const client = await new PollingClient(server.port).connect()
    await client.post('40')
    const ws = new WireSocket(server.port, `${websocket(4)}&sid=${client.sid}`)
    sockets.push(ws)
    ws.ws.once('open', () => ws.ws.send('2probe'))
    expect(await ws.next()).toBe('3probe')
    ws.ws.send('5')
    ws.ws.send('421["ping me"]')
    const received: string[] = []
    while (!received.includes('431[]')) received.push(String(await ws.next()))
    ws.ws.close()
    await expect.poll(() => new Set(errors.map((text) => text.split(':')[0]))).toEqual(new Set(events))
  })
})

describe('listeners of an adapter', () => {
  it('[SIO-50] those of rooms that throw are reported, and the client joins all the same', async () => {
    server = await start({ onHandlerError } as never)
    for (const event of ['create-room', 'join-room', 'leave-room', 'delete-room']) server.io.of('/').adapter.on(event, fail)
    const socket = await open()
    socket.ws.send('40')
    expect(await socket.next()).toMatch(/^40/)
    socket.ws.send('41')
    await expect.poll(() => new Set(errors)).toEqual(new Set(['create-room: late', 'join-room: late', 'leave-room: late', 'delete-room: late']))
  })
})

describe('an adapter that fails', () => {
  it('[SIO-50] whose promises reject ends no process, and each failure is reported', async () => {
    class Failing extends Adapter {
      override addAll(...args: Parameters<Adapter['addAll']>): Promise<void> {
        void super.addAll(...args)
        return reject()
      }
      override del = reject
      override broadcast = reject as never
      override addSockets = reject as never
      override serverSideEmit = reject as never
    }
    server = await start({ onHandlerError, adapter: Failing as never } as never)
    const joined = Promise.withResolvers<unknown>()
    server.io.on('connection', (socket) => {
      void socket.leave('nowhere')
      Promise.resolve(socket.join('room')).catch(joined.resolve)
      server.io.emit('news')
      server.io.socketsJoin('room')
      server.io.serverSideEmit('hello')
    })
    const socket = await open()
    socket.ws.send('40')
    expect(await socket.next()).toMatch(/^40/)
    expect(await joined.promise).toMatchObject({ message: 'late' })
    await expect.poll(() => errors.length).toBe(6)
    expect(new Set(errors)).toEqual(new Set(['adapter: late']))
  })

  it('[SIO-50] at a disconnect is reported, and "disconnect" is told all the same', async () => {
    class Failing extends Adapter {
      override delAll = fail
    }
    server = await start({ onHandlerError, adapter: Failing as never } as never)
    const left = Promise.withResolvers<string>()
    server.io.on('connection', (socket) => socket.on('disconnect', left.resolve))
    const socket = await open()
    socket.ws.send('40')
    await socket.next()
    socket.ws.close()
    expect(await left.promise).toBe('transport close')
    expect(errors).toEqual(['adapter: late'])
  })

  it('[SIO-50] in the making refuses the dynamic namespace, and the client may ask again', async () => {
    let isBroken = false
    class Failing extends Adapter {
      constructor(namespace: ConstructorParameters<typeof Adapter>[0]) {
        super(namespace)
        if (isBroken) fail()
      }
    }
    server = await start({ onHandlerError, adapter: Failing as never } as never)
    server.io.of(/^\/dyn$/)
    const socket = await open()
    isBroken = true
    socket.ws.send('40/dyn,')
    expect(await socket.next()).toMatch(/^44\/dyn,/)
    expect(errors).toEqual(['adapter: late'])
    isBroken = false
    socket.ws.send('40/dyn,')
    expect(await socket.next()).toMatch(/^40\/dyn,/)
  })
})

describe('an acknowledgement that never comes', () => {
  it('[SIO-51] of a broadcast with a time-out leaves nothing on the sockets', async () => {
    server = await start()
    const socket = await open()
    socket.ws.send('40')
    await socket.next()
    await expect(server.io.timeout(1).emitWithAck('question')).rejects.toThrow('timed out')
    const [connected] = server.io.sockets.sockets.values()
    await expect.poll(() => (connected as unknown as { acks: Map<number, unknown> }).acks.size).toBe(0)
  })
})

describe('the hook for such failures', () => {
  it('[SIO-50] may itself reject', async () => {
    server = await start({ onHandlerError: reject } as never)
    server.io.on('connection', (socket) => {
      socket.on('fence', (done: () => void) => done())
      fail()
    })
    const socket = await open()
    socket.ws.send('40')
    await socket.next()
    socket.ws.send('420["fence"]')
    expect(await socket.next()).toBe('430[]')
  })
})
