// The engine of engine.io as socket.io 4.8.4 brings it, attached by the application and bound to our server and to the official one.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, it } from 'vitest'

const require = createRequire(import.meta.url)
const { Server: PublishedEngine } = createRequire(require.resolve('socket.io-4.8.4'))('engine.io')
const { io: connect } = require('socket.io-client-4.8.4')
const connectOld = require('socket.io-client-2.5.0')

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function next(emitter: any, event: string): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}"`)), 30_000)
    emitter.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}

const hex = (bytes: any): string => Buffer.from(bytes).toString('hex')

async function observe(server: string, connectTo: any, transports: string[]): Promise<unknown> {
  const http = createServer()
  const engine = new PublishedEngine({ allowEIO3: true })
  engine.attach(http, { path: '/socket.io/' })
  const io = new (require(server).Server)()
  const isChained = io.bind(engine) === io
  await once(http.listen(0, '127.0.0.1'), 'listening')
  cleanups.push(
    () => io.close(),
    () => http.close(),
  )

  const sessionOpened = next(engine, 'connection')
  const connected = next(io, 'connection')
  const client = connectTo(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, {
    transports,
    forceNew: true,
    reconnection: false,
  })
  cleanups.push(() => client.disconnect())
  await next(client, 'connect')
  const [[session], [socket]] = await Promise.all([sessionOpened, connected])
  socket.on('echo', (text: string, bytes: any, answer: (...args: any[]) => void) =>
    answer(`${text}!`, hex(bytes)),
  )
  const echoed = await new Promise((resolve) =>
    client.emit('echo', '汉字', Buffer.from([1, 2]), (...args: any[]) => resolve(args)),
  )
  await socket.join('room')
  const news = next(client, 'news')
  io.to('room').emit('news', 'x', Buffer.from([3]))
  const [text, bytes] = await news
  const reasons = next(socket, 'disconnect')
  const clientReasons = next(client, 'disconnect')
  socket.disconnect(true)
  return [
    isChained,
    io.engine === engine,
    socket.conn === session,
    echoed,
    text,
    hex(bytes),
    (await reasons)[0],
    (await clientReasons)[0],
  ]
}

it.each([
  ['the client of 4.8.4 on polling', connect, ['polling']],
  ['the client of 4.8.4 on WebSocket', connect, ['websocket']],
  ['the client of 4.8.4 that upgrades', connect, ['polling', 'websocket']],
  ['the client of 2.5.0 on polling', connectOld, ['polling']],
  ['the client of 2.5.0 on WebSocket', connectOld, ['websocket']],
])(
  '[API-20] a published engine bound to our server serves as on the official one: %s',
  async (_name, connectTo, transports) => {
    const official = await observe('socket.io-4.8.4', connectTo, transports)
    const own = await observe('tidewire', connectTo, transports)

    expect(own).toEqual(official)
    expect(official).toEqual([
      true,
      true,
      true,
      ['汉字!', '0102'],
      'x',
      '03',
      'server namespace disconnect',
      'io server disconnect',
    ])
  },
)
