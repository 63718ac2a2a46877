// What a client can do to a server on Bun by holding back, sending too much or falling silent, and what it costs: raw connections and official
// clients against a server process of its own with small limits.
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { spawnGroup, stopGroup } from '@tidewire/testkit/daemon'
import { provisionOrSkip } from '@tidewire/testkit/provision'
import { maskedFrame, upgradeRequest } from '@tidewire/testkit/frames'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'

const require = createRequire(import.meta.url)
const { io: connect } = require('socket.io-client-4.8.4')
const program = fileURLToPath(new URL('../servers/tidewire/bun-limits-app.ts', import.meta.url))
const bun = await provisionOrSkip('bun')
const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

describe.skipIf(bun.skip !== undefined)('limits on Bun', () => {
  let port = 0
  let stop: () => Promise<void>
  let exited: Promise<unknown>
  /** What the server has said of closed connections. */
  const closed: string[][] = []

  beforeAll(async () => {
    const child = spawnGroup(bun.value!, ['--conditions=tidewire-source', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    stop = () => stopGroup(child, 'SIGKILL')
    exited = once(child, 'exit')
    await new Promise<void>((resolve) =>
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const [what, ...details] = JSON.parse(line) as [string, ...unknown[]]
        if (what === 'close') closed.push(details as string[])
        else if (what === 'ready') resolve(void (port = details[0] as number))
      }),
    )
  })
  afterAll(() => stop?.())

  async function client(options: object = {}): Promise<any> {
    const socket = connect(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
      ...options,
    })
    cleanups.push(() => socket.disconnect())
    await new Promise((resolve) => socket.once('connect', resolve))
    return socket
  }

  /** Waits until the server has told of such a close. */
  async function isClosed(reason: string, description: string): Promise<void> {
    await expect
      .poll(() => closed.some(([why, text]) => why === reason && text!.includes(description)))
      .toBe(true)
  }

  function tcp(): Socket {
    const socket = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('error', () => {})
    cleanups.push(() => socket.destroy())
    return socket
  }

  async function webSocket(): Promise<Socket> {
    const socket = tcp()
    socket.write(upgradeRequest('/socket.io/?EIO=4&transport=websocket'))
    socket.write(maskedFrame('40'))
    let seen = ''
    while (!seen.includes('40{"sid"')) seen += String((await once(socket, 'data'))[0])
    return socket
  }

  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}${path}`, { ...init, signal: AbortSignal.timeout(10_000) })
  const open = async (): Promise<string> =>
    (JSON.parse((await (await ask(HANDSHAKE)).text()).slice(1)) as { sid: string }).sid

  it('[API-42] a client that does not read is closed, with a reason, and costs neither memory nor its neighbours', async () => {
    const neighbour = await client()
    const before: number = await neighbour.timeout(40_000).emitWithAck('memory')
    const slow = await client()
    slow.io.engine.transport.ws.pause()
    slow.emit('flood', 2_000)
    for (let i = 0; i < 50; i++) expect(await neighbour.timeout(40_000).emitWithAck('echo', i)).toBe(i)
    await isClosed('transport error', 'slow consumer')
    expect((await neighbour.timeout(40_000).emitWithAck('memory')) - before).toBeLessThan(64 << 20)
  })

  it('[API-42] a reader that is slow but reads gets everything', async () => {
    const reader = await client()
    const { ws } = reader.io.engine.transport
    let count = 0
    const all = new Promise<void>((resolve) =>
      reader.on('news', () => (++count === 9 ? resolve() : undefined)),
    )
    ws.pause()
    reader.emit('flood', 9)
    await (await client()).timeout(40_000).emitWithAck('echo', 1)
    ws.resume()
    await all
  })

  it('[API-42] what is sent in one turn leaves in one write', async () => {
    const socket = await webSocket()
    socket.write(maskedFrame('42["burst",100]'))
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    expect(String(chunk).match(/42\["n",\d+\]/g)?.length).toBe(100)
  })

  it('[API-42] a message above maxHttpBufferSize closes with 1009', async () => {
    const socket = await client()
    const gone = new Promise<any[]>((resolve) => socket.once('disconnect', (...args: any[]) => resolve(args)))
    const code = new Promise((resolve) => socket.io.engine.transport.ws.once('close', resolve))
    socket.emit('echo', 'x'.repeat(20_000))
    expect((await gone)[0]).toBe('transport close')
    expect(await code).toBe(1009)
    await isClosed('transport error', 'too big')
  })

  it('[API-42] a body above maxHttpBufferSize is answered 413, with and without a length, and the session goes on', async () => {
    const sid = await open()
    const url = `${HANDSHAKE}&sid=${sid}`
    const told = await ask(url, { method: 'POST', body: '4'.repeat(20_000) })
    expect([told.status, told.headers.get('connection')]).toEqual([413, 'close'])
    let chunks = 4
    const body = new ReadableStream({
      pull: (stream) => (chunks-- > 0 ? stream.enqueue(new Uint8Array(5_000).fill(52)) : stream.close()),
    })
    const streamed = await ask(url, { method: 'POST', body, duplex: 'half' } as RequestInit).then(
      ({ status }) => status,
      // The answer comes before the body has ended, and the client may find its connection closed first.
      () => 413,
    )
    expect(streamed).toBe(413)
    expect(await (await ask(url, { method: 'POST', body: '40' })).text()).toBe('ok')
    expect(await (await ask(url)).text()).toContain('40{"sid"')
  })

  it('[API-42] a body that does not come whole is cut off', async () => {
    const socket = tcp()
    socket.write(
      `POST ${HANDSHAKE}&sid=${await open()} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n42["`,
    )
    socket.resume()
    await once(socket, 'end', { signal: AbortSignal.timeout(15_000) })
  })

  it('[API-42] a poll outlives the idle time of connections', async () => {
    const url = `${HANDSHAKE}&sid=${await open()}`
    await ask(url, { method: 'POST', body: '40' })
    await ask(url)
    // The ping after pingInterval, 6 s; the server's idleTimeout is 4 s.
    expect(await (await ask(url)).text()).toBe('2')
  })

  it('[API-42] a poll whose client has gone ends its session', async () => {
    const url = `${HANDSHAKE}&sid=${await open()}`
    await ask(url, { method: 'POST', body: '40' })
    await ask(url)
    const stopping = new AbortController()
    const poll = fetch(`http://127.0.0.1:${port}${url}`, { signal: stopping.signal }).catch(() => 'gone')
    await (await client()).timeout(40_000).emitWithAck('echo', 1)
    stopping.abort()
    expect(await poll).toBe('gone')
    await isClosed('transport error', 'poll connection closed prematurely')
  })

  it('[API-42] a poll whose client goes while its answer waits to be compressed ends its session', async () => {
    const urls = await Promise.all(Array.from({ length: 16 }, async () => `${HANDSHAKE}&sid=${await open()}`))
    for (const url of urls) {
      await ask(url, { method: 'POST', body: '40' })
      await ask(url)
    }
    const stopping = new AbortController()
    const polls = urls.map((url, index) =>
      fetch(`http://127.0.0.1:${port}${url}`, index === 15 ? { signal: stopping.signal } : {}).then(
        async (answer) => (await answer.text()).length,
        () => 'gone',
      ),
    )
    const neighbour = await client()
    await neighbour.timeout(40_000).emitWithAck('echo', 1)
    neighbour.emit('fat for all')
    await Promise.race(polls)
    stopping.abort()

    expect(await polls[15]).toBe('gone')
    await isClosed('transport error', 'poll connection closed before')
    for (const poll of polls.slice(0, 15)) expect(await poll).toBeGreaterThan(900_000)
  })

  it('[API-42] middlewares see requests and set headers, and the session cookie is set, on polling and WebSocket', async () => {
    const polling = await ask(HANDSHAKE)
    expect(polling.headers.get('x-from-middleware')).toBe('yes')
    expect(polling.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^io=.{20}; Path=\/; HttpOnly; SameSite=Lax$/),
    ])
    const socket = connect(`http://127.0.0.1:${port}`, {
      transports: ['websocket'],
      forceNew: true,
      reconnection: false,
    })
    cleanups.push(() => socket.disconnect())
    const answer = await new Promise<any>((resolve) => socket.io.engine.transport.ws.once('upgrade', resolve))
    expect(answer.headers).toMatchObject({
      'x-from-middleware': 'yes',
      'set-cookie': [expect.stringMatching(/^io=.{20}/)],
    })
    await new Promise((resolve) => socket.once('connect', resolve))
    expect(await socket.timeout(40_000).emitWithAck('session')).toEqual({ of: '/socket.io/' })
  })

  it('[API-42] io.stats() counts, and io.close() ends clients, connections and the process', async () => {
    const socket = await client()
    const stats = await socket.timeout(40_000).emitWithAck('stats')
    expect(stats.sessions.byTransport.websocket).toBeGreaterThan(0)
    expect(stats.traffic.packetsIn).toBeGreaterThan(0)
    const url = `${HANDSHAKE}&sid=${await open()}`
    const parked = ask(url)
    // By then it is there.
    await (await client()).timeout(40_000).emitWithAck('echo', 1)
    const gone = new Promise((resolve) => socket.once('disconnect', resolve))
    socket.emit('end')
    expect(await gone).toBe('transport close')
    await parked
    await exited
  })
})
