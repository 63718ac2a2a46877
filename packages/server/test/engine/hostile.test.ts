// Requests and user code that must not end the process or let anybody in: each was found by attacking a running server.
import { afterEach, describe, expect, it } from 'vitest'
import { polling, send, start, websocket, WireSocket } from '../start.ts'
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
})
