// The orderly end of a node: balancers are told, new sessions refused, and those that there are closed one after the other, so that their
// clients do not all come back to the other nodes at once. A session closes when its client has fetched what was waiting for it.
import type { Engine } from './engine/engine.ts'

export interface DrainOptions {
  /** Milliseconds after which the sessions that are left are cut. Default 30000. */
  timeout?: number
  /** Milliseconds over which the sessions are closed. Default 5000. */
  spread?: number
  /** Milliseconds that the health endpoint says 503 while all is served as before: longer than balancers take to see it. Default 0. */
  notice?: number
}

export interface DrainResult {
  /** Sessions that there were. */
  sessions: number
  /** Their clients have fetched what waited for them, and know that the session is closed. */
  closed: number
  /** They were not done in time. */
  cut: number
}

const TICK_MS = 20

export async function drainEngine(engine: Engine, { timeout = 30_000, spread = 5_000, notice = 0 }: DrainOptions): Promise<DrainResult> {
  if (notice > 0) await delay(notice)
  engine.refuseSessions()
  const start = performance.now()
  const spreadMs = Math.min(spread, timeout)
  let sessions = Object.values(engine.clients)
  let begun = 0
  let count = sessions.length
  let cut = 0
  while (engine.clientsCount > 0) {
    const elapsed = performance.now() - start
    if (elapsed >= timeout) {
      const left = Object.values(engine.clients)
      cut = left.length
      for (const session of left) session.shutDown()
      break
    }
    if (begun === sessions.length && elapsed >= spreadMs) {
      // A handshake that was under way may have opened one more.
      sessions = Object.values(engine.clients).filter((session) => session.readyState === 'open')
      count += sessions.length
      begun = 0
    }
    const due = elapsed >= spreadMs ? sessions.length : Math.ceil((sessions.length * elapsed) / spreadMs)
    while (begun < due) sessions[begun++]!.close()
    await delay(TICK_MS)
  }
  return { sessions: count, closed: count - cut, cut }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
