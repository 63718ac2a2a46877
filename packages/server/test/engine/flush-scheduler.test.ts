// What is flushed in which turn, without connections.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { scheduleFlush } from '../../src/engine/flush-scheduler.ts'

let now = 0
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setImmediate', 'clearImmediate'] })
  vi.spyOn(performance, 'now').mockImplementation(() => now)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

/** Takes a millisecond of the turn. */
function slow(name: string, flushed: string[]): { flush(): void } {
  return {
    flush() {
      now++
      flushed.push(name)
    },
  }
}

function flushAll(isDone: () => boolean): void {
  for (let turn = 0; turn < 10_000 && !isDone(); turn++) vi.advanceTimersToNextTimer()
}

it('[EIO-100] who is answered while a message to very many leaves does not wait for the end of it', () => {
  const flushed: string[] = []
  for (let n = 0; n < 500; n++) scheduleFlush(slow(`member ${n}`, flushed), true)
  vi.advanceTimersToNextTimer()
  const before = flushed.length
  scheduleFlush({ flush: () => void flushed.push('neighbour') }, false)
  flushAll(() => flushed.length === 501)

  expect(before).toBeLessThan(100)
  expect(flushed.indexOf('neighbour')).toBe(before)
  expect(flushed.filter((name) => name !== 'neighbour')).toEqual(Array.from({ length: 500 }, (_, n) => `member ${n}`))
})

it('[EIO-100] what is left of earlier turns goes on, however much the later ones send', () => {
  const flushed: string[] = []
  for (let n = 0; n < 200; n++) scheduleFlush(slow('early', flushed), true)
  let turns = 0
  while (flushed.filter((name) => name === 'early').length < 200 && turns < 100) {
    turns++
    for (let n = 0; n < 100; n++) scheduleFlush(slow('late', flushed), false)
    vi.advanceTimersToNextTimer()
  }

  flushAll(() => flushed.length === 200 + turns * 100)

  expect(turns).toBeLessThan(50)
  expect(flushed.length).toBe(200 + turns * 100)
})

it('[EIO-79] an error in the flush of one takes it from no other', () => {
  const flushed: string[] = []
  scheduleFlush({
    flush() {
      throw new Error('a stream of the application')
    },
  }, false)
  scheduleFlush({ flush: () => void flushed.push('second') }, false)
  scheduleFlush({ flush: () => void flushed.push('third') }, true)

  expect(() => vi.advanceTimersToNextTimer()).toThrow('a stream of the application')
  flushAll(() => flushed.length === 2)
  expect(flushed).toEqual(['second', 'third'])
})
