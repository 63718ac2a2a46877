// What a broadcast costs as nodes grow, the adapter and its interest in rooms included: all nodes in this process over the in-process bus, with a secret.
// To a room with members on every node, to one with members on two nodes, and what a node does that has none.
import { createServer } from 'node:http'
import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises'
import { InProcessHub } from '@tidewire/cluster'
import { Server } from 'tidewire'

const SIZES = [2, 5, 10, 20, 50]
const IDLE_MS = 3_000

/** `quick`: two sizes and short pauses, to see that it works. */
export interface BroadcastOptions {
  readonly count: number
  readonly isQuick: boolean
}

interface Cost {
  readonly frames: number
  readonly cpu: number
  /** Frames that the last node, which has no members of the small room, was sent. */
  readonly atLast: number
}

async function serve(hub: InProcessHub): Promise<Server> {
  const http = createServer()
  const io = new Server(http, { cluster: { bus: hub.createBus(), secret: 'bench' } })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  await io.cluster!.ready()
  return io
}

const framesSent = (io: Server): number => io.cluster!.stats()!['framesSent']!
const cpuMicros = (): number => {
  const { user, system } = process.cpuUsage()
  return user + system
}

export async function broadcasts({ count, isQuick }: BroadcastOptions): Promise<string[]> {
  const idleMs = isQuick ? 300 : IDLE_MS
  const lines = [
    '| nodes | idle: CPU of a node | members on all: frames | CPU | for each node | members on two: frames | CPU | frames from a node without |',
    '|---|---|---|---|---|---|---|---|',
  ]
  for (const size of isQuick ? SIZES.slice(0, 2) : SIZES) {
    const hub = new InProcessHub()
    const nodes: Server[] = []
    // A few at a time: each waits for the answers of those that are there.
    while (nodes.length < size)
      nodes.push(
        ...(await Promise.all(Array.from({ length: Math.min(5, size - nodes.length) }, () => serve(hub)))),
      )
    while (nodes.some((io) => io.cluster!.members.size < size - 1)) await delay(20)
    const room = { all: 'all', two: 'two' }
    for (const [index, io] of nodes.entries()) {
      const rooms = new Set(index < 2 ? [room.all, room.two] : [room.all])
      await io.of('/').adapter.addAll(`${io.cluster!.incarnation}${'x'.repeat(16)}`, rooms)
    }
    await delay(isQuick ? 100 : 1_000)
    const idleBefore = cpuMicros()
    await delay(idleMs)
    const idle = ((cpuMicros() - idleBefore) / size / idleMs) * 1_000

    const measure = async (target: string): Promise<Cost> => {
      const sent = (): number => nodes.reduce((sum, io) => sum + framesSent(io), 0)
      let best = Infinity
      const [framesBefore, lastBefore] = [framesSent(nodes[0]!), framesSent(nodes.at(-1)!)]
      for (let round = 0; round < 3; round++) {
        const before = cpuMicros()
        for (let n = 0; n < count; n++) {
          nodes[0]!.to(target).emit('news', 'x'.repeat(100))
          await turn()
        }
        // Deliveries and acknowledgements are over when nobody sends any more.
        for (let last = -1; last !== sent();) {
          last = sent()
          await delay(20)
        }
        best = Math.min(best, (cpuMicros() - before) / count)
      }
      return {
        frames: (framesSent(nodes[0]!) - framesBefore) / (3 * count),
        cpu: best,
        atLast: (framesSent(nodes.at(-1)!) - lastBefore) / (3 * count),
      }
    }
    await measure(room.all)
    const [all, two] = [await measure(room.all), await measure(room.two)]
    lines.push(
      `| ${size} | ${idle.toFixed(0)} µs/s | ${all.frames.toFixed(1)} | ${all.cpu.toFixed(0)} µs | ${(all.cpu / (size - 1)).toFixed(1)} µs | ${two.frames.toFixed(1)} | ${two.cpu.toFixed(0)} µs | ${size > 2 ? two.atLast.toFixed(2) : '–'} |`,
    )
    await Promise.all(nodes.map((io) => io.close()))
  }
  return lines
}
