// The client's socket on real servers: buffering, acks, retries, reconnection, upgrade, limits.
import { io } from '@tidewire/client'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocketServer } from 'ws'
import { Backoff } from '../src/backoff.ts'
import { browserPlatform } from '../src/platform/browser.ts'
import { nodePlatform } from '../src/platform/node.ts'
import { setPlatform } from '../src/platform/platform.ts'
import { parseUrl } from '../src/url.ts'
import { DEADLINE_MS, next, start } from './start.ts'
import type { Running } from './start.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

async function serve(...args: Parameters<typeof start>): Promise<Running> {
  const server = await start(...args)
  cleanups.push(() => server.close())
  return server
}

function connect(url: string, options: object = {}): any {
  const client = io(url, { forceNew: true, timeout: DEADLINE_MS, reconnectionDelay: 20, reconnectionDelayMax: 50, ...options })
  cleanups.push(() => client.disconnect())
  return client
}

describe('reconnection', () => {
  it('[CLI-10, CLI-11] comes back after a restart and sends what was emitted meanwhile, but for volatile events', async () => {
    const first = await start('tidewire')
    const client = connect(first.url)
    await next(client, 'connect')
    const gone = next(client, 'disconnect')
    await first.close()
    expect((await gone)[0]).toMatch(/transport (close|error)/)
    client.emit('kept', 1)
    client.volatile.emit('lost')
    client.emit('kept', 2)
    const second = await serve('tidewire', {}, first.port)
    const got: unknown[] = []
    const done = new Promise<void>((resolve) => {
      second.io.on('connection', (socket: any) => {
        socket.onAny((...args: unknown[]) => got.push(args))
        socket.on('kept', (n: number) => n === 2 && resolve())
      })
    })
    await done

    expect(got).toEqual([['kept', 1], ['kept', 2]])
  })

  it('[CLI-10] stays away after a disconnect by either side', async () => {
    const server = await serve('tidewire')
    server.io.on('connection', (socket: any) => socket.on('bye', () => socket.disconnect()))
    const client = connect(server.url)
    await next(client, 'connect')
    const gone = next(client, 'disconnect')
    client.emit('bye')
    expect((await gone)[0]).toBe('io server disconnect')
    expect(client.active).toBe(false)
    client.connect()
    await next(client, 'connect')
    const left = next(client, 'disconnect')
    client.disconnect()
    expect((await left)[0]).toBe('io client disconnect')

    expect(client.active).toBe(false)
  })

  it('[CLI-10] waits longer each time, within bounds, never the same for all', () => {
    const backoff = new Backoff({ ms: 100, max: 1000, jitter: 0.5 }, () => 0.35)
    const delays = Array.from({ length: 6 }, () => backoff.duration())
    expect(delays.every((delay) => delay > 0 && delay <= 1000)).toBe(true)
    expect(delays.toSorted((a, b) => a - b)).toEqual(delays)
    const random = new Backoff({ ms: 100, max: 1000, jitter: 0.5 })
    for (let i = 0; i < 100; i++) {
      random.attempts = 0
      expect(random.duration()).toBeGreaterThanOrEqual(50)
    }
    backoff.reset()

    expect(backoff.duration()).toBeLessThanOrEqual(150)
  })
})

describe('acknowledgements', () => {
  it('[CLI-15] with time-out get an error when the connection goes', async () => {
    const server = await serve('tidewire')
    server.io.on('connection', (socket: any) => socket.on('mute', () => socket.disconnect()))
    const client = connect(server.url, { transports: ['websocket'] })
    await next(client, 'connect')

    await expect(client.emitWithAck('mute')).rejects.toThrow('socket has been disconnected')
    client.connect()
    await next(client, 'connect')
    await expect(client.timeout(20).emitWithAck('nobody')).rejects.toThrow('operation has timed out')
  })

  it('[CLI-12] are awaited one by one with retries', async () => {
    const server = await serve('4.8.4')
    const seen: number[] = []
    server.io.on('connection', (socket: any) => {
      socket.on('job', (n: number, ack: (n: number) => void) => {
        seen.push(n)
        if (seen.filter((one) => one === n).length > 1) ack(n)
      })
    })
    const client = connect(server.url, { transports: ['websocket'], retries: 3, ackTimeout: 300 })
    client.emit('job', 1)
    expect(await client.emitWithAck('job', 2)).toBe(2)

    // A machine that stands still for longer than the time-out makes a further try of it.
    expect(seen.toSorted()).toEqual(seen)
    for (const n of [1, 2]) expect(seen.filter((one) => one === n).length).toBeOneOf([2, 3, 4])
  })

  it('[CLI-14] auth may be a function, called for each attempt', async () => {
    const server = await serve('tidewire')
    const tokens: unknown[] = []
    server.io.use((socket: any, done: (error?: Error) => void) => {
      tokens.push(socket.handshake.auth.token)
      done(tokens.length === 1 ? new Error('again') : undefined)
    })
    let count = 0
    const client = connect(server.url, { auth: (send: (data: object) => void) => send({ token: ++count }) })
    const [error] = await next(client, 'connect_error')
    expect(error.message).toBe('again')
    client.connect()
    await next(client, 'connect')

    expect(tokens).toEqual([1, 2])
  })
})

describe('transports', () => {
  it.each(['tidewire', '2.5.1', '4.8.4'] as const)('[CLI-20] upgrades on %s while both sides send, nothing lost, all in order', async (name) => {
    const server = await serve(name)
    const count = 300
    const up: number[] = []
    const received = new Promise<void>((resolve) => {
      server.io.on('connection', (socket: any) => {
        let n = 0
        const send = (): void => {
          socket.emit('down', n)
          if (++n < count) setImmediate(send)
        }
        send()
        socket.on('up', (value: number) => {
          up.push(value)
          if (up.length === count) resolve()
        })
      })
    })
    const client = connect(server.url, { reconnection: false })
    const down: number[] = []
    const heard = new Promise<void>((resolve) => client.on('down', (n: number) => down.push(n) === count && resolve()))
    await next(client, 'connect')
    const upgraded = client.io.engine.transport.name === 'websocket' ? undefined : next(client.io.engine, 'upgrade')
    let n = 0
    const send = (): void => {
      client.emit('up', n)
      if (++n < count) setImmediate(send)
    }
    send()
    await Promise.all([received, heard, upgraded])

    expect(down).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(up).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(client.io.engine.transport.name).toBe('websocket')
  })

  it("[CLI-21] cuts POSTs to the server's limit", async () => {
    const server = await serve('4.8.4', { maxHttpBufferSize: 200 })
    const got: number[] = []
    const done = new Promise<void>((resolve) => server.io.on('connection', (socket: any) => socket.on('n', (n: number) => got.push(n) === 6 && resolve())))
    const sizes: number[] = []
    server.http.prependListener('request', (req) => req.method === 'POST' && sizes.push(Number(req.headers['content-length'])))
    const client = connect(server.url, { transports: ['polling'] })
    await next(client, 'connect')
    for (let n = 0; n < 6; n++) client.emit('n', n, 'x'.repeat(60))
    await done

    expect(got).toEqual([0, 1, 2, 3, 4, 5])
    expect(Math.max(...sizes)).toBeLessThanOrEqual(200)
  })

  it('[CLI-22] closes when the heartbeat of the server stays away', async () => {
    const http = createServer()
    const wss = new WebSocketServer({ server: http })
    wss.on('connection', (ws) => {
      ws.send('0{"sid":"x","upgrades":[],"pingInterval":400,"pingTimeout":100,"maxPayload":1000}')
      ws.on('message', () => ws.send('40{"sid":"y"}'))
    })
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      wss.close()
      http.close()
      http.closeAllConnections()
    })
    const client = connect(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { transports: ['websocket'], reconnection: false })
    await next(client, 'connect')

    expect((await next(client, 'disconnect'))[0]).toBe('ping timeout')
  })

  it('[CLI-30] works with nothing but fetch and WebSocket', async () => {
    setPlatform(browserPlatform)
    cleanups.push(() => setPlatform(nodePlatform))
    const server = await serve('tidewire')
    server.io.on('connection', (socket: any) => socket.on('echo', (...args: any[]) => args.pop()(...args)))
    for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
      const client = connect(server.url, { transports, reconnection: false })
      await next(client, 'connect')
      expect(await client.emitWithAck('echo', '汉字')).toBe('汉字')
      expect(Buffer.from(await client.emitWithAck('echo', Uint8Array.from([1, 2]).buffer))).toEqual(Buffer.from([1, 2]))
      client.disconnect()
    }
  })

  it.each([
    ['http://a.test', 'http://a.test:80', '/'],
    ['https://a.test/admin?x=1', 'https://a.test:443', '/admin'],
    ['ws://[::1]:3000', 'ws://[::1]:3000', '/'],
    ['a.test:8080', 'https://a.test:8080', '/'],
    ['/admin', 'http://page.test:81', '/admin'],
  ])('[CLI-13] reads the URL %s', (uri, id, path) => {
    const location = { protocol: 'http:', host: 'page.test:81', hostname: 'page.test' }

    expect(parseUrl(uri, uri.startsWith('/') ? location : undefined)).toMatchObject({ id: id.replace(/^(\w+):\/\/page\.test:81$/, '$1://page.test:81'), path })
  })
})

describe('pages', () => {
  it('[CLI-22] notices at once that the browser is offline', async () => {
    const page = new EventTarget()
    const globals = globalThis as any
    globals.addEventListener = page.addEventListener.bind(page)
    globals.removeEventListener = page.removeEventListener.bind(page)
    cleanups.push(() => {
      delete globals.addEventListener
      delete globals.removeEventListener
    })
    const server = await serve('tidewire')
    const client = connect(server.url, { transports: ['websocket'] })
    await next(client, 'connect')
    const gone = next(client, 'disconnect')
    page.dispatchEvent(new Event('offline'))

    expect(await gone).toEqual(['transport close', { description: 'network connection lost' }])
    await next(client, 'connect')
  })
})

describe('listeners', () => {
  it.each(['polling', 'websocket'])('[CLI-44] may throw: the process hears of it, the connection stays and what follows is handled (%s)', async (transport) => {
    const server = await serve('tidewire')
    server.io.on('connection', (socket: any) => {
      socket.emit('bad')
      socket.emit('good')
      socket.on('leave', () => socket.disconnect(true))
    })
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    cleanups.push(() => others.forEach((listener) => process.on('uncaughtException', listener)))
    const client = connect(server.url, { transports: [transport] })
    const fail = (name: string) => () => {
      throw new Error(name)
    }
    client.on('bad', fail('in bad'))
    client.on('disconnect', fail('in disconnect'))
    const uncaught = next(process, 'uncaughtException')
    await next(client, 'good')

    expect((await uncaught)[0].message).toBe('in bad')
    expect(client.connected).toBe(true)

    const again = next(process, 'uncaughtException')
    client.emit('leave')
    expect((await again)[0].message).toBe('in disconnect')
    expect(client.connected).toBe(false)
  })

  it.each(['open', 'packet', 'reconnect', 'ping', 'auth', 'engine packet'])('[CLI-44] may throw where a Manager calls them, too ("%s")', async (where) => {
    const server = await serve('tidewire', { pingInterval: 100 })
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const uncaught: string[] = []
    const heard = new Promise<void>((resolve) => process.on('uncaughtException', ({ message }) => resolve(void uncaught.push(message))))
    const fail = (): void => {
      throw new Error(where)
    }
    const client = connect(server.url, { transports: ['websocket'], autoConnect: false, auth: where === 'auth' ? fail : {} })
    cleanups.push(() => {
      client.disconnect()
      process.removeAllListeners('uncaughtException')
      others.forEach((listener) => process.on('uncaughtException', listener))
    })
    if (where === 'engine packet') client.io.on('open', () => client.io.engine.on('packet', fail))
    else if (where !== 'auth') client.io.on(where, fail)
    client.connect()
    if (where === 'reconnect') {
      await next(client, 'connect')
      client.io.engine.close()
    }
    await heard
    const { engine } = client.io
    if (where === 'auth') {
      client.auth = {}
      client.disconnect().connect()
    }
    if (!client.connected) await next(client, 'connect')
    server.io.emit('fence')
    await next(client, 'fence')

    expect(new Set(uncaught)).toEqual(new Set([where]))
    if (where !== 'auth') expect(client.io.engine).toBe(engine)
  })

  it('[CLI-44] are called once, and alone, on a page that adds to the prototype of all objects', async () => {
    const server = await serve('tidewire')
    // oxlint-disable-next-line no-extend-native -- what such a page does
    Object.defineProperty(Object.prototype, 'added', { value: () => {}, enumerable: true, configurable: true, writable: true })
    const restore = (): unknown => delete (Object.prototype as any).added
    cleanups.push(restore)
    const client = connect(server.url, { transports: ['websocket'] })
    await next(client, 'connect')
    const uncaught: unknown[] = []
    const note = (error: unknown): unknown => uncaught.push(error)
    process.on('uncaughtException', note)
    cleanups.push(() => process.off('uncaughtException', note))
    server.io.emit('first')
    await next(client, 'first')
    server.io.emit('second')
    await next(client, 'second')
    restore()

    expect(uncaught).toEqual([])
    expect(Object.keys(client.io.nsps)).toEqual(['/'])
  })
})
