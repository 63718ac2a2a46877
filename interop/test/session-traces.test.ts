// Recorded sessions of socket.io 4.8.4 with real clients, played again against our server through a wire tap: the same packets must
// pass in each direction. What differs on purpose, and what is not played, is listed here with the reason.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { Server } from 'tidewire'
import { WireTap } from '@tidewire/testkit/wire-tap'
import { ofExchanges, ofTrace } from '../src/trace-packets.ts'
import type { Packets, TraceEvent } from '../src/trace-packets.ts'
import { scenarios } from '../src/trace-scenarios.ts'
import type { AnyClient } from '../src/trace-scenarios.ts'

interface Trace {
  scenario: string
  mode: 'polling' | 'websocket' | 'upgrade' | 'polling-b64'
  serverOptions: Record<string, unknown>
  events: TraceEvent[]
}

const require = createRequire(import.meta.url)

/** Scenarios that are not played, by name. */
const NOT_PLAYED: Record<string, string> = {
  retries: 'about the client: the server only sees events',
  'retries-exhausted': 'about the client: the server only sees events',
  'connect-timeout': 'about time alone: tested in packages/server',
  heartbeat: 'how many pings pass depends on time: tested in packages/server',
  volatile: 'what is dropped depends on timing: tested in packages/server',
  'max-payload-chunking': 'how the client cuts its posts depends on timing',
  'max-payload-exceeded': 'the official server closes where ours answers 413 and keeps the session (EIO-43)',
  msgpack: 'another parser: tested in packages/server',
  'namespace-opened-twice-quickly':
    'the official server makes two sockets or closes; ours answers once (SIO-27)',
}

/** Not played with clients of 1.x and 2.x. */
const NOT_PLAYED_V3: Record<string, string> = {
  'packet-for-unknown-namespace':
    'the official server closes; ours drops the packet in revision 4, as socket.io 1.x and 2.x do (SIO-26)',
  'duplicate-connect-packet': 'the official server closes; ours ignores it in revision 4 (SIO-28)',
}

interface Difference {
  because: string
  scenarios: readonly string[]
  holds: (version: string, mode: Trace['mode'], scenario: string) => boolean
  /** Turns what was recorded into what ours must do. */
  change: (recorded: Packets) => Packets
}

const DIFFERENCES: Difference[] = [
  {
    because: 'text for revision 3 is ASCII, so that both dialects read it (EIO-8)',
    scenarios: ['event-unicode'],
    holds: (version, mode) => version < '3' && mode === 'polling',
    change: (recorded) => ({
      ...recorded,
      'polling s>c': [
        ...recorded['polling s>c']!.slice(0, -1),
        String.raw`42["u2","h\u00e9 \u20ac \ud83d\ude00 \u2028"]`,
      ],
    }),
  },
  {
    because: 'a client that asks for its session in vain is told why (SIO-77)',
    scenarios: ['recovery-refused-unknown-pid'],
    holds: () => true,
    change: (recorded) => ({
      ...recorded,
      'ws1 s>c': recorded['ws1 s>c']!.map((packet) =>
        packet.startsWith('40') ? packet.replace('}', ',"recoveryFailure":"session unknown"}') : packet,
      ),
    }),
  },
]

describe.each(['1.7.4', '2.5.0', '4.8.4'])('client %s', (version) => {
  const file = new URL(`../traces/session-server-4.8.4-client-${version}.json`, import.meta.url)
  const traces = JSON.parse(readFileSync(file, 'utf8')) as Trace[]
  const revision = version < '3' ? 3 : 4

  it('[SIO-1] plays or names every recorded scenario', () => {
    const unknown = traces
      .map(({ scenario }) => scenario)
      .filter((name) => !(name in scenarios) && !(name in NOT_PLAYED))
    expect(unknown).toEqual([])
  })

  for (const { scenario, mode, serverOptions, events } of traces) {
    const script = scenarios[scenario]
    if (script === undefined || scenario in NOT_PLAYED || (revision === 3 && scenario in NOT_PLAYED_V3))
      continue
    it(`[EIO-1, SIO-1] exchanges the packets of "${scenario}" over ${mode} with client ${version}`, async () => {
      const expected = DIFFERENCES.filter(
        (difference) => difference.scenarios.includes(scenario) && difference.holds(version, mode, scenario),
      ).reduce((packets, { change }) => change(packets), ofTrace(events))
      const { allowEIO3: _default, ...options } = serverOptions
      const http = createServer((_req, res) => void res.writeHead(404).end())
      const io = new Server(http, options)
      script.serve?.(io, revision)
      await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
      const tap = await WireTap.start((http.address() as AddressInfo).port)
      const clients: AnyClient[] = []
      const module = require(`socket.io-client-${version}`) as { io?: (...args: unknown[]) => AnyClient }
      const connect = module.io ?? (module as unknown as (...args: unknown[]) => AnyClient)
      const close = async (): Promise<void> => {
        await new Promise<void>((resolve) => {
          void io.close(() => resolve())
          http.closeIdleConnections()
          setTimeout(() => http.closeAllConnections(), 300)
        })
      }
      let isClosed = false
      try {
        await script.play({
          io,
          revision,
          open: (nsp = '', more = {}) => {
            const client = connect(tap.url + nsp, {
              transports:
                mode === 'upgrade'
                  ? ['polling', 'websocket']
                  : [mode === 'websocket' ? 'websocket' : 'polling'],
              forceNew: true,
              reconnection: false,
              ...(mode === 'polling-b64' ? { forceBase64: true } : {}),
              ...more,
            })
            clients.push(client)
            return client
          },
          close: async () => {
            isClosed = true
            await close()
          },
        })
        const isSame = (): boolean =>
          JSON.stringify(sorted(ofExchanges(tap.exchanges()))) === JSON.stringify(sorted(expected))
        await tap.until(isSame, 2_000)
        // Whatever would be too much has had its turn when this is answered.
        if (!isClosed) await fetch(`${tap.url}/fence`, { headers: { connection: 'close' } })
        expect(sorted(ofExchanges(tap.exchanges()))).toEqual(sorted(expected))
      } finally {
        for (const client of clients) client.disconnect()
        if (!isClosed) await close()
        await tap.close()
      }
    }, 6_000)
  }
})

const sorted = (packets: Packets): [string, string[]][] =>
  Object.entries(packets).toSorted(([a], [b]) => (a < b ? -1 : 1))
