// Connections that die while a page or its computer sleeps: noticed at once, and made anew at once.
import { io } from '@tidewire/client'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { DEADLINE_MS, next, start } from './start.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

function connect(url: string, options: object = {}): any {
  const client = io(url, { forceNew: true, timeout: DEADLINE_MS, transports: ['websocket'], ...options })
  cleanups.push(() => client.disconnect())
  return client
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

/** A server that opens sessions with a heartbeat of 60 s, answers CONNECT, notes events, and never pings. */
async function silentServer(): Promise<{ url: string; events: string[]; eventSeen: Promise<string> }> {
  const http = createServer()
  const wss = new WebSocketServer({ server: http })
  const events: string[] = []
  const { promise: eventSeen, resolve } = Promise.withResolvers<string>()
  wss.on('connection', (ws) => {
    ws.send('0{"sid":"x","upgrades":[],"pingInterval":40000,"pingTimeout":20000,"maxPayload":1000}')
    ws.on('message', (data) => {
      const text = String(data)
      if (text.startsWith('40')) return ws.send('40{"sid":"y"}')
      events.push(text)
      resolve(text)
    })
  })
  await new Promise<void>((done) => http.listen(0, '127.0.0.1', done))
  cleanups.push(() => {
    for (const ws of wss.clients) ws.terminate()
    wss.close()
    http.close()
    http.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`, events, eventSeen }
}

/** The clock jumps, as after sleep; timers did not run meanwhile. */
function sleep(ms: number): void {
  const now = Date.now() + ms
  const spy = vi.spyOn(Date, 'now').mockReturnValue(now)
  cleanups.push(() => spy.mockRestore())
}

describe('after sleep', () => {
  it.each(['online', 'visibilitychange'])('[CLI-32] %s ends a session whose heartbeat is overdue, and only such a one', async (type) => {
    const window = page()
    const { url } = await silentServer()
    const client = connect(url, { reconnection: false })
    await next(client, 'connect')
    sleep(50_000)
    window.dispatchEvent(new Event(type))
    expect(client.connected).toBe(true)
    sleep(12_000)
    const gone = next(client, 'disconnect')
    window.dispatchEvent(new Event(type))

    expect((await gone)[0]).toBe('ping timeout')
  })

  it('[CLI-32] an emit notices it, is kept, and is sent on the next connection', async () => {
    const { url, events, eventSeen } = await silentServer()
    const client = connect(url, { reconnectionDelay: 10 })
    await next(client, 'connect')
    sleep(61_000)
    const gone = next(client, 'disconnect')
    client.emit('kept', 1)
    client.volatile.emit('dropped')
    expect((await gone)[0]).toBe('ping timeout')
    await next(client, 'connect')

    expect(await eventSeen).toBe('42["kept",1]')
    expect(events).toEqual(['42["kept",1]'])
  })

  it('[CLI-32] looks at the clock every ten seconds at least', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
    cleanups.push(() => vi.useRealTimers())
    const { url } = await silentServer()
    const client = connect(url, { reconnection: false })
    await new Promise((resolve) => client.once('connect', resolve))
    const gone = new Promise((resolve) => client.once('disconnect', resolve))
    // Asleep for an hour: the clock moved, the timers did not.
    vi.setSystemTime(Date.now() + 3_600_000)
    vi.advanceTimersByTime(10_000)

    expect(await gone).toBe('ping timeout')
  })
})

describe('waiting to reconnect', () => {
  it('[CLI-33] ends when the page is online again', async () => {
    const window = page()
    const first = await start('tidewire')
    const client = connect(first.url, { reconnectionDelay: 3_600_000, reconnectionDelayMax: 3_600_000, randomizationFactor: 0 })
    await next(client, 'connect')
    const gone = next(client, 'disconnect')
    await first.close()
    await gone
    const second = await start('tidewire', {}, first.port)
    cleanups.push(() => second.close())
    const back = next(client, 'connect')
    window.dispatchEvent(new Event('online'))
    await back

    expect(client.connected).toBe(true)
  })

  it('[CLI-33] is over after disconnect(): being online again connects nothing', async () => {
    const window = page()
    const server = await start('tidewire')
    cleanups.push(() => server.close())
    const client = connect(server.url, { reconnectionDelay: 3_600_000, reconnectionDelayMax: 3_600_000 })
    await next(client, 'connect')
    const gone = next(client, 'disconnect')
    client.io.engine.close()
    await gone
    const attempts: number[] = []
    client.io.on('reconnect_attempt', (attempt: number) => attempts.push(attempt))
    client.disconnect()
    window.dispatchEvent(new Event('online'))
    // A fence: by now an attempt would have been told.
    await next(connect(server.url), 'connect')

    expect(attempts).toEqual([])
  })
})
