// Connections that come all at once, each joining its rooms, and go all at once. One turn is the whole storm: `reset` undoes it, unmeasured.
import { setTimeout as delay } from 'node:timers/promises'
import { openIdle } from './loads.ts'
import type { Fail, Load } from './loads.ts'
import { WebSocketConnection, frame } from './websocket-connection.ts'

export async function stormLoad(
  port: number,
  { connections, rooms, measures }: { connections: number; rooms: number; measures: 'arrival' | 'departure' },
  fail: Fail,
): Promise<Load> {
  const [observer] = await openIdle(port, 1, fail)
  let all: WebSocketConnection[] = []
  const load = { operations: 0, isOnce: true }
  const arrive = async (): Promise<void> => {
    all = await openIdle(port, connections, fail, () => `&rooms=${rooms}`)
  }
  const depart = async (): Promise<void> => {
    for (const connection of all.splice(0)) connection.close()
    // The server has noticed them all when it counts none but the one that asks.
    while ((await countOf(observer!)) > 1) await delay(5)
  }
  const [turn, undo] = measures === 'arrival' ? [arrive, depart] : [depart, arrive]
  if (measures === 'departure') await arrive()
  let running: Promise<void> = Promise.resolve()
  return Object.assign(load, {
    start(): void {
      running = turn()
    },
    async stop(): Promise<void> {
      await running
      load.operations += connections
    },
    reset: undo,
  })
}

function countOf(observer: WebSocketConnection): Promise<number> {
  return new Promise((resolve) => {
    observer.onMessage = (bytes, from, to) => resolve(Number(/\[(\d+)\]/.exec(bytes.toString('latin1', from, to))?.[1]))
    observer.write(frame('420["count"]'))
  })
}
