// JSON that is nested deeper than a stack: read, echoed, relayed, acknowledged.
import { BINARY, frame } from '@tidewire/testkit/frames'
import type { Family } from '../case.ts'

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
const nestedObject = (depth: number): string => '{"a":'.repeat(depth) + '1' + '}'.repeat(depth)
/** Around the depth at which `JSON.stringify` overflows the stack, and far beyond. */
const DEPTHS = [1_900, 3_000, 4_116, 6_000, 20_000, 100_000, 400_000]

/** Refused, or handled: the connection may go on either way. */
const SURVIVES = /^(?:closed|handled|open)/

export const nesting: Family = {
  name: 'nesting',
  cases: [
    {
      name: 'deep JSON, ignored by the handler',
      sends: `arrays nested ${DEPTHS.at(-1)!.toLocaleString('en')} deep to a handler that does nothing, 20 times`,
      acceptable: SURVIVES,
      async run(attack) {
        for (let i = 0; i < attack.share(20); i++) {
          const socket = await attack.join()
          socket.text(`42["sink",${nested(400_000)}]`, '420["echo",1]')
          attack.tally.add((await socket.saw('430', 2_000)) ? 'handled' : await socket.fate())
        }
      },
    },
    ...(['bounce', 'relay', 'echo'] as const).map(
      (event) =>
        ({
          name: `deep JSON, ${{ bounce: 'echoed', relay: 'relayed to a room', echo: 'acknowledged' }[event]}`,
          sends: `arrays and objects nested ${DEPTHS.map((depth) => depth.toLocaleString('en')).join(', ')} deep`,
          acceptable: SURVIVES,
          async run(attack) {
            for (const depth of DEPTHS) {
              for (const value of [nested(depth), nestedObject(Math.min(depth, 150_000))]) {
                const socket = await attack.join()
                socket.text('42["join","relay"]')
                socket.text(`42${event === 'echo' ? '7' : ''}["${event}",${value}]`, '420["echo",1]')
                attack.tally.add((await socket.saw('430', 2_000)) ? 'handled' : await socket.fate())
                socket.close()
              }
            }
          },
        }) satisfies Family['cases'][number],
    ),
    {
      name: 'deep JSON as credentials',
      sends: 'CONNECT with an object 100,000 deep, 20 times, over both transports',
      acceptable: SURVIVES,
      async run(attack) {
        for (let i = 0; i < attack.share(20); i++) {
          const socket = await attack.open()
          socket.text(`40{"auth":${nested(100_000)}}`)
          attack.tally.add((await socket.saw('40', 1_000)) ? 'handled' : await socket.fate())
          const session = await attack.poll()
          await session.post(`40{"auth":${nestedObject(100_000)}}`)
          attack.tally.add(/\b40/.test((await session.get(1_000)).body) ? 'handled' : 'closed (polling)')
          session.close()
        }
      },
    },
    {
      name: 'deep binary event',
      sends: 'a placeholder 1,900, 6,000 and 100,000 levels deep, echoed, with its attachment',
      acceptable: SURVIVES,
      async run(attack) {
        for (const depth of [1_900, 6_000, 100_000]) {
          const socket = await attack.join()
          socket.text(`451-["bounce",${'['.repeat(depth)}{"_placeholder":true,"num":0}${']'.repeat(depth)}]`)
          socket.send(frame(BINARY, 'x'))
          socket.text('420["echo",1]')
          attack.tally.add((await socket.saw('430', 1_000)) ? 'handled' : await socket.fate())
        }
      },
    },
  ],
}
