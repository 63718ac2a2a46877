// Every host goes through every story, on socket.io 4.8.4 and on ours by the same code: nobody sees a difference.
import { describe, expect, it } from 'vitest'
import { compareServers } from '../src/hosts/compare.ts'
import { hosts } from '../src/hosts/host-table.ts'
import { http2, severalServers } from '../src/hosts/scenarios-http2.ts'
import { stories } from '../src/hosts/stories.ts'

describe.each(hosts)('on $name', (host) => {
  it.concurrent.each(stories.filter(({ isFor }) => isFor?.(host) ?? true))('$name', async (story) => {
    const { official, ours } = await compareServers({
      name: story.name,
      api: 'hosts',
      run: (run) => story.run(run, host),
    })
    expect(official.client.concat(official.server).filter((line) => line.startsWith('FAILED'))).toEqual([])
    expect(official.client.length + official.server.length).toBeGreaterThan(0)
    expect(ours).toEqual(official)
  })
})

describe('over HTTP/2 and on several servers', () => {
  it.concurrent.each([...http2, ...severalServers])('$name', async (scenario) => {
    const { official, ours, expected } = await compareServers(scenario)
    expect(official.client.concat(official.server).filter((line) => line.startsWith('FAILED'))).toEqual([])
    expect(ours).toEqual(expected)
  })
})
