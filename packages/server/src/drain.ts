// The orderly end of a node: balancers are told, new sessions refused, and those that there are closed one after the other, so that their
// clients do not all come back to the other nodes at once. A session closes when its client has fetched what was waiting for it.
import type { Engine } from './engine/engine.ts'

/** How a node is emptied by `io.drain()`. */
export interface DrainOptions {
  /** Milliseconds after which the sessions that are left are cut. Default 20000. */
  timeout?: number
  /** Milliseconds over which the sessions are closed. Default 5000. */
  spread?: number
  /** Milliseconds that the health endpoint says 503 while all is served as before: longer than balancers take to see it. Default 0. */
  notice?: number
}

/** What became of the sessions, in numbers. */
export interface DrainResult {
  /** Sessions that there were: of this node, and of others whose WebSocket is here. */
  sessions: number
  /** Their clients have fetched what waited for them, and know that the session is closed. */
  closed: number
  /** They were not done in time. */
  cut: number
}

const TICK_MS = 20

export async function drainEngine(engine: Engine, { timeout = 20_000, spread = 5_000, notice = 0 }: DrainOptions): Promise<DrainResult> {
  if (notice > 0) await delay(notice)
  engine.refuseSessions()
  const start = performance.now()
  const spreadMs = Math.min(spread, timeout)
  let closings = closingsOf(engine)
  let begun = 0
  let count = closings.length
  let cut = 0
  while (engine.clientsCount > 0 || engine.relayedWebSockets.length > 0) {
    const elapsed = performance.now() - start
    if (elapsed >= timeout) {
      const left = Object.values(engine.clients)
      // Those of other nodes end when this one leaves the cluster.
      cut = left.length + engine.relayedWebSockets.length
      for (const session of left) session.shutDown()
      break
    }
    if (begun === closings.length && elapsed >= spreadMs) {
      // A handshake or an upgrade that was under way may have opened one more.
      const late = closingsOf(engine)
      if (late.length > closings.length) count += late.length - closings.length
      closings = late
      begun = 0
    }
    const due = elapsed >= spreadMs ? closings.length : Math.ceil((closings.length * elapsed) / spreadMs)
    while (begun < due) closings[begun++]!()
    await delay(TICK_MS)
  }
  return { sessions: count, closed: count - cut, cut }
}

/** What ends the sessions that this node owns, and those that it holds a WebSocket of. Each may be called again. */
function closingsOf(engine: Engine): (() => void)[] {
  return [
    ...Object.values(engine.clients).map((session) => () => session.close()),
    ...engine.relayedWebSockets.map((socket) => () => socket.dismiss()),
  ]
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
