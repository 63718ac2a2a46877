// Checks the numbered messages of the rooms that a client is in: the first after joining follows the number that the join was answered with,
// every other one its predecessor, and none comes after the leave was answered. In: joins, leaves, messages. Out: failures and counts.
import type { Tally } from './tally.ts'
import { bodyOf, isSame } from './words.ts'

export class RoomWatch {
  /** Latest number by room. */
  readonly #latest = new Map<string, number>()
  #blink = 0
  #isNewlyConnected = false
  /** The latest steps of its client, told with a failure. */
  readonly #notes: string[] = []
  readonly #name: string
  readonly #tally: Tally

  constructor(name: string, tally: Tally) {
    this.#name = name
    this.#tally = tally
  }

  get rooms(): readonly string[] {
    return [...this.#latest.keys()]
  }

  note(step: string): void {
    if (step.startsWith('connect')) this.#isNewlyConnected = true
    this.#notes.push(`${(performance.now() / 1000).toFixed(2)} ${step}`)
    if (this.#notes.length > 12) this.#notes.shift()
  }

  #fail(text: string): void {
    this.note(text)
    this.#tally.fail(`${this.#name}: ${this.#notes.join('; ')}`)
  }

  joined(room: string, latest: number): void {
    this.note(`joined ${room} at ${latest}`)
    this.#latest.set(room, latest)
  }

  left(room: string, latest: number): void {
    this.note(`left ${room} at ${latest}`)
    if (this.#latest.get(room) !== latest)
      this.#fail(`left ${room} at ${latest}, got up to ${this.#latest.get(room)}`)
    this.#latest.delete(room)
  }

  /** A new session knows no room. */
  reset(): void {
    this.#latest.clear()
    this.#blink = 0
  }

  take(room: string, n: number, ...args: unknown[]): void {
    const latest = this.#latest.get(room)
    const wanted = bodyOf(n)
    this.#tally.add('broadcasts received')
    if (latest === undefined) return this.#fail(`${room} ${n} while not in it`)
    if (n !== latest + 1)
      this.#fail(`${room} ${n} after ${latest} (${n > latest ? 'lost' : 'twice or out of order'})`)
    // A client with recovery gets the offset as one more argument.
    if (!isSame(args.slice(0, wanted.length), wanted)) this.#fail(`${room} ${n} carries something else`)
    this.#latest.set(room, n)
    if (room !== 'ticks' || this.#isNewlyConnected) this.note(`${room} ${n}`)
    this.#isNewlyConnected = false
  }

  /** Volatile ones may be missing, not twice and not out of order. */
  takeVolatile(n: number): void {
    if (n <= this.#blink) this.#fail(`volatile ${n} after ${this.#blink}`)
    this.#blink = n
    this.#tally.add('volatile received')
  }
}
