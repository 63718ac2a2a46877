// Names that mean something to JavaScript objects, as session id, query key, namespace, event, room and data: names like any other.
import { once } from 'node:events'
import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { polling, send, start } from '../start.ts'

const NAMES = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']

it('[EIO-13] names of Object.prototype are names like any other, and change no object', async () => {
  const server = await start()
  try {
    const rooms: string[][] = []
    server.io.on('connection', (socket) => {
      socket.on('join', (room: string, done: (joined: boolean) => void) => {
        void socket.join(room)
        rooms.push([...socket.rooms])
        done(socket.rooms.has(room))
      })
      socket.on('echo', (data: unknown, done: (data: unknown) => void) => done(data))
    })
    for (const name of NAMES)
      expect((await send(server.port, 'GET', polling(4, `&sid=${name}&${name}=1`))).status).toBe(400)
    const ws = new WebSocket(`ws://127.0.0.1:${server.port}/socket.io/?EIO=4&transport=websocket`)
    const received: string[] = []
    ws.on('message', (data: Buffer) => received.push(data.toString()))
    await once(ws, 'open')
    ws.send('40')
    for (const name of NAMES) {
      ws.send(`40/${name},`)
      ws.send(`42["${name}",1]`)
      ws.send(`421["join","${name}"]`)
    }
    ws.send('422["echo",{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}]')
    while (!received.some((text) => text.startsWith('432'))) await once(ws, 'message')
    expect(received.filter((text) => text.startsWith('44'))).toHaveLength(NAMES.length)
    expect(received.filter((text) => text === '431[true]')).toHaveLength(NAMES.length)
    expect(received.at(-1)).toBe(
      '432[{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}]',
    )
    expect(rooms.at(-1)).toEqual(expect.arrayContaining(NAMES))
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
    ws.terminate()
  } finally {
    await server.close()
  }
})
