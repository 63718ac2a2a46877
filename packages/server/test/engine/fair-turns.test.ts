// The queue of those who wait for a turn, without connections: what an error of one of them does to the others.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { takeTurn } from '../../src/engine/fair-turns.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] }))
afterEach(() => void vi.useRealTimers())

it('[EIO-79] an error in the turn of one takes no turn from the others', () => {
  const taken: string[] = []
  takeTurn({
    continueTurn() {
      throw new Error('a wrapper of the application')
    },
  })
  takeTurn({ continueTurn: () => void taken.push('second') })
  takeTurn({ continueTurn: () => void taken.push('third') })

  expect(() => vi.runAllTimers()).toThrow('a wrapper of the application')
  vi.runAllTimers()
  expect(taken).toEqual(['second', 'third'])
})
