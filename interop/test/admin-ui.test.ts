// The published admin UI's server part on our server and on socket.io 4.8.4: what an admin client sees must be the same.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { afterEach, describe, expect, it } from 'vitest'
import { Server } from 'tidewire'

const require = createRequire(import.meta.url)
const { io: connectClient } = require('socket.io-client-4.8.4')
const { instrument } = require('@socket.io/admin-ui')
/** bcrypt of "secret", as the documentation of the admin UI makes it. */
const PASSWORD_HASH = require(require.resolve('bcryptjs', { paths: [require.resolve('@socket.io/admin-ui')] })).hashSync('secret', 4)
const SERVERS = ['official', 'tidewire'] as const

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function serve(kind: (typeof SERVERS)[number], options: object): Promise<{ io: any; url: string }> {
  const http = createServer()
  const io: any = kind === 'tidewire' ? new Server(http) : new (require('socket.io-4.8.4').Server)(http)
  instrument(io, { serverId: 'here', mode: 'development', ...options })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise<void>((resolve) => io.close(() => resolve())))
  return { io, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}

function open(url: string, options: object = {}): any {
  const client = connectClient(url, { forceNew: true, reconnection: false, transports: ['websocket'], ...options })
  cleanups.push(() => client.disconnect())
  return client
}

function next(emitter: any, event: string): Promise<any[]> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${event}"`)), 30_000)
    emitter.once(event, (...args: any[]) => {
      clearTimeout(timer)
      resolve(args)
    })
  })
}

/** Everything an admin is told, ids and times replaced; stops at `last`. */
function record(admin: any, last: string): Promise<unknown[]> {
  const seen: unknown[] = []
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "${last}"; seen ${JSON.stringify(seen)}`)), 30_000)
    admin.onAny((event: string, ...args: unknown[]) => {
      if (event === 'server_stats') return
      seen.push([event, ...(args.map(normalize) as unknown[])])
      if (event !== last) return
      clearTimeout(timer)
      resolve(seen)
    })
  })
}

const DATES = /^\d{4}-\d\d-\d\dT/
const IDS = /^[\w-]{20}$/
const CLIENT_IDS = /^[\w-]{12}$/

function normalize(value: unknown): unknown {
  if (typeof value === 'string') {
    if (DATES.test(value)) return '<date>'
    return IDS.test(value) ? '<id>' : CLIENT_IDS.test(value) ? '<client id>' : value.replace(/127\.0\.0\.1:\d+/, '<host>')
  }
  if (Array.isArray(value)) return value.map(normalize)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !['issued', 'time', 'sec-websocket-key'].includes(key))
      .map(([key, entry]) => [key, normalize(entry)])
      .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
  )
}

async function watchAClient(kind: (typeof SERVERS)[number]): Promise<unknown[]> {
  const { io, url } = await serve(kind, { auth: false })
  io.on('connection', (socket: any) => {
    socket.on('join', (room: string, done: () => void) => {
      void socket.join(room)
      socket.data.name = 'Ann'
      done()
    })
  })
  const admin = open(`${url}/admin`)
  const told = record(admin, 'socket_disconnected')
  await next(admin, 'all_sockets')
  const client = open(url)
  await next(client, 'connect')
  await new Promise<void>((resolve) => client.emit('join', 'lobby', resolve))
  io.to('lobby').emit('news', 1, { text: '新' })
  await next(client, 'news')
  client.disconnect()
  return told
}

async function commandAClient(kind: (typeof SERVERS)[number]): Promise<unknown[]> {
  const { io, url } = await serve(kind, { auth: false })
  const admin = open(`${url}/admin`)
  await next(admin, 'all_sockets')
  const client = open(url)
  await next(client, 'connect')
  const seen: unknown[] = []
  const events = next(client, 'from admin')
  admin.emit('emit', '/', client.id, 'from admin', 1, 'two')
  seen.push(await events)
  const joined = next(admin, 'room_joined')
  admin.emit('join', '/', 'vip', client.id)
  seen.push((await joined).slice(0, 2), [...io.sockets.adapter.rooms.get('vip')].length)
  const left = next(admin, 'room_left')
  admin.emit('leave', '/', 'vip', client.id)
  seen.push((await left).slice(0, 2), io.sockets.adapter.rooms.has('vip'))
  const gone = next(client, 'disconnect')
  admin.emit('_disconnect', '/', false, client.id)
  seen.push((await gone)[0])
  return seen
}

async function signIn(kind: (typeof SERVERS)[number]): Promise<unknown[]> {
  const { url } = await serve(kind, { auth: { type: 'basic', username: 'root', password: PASSWORD_HASH }, readonly: true })
  const wrong = open(`${url}/admin`, { auth: { username: 'root', password: 'no' } })
  const [refusal] = await next(wrong, 'connect_error')
  const right = open(`${url}/admin`, { auth: { username: 'root', password: 'secret' } })
  const [[session], [config], [stats]] = await Promise.all([next(right, 'session'), next(right, 'config'), next(right, 'server_stats')])
  const again = open(`${url}/admin`, { auth: { sessionId: session } })
  await next(again, 'connect')
  return [refusal.message, /^[0-9a-f]{16}$/.test(session), config, Object.keys(stats).toSorted(), stats.serverId, stats.namespaces]
}

describe('the admin UI', () => {
  it('[API-11] tells the same of a client from its connection to its end', async () => {
    const [official, own] = [await watchAClient('official'), await watchAClient('tidewire')]

    expect(own).toEqual(official)
    expect(own).toContainEqual(['room_joined', '/', 'lobby', '<id>', '<date>'])
  })

  it('[API-11] emits, joins, leaves and disconnects by command', async () => {
    const [official, own] = [await commandAClient('official'), await commandAClient('tidewire')]

    expect(own).toEqual(official)
    expect(own.at(-1)).toBe('io server disconnect')
  })

  it('[API-11] signs in by password and by session', async () => {
    const [official, own] = [await signIn('official'), await signIn('tidewire')]

    expect(own).toEqual(official)
    expect(own[0]).toBe('invalid credentials')
  })
})
