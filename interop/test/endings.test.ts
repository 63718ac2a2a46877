// Where features meet: every situation a client can be in, times every way in which it ends, on socket.io 4.8.4 and on ours. What the application
// sees, in order and once, is the same, or what a named difference says; and on ours nothing is left.
import { createRequire } from 'node:module'
import * as tidewire from 'tidewire'
import { describe, expect, it } from 'vitest'
import { ENDINGS, seenIn } from '../src/endings/cell.ts'
import { differenceIn, NOTHING_COUNTED, NOTHING_LEFT } from '../src/endings/differences.ts'
import { situations } from '../src/endings/situations.ts'

const official = createRequire(import.meta.url)('socket.io-4.8.4') as unknown

describe.each(situations)('[EIO-66, EIO-67, EIO-79] $name', (situation) => {
  const endings = ENDINGS.filter(
    (ending) => situation.hasNoSocket !== true || !ending.startsWith('the server'),
  )
  it.each(endings)('and %s', async (ending) => {
    const difference = differenceIn(situation.name, ending)
    const [theirs, ours] = await Promise.all([
      difference?.crashesOfficial === true ? undefined : seenIn(situation, ending, official, false),
      seenIn(situation, ending, tidewire, true),
    ])
    // A difference that has gone is no difference.
    if (difference !== undefined) expect(theirs?.log).not.toEqual(difference.log)
    expect(ours.log).toEqual(difference?.log ?? theirs!.log)
    expect(ours.log.filter((line) => line.startsWith('FAILED'))).toEqual([])
    expect(ours.left).toEqual(NOTHING_LEFT)
    expect(ours.stats).toEqual(NOTHING_COUNTED)
  })
})
