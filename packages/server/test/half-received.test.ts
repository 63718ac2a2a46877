// The bounds of packets whose attachments stay away, by a clock that is moved: over the wire they take most of a minute.
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { HalfReceived } from '../src/half-received.ts'
import type { Receiver } from '../src/half-received.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }))
afterEach(() => void vi.useRealTimers())

function receiver(): Receiver & { hits: string[] } {
  const hits: string[] = []
  return { hits, handleLimit: (limit) => void hits.push(limit) }
}

it('[SIO-32] a packet of which nothing more has come for 45 s closes its session; one that goes on does not', () => {
  const halves = new HalfReceived()
  const silent = receiver()
  const slow = receiver()
  halves.add(silent, 10)
  halves.add(slow, 10)
  vi.advanceTimersByTime(40_000)
  halves.add(slow, 10)
  vi.advanceTimersByTime(7_000)

  expect(silent.hits).toEqual(['attachmentsTimeout'])
  expect(slow.hits).toEqual([])
  expect(halves.size).toBe(1)
  vi.advanceTimersByTime(45_000)
  expect(slow.hits).toEqual(['attachmentsTimeout'])
  // The clock stands still while nothing waits.
  expect(vi.getTimerCount()).toBe(0)
})

it('[SIO-32] an attachment may take as long as the heartbeat of the server allows', () => {
  const halves = new HalfReceived({ pingInterval: 25_000, pingTimeout: 60_000 })
  const slow = receiver()
  halves.add(slow, 10)
  vi.advanceTimersByTime(84_000)
  expect(slow.hits).toEqual([])
  vi.advanceTimersByTime(3_000)
  expect(slow.hits).toEqual(['attachmentsTimeout'])
})

it('[SIO-32] a server that takes large packets has room for some of them', () => {
  const halves = new HalfReceived({ maxHttpBufferSize: 100 << 20 })
  const uploads = Array.from({ length: 8 }, receiver)
  for (const one of uploads) halves.add(one, 100 << 20)
  vi.advanceTimersByTime(30_000)

  expect(uploads.flatMap(({ hits }) => hits)).toEqual([])
})

it('[SIO-32] above 64 MiB those that have been silent for five seconds are closed, longest first, until the rest fits', () => {
  const halves = new HalfReceived()
  const receivers = Array.from({ length: 9 }, receiver)
  for (const one of receivers) {
    halves.add(one, 10 << 20)
    vi.advanceTimersByTime(100)
  }
  vi.advanceTimersByTime(3_000)
  expect(receivers.flatMap(({ hits }) => hits)).toEqual([])
  vi.advanceTimersByTime(4_000)

  expect(receivers.map(({ hits }) => hits.length)).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 0])
  expect(receivers[0]!.hits).toEqual(['maxHalfReceivedBytes'])
})

it('[SIO-32] one packet alone is bounded', () => {
  const halves = new HalfReceived({ maxHttpBufferSize: 500, maxAttachments: 1 })
  const one = receiver()
  halves.add(one, 600)
  halves.add(one, 600)

  expect(one.hits).toEqual(['maxHalfReceivedBytes'])
  expect(halves.size).toBe(0)
})
