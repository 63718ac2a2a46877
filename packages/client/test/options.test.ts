// The options of the official client, each on a real server; what the official client does with them was seen with 4.8.4.
import { Fetch, Manager, WebSocket, XHR, io } from '@tidewire/client'
import { execFile, spawn } from 'node:child_process'
import http, { Agent, createServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { EngineClient } from '../src/engine/engine-client.ts'
import { tls } from './start-tls.ts'
import { createIo, DEADLINE_MS, next, start } from './start.ts'
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

/** Connects, or gives the message of the error. */
async function outcome(client: any): Promise<string> {
  return Promise.race([
    next(client, 'connect').then(() => client.io.engine.transport.name as string),
    next(client, 'connect_error').then(([error]) => error.message as string),
  ])
}

/** Page events for this process, until the end of the test. */
function page(): EventTarget {
  const target = new EventTarget()
  const globals = globalThis as any
  globals.addEventListener = target.addEventListener.bind(target)
  globals.removeEventListener = target.removeEventListener.bind(target)
  cleanups.push(() => {
    delete globals.addEventListener
    delete globals.removeEventListener
  })
  return target
}

describe('transports', () => {
  it.each([
    { offered: 'polling', transports: ['websocket', 'polling'], without: 'websocket error' },
    { offered: 'websocket', transports: ['polling', 'websocket'], without: 'xhr poll error' },
  ])('[CLI-35] tries the next one after a refusal only with tryAllTransports ($offered only)', async ({ offered, transports, without }) => {
    const server = await serve('4.8.4', { transports: [offered] })

    expect(await outcome(connect(server.url, { transports, reconnection: false }))).toBe(without)
    expect(await outcome(connect(server.url, { transports, reconnection: false, tryAllTransports: true }))).toBe(offered)
  })

  it('[CLI-35] may be classes, our own or derived ones', async () => {
    const server = await serve('4.8.4')
    const sent: string[] = []
    class Spy extends WebSocket {
      override send(packets: Parameters<InstanceType<typeof WebSocket>['send']>[0]): void {
        sent.push(...packets.map(({ type }) => type))
        super.send(packets)
      }
    }
    expect(await outcome(connect(server.url, { transports: [XHR] }))).toBe('polling')
    expect(await outcome(connect(server.url, { transports: [WebSocket] }))).toBe('websocket')
    const client = connect(server.url, { transports: [Fetch, Spy] })
    await next(client.io.engine, 'upgrade')

    expect(client.io.engine.transport).toBeInstanceOf(Spy)
    expect(sent.slice(0, 2)).toEqual(['ping', 'upgrade'])
  })

  it('[CLI-35] have options of their own', async () => {
    const server = await serve('4.8.4')
    const seen: unknown[] = []
    const note = ({ headers }: any): unknown => seen.push([headers.upgrade ?? 'polling', headers['x-one'], headers['x-all']])
    server.http.prependListener('request', note)
    server.http.prependListener('upgrade', note)
    const client = connect(server.url, { extraHeaders: { 'x-all': '1' }, transportOptions: { websocket: { extraHeaders: { 'x-one': '2' } } } })
    await next(client.io.engine, 'upgrade')

    expect(seen[0]).toEqual(['polling', undefined, '1'])
    expect(seen).toContainEqual(['websocket', '2', undefined])
  })

  it('[CLI-35] start with WebSocket when the last connection used it and rememberUpgrade is on', async () => {
    EngineClient.priorWebsocketSuccess = false
    const server = await serve('4.8.4')
    const first = connect(server.url, { rememberUpgrade: true })
    expect(first.io.engine.transport.name).toBe('polling')
    await next(first.io.engine, 'upgrade')

    expect(connect(server.url, { rememberUpgrade: true }).io.engine.transport.name).toBe('websocket')
    expect(connect(server.url).io.engine.transport.name).toBe('polling')
  })

  it('[CLI-34] start with what transportStorage remembers for the origin, and forget it where it fails', async () => {
    const entries = new Map<string, string>()
    const transportStorage = {
      getItem: (key: string) => entries.get(key) ?? null,
      setItem: (key: string, value: string) => void entries.set(key, value),
      removeItem: (key: string) => void entries.delete(key),
    }
    const server = await serve('4.8.4')
    await next(connect(server.url, { transportStorage }).io.engine, 'upgrade')
    expect([...entries]).toEqual([[`tidewire:${server.url}`, 'websocket']])
    expect(connect(server.url, { transportStorage }).io.engine.transport.name).toBe('websocket')
    // A network that lets no WebSocket through.
    server.http.removeAllListeners('upgrade')
    server.http.on('upgrade', (_req, socket) => socket.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n'))

    expect(await outcome(connect(server.url, { transportStorage, reconnection: false }))).toBe('polling')
    expect(entries.size).toBe(0)
  })

  it('[CLI-34] do not need a storage that works', async () => {
    const refuse = (): never => {
      throw new Error('forbidden')
    }
    const server = await serve('4.8.4')

    expect(await outcome(connect(server.url, { transportStorage: { getItem: refuse, setItem: refuse, removeItem: refuse } }))).toBe('polling')
  })
})

describe('requests', () => {
  it('[CLI-35] carry query, path and timestamp as the options say', async () => {
    const server = await serve('4.8.4', { path: '/way', addTrailingSlash: false })
    const urls: string[] = []
    server.http.prependListener('request', ({ url }) => urls.push(url!))
    server.http.prependListener('upgrade', ({ url }) => urls.push(url!))
    const options = { path: '/way', addTrailingSlash: false, query: { a: '1 2' } }
    await next(connect(server.url, { ...options, transports: ['polling'], timestampRequests: false }), 'connect')
    await next(connect(server.url, { ...options, transports: ['websocket'], timestampRequests: true, timestampParam: 'ts' }), 'connect')

    expect(urls[0]).toBe('/way?a=1%202&EIO=4&transport=polling')
    expect(urls.at(-1)).toMatch(/^\/way\?a=1%202&EIO=4&transport=websocket&ts=\w+$/)
  })

  it('[CLI-35] bring the cookies of the server back with withCredentials, on both transports, until they expire', async () => {
    const server = await serve('4.8.4')
    server.io.engine.on('initial_headers', (headers: any) => {
      headers['set-cookie'] = ['a=1; Path=/', 'b=2; Max-Age=100', 'c=3; Max-Age=0', 'd=4; Expires=Thu, 01 Jan 1970 00:00:00 GMT']
    })
    const seen: unknown[] = []
    const note = ({ method, headers }: any): unknown => seen.push([headers.upgrade ?? method, headers.cookie])
    server.http.prependListener('request', note)
    server.http.prependListener('upgrade', note)
    await next(connect(server.url).io.engine, 'upgrade')
    expect(seen.filter(([, cookie]: any) => cookie !== undefined)).toEqual([])
    seen.length = 0
    await next(connect(server.url, { withCredentials: true }).io.engine, 'upgrade')

    expect(seen[0]).toEqual(['GET', undefined])
    expect(seen).toContainEqual(['POST', 'a=1; b=2'])
    expect(seen).toContainEqual(['websocket', 'a=1; b=2'])
  })

  it.each(['polling', 'websocket'])('[CLI-35] go through the given agent (%s)', async (transport) => {
    const agent = new Agent({ keepAlive: true })
    cleanups.push(() => agent.destroy())
    const connecting = vi.spyOn(agent as any, 'createConnection')
    const server = await serve('4.8.4')
    await next(connect(server.url, { agent, transports: [transport] }), 'connect')

    expect(connecting).toHaveBeenCalled()
  })

  it('[CLI-45] go through an agent that has been put in the place of the global one, over WebSocket too', async () => {
    const agent = new Agent()
    const { globalAgent } = http
    http.globalAgent = agent
    cleanups.push(() => {
      http.globalAgent = globalAgent
      agent.destroy()
    })
    const connecting = vi.spyOn(agent as any, 'createConnection')
    const server = await serve('tidewire')
    await next(connect(server.url, { transports: ['websocket'] }), 'connect')

    expect(connecting).toHaveBeenCalledOnce()
  })

  it('[CLI-48] over WebSocket leave before the process exits, of this turn too', async () => {
    const server = await serve('tidewire')
    const got: unknown[] = []
    const left = new Promise<void>((resolve) => {
      server.io.on('connection', (socket: any) => {
        socket.on('last', (...args: unknown[]) => got.push(args))
        socket.on('disconnect', () => resolve())
      })
    })
    const program = `
      import { io } from '@tidewire/client'
      const client = io(process.argv[1], { transports: ['websocket'] })
      client.on('connect', () => setImmediate(() => {
        client.emit('last', 'words', new Uint8Array(3))
        client.emit('last', 'x'.repeat(10_000))
        process.exit()
      }))
    `
    await promisify(execFile)(process.execPath, ['--conditions=tidewire-source', '--input-type=module', '-e', program, server.url], { cwd: import.meta.dirname, timeout: DEADLINE_MS })
    await left

    expect(got).toEqual([['words', Buffer.alloc(3)], ['x'.repeat(10_000)]])
  })

  it.each(['before', 'after'])('[CLI-45] go through an agent that takes the place of the global one %s the client is loaded', async (when) => {
    const server = await serve('tidewire')
    const program = `
      import http from 'node:http'
      import { connect } from 'node:net'
      class Proxying extends http.Agent {
        createConnection(options, done) {
          return connect({ host: '127.0.0.1', port: ${server.port} }, done)
        }
      }
      if (process.argv[1] === 'before') http.globalAgent = new Proxying()
      const { io } = await import('@tidewire/client')
      if (process.argv[1] === 'after') http.globalAgent = new Proxying()
      const client = io('http://unknown.invalid', { transports: ['websocket'], reconnection: false })
      client.on('connect_error', (error) => console.log(error.message, error.description))
      client.on('connect', () => console.log('connected') ?? client.disconnect())
    `
    const run = promisify(execFile)(process.execPath, ['--conditions=tidewire-source', '--input-type=module', '-e', program, when], { cwd: import.meta.dirname, timeout: DEADLINE_MS })

    expect((await run).stdout).toBe('connected\n')
  })

  it.each(['polling', 'websocket'])('[CLI-35] go over a stream of the agent that is read when it asks (%s)', async (transport) => {
    class Tunnelling extends Agent {
      override createConnection(...args: any[]): any {
        const inner = (Agent.prototype as any).createConnection.apply(this, args) as Socket
        let isWanted = false
        const give = (): void => {
          const chunk: Buffer | null = isWanted ? inner.read() : null
          if (chunk === null) return
          isWanted = false
          stream.push(chunk)
        }
        const stream = new Duplex({
          read() {
            isWanted = true
            give()
          },
          write: (chunk, _encoding, done) => void inner.write(chunk, done),
          final: (done) => void inner.end(done),
          destroy: (error, done) => {
            inner.destroy()
            done(error)
          },
        })
        inner.on('readable', give).on('close', () => stream.destroy())
        return stream
      }
    }
    const agent = new Tunnelling()
    cleanups.push(() => agent.destroy())
    const server = await serve('tidewire')
    server.io.on('connection', (socket: any) => socket.on('echo', (value: unknown, ack: (value: unknown) => void) => ack(value)))
    const client = connect(server.url, { agent, transports: [transport] })
    await next(client, 'connect')

    for (const value of ['a', 'b', 'c'.repeat(100_000), 'd']) expect(await client.emitWithAck('echo', value)).toBe(value)
  })

  it('[CLI-45] over WebSocket leave in one write, all that a turn sends', async () => {
    const sockets: Socket[] = []
    class Watching extends Agent {
      override createConnection(...args: any[]): any {
        const socket = (Agent.prototype as any).createConnection.apply(this, args) as Socket
        sockets.push(socket)
        return socket
      }
    }
    const agent = new Watching()
    cleanups.push(() => agent.destroy())
    const server = await serve('tidewire')
    server.io.on('connection', (socket: any) => socket.on('echo', (value: unknown, ack: (value: unknown) => void) => ack(value)))
    const client = connect(server.url, { agent, transports: ['websocket'] })
    await next(client, 'connect')
    const writes = vi.spyOn(sockets[0]!, '_write' as any)
    const vectors = vi.spyOn(sockets[0]!, '_writev' as any)
    const values = ['text', Buffer.from('bytes'), { nested: [1, 'Größe'] }, 'last']
    const answers = values.map((value) => client.emitWithAck('echo', value))
    // A promise that is settled in this turn belongs to it.
    await Promise.resolve()
    answers.push(client.emitWithAck('echo', 'later'))

    expect(await Promise.all(answers)).toEqual([...values, 'later'])
    expect(writes.mock.calls.length + vectors.mock.calls.length).toBe(1)
    // Too much for one buffer: in one vector.
    const large = Array.from({ length: 3 }, (_, index) => Buffer.alloc(50_000, index))
    expect(await Promise.all(large.map((value) => client.emitWithAck('echo', value)))).toEqual(large)
    expect(vectors).toHaveBeenCalledOnce()
  })

  it.each(['polling', 'websocket'])('[CLI-35] check certificates, and show one, as the TLS options say (%s)', async (transport) => {
    const http = createHttpsServer({ ...tls.server, ca: tls.ca, requestCert: true, rejectUnauthorized: false })
    const server = createIo('4.8.4', http as any)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      http.close()
      http.closeAllConnections()
    })
    const url = `https://127.0.0.1:${(http.address() as AddressInfo).port}`
    const options = { transports: [transport], reconnection: false }
    const peer = new Promise<any>((resolve) => server.on('connection', resolve))

    expect(await outcome(connect(url, options))).toBe(transport === 'polling' ? 'xhr poll error' : 'websocket error')
    expect(await outcome(connect(url, { ...options, ca: tls.ca, ...tls.client }))).toBe(transport)
    expect((await peer).request.socket.getPeerCertificate().subject.CN).toBe('client.test')
    expect(await outcome(connect(url, { ...options, rejectUnauthorized: false }))).toBe(transport)
  })

  it('[CLI-35] end after requestTimeout', async () => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => {
      silent.close()
      silent.closeAllConnections()
    })
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`

    expect(await outcome(connect(url, { requestTimeout: 50, reconnection: false }))).toBe('xhr poll error')
  })

  it('[CLI-35] send no raw binary with forceBase64', async () => {
    const server = await serve('4.8.4')
    server.io.on('connection', (socket: any) => socket.on('echo', (value: unknown, ack: (value: unknown) => void) => ack(value)))
    for (const transports of [['polling'], ['websocket']]) {
      const client = connect(server.url, { transports, forceBase64: true })
      expect([...new Uint8Array(await client.emitWithAck('echo', Uint8Array.of(1, 2)))]).toEqual([1, 2])
    }
  })
})

describe('page and process', () => {
  it('[CLI-35] leaves silently on beforeunload with closeOnBeforeunload, and stays without', async () => {
    const window = page()
    const server = await serve('4.8.4')
    const heard: string[] = []
    const staying = connect(server.url, { transports: ['websocket'] })
    const leaving = connect(server.url, { transports: ['websocket'], closeOnBeforeunload: true })
    const ids: string[] = []
    for (const client of [staying, leaving]) {
      await next(client, 'connect')
      ids.push(client.id)
      client.on('disconnect', () => heard.push('disconnect'))
      client.io.on('reconnect_attempt', () => heard.push('reconnect'))
    }
    const left = next(server.io.sockets.sockets.get(ids[1]!), 'disconnect')
    window.dispatchEvent(new Event('beforeunload'))

    expect((await left)[0]).toBe('transport close')
    expect([...server.io.sockets.sockets.keys()]).toEqual([ids[0]])
    expect(heard).toEqual([])
  })

  it('[CLI-35] runs on the real clock with useNativeTimers, whatever becomes of the global functions', async () => {
    const server = await serve('4.8.4')
    for (const useNativeTimers of [true, false]) {
      const client = connect(server.url, { transports: ['websocket'], useNativeTimers, reconnectionDelay: 10, reconnectionDelayMax: 10 })
      await next(client, 'connect')
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
      const { setTimeout: faked } = globalThis
      const attempt = new Promise<string>((resolve) => client.io.once('reconnect_attempt', () => resolve('attempt')))
      client.io.engine.close()
      // What the fake clock holds back happens when it is moved; the native one needs nobody.
      const waiting = vi.getTimerCount()
      if (!useNativeTimers) vi.runOnlyPendingTimers()
      expect(await attempt).toBe('attempt')
      expect([useNativeTimers, waiting > 0]).toEqual([useNativeTimers, !useNativeTimers])
      expect(globalThis.setTimeout).toBe(faked)
      vi.useRealTimers()
      client.disconnect()
    }
  })

  it.each(['polling', 'websocket'])('[CLI-35] lets a process end while it is connected with autoUnref (%s)', async (transport) => {
    const server = await serve('4.8.4')
    const script = `
      import { io } from '@tidewire/client'
      const socket = io('${server.url}', { transports: ['${transport}'], autoUnref: true })
      const alive = setTimeout(() => {}, 50_000)
      socket.on('connect', () => { console.log('connected'); clearTimeout(alive) })`
    const child = spawn(process.execPath, ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
      cwd: new URL('..', import.meta.url).pathname,
    })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const [code] = await next(child, 'close', 55_000)

    expect([code, output]).toEqual([0, 'connected\n'])
  })

  it('[CLI-35] a Manager may be told host and port instead of a URL, and shows the URL it was given', async () => {
    const server = await serve('4.8.4')
    const manager = new Manager({ host: '127.0.0.1', port: server.port, transports: ['websocket'] })
    const client: any = manager.socket('/')
    cleanups.push(() => client.disconnect())
    await next(client, 'connect')

    expect(manager.uri).toBeUndefined()
    expect(connect(`${server.url}/admin?x=1`, { autoConnect: false }).io).toMatchObject({ uri: `${server.url}/admin?x=1`, opts: { query: { x: '1' } } })
    expect(connect(`${server.url}/`, { autoConnect: false }).io.uri).toBe(`${server.url}/`)
  })
})
