// One program on Bun, with the engine of @socket.io/bun-engine 0.1.2 under socket.io 4.8.4 and with ours under ours: what its application and its
// clients see is the same, but for what is named.
import { createInterface } from 'node:readline'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { spawnGroup, stopGroup } from '@tidewire/testkit/daemon'
import { npmPackages, provisionOrSkip } from '@tidewire/testkit/provision'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const require = createRequire(import.meta.url)
const { io: connect } = require('socket.io-client-4.8.4')
const program = fileURLToPath(new URL('../servers/tidewire/bun-engine-app.ts', import.meta.url))
const bun = await provisionOrSkip('bun')
const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'

class App {
  readonly seen: unknown[][] = []
  readonly url: string
  readonly stop: () => Promise<void>
  readonly ready: unknown[]
  #changed: () => void = () => {}

  private constructor(ready: unknown[], lines: AsyncIterator<string>, stop: () => Promise<void>) {
    this.ready = ready
    this.url = `http://127.0.0.1:${ready[1] as number}`
    this.stop = stop
    void this.#listen(lines)
  }

  static async start(modules: readonly string[]): Promise<App> {
    const child = spawnGroup(bun.value!, ['--conditions=tidewire-source', program, ...modules], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
    const first = await lines.next()
    return new App(JSON.parse(first.value as string) as unknown[], lines, () => stopGroup(child, 'SIGKILL'))
  }

  async #listen(lines: AsyncIterator<string>): Promise<void> {
    for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
      this.seen.push(JSON.parse(line.value) as unknown[])
      this.#changed()
    }
  }

  /** What its application has seen since the last time, once there is as much, or such an event. */
  async take(until: number | string): Promise<unknown[][]> {
    while (
      typeof until === 'number' ? this.seen.length < until : !this.seen.some(([event]) => event === until)
    ) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`saw ${JSON.stringify(this.seen)}, waited for ${until}`)),
          30_000,
        )
        this.#changed = () => (clearTimeout(timer), resolve())
      })
    }
    return this.seen.splice(0)
  }

  async ask(path: string, init: RequestInit = {}): Promise<unknown[]> {
    const { status, headers } = await fetch(this.url + path, init).then(
      async (response) => (await response.arrayBuffer(), response),
    )
    return [
      status,
      ...[
        'content-type',
        'x-handshake',
        'x-each',
        'access-control-allow-origin',
        'access-control-allow-credentials',
      ].map((name) => headers.get(name)),
    ]
  }
}

describe.skipIf(bun.skip !== undefined)('in place of @socket.io/bun-engine', () => {
  let theirs: App
  let ours: App
  beforeAll(async () => {
    const packages = npmPackages('bun-engine-0.1.2', {
      '@socket.io/bun-engine': '0.1.2',
      'socket.io-4.8.4': 'npm:socket.io@4.8.4',
    })
    theirs = await App.start([join(packages, '@socket.io/bun-engine'), join(packages, 'socket.io-4.8.4')])
    ours = await App.start(['tidewire/bun', 'tidewire'])
  })
  afterAll(() => Promise.all([theirs?.stop(), ours?.stop()]))

  /** The same of both. */
  async function both<T>(observe: (app: App) => Promise<T>): Promise<T> {
    const [expected, actual] = [await observe(theirs), await observe(ours)]
    expect(actual).toEqual(expected)
    return expected
  }

  it('[API-41] has its handler and its options', async () => {
    await both(async ({ ready }) => ready.slice(2))
  })

  it('[API-41] tells of a handshake, with the headers of its hooks and of CORS', async () => {
    const answer = await both(async (app) => [
      await app.ask(HANDSHAKE, { headers: { origin: 'http://good.example' } }),
      await app.take(2),
    ])
    expect(answer[0]).toEqual([
      200,
      'text/plain; charset=UTF-8',
      'GET function',
      'yes',
      'http://good.example',
      'true',
    ])
  })

  it.each([
    ['a handshake that allowRequest rejects', HANDSHAKE, { headers: { 'x-mine': 'no' } }, 2],
    ['an unknown session', `${HANDSHAKE}&sid=unknown`, {}, 1],
    ['an unknown transport', '/socket.io/?EIO=4&transport=pigeon', {}, 1],
    ['a handshake by POST', HANDSHAKE, { method: 'POST', body: '40' }, 1],
    ['what is not under the path', '/other', {}, 0],
  ])('[API-41] refuses %s', async (what, path, init, events) => {
    await both(async (app) => {
      const answer = await app.ask(path, init)
      const seen = await app.take(events)
      // Theirs asks for every request, ours for handshakes, as engine.io does.
      return [answer, seen.filter(([event]) => event !== 'allowRequest' || what.includes('allowRequest'))]
    })
  })

  it.each([[['polling']], [['websocket']], [['polling', 'websocket']]])(
    '[API-41] serves the official client over %s',
    async (transports) => {
      const observe = async (app: App): Promise<unknown> => {
        const client = connect(app.url, { transports, forceNew: true, reconnection: false })
        if (transports.length === 2)
          await new Promise((resolve) =>
            client.io.once('open', () => client.io.engine.once('upgrade', resolve)),
          )
        const echoed = [
          await client.timeout(5_000).emitWithAck('echo', '汉字'),
          await client.timeout(5_000).emitWithAck('echo', Buffer.from([1, 2])),
        ]
        const left = new Promise((resolve) => client.once('disconnect', resolve))
        client.emit('leave')
        const reason = await left
        const seen = await app.take('disconnect')
        return [
          echoed,
          reason,
          seen.filter(([event]) => event !== 'allowRequest' && event !== 'connection_error'),
        ]
      }
      await both(observe)
    },
  )

  it('[API-41] closes all clients, for the reason that engine.io has on Node', async () => {
    const observe = async (app: App): Promise<unknown> => {
      const client = connect(app.url, { transports: ['websocket'], forceNew: true, reconnection: false })
      const left = new Promise((resolve) => client.once('disconnect', resolve))
      client.emit('end all')
      const reason = await left
      return [reason, (await app.take('disconnect')).at(-1)]
    }
    expect(await observe(theirs)).toEqual(['transport close', ['disconnect', 'forced close']])
    expect(await observe(ours)).toEqual(['transport close', ['disconnect', 'server shutting down']])
  })
})
