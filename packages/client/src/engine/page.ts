// What a page tells about its network and its sleep, turned into calls on the engine. Nothing where there is no page.
import { HAS_UNREF } from '../features.ts'
import type { EngineClientOptions } from '../options.ts'

/** Longest time between two looks at the clock: a computer that wakes up notices its dead connection within it. */
export const WATCH_MS = 10_000

interface Watched {
  /** Looks at once whether the heartbeat is overdue. */
  _watch(): void
  off(): unknown
}

const NOTHING = (): void => {}

/** Returns how to stop. */
export function listenToPage(options: EngineClientOptions, engine: Watched, end: (reason: string, description?: unknown) => void): () => void {
  // perf: four closures less for each client of a program that has many.
  if (HAS_UNREF && !(globalThis as any).addEventListener) return NOTHING
  const handle = ({ type }: { type: string }): void => {
    // The network is gone: no need to wait for the heartbeat.
    if (type === 'offline') end('transport close', { description: 'network connection lost' })
    else if (type === 'beforeunload') {
      if (!options.closeOnBeforeunload) return
      // Silent: nobody hears of it any more, and nothing shall reconnect.
      engine.off()
      end('forced close')
    } else engine._watch()
  }
  const page = globalThis as any
  const each = (method: string): void => {
    // After the last two a timer may have slept.
    for (const type of ['offline', 'beforeunload', 'online', 'visibilitychange']) page[method]?.(type, handle)
  }
  each('addEventListener')
  return () => each('removeEventListener')
}
