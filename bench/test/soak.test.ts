// The soak sees what it is there to see: growth among noise, and messages that are missing, twice, out of order or changed.
import { expect, it } from 'vitest'
import { createRandom } from '@tidewire/testkit/random'
import { RoomWatch } from '../src/soak/room-watch.ts'
import { Tally } from '../src/soak/tally.ts'
import { trendOf, verdictOf } from '../src/soak/trend.ts'
import { bodyOf } from '../src/soak/words.ts'

/** 90 minutes of a resource at 20 with noise of ±1, growing by so much an hour. */
function seriesOf(growth: number, correlation = 0) {
  const random = createRandom(7)
  let noise = 0
  return Array.from({ length: 90 }, (_, minute) => {
    noise = correlation * noise + (1 - correlation) * (random.below(2_001) / 1_000 - 1)
    return { atSeconds: minute * 60, value: 20 + (growth * minute) / 60 + noise }
  })
}

it.each([
  { growth: 0, verdict: 'within noise' },
  { growth: 2, verdict: 'GROWS' },
  { growth: -2, verdict: 'falls' },
])('calls a series that changes by $growth an hour "$verdict"', ({ growth, verdict }) => {
  const trend = trendOf(seriesOf(growth))
  expect(verdictOf(trend, 0.25)).toBe(verdict)
  expect(Math.abs(trend.slope - growth)).toBeLessThan(0.5)
  expect(trend.low).toBeLessThan(growth)
  expect(trend.high).toBeGreaterThan(growth)
})

it('lets growth below the tolerance pass, by name', () => {
  expect(verdictOf(trendOf(seriesOf(2)), 10)).toBe('below tolerance')
})

it('widens the band when one sample is like the last', () => {
  const width = (correlation: number): number => {
    const points = seriesOf(0, correlation)
    const { low, high } = trendOf(points)
    const spread =
      Math.max(...points.map(({ value }) => value)) - Math.min(...points.map(({ value }) => value))
    return (high - low) / spread
  }
  expect(width(0.9)).toBeGreaterThan(2 * width(0))
})

it('says nothing about a handful of samples', () => {
  expect(verdictOf(trendOf(seriesOf(5).slice(0, 7)), 0.25)).toBe('too few samples')
})

it.each([
  { name: 'a lost message', numbers: [6, 8], count: 1 },
  { name: 'a message twice', numbers: [6, 6], count: 1 },
  { name: 'messages out of order', numbers: [7, 6], count: 2 },
  { name: 'messages in order', numbers: [6, 7, 8], count: 0 },
])('counts $name as $count failures', ({ numbers, count }) => {
  const tally = new Tally()
  const watch = new RoomWatch('test', tally)
  watch.joined('room', 5)
  for (const n of numbers) watch.take('room', n, ...bodyOf(n))
  expect(tally.failureCount).toBe(count)
})

it('sees a changed byte, a message of another room, one after leaving, one that a leave should have let through, and a volatile one twice', () => {
  const tally = new Tally()
  const watch = new RoomWatch('test', tally)
  watch.joined('room', 0)
  const [text, bytes] = bodyOf(1) as [string, Buffer]
  const changed = Buffer.concat([bytes])
  changed[0] = 99
  watch.take('room', 1, text, changed)
  watch.take('other', 1, ...bodyOf(1))
  watch.left('room', 1)
  watch.take('room', 2, ...bodyOf(2))
  watch.joined('room', 2)
  watch.left('room', 3)
  watch.takeVolatile(1)
  watch.takeVolatile(1)
  expect(tally.failureCount).toBe(5)
})
