// One port, three processes: requests of a session land on any of them.
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort, spawnGroup } from '@tidewire/testkit/daemon'
import { expect, it, onTestFinished } from 'vitest'
import { PollingClient, WireSocket, send, websocket } from '../start.ts'

const program = fileURLToPath(new URL('program.ts', import.meta.url))

async function startProgram(): Promise<{ port: number; pids: number[]; child: ReturnType<typeof spawnGroup>; errors: () => string }> {
  const port = await freePort()
  const child = spawnGroup(process.execPath, ['--conditions=tidewire-source', '--disable-warning=ExperimentalWarning', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TEST_PORT: String(port) },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (errors += text))
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout! }), 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the program ended with ${code}: ${errors}`)
    }),
  ])
  return { port, pids: JSON.parse(line as string).pids, child, errors: () => errors }
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

async function ask(ws: WireSocket, event: string): Promise<unknown[]> {
  ws.ws.send(`420["${event}"]`)
  return JSON.parse(String(await ws.next()).replace(/^430/, '')) as unknown[]
}

it('[CLU-93] a WebSocket goes to the process that owns its session, and is relayed by none', { timeout: 40_000 }, async () => {
  const { port, pids, child, errors } = await startProgram()

  const sockets = await Promise.all(Array.from({ length: 12 }, () => upgrade(port)))
  const owners = new Set(await Promise.all(sockets.map(async (ws) => (await ask(ws, 'where'))[0])))

  expect([...owners].toSorted()).toEqual(pids.toSorted())
  expect(await ask(sockets[0]!, 'relayed')).toEqual([0])

  child.kill('SIGTERM')
  await Promise.all(sockets.map((ws) => ws.end()))
  const [code] = await once(child, 'exit')
  expect([code, errors()]).toEqual([0, ''])
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
  const mask = Buffer.alloc(4)
  const frame = (text: string): Buffer => Buffer.concat([Buffer.of(0x81, 0x80 | text.length), mask, Buffer.from(text)])
  socket.write(
    `GET ${websocket(4, `&sid=${polling.sid}`)} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
  )
  const early = Buffer.concat([frame('2probe'), frame('5'), ...Array.from({ length: 9 }, (_, n) => frame(`42${n}["where"]`))])
  for (let at = 0; at < early.length; at += 2) {
    await turn()
    socket.write(early.subarray(at, at + 2))
  }
  const deadline = Date.now() + 5_000
  while (!received.includes('438[') && !socket.destroyed && Date.now() < deadline) await turn()
  socket.destroy()
  return received.replaceAll(/^HTTP\/1.1 (\d+)[^]*?\r\n\r\n|[^ -~]+/g, '$1 ').replaceAll(/\d+,\d+/g, '…')
}

it('[CLU-93] what a client sends while its WebSocket moves to another process arrives there', { timeout: 40_000 }, async () => {
  const { port } = await startProgram()

  const received = await Promise.all(Array.from({ length: 30 }, () => upgradeInBytes(port)))

  const whole = ['101', '3probe', ...Array.from({ length: 9 }, (_, n) => `43${n}[…]`)]
  expect(received.map((text) => text.trim().split(/\s+/))).toEqual(received.map(() => whole))
})

it('[CLU-93] a process that dies is replaced', { timeout: 40_000 }, async () => {
  const { port, pids, child } = await startProgram()

  process.kill(pids[0]!, 'SIGKILL')
  const seen = new Set<number>()
  const deadline = Date.now() + 20_000
  // Every connection goes to the next process.
  while (seen.size < 3 && Date.now() < deadline) {
    // A connection that was on its way to the process when it died is nobody's, and nobody closes it.
    const answer = await send(port, 'GET', '/', { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
    const pid = Number(answer?.body)
    if (answer !== undefined && pid !== pids[0]) seen.add(pid)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(seen.size).toBe(3)
  const ws = await upgrade(port)
  expect([...seen]).toContain((await ask(ws, 'where'))[0])

  child.kill('SIGTERM')
  await ws.end()
  expect((await once(child, 'exit'))[0]).toBe(0)
})
