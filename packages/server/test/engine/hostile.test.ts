// Requests and user code that must not end the process or let anybody in: each was found by attacking a running server.
import { afterEach, describe, expect, it } from 'vitest'
import { polling, PollingClient, send, start, websocket, WireSocket } from '../start.ts'
import type { Started } from '../start.ts'

let server: Started
const sockets: WireSocket[] = []
afterEach(async () => {
  for (const { ws } of sockets.splice(0)) ws.terminate()
  await server.close()
})

async function open(): Promise<{ socket: WireSocket; sid: string }> {
  const socket = new WireSocket(server.port, websocket(4))
  sockets.push(socket)
  const { sid } = JSON.parse(String(await socket.next()).slice(1)) as { sid: string }
  return { socket, sid }
}

describe('a hostile peer', () => {
  it.each(['GET', 'POST', 'PUT'])('[EIO-24] a plain %s for the session of a WebSocket is refused with code 3, and the session lives', async (method) => {
    server = await start()
    const { socket, sid } = await open()

    const answer = await send(server.port, method, `/socket.io/?EIO=4&transport=websocket&sid=${sid}`)

    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body)).toMatchObject({ code: 3 })
    socket.ws.send('40')
    expect(await socket.next()).toMatch(/^40/)
    expect((await send(server.port, 'GET', polling(4))).status).toBe(200)
  })
})

describe('the heartbeat', () => {
  it('[EIO-70] keeps a lone client that answers when pingInterval and pingTimeout are equal', async () => {
    server = await start({ pingInterval: 200, pingTimeout: 200 })
    const { socket } = await open()
    for (let i = 0; i < 3; i++) {
      expect(await socket.next()).toBe('2')
      socket.ws.send('3')
    }
  })
})

describe('user code that fails', () => {
  it('[SIO-29] a middleware that rejects without a reason refuses', async () => {
    server = await start()
    // oxlint-disable-next-line prefer-promise-reject-errors -- what careless code does
    server.io.use((() => Promise.reject()) as never)
    const { socket } = await open()
    socket.ws.send('40')
    expect(await socket.next()).toMatch(/^44/)
  })

  it('[EIO-30] an engine middleware that rejects without a reason refuses', async () => {
    server = await start()
    // oxlint-disable-next-line prefer-promise-reject-errors -- what careless code does
    server.io.engine.use(() => Promise.reject())
    expect((await send(server.port, 'GET', polling(4))).status).toBe(400)
  })

  it('[SIO-48] a namespace function that rejects refuses', async () => {
    const errors: unknown[] = []
    server = await start({ onHandlerError: (error: unknown) => errors.push(error) })
    server.io.of((async () => Promise.reject(new Error('no'))) as never)
    const { socket } = await open()
    socket.ws.send('40/dynamic,')
    expect(await socket.next()).toMatch(/^44\/dynamic,/)
    expect(errors).toHaveLength(1)
  })

  it.each(['throws', 'rejects'])('[SIO-48] an acknowledgement that %s after its time-out is reported', async (how) => {
    const reported = Promise.withResolvers<unknown>()
    server = await start({ onHandlerError: reported.resolve })
    server.io.on('connection', (connected) => {
      connected.timeout(1).emit('question', () => {
        if (how === 'throws') throw new Error('late')
        return Promise.reject(new Error('late'))
      })
    })
    const { socket } = await open()
    socket.ws.send('40')
    expect(await reported.promise).toMatchObject({ message: 'late' })
  })

  it.each([
    ['a cors delegate that throws', { cors: () => { throw new Error('late') } }],
    ['a cors delegate that rejects', { cors: async () => Promise.reject(new Error('late')) }],
    ['an origin function that throws', { cors: { origin: () => { throw new Error('late') } } }],
  ])('[EIO-30] %s refuses the request', async (_what, options) => {
    server = await start(options as never)
    const answers = [await send(server.port, 'GET', polling(4)), await send(server.port, 'GET', polling(4))]
    expect(answers.map(({ status }) => status)).toEqual([400, 400])
  })

  it('[EIO-30] an id that is none refuses the request', async () => {
    server = await start()
    server.io.engine.generateId = (() => undefined) as never
    expect((await send(server.port, 'GET', polling(4))).status).toBe(400)
  })

  it('[SIO-48] a broadcast acknowledgement that rejects at its time-out, and a new_namespace listener that throws, are reported', async () => {
    const errors: string[] = []
    server = await start({ onHandlerError: (error: unknown) => void errors.push((error as Error).message) })
    server.io.of(/^\/dyn$/)
    server.io.on('new_namespace', () => {
      throw new Error('listener')
    })
    const { socket } = await open()
    socket.ws.send('40/dyn,')
    expect(await socket.next()).toMatch(/^40\/dyn,/)
    await new Promise<void>((resolve) => {
      server.io.of('/dyn').timeout(1).emit('question', () => {
        resolve()
        return Promise.reject(new Error('late'))
      })
    })
    await expect.poll(() => errors).toEqual(['listener', 'late'])
  })
})

describe('what nobody fetches', () => {
  it('[EIO-73] a poller that is being closed, and never fetches that, is forgotten no later than its heartbeat would have', async () => {
    server = await start({ pingInterval: 100, pingTimeout: 100, connectTimeout: 50 })
    const reason = new Promise((resolve) => server.io.engine.on('connection', (session) => session.on('close', resolve)))
    await new PollingClient(server.port).connect()
    expect(await reason).toBe('forced close')
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[EIO-75] answers to pings of a poller that never polls are bounded', async () => {
    server = await start({ maxOutboxBytes: 10_000 })
    const client = await new PollingClient(server.port, 3).connect()
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) statuses.push((await client.post('1:2'.repeat(500))).status)
    expect(statuses.at(-1)).toBe(400)
    expect(server.io.engine.clientsCount).toBe(0)
  })

  it('[SIO-4] a client of revision 4 cannot play the server with a reserved name', async () => {
    server = await start()
    const heard: string[] = []
    server.io.on('connection', (connected) => {
      connected.on('disconnect', (reason) => heard.push(reason))
      connected.on('fence', (done: () => void) => done())
    })
    const socket = new WireSocket(server.port, websocket(3))
    sockets.push(socket)
    await socket.next()
    await socket.next()
    socket.ws.send('42["disconnect","spoofed"]')
    socket.ws.send('420["fence"]')
    expect(await socket.next()).toBe('430[]')
    expect(heard).toEqual([])
  })
})
