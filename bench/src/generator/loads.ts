// The loads: each opens its connections, then turns operations over between start() and stop(). Every answer is compared with what it
// must be; the first wrong one ends the round. In: a port. Out: the number of operations and, where asked for, their latencies.
import { PollingConnection } from './polling-connection.ts'
import { WebSocketConnection, frame } from './websocket-connection.ts'

export interface Load {
  /** Operations finished so far. */
  readonly operations: number
  /** Of operations since start(), in the order of their answers, of loads that measure it: how long they took, in milliseconds. */
  readonly latencies?: number[]
  /** It never sleeps, so that its share of a core says nothing. */
  readonly isSpinning?: boolean
  /** One start is all of it: it is over when `stop` resolves, and `reset` makes it possible once more. */
  readonly isOnce?: boolean
  start(): void
  /** Resolves when nothing is under way any more. */
  stop(): Promise<void>
  reset?(): Promise<void>
}

export type Fail = (error: Error) => void

const TEXT = 'x'.repeat(87)
const BYTES = Buffer.from(Array.from({ length: 1024 }, (_, index) => (index * 7) & 255))
const OPENING = 100

/** Runs `make` for 0..count-1, at most OPENING at once. */
async function openMany<T>(count: number, make: (index: number) => Promise<T>): Promise<T[]> {
  const made: T[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      made[index] = await make(index)
    }
  }
  await Promise.all(Array.from({ length: OPENING }, worker))
  return made
}

export function openIdle(
  port: number,
  count: number,
  fail: Fail,
  query: (index: number) => string = () => '',
  revision: (index: number) => 3 | 4 = () => 4,
): Promise<WebSocketConnection[]> {
  return openMany(count, (index) =>
    WebSocketConnection.open(port, { query: query(index), revision: revision(index) }, fail),
  )
}

/** Counts what is under way, so that a load can be stopped with nothing left over. */
class Outstanding {
  isRunning = false
  #count = 0
  #drained: (() => void) | undefined

  add(count: number): void {
    this.#count += count
  }

  done(): void {
    if (--this.#count === 0) this.#drained?.()
  }

  get count(): number {
    return this.#count
  }

  stop(): Promise<void> {
    this.isRunning = false
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => (this.#drained = resolve))
  }
}

function isExactly(expected: Buffer, bytes: Buffer, from: number, to: number): boolean {
  return to - from === expected.length && expected.compare(bytes, from, to) === 0
}

function unexpected(bytes: Buffer, from: number, to: number): Error {
  return new Error(`a wrong answer: ${bytes.toString('latin1', from, Math.min(to, from + 120))}`)
}

/** One acknowledged emit under way on each connection; `rate` per second over all of them instead when given, with latencies. */
export async function echoLoad(
  port: number,
  { connections, binary, rate }: { connections: number; binary: boolean; rate?: number },
  fail: Fail,
): Promise<Load> {
  const all = await openIdle(port, connections, fail)
  const request = binary
    ? Buffer.concat([frame('451-0["echo",{"_placeholder":true,"num":0}]'), frame(BYTES)])
    : frame(`420["echo","${TEXT}"]`)
  const answer = Buffer.from(binary ? '461-0[{"_placeholder":true,"num":0}]' : `430["${TEXT}"]`)
  const outstanding = new Outstanding()
  const sentAt = new Float64Array(connections)
  const load = { operations: 0, latencies: [] as number[], isSpinning: rate !== undefined }
  for (const [index, connection] of all.entries()) {
    connection.onMessage = (bytes, from, to, isBinary) => {
      if (!isExactly(isBinary ? BYTES : answer, bytes, from, to) || (isBinary && !binary))
        return fail(unexpected(bytes, from, to))
      if (binary && !isBinary) return
      load.operations++
      if (rate !== undefined) load.latencies.push(performance.now() - sentAt[index]!)
      if (outstanding.isRunning && rate === undefined) return connection.write(request)
      sentAt[index] = 0
      outstanding.done()
    }
  }
  return Object.assign(load, {
    start(): void {
      outstanding.isRunning = true
      load.latencies.length = 0
      if (rate === undefined) {
        outstanding.add(connections)
        for (const connection of all) connection.write(request)
        return
      }
      const startedAt = performance.now()
      let emitted = 0
      // It spins: a timer would send what is due in a millisecond at once, at its end, and that would be most of what is measured.
      const send = (): void => {
        if (!outstanding.isRunning) return
        // As many as are due, in turn; time counts from when each was due, so that a stall of the server is not forgotten.
        const due = Math.floor(((performance.now() - startedAt) * rate) / 1000) + 1
        for (; emitted < due; emitted++) {
          const index = emitted % connections
          if (sentAt[index] !== 0) break
          sentAt[index] = startedAt + (emitted * 1000) / rate
          outstanding.add(1)
          all[index]!.write(request)
        }
        setImmediate(send)
      }
      send()
    },
    stop(): Promise<void> {
      return outstanding.stop()
    },
  })
}

/** Broadcasts to rooms. `batch` of them go out in one write; the next batch follows when all deliveries of the last are in, and after
 * `pauseMs`; with `everyMs` it follows in that time instead, whether or not they are in. */
export async function broadcastLoad(
  port: number,
  shape: {
    rooms: number
    size: number
    batch: number
    pauseMs?: number
    everyMs?: number
    /** How many more rooms each is in. */
    joined?: number
    isMixed?: boolean
  },
  fail: Fail,
): Promise<Load> {
  const { rooms, size, batch, pauseMs = 0, everyMs, joined = 0 } = shape
  const text = TEXT
  const revision = (index: number): 3 | 4 => (shape.isMixed === true && index % 2 === 1 ? 3 : 4)
  const listeners = await openIdle(port, rooms * size, fail, (index) => `&room=r${index % rooms}${joined === 0 ? '' : `&rooms=${joined}`}`, revision)
  const [publisher] = await openIdle(port, 1, fail)
  const expected = Buffer.from(`42["news","${text}"]`)
  const perRoom = Array.from({ length: rooms }, (_, room) => frame(`42["publish","r${room}","${text}"]`))
  const outstanding = new Outstanding()
  const load = { operations: 0 }
  let nextRoom = 0
  const publish = (): void => {
    const requests: Buffer[] = []
    for (let index = 0; index < batch; index++) requests.push(perRoom[nextRoom++ % rooms]!)
    outstanding.add(batch * size)
    publisher!.write(Buffer.concat(requests))
  }
  for (const listener of listeners) {
    listener.onMessage = (bytes, from, to, isBinary) => {
      if (isBinary || !isExactly(expected, bytes, from, to)) return fail(unexpected(bytes, from, to))
      load.operations++
      const isLast = outstanding.count === 1
      // A batch that follows at once keeps the count above nought.
      if (isLast && outstanding.isRunning && everyMs === undefined) {
        if (pauseMs === 0) publish()
        else setTimeout(() => (outstanding.isRunning ? publish() : undefined), pauseMs)
      }
      outstanding.done()
    }
  }
  let timer: NodeJS.Timeout | undefined
  return Object.assign(load, {
    start(): void {
      outstanding.isRunning = true
      publish()
      if (everyMs !== undefined) timer = setInterval(publish, everyMs)
    },
    stop(): Promise<void> {
      clearInterval(timer)
      return outstanding.stop()
    },
  })
}

/** One acknowledged emit under way on each of the polling clients: a POST and the poll that brings the answer. */
export async function pollLoad(port: number, connections: number, fail: Fail): Promise<Load> {
  const all = await openMany(connections, () => PollingConnection.open(port, fail))
  const answer = `430["${TEXT}"]`
  const outstanding = new Outstanding()
  const load = { operations: 0 }
  const requests = all.map((connection) => connection.post(`420["echo","${TEXT}"]`))
  for (const [index, connection] of all.entries()) {
    connection.onMessage = (text) => {
      if (text !== answer) return fail(new Error(`a wrong answer: ${text.slice(0, 120)}`))
      load.operations++
      if (outstanding.isRunning) return connection.send(requests[index]!)
      outstanding.done()
    }
  }
  return Object.assign(load, {
    start(): void {
      outstanding.isRunning = true
      outstanding.add(connections)
      for (const [index, connection] of all.entries()) connection.send(requests[index]!)
    },
    stop: () => outstanding.stop(),
  })
}

/** Handshakes with CONNECT of the namespace, then gone again. */
export function connectLoad(port: number, concurrency: number, fail: Fail): Load {
  const outstanding = new Outstanding()
  const load = { operations: 0 }
  const turn = async (): Promise<void> => {
    while (outstanding.isRunning) {
      try {
        const connection = await WebSocketConnection.open(port, {}, fail)
        load.operations++
        connection.close()
      } catch {
        // fail() has it.
        return
      }
    }
    outstanding.done()
  }
  return Object.assign(load, {
    start(): void {
      outstanding.isRunning = true
      outstanding.add(concurrency)
      for (let index = 0; index < concurrency; index++) void turn()
    },
    stop: () => outstanding.stop(),
  })
}
