// Choices from a seed (mulberry32: small, good enough for choices), so that whatever they lead to can be repeated.
export interface Random {
  /** A whole number from 0 to below - 1. */
  below(below: number): number
  pick<T>(items: readonly T[]): T
  /** True once in `times`. */
  oneIn(times: number): boolean
}

export function createRandom(seed: number): Random {
  let state = seed
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.trunc((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit)
  }
  return { below, pick: (items) => items[below(items.length)]!, oneIn: (times) => below(times) === 0 }
}
