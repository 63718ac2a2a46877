// What an abuse case is, and what it has to work with. A case sends something bounded, in count and in time, and tallies what became of it;
// everything else (process, memory, neighbours) is judged from outside, the same for all cases and servers.
import type { HttpConnection } from './wire/http.ts'
import type { PollingSession } from './wire/polling.ts'
import type { OpenOptions, RawWebSocket } from './wire/websocket.ts'

/** How the server under attack is set up; without one, no option is set. */
export type Preset = 'default' | 'short timeouts' | 'compression' | 'cors'

export interface AbuseCase {
  /** Unique over all families. */
  readonly name: string
  /** What is sent, with counts and seconds. */
  readonly sends: string
  readonly preset?: Preset
  /** Every outcome of the tally must match. */
  readonly acceptable: RegExp
  run(attack: Attack): Promise<void>
}

export interface Family {
  readonly name: string
  readonly cases: readonly AbuseCase[]
}

export interface Attack {
  readonly port: number
  readonly tally: Tally
  /** A count, or a number of seconds, of which short runs take a share, one at least. */
  share(full: number): number
  /** A WebSocket, whatever answer it gets. */
  open(options?: OpenOptions): Promise<RawWebSocket>
  /** A WebSocket that has joined the root namespace. */
  join(options?: OpenOptions): Promise<RawWebSocket>
  http(): HttpConnection
  /** A polling session that has not joined a namespace. */
  poll(query?: string, headers?: Readonly<Record<string, string>>): Promise<PollingSession>
}

/** How often what happened. */
export class Tally {
  readonly #counts = new Map<string, number>()

  add(outcome: string, count = 1): void {
    this.#counts.set(outcome, (this.#counts.get(outcome) ?? 0) + count)
  }

  /** Says something that is either so or not. */
  check(isSo: boolean, expected: string, otherwise: string): void {
    this.add(isSo ? expected : otherwise)
  }

  entries(): [outcome: string, count: number][] {
    return [...this.#counts].toSorted(([, a], [, b]) => b - a)
  }
}

/** Runs `work` for 0 … count-1, `width` at a time. */
export async function each(
  count: number,
  width: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: Math.min(width, count) }, lane))
}
