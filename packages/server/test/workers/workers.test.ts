// One port, three processes: requests of a session land on any of them.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, spawnGroup } from '@tidewire/testkit/daemon'
import { maskedFrame, upgradeRequest } from '@tidewire/testkit/frames'
import { expect, it, onTestFinished } from 'vitest'
import { PollingClient, WireSocket, send, websocket } from '../start.ts'

const program = fileURLToPath(new URL('program.ts', import.meta.url))

class Program {
  readonly port: number
  readonly child: ReturnType<typeof spawnGroup>
  pids: number[] = []
  errors = ''
  readonly #lines: any[] = []
  #wake = (): void => {}

  private constructor(port: number, env: NodeJS.ProcessEnv) {
    this.port = port
    this.child = spawnGroup(process.execPath, ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', program], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, TEST_PORT: String(port), ...env },
    })
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.errors += text))
    createInterface({ input: this.child.stdout! }).on('line', (line) => {
      this.#lines.push(JSON.parse(line))
      this.#wake()
    })
    this.child.once('exit', () => this.#wake())
  }

  /** Not ready yet. */
  static async spawn(env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const spawned = new Program(await freePort(), env)
    onTestFinished(() => void spawned.child.kill('SIGKILL'))
    return spawned
  }

  static async start(env: NodeJS.ProcessEnv = {}): Promise<Program> {
    const started = await Program.spawn(env)
    started.pids = (await started.next('pids')).pids
    return started
  }

  say(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }

  /** The next line that has this member. */
  async next(member: string): Promise<any> {
    const deadline = Date.now() + 60_000
    for (;;) {
      const index = this.#lines.findIndex((line) => member in line)
      if (index !== -1) return this.#lines.splice(index, 1)[0]
      const { exitCode, signalCode } = this.child
      if (exitCode !== null || signalCode !== null || Date.now() > deadline)
        throw new Error(`no "${member}" of the program (${exitCode ?? signalCode ?? 'it runs'}): ${this.errors}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 1_000)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }

  async stats(): Promise<{ stats: any[]; crashes: number }> {
    this.say('stats')
    return this.next('stats')
  }

  /** When every worker has told its figures: one that is busy may not do so in time. */
  async figures(): Promise<any[]> {
    for (;;) {
      const { stats } = await this.stats()
      if (stats.every(({ figures }) => figures !== undefined)) return stats
    }
  }

  /** Ends it as an operator does. */
  async stop(): Promise<unknown> {
    const exited = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    return (await exited)[0]
  }
}

/** By polling, then over a WebSocket that lands on the next process. */
async function upgrade(port: number): Promise<WireSocket> {
  const polling = await new PollingClient(port).connect()
  expect((await polling.post('40')).status).toBe(200)
  expect((await polling.get()).body).toMatch(/^40\{"sid"/)
  const parked = polling.get()
  const ws = new WireSocket(port, websocket(4, `&sid=${polling.sid}`))
  await once(ws.ws, 'open')
  ws.ws.send('2probe')
  expect(await ws.next()).toBe('3probe')
  expect((await parked).body).toBe('6')
  ws.ws.send('5')
  return ws
}

function sendTls(method: string, url: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const req = request(url, { method, rejectUnauthorized: false, agent: false }, (res) => {
      let text = ''
      res.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('end', () => resolve(text))
    })
    req.on('error', reject).end(body)
  })
}

async function ask(ws: WireSocket, event: string): Promise<unknown[]> {
  ws.ws.send(`420["${event}"]`)
  return JSON.parse(String(await ws.next()).replace(/^430/, '')) as unknown[]
}

it('[CLU-93] a WebSocket goes to the process that owns its session, and is relayed by none', { timeout: 120_000 }, async () => {
  const running = await Program.start()
  const { port, pids, child } = running

  const sockets = await Promise.all(Array.from({ length: 12 }, () => upgrade(port)))
  const owners = new Set(await Promise.all(sockets.map(async (ws) => (await ask(ws, 'where'))[0])))

  expect([...owners].toSorted()).toEqual(pids.toSorted())
  expect(await ask(sockets[0]!, 'relayed')).toEqual([0])
  const stats = await running.figures()
  expect(stats.map(({ pid, state }) => [pid, state]).toSorted()).toEqual(pids.map((pid) => [pid, 'serving']).toSorted())
  const sum = (name: string): number => stats.reduce((total, { figures }) => total + figures[name], 0)
  expect(sum('sessions')).toBe(12)
  expect(sum('handedOver')).toBeGreaterThan(0)
  expect(sum('takenOver')).toBe(sum('handedOver'))
  for (const { figures, uptimeMs } of stats) expect([figures.rssBytes > 1e6, figures.cpuMs > 0, uptimeMs > 0]).toEqual([true, true, true])

  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await Promise.all(sockets.map((ws) => ws.end()))
  expect([(await exited)[0], running.errors]).toEqual([0, ''])
})

it('[CLU-93] over TLS a WebSocket that lands on another process is relayed', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-workers-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=127.0.0.1', '-days', '2', '-keyout', `${folder}/key.pem`, '-out', `${folder}/cert.pem`]
  expect(spawnSync('openssl', args).status).toBe(0)
  const running = await Program.start({ TEST_CERTIFICATE: folder })
  const base = `https://127.0.0.1:${running.port}/socket.io/?EIO=4&transport=polling`

  const sockets = await Promise.all(
    Array.from({ length: 9 }, async () => {
      const opened = await sendTls('GET', base)
      const sid = /"sid":"([\w-]+)"/.exec(opened)![1]
      expect(await sendTls('POST', `${base}&sid=${sid}`, '40')).toBe('ok')
      expect(await sendTls('GET', `${base}&sid=${sid}`)).toMatch(/^40\{"sid"/)
      const ws = new WireSocket(running.port, websocket(4, `&sid=${sid}`), {}, 'wss')
      await once(ws.ws, 'open')
      ws.ws.send('2probe')
      expect(await ws.next()).toBe('3probe')
      ws.ws.send('5')
      return ws
    }),
  )
  const owners = new Set(await Promise.all(sockets.map(async (ws) => (await ask(ws, 'where'))[0])))

  expect(owners.size).toBe(3)
  const stats = await running.figures()
  const sum = (name: string): number => stats.reduce((total, { figures }) => total + figures[name], 0)
  expect(sum('sessions')).toBe(9)
  expect(sum('relayedWebSockets')).toBeGreaterThan(0)
  expect(sum('handedOver')).toBe(0)
  const [code] = await Promise.all([running.stop(), ...sockets.map((ws) => ws.end())])
  expect([code, running.errors]).toEqual([0, ''])
})

/** The upgrade, its probe and more, without a wait for any answer, a byte or two a turn: bytes arrive while the connection changes hands. */
async function upgradeInBytes(port: number): Promise<string> {
  const polling = await new PollingClient(port).connect()
  await polling.post('40')
  await polling.get()
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  let received = ''
  socket.setEncoding('latin1').on('data', (text: string) => (received += text))
  await once(socket, 'connect')
  socket.write(upgradeRequest(websocket(4, `&sid=${polling.sid}`)))
  const early = Buffer.concat([maskedFrame('2probe'), maskedFrame('5'), ...Array.from({ length: 9 }, (_, n) => maskedFrame(`42${n}["where"]`))])
  for (let at = 0; at < early.length; at += 2) {
    await turn()
    socket.write(early.subarray(at, at + 2))
  }
  const deadline = Date.now() + 60_000
  while (!received.includes('438[') && !socket.destroyed && Date.now() < deadline) await turn()
  socket.destroy()
  return received.replaceAll(/^HTTP\/1.1 (\d+)[^]*?\r\n\r\n|[^ -~]+/g, '$1 ').replaceAll(/\d+,\d+/g, '…')
}

it('[CLU-93] what a client sends while its WebSocket moves to another process arrives there', { timeout: 120_000 }, async () => {
  const { port } = await Program.start()

  const received = await Promise.all(Array.from({ length: 30 }, () => upgradeInBytes(port)))

  const whole = ['101', '3probe', ...Array.from({ length: 9 }, (_, n) => `43${n}[…]`)]
  expect(received.map((text) => text.trim().split(/\s+/))).toEqual(received.map(() => whole))
})

it('[CLU-93] a process that dies is replaced', { timeout: 120_000 }, async () => {
  const running = await Program.start()
  const { port, pids } = running

  process.kill(pids[0]!, 'SIGKILL')
  const { crash } = await running.next('crash')
  const seen = new Set<number>()
  const deadline = Date.now() + 60_000
  // Every connection goes to the next process.
  while (seen.size < 3 && Date.now() < deadline) {
    // A connection that was on its way to the process when it died is nobody's, and nobody closes it.
    const answer = await send(port, 'GET', '/', { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    const pid = Number(answer?.body)
    if (answer !== undefined && pid !== pids[0]) seen.add(pid)
    await new Promise((resolve) => setImmediate(resolve))
  }

  expect(crash).toMatchObject({ pid: pids[0], code: null, signal: 'SIGKILL', restartInMs: 100 })
  expect(seen.size).toBe(3)
  expect((await running.stats()).crashes).toBe(1)
  const ws = await upgrade(port)
  expect([...seen]).toContain((await ask(ws, 'where'))[0])
  expect((await Promise.all([running.stop(), ws.end()]))[0]).toBe(0)
})

it('[CLU-94] a worker that fails at its start is started anew later and later, until it serves', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-workers-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const mark = join(folder, 'fails')
  const running = await Program.start({ TEST_COUNT: '1', TEST_FAILS: mark })
  writeFileSync(mark, '')

  process.kill(running.pids[0]!, 'SIGKILL')
  const crashes = [await running.next('crash'), await running.next('crash'), await running.next('crash')]
  rmSync(mark)
  const deadline = Date.now() + 60_000
  let served: string | undefined
  while (served === undefined && Date.now() < deadline)
    served = (await send(running.port, 'GET', '/', { signal: AbortSignal.timeout(2_000) }).catch(() => undefined))?.body

  expect(crashes.map(({ crash }) => [crash.signal ?? crash.code, crash.restartInMs])).toEqual([['SIGKILL', 100], [3, 500], [3, 2_000]])
  // It answers to requests a moment before the primary hears that it serves.
  let { stats, crashes: count } = await running.stats()
  while (stats[0].state === 'starting' && Date.now() < deadline) ({ stats, crashes: count } = await running.stats())
  expect([stats.map(({ pid, state }) => [String(pid), state]), count]).toEqual([[[served, 'serving']], 3])
  expect(await running.stop()).toBe(0)
})

it('[CLU-95] a reload whose workers fail at their start changes nothing; the next one takes place', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-workers-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const mark = join(folder, 'fails')
  const running = await Program.start({ TEST_COUNT: '2', TEST_FAILS: mark })
  const ws = await upgrade(running.port)
  writeFileSync(mark, '')

  running.say('reload')
  const { notReloaded } = await running.next('notReloaded')
  const { stats } = await running.stats()
  expect(notReloaded).toBe('the workers are not reloaded, the old ones go on: a worker ended with 3 before it served; its output says why')
  expect(stats.map(({ pid, state }) => [pid, state]).toSorted()).toEqual(running.pids.map((pid) => [pid, 'serving']).toSorted())
  expect(running.pids).toContain((await ask(ws, 'where'))[0])

  rmSync(mark)
  running.child.kill('SIGUSR2')
  await ws.until('the close', () => ws.closed !== undefined, 60_000)
  const after = await upgrade(running.port)
  expect(running.pids).not.toContain((await ask(after, 'where'))[0])
  expect((await running.stats()).crashes).toBe(0)
  expect((await Promise.all([running.stop(), after.end()]))[0]).toBe(0)
})

it('[CLU-95] a new worker that crashes while a reload goes on is replaced, too', { timeout: 120_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewire-workers-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const mark = join(folder, 'late')
  writeFileSync(mark, '')
  const running = await Program.start({ TEST_COUNT: '2', TEST_LATE: mark })
  const worker = async (number: number): Promise<any> => (await running.stats()).stats.find((one) => one.number === number)
  running.say('reload')
  await expect.poll(async () => (await worker(3))?.state).toBe('serving')
  process.kill((await worker(3)).pid, 'SIGKILL')
  const { crash } = await running.next('crash')
  const { uptimeMs } = await worker(4)
  await expect.poll(async () => (await worker(4)).uptimeMs).toBeGreaterThan(uptimeMs + 2 * crash.restartInMs)
  rmSync(mark)
  await running.next('reloaded')

  await expect.poll(async () => (await running.stats()).stats.map(({ state }) => state)).toEqual(['serving', 'serving'])
  expect(await running.stop()).toBe(0)
})

it('[CLU-93] all end in order when they are stopped before all of them serve', { timeout: 120_000 }, async () => {
  const running = await Program.spawn({ TEST_HANGS: '2' })
  const deadline = Date.now() + 60_000
  let isServed = false
  while (!isServed && Date.now() < deadline) isServed = await send(running.port, 'GET', '/').then(() => true, () => false)

  expect([await running.stop(), running.errors]).toEqual([0, ''])
})

it('[CLU-93] workers end in order when the process that started them is killed', { timeout: 120_000 }, async () => {
  const running = await Program.start()
  const ws = await upgrade(running.port)

  running.child.kill('SIGKILL')

  expect(await ws.end()).toEqual({ code: 1005, reason: '' })
  const deadline = Date.now() + 60_000
  const isAlive = (pid: number): boolean => existsSync(`/proc/${pid}/cmdline`) && readFileSync(`/proc/${pid}/cmdline`).length > 0
  while (running.pids.some(isAlive) && Date.now() < deadline) await turn()
  expect(running.pids.filter(isAlive)).toEqual([])
})
