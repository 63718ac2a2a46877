// The others on the server under attack, in a process of their own: one that echoes every 20 ms, one that publishes as often, and two, over
// WebSocket and over polling, that must get all of it in order. In: `{begin}` and `{end}` from the parent. Out: what they went through.
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { PollingSession } from './wire/polling.ts'
import { RawWebSocket } from './wire/websocket.ts'

export interface Wellbeing {
  p50: number
  p99: number
  max: number
  echoes: number
  /** Echoes that never came. */
  echoesLost: number
  /** Messages published, times the observers. */
  published: number
  /** Not delivered, or not in their order. */
  lost: number
  /** The longest time since the last report in which they themselves did nothing, though they should have. */
  stoodStillMs: number
}

export type NeighbourCommand = 'begin' | 'end'

const INTERVAL_MS = 20
/** How long after the attack answers and messages may still come. */
const PATIENCE_MS = 15_000
const SEPARATOR = String.fromCharCode(30)

const port = Number(process.argv[2])
const sentAt = new Map<number, number>()
const latencies: number[] = []
let published = 0
let echoes = 0
let timer: NodeJS.Timeout | undefined
let aliveAt = performance.now()
let stoodStillMs = 0

class Observer {
  expected = 1
  outOfOrder = 0

  take(packet: string): void {
    if (!packet.startsWith('42["news",')) return
    const got = Number(packet.slice(10, -1))
    if (got === this.expected) this.expected++
    else if (got > this.expected) {
      // What is between is lost, or comes too late.
      this.outOfOrder += got - this.expected
      this.expected = got + 1
    }
  }

  get lost(): number {
    return this.outOfOrder + published - (this.expected - 1)
  }
}

const observers = [new Observer(), new Observer()]
const canary = await openSocket()
const publisher = await openSocket()
const watcher = await openSocket()
const poller = await new Promise<PollingSession>(
  (resolve, reject) =>
    void PollingSession.open(port)
      .then((session) => session.join())
      .then(resolve, reject),
)

async function openSocket(): Promise<RawWebSocket> {
  return await new RawWebSocket(port).join()
}

canary.onText = (text) => {
  const id = Number(/^43(\d+)\[/.exec(text)?.[1] ?? Number.NaN)
  const at = sentAt.get(id)
  if (at === undefined) return
  sentAt.delete(id)
  latencies.push(performance.now() - at)
}
watcher.onText = (text) => observers[0]!.take(text)

async function keepPolling(): Promise<void> {
  for (;;) {
    const { status, body } = await poller.get(60_000)
    if (status !== 200) return
    for (const packet of body.split(SEPARATOR)) {
      if (packet === '2') void poller.post('3')
      else observers[1]!.take(packet)
    }
  }
}

function act(): void {
  echoes++
  sentAt.set(echoes, performance.now())
  canary.text(`42${echoes}["echo",${echoes}]`)
  published++
  publisher.text(`42["publish","news",${published}]`)
}

function noteStill(): void {
  const now = performance.now()
  stoodStillMs = Math.max(stoodStillMs, now - aliveAt - INTERVAL_MS)
  aliveAt = now
}

async function until(isReached: () => boolean, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!isReached() && performance.now() < deadline && canary.isOpen) await delay(10)
}

function begin(): void {
  latencies.length = 0
  sentAt.clear()
  echoes = 0
  published = 0
  for (const observer of observers) {
    observer.expected = 1
    observer.outOfOrder = 0
  }
  // At once too: a short attack on a busy machine may be over before the first interval.
  act()
  timer = setInterval(act, INTERVAL_MS)
}

async function end(): Promise<Wellbeing> {
  clearInterval(timer)
  await until(
    () => sentAt.size === 0 && observers.every((observer) => observer.expected > published),
    PATIENCE_MS,
  )
  const now = performance.now()
  const sorted = [...latencies, ...[...sentAt.values()].map((at) => now - at)].toSorted((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return {
    p50: at(0.5),
    p99: at(0.99),
    max: at(1),
    echoes,
    echoesLost: sentAt.size,
    published: published * observers.length,
    lost: observers.reduce((sum, observer) => sum + observer.lost, 0),
    stoodStillMs,
  }
}

watcher.text('42["join","news"]')
await poller.post('42["join","news"]')
void keepPolling()
// The answer shows that the join before it has been handled.
watcher.text('420["echo",0]')
await watcher.saw('430')
setInterval(noteStill, INTERVAL_MS)
process.on('message', (command: NeighbourCommand) => {
  if (command === 'begin') begin()
  else {
    void end().then((wellbeing) => {
      stoodStillMs = 0
      process.send!({ wellbeing })
    })
  }
})
process.on('disconnect', () => process.exit(0))
process.send!({ ready: true })
