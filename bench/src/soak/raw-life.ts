// One life of a client without a library, over raw sockets of both transports and both revisions: everything is written and read as text.
import { PollingConnection } from '../generator/polling-connection.ts'
import { WebSocketConnection, frame } from '../generator/websocket-connection.ts'
import type { Random } from '@tidewire/testkit/random'
import { pause, within } from './tally.ts'
import type { Tally } from './tally.ts'
import { DEADLINE_MS } from './words.ts'

export type RawKind = 'polling' | 'websocket' | 'websocket EIO3'

interface Wire {
  send(text: string): void
  close(): void
  onText: (text: string) => void
}

export interface RawSettings {
  readonly kind: RawKind
  readonly port: number
  readonly random: Random
  readonly tally: Tally
  readonly lifeMs: number
  readonly actMs: number
}

async function openWire({ kind, port }: RawSettings, fail: (error: Error) => void): Promise<Wire> {
  const wire: Wire = { send: () => {}, close: () => {}, onText: () => {} }
  if (kind === 'polling') {
    const connection = await PollingConnection.open(port, fail)
    connection.onMessage = (text) => wire.onText(text)
    wire.send = (text) => connection.send(connection.post(text))
    wire.close = () => connection.close()
  } else {
    const connection = await WebSocketConnection.open(port, { revision: kind === 'websocket' ? 4 : 3 }, fail)
    connection.onMessage = (bytes, from, to) => wire.onText(bytes.toString('utf8', from, to))
    wire.send = (text) => connection.write(frame(text))
    wire.close = () => connection.close()
  }
  return wire
}

/** Echoes one after the other, several under way, answered in their order. */
export async function runRawLife(settings: RawSettings): Promise<void> {
  const { kind, random, tally, lifeMs, actMs } = settings
  const name = `raw ${kind}`
  const failures: Error[] = []
  try {
    const wire = await within(
      openWire(settings, (error) => failures.push(error)),
      DEADLINE_MS,
      'connect',
    )
    tally.add(`connects of ${name}`)
    try {
      let id = 0
      let next = 0
      let arrived: () => void = () => {}
      wire.onText = (text) => {
        if (text !== `43${next}["${next}"]`)
          failures.push(new Error(`expected the answer ${next}, got ${text.slice(0, 60)}`))
        next++
        tally.add('acks')
        if (next === id) arrived()
      }
      const end = performance.now() + lifeMs
      while (performance.now() < end && failures.length === 0) {
        const all = new Promise<void>((resolve) => (arrived = resolve))
        for (let i = random.below(4); i >= 0; i--, id++) wire.send(`42${id}["echo","${id}"]`)
        await within(all, DEADLINE_MS, 'echo')
        await pause(random.below(actMs * 2))
      }
      if (failures.length === 0 && random.below(2) === 0) {
        wire.send('41')
        await pause(20)
      }
    } finally {
      wire.close()
    }
  } catch (error) {
    failures.push(error as Error)
  }
  if (failures.length > 0) tally.fail(`${name}: ${failures[0]!.message}`)
}
