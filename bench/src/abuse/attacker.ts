// The attacker, a process of its own: runs one case after the other against one port. In: `{run, share}`. Out: `{outcomes}` or `{failure}`.
// When a case is over, all of its connections are cut.
import process from 'node:process'
import { Tally } from './case.ts'
import type { Attack } from './case.ts'
import { caseOf } from './cases/all.ts'
import { HttpConnection } from './wire/http.ts'
import { PollingSession } from './wire/polling.ts'
import { RawWebSocket } from './wire/websocket.ts'

export interface AttackCommand {
  run: string
  /** Of counts and seconds. */
  share: number
}

export type Outcomes = [outcome: string, count: number][]

const port = Number(process.argv[2])

async function attack(name: string, share: number): Promise<Outcomes> {
  const tally = new Tally()
  const opened: { close(): void }[] = []
  const track = <T extends { close(): void }>(connection: T): T => {
    opened.push(connection)
    return connection
  }
  const context: Attack = {
    port,
    tally,
    share: (full) => Math.max(1, Math.round(full * share)),
    async open(options) {
      const socket = track(new RawWebSocket(port, options))
      await socket.answered()
      return socket
    },
    join: async (options) => await (await context.open(options)).join(),
    http: () => track(new HttpConnection(port)),
    poll: async (query, headers) => track(await PollingSession.open(port, query, headers)),
  }
  try {
    await caseOf(name).run(context)
    return tally.entries()
  } finally {
    for (const connection of opened) connection.close()
  }
}

process.on('message', ({ run, share }: AttackCommand) => {
  attack(run, share).then(
    (outcomes) => process.send!({ outcomes }),
    (error: unknown) => process.send!({ failure: error instanceof Error ? error.message : String(error) }),
  )
})
process.on('disconnect', () => process.exit(0))
process.send!({ ready: true })
