// `handshake.query` as applications of the official server know it: they call its methods, and read one value of each name.
import { expect, it } from 'vitest'
import type { Socket } from 'tidewire'
import { start, websocket, WireSocket } from '../start.ts'

it.each([
  ['a=1&a=2', { a: '2' }],
  ['a=b+c%20d', { a: 'b c d' }],
  ['a&b=&=c&&d=e=f', { a: '', b: '', '': 'c', d: 'e=f' }],
  ['a=%zz&b%5B%5D=%E6%BD%AE', { a: '%zz', 'b[]': '潮' }],
  ['constructor=x&toString=y', { constructor: 'x', toString: 'y' }],
])('[API-47] ?%s is a plain object with the last value of each name', async (text, expected) => {
  const server = await start()
  const connected = new Promise<Socket>((resolve) => server.io.once('connection', resolve))
  const socket = new WireSocket(server.port, `${websocket(4)}&${text}`)
  try {
    await socket.next()
    socket.ws.send('40')
    const { query } = (await connected).handshake
    expect(query).toStrictEqual({ EIO: '4', transport: 'websocket', ...expected })
    expect(Object.getPrototypeOf(query)).toBe(Object.prototype)
  } finally {
    socket.ws.terminate()
    await server.close()
  }
})

it('[API-47] __proto__ is a name like any other', async () => {
  const server = await start()
  const connected = new Promise<Socket>((resolve) => server.io.once('connection', resolve))
  const socket = new WireSocket(server.port, `${websocket(4)}&__proto__=x`)
  try {
    await socket.next()
    socket.ws.send('40')
    const { query } = (await connected).handshake
    expect(Object.entries(query)).toEqual([['EIO', '4'], ['transport', 'websocket'], ['__proto__', 'x']])
    expect(Object.getPrototypeOf(query)).toBe(Object.prototype)
  } finally {
    socket.ws.terminate()
    await server.close()
  }
})
